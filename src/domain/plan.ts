/**
 * The plan: everything a pass would do, and why, as a value. A dry run shows it, `apply` carries it out,
 * the status reports it. Values in, values out.
 */
import { severity, type Reason } from '../api/reasons.ts';
import { type CreateModel, isDone, registerAction, simulate, type Action } from './action.ts';
import type { Choices } from './choose.ts';
import { contestFor } from './contest.ts';
import {
  describeTarget,
  describeWant,
  settlingOrder,
  type Promotion,
  type Target,
  type TargetId,
  type Want,
} from './desired.ts';
import type { ResolvedSource } from './grounds.ts';
import { optional } from './finding.ts';
import { isPrompt, type Fact, type Model, type Version } from './observed.ts';
import { aliasDifferences, stageDifferences } from './differences.ts';
import { REST, thingOf, type Fights } from './flapping.ts';
import { foreignOwner, formerOwner } from './provenance.ts';
import { recordOf, type Records } from './record.ts';
import { missingModel } from './registration.ts';
import { currentHolder, isHeldBy, outOfPatience, selectCandidate } from './select.ts';

/** What a pass makes of one target. */
export interface Decision {
  readonly target: TargetId;
  readonly candidateFrom: string;
  /** The version asked for; undefined while there is none. */
  readonly candidate: Version | undefined;
  /** The version that holds the target now. A dangling alias has none. */
  readonly incumbent: Version | undefined;
  readonly state: 'UpToDate' | 'Pending' | 'Drifted' | 'Blocked' | 'Waiting';
  readonly reason: Reason;
  readonly message: string;
  readonly actions: readonly Action[];
  /** What a rule had to choose from. */
  readonly evidence?: readonly string[];
  /** When to look again although nothing changes: milliseconds since the epoch. */
  readonly until?: number | undefined;
}

export type Plan =
  | { readonly kind: 'Suspended' }
  | { readonly kind: 'UpToDate'; readonly decisions: readonly Decision[] }
  | { readonly kind: 'Blocked'; readonly obstacle: Obstacle; readonly decisions: readonly Decision[] }
  | {
      readonly kind: 'Apply';
      readonly actions: readonly [Action, ...Action[]];
      /** What stays open when all actions are applied: a target that is blocked or waits. */
      readonly obstacle: Obstacle | undefined;
      readonly decisions: readonly Decision[];
    };

export interface Obstacle {
  readonly reason: Reason;
  readonly message: string;
}

/** What the plan depends on beside the promotion and the registry. */
export interface Context {
  readonly records: Records;
  /** Who we are, as in the owner tag: `<installation>/<namespace>/<name>`. */
  readonly owner: string;
  /** Versions that stages of other promotions of this model have a better claim on. */
  readonly claimedVersions: ReadonlyMap<string, VersionClaim>;
  /** Owners that are promotions of ours too, on a model of this name at another address. */
  readonly elsewhere: ReadonlySet<string>;
  readonly fights: Fights;
  /** What the rules of the promotion select. */
  readonly choices: Choices;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface VersionClaim {
  /** `ml/other (Staging)` */
  readonly by: string;
  /** Asked for there; held there by one that cannot move on; or held there by one that is about to. */
  readonly how: 'wanted' | 'kept' | 'leaving';
}

export function planPromotion(promotion: Promotion, observed: Fact<Model>, context: Context): Plan {
  if (promotion.suspend) return { kind: 'Suspended' };
  if (observed.kind === 'unknown') return blocked(observed.reason, observed.message);
  if (observed.kind === 'absent') return planCreation(promotion, context);
  const model = observed.value;
  if (isPrompt(model)) {
    return blocked(
      'IsPrompt',
      `${JSON.stringify(model.name)} is a prompt, not a model; prompts are left alone`,
    );
  }
  return assemble(promotion, decideTargets(promotion, model, context));
}

/** A model is made for a version that is about to be registered; one that held something of ours was deleted by somebody. */
function planCreation(promotion: Promotion, context: Context): Plan {
  const name = JSON.stringify(promotion.model);
  if (promotion.register.createModel === undefined)
    return blocked('ModelNotFound', `registered model ${name} does not exist`);
  if (context.records.size > 0)
    return blocked('ModelNotFound', `registered model ${name} was deleted; it is not made again`);
  const plan = assemble(promotion, decideTargets(promotion, missingModel(promotion.model), context));
  if (plan.kind === 'Apply' || plan.kind === 'Blocked') return plan;
  return blocked(
    'ModelNotFound',
    `registered model ${name} does not exist, and nothing is there to register`,
  );
}

function blocked(reason: Reason, message: string): Plan {
  return { kind: 'Blocked', obstacle: { reason, message }, decisions: [] };
}

/** Settles one target after the other on the model as it will be once the earlier ones are applied. */
function decideTargets(promotion: Promotion, model: Model, context: Context): Decision[] {
  const decisions = new Map<TargetId, Decision>();
  let projected = model;
  for (const target of settlingOrder(promotion.targets)) {
    const decision = decideTarget(target, { promotion, model, projected, context, decisions });
    decisions.set(target.id, decision);
    projected = decision.actions.reduce(simulate, projected);
  }
  return promotion.targets.flatMap((target) => decisions.get(target.id) ?? []);
}

export interface Setting {
  readonly promotion: Promotion;
  /** As observed: candidates are selected from this. */
  readonly model: Model;
  /** As it will be when the targets settled before are applied: differences are taken from this. */
  readonly projected: Model;
  readonly context: Context;
  readonly decisions: ReadonlyMap<TargetId, Decision>;
}

function decideTarget(target: Target, setting: Setting): Decision {
  const { model, context, decisions, promotion } = setting;
  const before = {
    target: target.id,
    candidateFrom: describeWant(target.want),
    candidate: undefined,
    incumbent: currentHolder(target.id, model),
    actions: [],
  };
  const foreign = foreignOwner(model, target.id, context.owner, context.elsewhere);
  if (foreign !== undefined) {
    return {
      ...before,
      state: 'Blocked',
      reason: 'Conflict',
      message: `${describeTarget(target.id)} is managed by ${foreign.owner}; remove the model's tag ${foreign.tag} to take it over`,
    };
  }
  const source = target.want.kind === 'follows' ? decisions.get(target.want.source) : undefined;
  if (source !== undefined && source.state !== 'UpToDate') return waitFor(source, before);
  const choice = context.choices.get(target.id);
  const wanted = choice?.candidate ?? selectCandidate(settledWant(target.want, source), model);
  const selected = outOfPatience(wanted, context.now);
  const common = {
    ...before,
    ...optional('evidence', choice?.evidence),
    ...optional('until', choice?.until),
  };
  if (selected.kind === 'none') return keepIncumbent(target, common, selected.message);
  if (selected.kind === 'unusable') {
    return { ...common, state: 'Blocked', reason: selected.reason, message: selected.message };
  }
  if (selected.kind === 'unregistered') return { ...common, ...register(target, selected.source, setting) };
  const candidate = selected.version;
  const incumbent = isHeldBy(target.id, candidate, model) ? candidate : common.incumbent;
  const contest = target.kind === 'stage' ? contestFor(candidate, target, setting) : undefined;
  const settled = contest ?? settle(target, candidate, setting, promotion.drift);
  const former = settled.state === 'Pending' ? formerOwner(model, target.id, context.owner) : undefined;
  return {
    ...common,
    candidate,
    incumbent,
    ...settled,
    ...(former && {
      evidence: [...(common.evidence ?? []), `taken over from ${former}, by the model's tag`],
    }),
  };
}

/** The version first; what it holds is planned once its number is known. */
function register(
  { id }: Target,
  source: ResolvedSource,
  { promotion, projected }: Setting,
): Pick<Decision, 'state' | 'reason' | 'message' | 'actions'> {
  const action = registerAction(id, source, promotion.register);
  const { createModel } = promotion.register;
  const creation: Action[] =
    projected.isMissing === true && createModel !== undefined
      ? [{ kind: 'CreateModel', target: id, cause: 'Promotion', ...asFields(createModel) }]
      : [];
  return {
    state: 'Pending',
    reason: 'Progressing',
    message: `${describeTarget(id)} moves to the version that is registered from ${source.declared}`,
    actions: isDone(projected, action) ? [] : [...creation, action],
  };
}

function asFields({
  description,
  tags,
}: NonNullable<Promotion['register']['createModel']>): Pick<CreateModel, 'description' | 'tags'> {
  return { description, tags: Object.fromEntries(tags) };
}

/** Who follows a target of this promotion follows what that declares, also while others share the stage. */
function settledWant(want: Want, source: Decision | undefined): Want {
  const declared = source?.candidate ?? source?.incumbent;
  return declared === undefined ? want : { kind: 'pinned', version: declared.version };
}

/** A follower of a target whose drift is only reported stays where it is, and that is no obstacle either. */
function waitFor(source: Decision, common: Omit<Decision, 'state' | 'reason' | 'message'>): Decision {
  const reported = source.reason === 'DriftReported';
  const why = reported ? 'whose drift is only reported' : 'which is not up to date yet';
  return {
    ...common,
    state: 'Waiting',
    reason: reported ? 'DriftReported' : 'WaitingForSource',
    message: `${describeTarget(common.target)} follows ${describeTarget(source.target)}, ${why}`,
  };
}

/** A selector that finds nothing never empties a target. */
function keepIncumbent(
  target: Target,
  common: Omit<Decision, 'state' | 'reason' | 'message'>,
  why: string,
): Decision {
  const { incumbent } = common;
  return incumbent === undefined
    ? { ...common, state: 'Waiting', reason: 'NoCandidate', message: `${describeTarget(target.id)}: ${why}` }
    : {
        ...common,
        state: 'UpToDate',
        reason: 'NoCandidate',
        message: `${describeTarget(target.id)} keeps version ${incumbent.version}: ${why}`,
      };
}

function settle(
  target: Target,
  candidate: Version,
  { projected, context }: Setting,
  drift: Promotion['drift'],
): Pick<Decision, 'state' | 'reason' | 'message' | 'actions'> {
  const record = recordOf(target.id, candidate, context.records);
  const differences =
    target.kind === 'stage'
      ? stageDifferences(target, candidate, projected, record)
      : aliasDifferences(target, candidate, projected, record);
  const name = describeTarget(target.id);
  const fight = context.fights.get(target.id);
  const [resting, watched] =
    fight?.version === candidate.version ? [fight.resting, fight.watched] : [NOTHING, NOTHING];
  if (differences.length === 0) {
    return watched.size > 0
      ? { state: 'UpToDate', ...flapping(name, watched), actions: [] }
      : { state: 'UpToDate', reason: 'UpToDate', message: `${name}=${candidate.version}`, actions: [] };
  }
  const wanted = drift === 'Report' ? differences.filter((action) => action.cause !== 'Drift') : differences;
  const actions = wanted.filter((action) => !resting.has(thingOf(action)));
  if (actions.length > 0) {
    return {
      state: 'Pending',
      reason: 'Progressing',
      message: `${name} moves to ${candidate.version}`,
      actions,
    };
  }
  if (wanted.length > 0) {
    return { state: 'Blocked', ...flapping(name, new Set(wanted.map(thingOf))), actions };
  }
  return {
    state: 'Drifted',
    reason: 'DriftReported',
    message: `${name} was changed outside of this promotion, and drift is only reported`,
    actions,
  };
}

const NOTHING: ReadonlySet<string> = new Set();

/** The same words for as long as the fight lasts, so that it is told once. */
function flapping(name: string, things: ReadonlySet<string>): { reason: Reason; message: string } {
  const subjects = [...things].map((thing) => (thing === 'holder' ? name : `${thing} of ${name}`));
  const pace = `once in ${REST / 60_000} minutes`;
  return {
    reason: 'Flapping',
    message: `somebody else changes ${subjects.join(', ')} each time it is put back; it is put back ${pace} until that ends`,
  };
}

/** Actions in settling order, so that Production is taken before Staging is refilled. */
function assemble(promotion: Promotion, decisions: readonly Decision[]): Plan {
  const order = settlingOrder(promotion.targets).map((target) => target.id);
  const byTarget = new Map(decisions.map((decision) => [decision.target, decision]));
  const [first, ...rest] = order.flatMap((id) => byTarget.get(id)?.actions ?? []);
  const obstacle = worstObstacle(decisions);
  if (first !== undefined) return { kind: 'Apply', actions: [first, ...rest], obstacle, decisions };
  return obstacle === undefined ? { kind: 'UpToDate', decisions } : { kind: 'Blocked', obstacle, decisions };
}

/** What a person must mend comes before what may resolve by itself. */
function worstObstacle(decisions: readonly Decision[]): Obstacle | undefined {
  const open = decisions.filter(
    ({ state, reason }) => (state === 'Blocked' || state === 'Waiting') && severity(reason) !== 'ready',
  );
  const stalled = open.filter((decision) => severity(decision.reason) === 'stalled');
  const [worst] = stalled.length > 0 ? stalled : open;
  if (worst === undefined) return undefined;
  const same = open.filter((decision) => decision.reason === worst.reason);
  const messages = new Set(same.map((decision) => decision.message));
  return { reason: worst.reason, message: [...messages].join('; ') };
}
