/** Carries out plans that were shown: one promotion of a model after the other, several models at once. */
import { OPTIONS } from '../config.ts';
import type { Action } from '../domain/action.ts';
import { settlingOrder, type Promotion } from '../domain/desired.ts';
import type { Model } from '../domain/observed.ts';
import type { Obstacle, Plan } from '../domain/plan.ts';
import { leadsToTheSame, remainder } from '../domain/shown.ts';
import {
  applyPlan,
  modelIn,
  planLive,
  type Approved,
  type PassInput,
  type PassOptions,
  type PlannedPass,
} from '../reconcile/pass.ts';
import type { Registry } from '../reconcile/ports.ts';
import { Limiter } from '../runtime/limiter.ts';
import type { Scrubber } from '../runtime/secrets.ts';
import { ApplyProgress, type Applied } from './apply-progress.ts';
import type { OneShot, Planned } from './oneshot.ts';

type PlannedOne = Extract<Planned, { kind: 'planned' }>;

export function isPending(planned: Planned): planned is PlannedOne {
  return planned.kind === 'planned' && planned.pass.plan.kind === 'Apply';
}

/** Nothing is to be done for it before another promotion of the model has moved on. */
function isWaiting(planned: Planned): planned is PlannedOne {
  return (
    planned.kind === 'planned' &&
    planned.pass.plan.kind === 'Blocked' &&
    planned.pass.plan.obstacle.reason === 'WaitingForSource'
  );
}

/** Not all at once: what was read of a model must be fresh when it is written to. */
export async function carryOut(
  { promotions, scrubber }: Pick<OneShot, 'promotions' | 'scrubber'>,
  signal: AbortSignal,
): Promise<Applied[]> {
  const limiters = new Map<Registry, Limiter>();
  const applied = await Promise.all(
    companiesOf(promotions).map((company) => {
      const [{ input }] = company;
      const limiter = limiters.get(input.registry) ?? new Limiter(OPTIONS.workers.default);
      limiters.set(input.registry, limiter);
      return limiter
        .run(() => applyCompany(company, scrubber, signal), signal)
        .catch((error: unknown) =>
          company.filter(isPending).map((planned) => progressOf(planned, scrubber).broken(error)),
        );
    }),
  );
  return applied.flat();
}

type Company = readonly [PlannedOne, ...PlannedOne[]];

/** Promotions of one model with something to do, together with those that wait for them, Production first. */
function companiesOf(promotions: readonly Planned[]): Company[] {
  const models = new Map<Registry, Map<string, PlannedOne[]>>();
  for (const planned of promotions) {
    if (!isPending(planned) && !isWaiting(planned)) continue;
    const { registry, promotion } = planned.input;
    const companies = models.get(registry) ?? new Map<string, PlannedOne[]>();
    models.set(registry, companies);
    companies.set(promotion.model, [...(companies.get(promotion.model) ?? []), planned]);
  }
  return [...models.values()]
    .flatMap((companies) => [...companies.values()])
    .filter((company) => company.some(isPending))
    .map((company) => company.toSorted((a, b) => rankOf(a) - rankOf(b)) as unknown as Company);
}

function rankOf({ input }: PlannedOne): number {
  const [first] = settlingOrder(input.promotion.targets);
  return first?.id === 'stage/Production' ? 0 : first?.kind === 'stage' ? 1 : 2;
}

/** One after the other: what one of them changes is no reason not to apply what was shown of the next. */
async function applyCompany(company: Company, scrubber: Scrubber, signal: AbortSignal): Promise<Applied[]> {
  const applied: Applied[] = [];
  for (const planned of company) {
    const changed = applied.some(({ actions }) => actions.length > 0);
    if (!isPending(planned) && !changed) continue;
    const progress = progressOf(planned, scrubber);
    applied.push(
      await applyOne(planned, changed, progress, signal).then(
        (obstacle) => progress.ended(obstacle),
        (error: unknown) => progress.broken(error),
      ),
    );
  }
  return applied;
}

function progressOf({ entry }: PlannedOne, scrubber: Scrubber): ApplyProgress {
  return new ApplyProgress(entry.promotion.key, scrubber);
}

/** Undefined when all was done. */
async function applyOne(
  { input, pass }: PlannedOne,
  changed: boolean,
  progress: ApplyProgress,
  signal: AbortSignal,
): Promise<Obstacle | undefined> {
  const { promotion } = input;
  const options = progress.passOptions(signal);
  let shown: Shown = { ...shownBy(pass, promotion), changed };
  // A target that follows another is planned once that one is up to date, and one that takes what is registered first
  // once that has its number, so there may be several rounds.
  for (let round = 0; round <= 2 * promotion.targets.length; round += 1) {
    const result = await input.registry.exclusive(promotion.model, () =>
      applyRound(input, shown, options, signal),
    );
    if ('obstacle' in result) return result.obstacle;
    if (result.failure !== undefined) return result.failure;
    if (result.plan.kind === 'Suspended' || result.plan.kind === 'UpToDate') return undefined;
    if (result.plan.kind === 'Blocked') return result.plan.obstacle;
    // The number of what was registered is known by now, and was not when the plan was shown.
    shown = result.registered
      ? { actions: [], model: result.model, changed: true }
      : { actions: result.plan.actions, model: result.model, changed: false };
  }
  return { reason: 'ProgressingWithRetry', message: 'the registry changes while we apply; run apply again' };
}

type Round =
  | { readonly obstacle: Obstacle }
  | {
      readonly failure: Obstacle | undefined;
      readonly plan: Plan;
      readonly model: Model;
      /** Whether a version was registered. */
      readonly registered: boolean;
    };

/** A plan as it was shown, and the model it was made from. */
interface Shown {
  readonly actions: readonly Action[];
  readonly model: Model | undefined;
  /** Whether we changed the model since, for another promotion. */
  readonly changed: boolean;
}

function shownBy({ plan, observed }: PlannedPass, promotion: Promotion): Omit<Shown, 'changed'> {
  return {
    actions: plan.kind === 'Apply' ? plan.actions : [],
    model: observed.kind === 'unknown' ? undefined : modelIn(observed, promotion),
  };
}

/** Applies what was shown, and only if the registry still is as the plan expects. */
async function applyRound(
  input: PassInput,
  shown: Shown,
  options: PassOptions,
  signal: AbortSignal,
): Promise<Round> {
  const { observed, grounds, plan, digest = '' } = await planLive(input, Date.now(), signal);
  if (observed.kind === 'unknown') return { obstacle: observed };
  if (observed.kind === 'absent' && plan.kind !== 'Apply')
    return { obstacle: { reason: 'ModelNotFound', message: 'the model is gone' } };
  const model = modelIn(observed, input.promotion);
  const left = stillShown(shown, plan, model);
  if (left === undefined) {
    return {
      obstacle: {
        reason: 'ProgressingWithRetry',
        message: 'the plan is stale: the registry changed since it was made; run apply again',
      },
    };
  }
  const approved: Approved = { actions: left, model, grounds, digest };
  const finding = await applyPlan(input, approved, options, signal);
  if (finding.kind !== 'Planned')
    return { obstacle: { reason: 'RegistryRefused', message: 'no plan could be made' } };
  return {
    failure: finding.attempt?.failure,
    plan: finding.plan,
    model,
    registered: finding.attempt?.applied.some(({ kind }) => kind === 'Register') === true,
  };
}

/** What of the plan that was shown is left to do, also where our own changes made it look different. */
function stillShown(
  { actions, model: planned, changed }: Shown,
  plan: Plan,
  model: Model,
): readonly Action[] | undefined {
  if (planned === undefined) return undefined;
  const anew = plan.kind === 'Apply' ? plan.actions : [];
  // It waited for what we have done by now.
  if (changed && actions.length === 0) return anew;
  const left = remainder(actions, planned, model);
  if (left !== undefined || !changed) return left;
  return leadsToTheSame(actions, planned, anew, model) ? anew : undefined;
}
