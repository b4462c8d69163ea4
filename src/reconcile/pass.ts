/**
 * One pass over one promotion: observe → plan → apply → (read back and plan again). What it found goes to
 * `summarise`; nothing here knows in which home it runs.
 */
import { timestamp } from '../api/timestamp.ts';
import { isDone, type Action } from '../domain/action.ts';
import { ownersOf, type Claimant } from '../domain/claims.ts';
import { chooseAll, samplesFor } from '../domain/choose.ts';
import { asksForLook, type Promotion } from '../domain/desired.ts';
import { digestText } from '../domain/digest.ts';
import { NO_GROUNDS, questionOf, type Grounds } from '../domain/grounds.ts';
import type { Fact, Model } from '../domain/observed.ts';
import type { Attempt, Finding } from '../domain/finding.ts';
import { claimedVersions } from '../domain/incumbents.ts';
import { fightsOf, repairsAfter, type Repairs } from '../domain/flapping.ts';
import { planPromotion, type Plan } from '../domain/plan.ts';
import { marksFor, unmarksFor, type Mark } from '../domain/provenance.ts';
import type { Records } from '../domain/record.ts';
import { missingModel, registrationMarks } from '../domain/registration.ts';
import { applyActions, type ApplyOptions } from './apply.ts';
import { sha256 } from './digest.ts';
import { WriteError, type Registry } from './ports.ts';

export interface PassInput {
  readonly promotion: Promotion;
  /** What we remember of the promotion; a one-shot command remembers nothing but what the registry's tags say. */
  readonly memory: Memory;
  readonly registry: Registry;
  /** Whether versions may be registered there. */
  readonly mayRegister: boolean;
  readonly owner: string;
  /** Who has a say on the model now, in the order of age. */
  readonly claimants: () => readonly Claimant[];
  /** Owners that are ours too, on a model of this name at another address: that may be the same server. */
  readonly elsewhere: () => ReadonlySet<string>;
  /** Whether what the pass began with is still so: what was declared since is not written over by what was declared before. */
  readonly stands: () => boolean;
}

export interface Memory {
  readonly records: (model: Model) => Records;
  readonly lastDigest: string | undefined;
  /** Of the document that was looked at last. */
  readonly generation: number | undefined;
  /** The token of the last look that somebody asked for. */
  readonly handledAt: string | undefined;
  readonly repairs: Repairs;
}

export interface PassOptions extends ApplyOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Waits; ends early when the signal aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Told of a mark that could not be left: a warning, no failure. */
  readonly unmarked: (message: string) => void;
}

/** How long a reading may lag behind our own write before the difference is believed (a read replica). */
export const LAG = [100, 300, 1_000, 2_000];

export async function reconcile(
  input: PassInput,
  options: PassOptions,
  signal: AbortSignal,
): Promise<Finding> {
  const { promotion, registry } = input;
  const quick = registry.snapshot(promotion.model);
  if (quick !== undefined && !asksForLook(promotion, input.memory.handledAt)) {
    const grounds = await groundsFor(input, quick, signal);
    const plan = planOn(quick, grounds, input, options.now());
    const settled = plan.kind === 'UpToDate' && straysOf(input, quick, grounds).length === 0;
    if (settled || plan.kind === 'Suspended') return { kind: 'Planned', plan, attempt: undefined };
  }
  return registry.exclusive(promotion.model, () => livePass(input, options, signal));
}

/** What would be done now, from a live reading, without doing it. */
export async function planLive(input: PassInput, now: number, signal: AbortSignal): Promise<PlannedPass> {
  const observed = await input.registry.read(input.promotion.model, signal);
  const grounds = await groundsFor(input, observed, signal);
  const plan = planOn(observed, grounds, input, now);
  return { observed, grounds, plan, digest: digestOf(input, plan, observed) };
}

/** What the rules of the promotion go by. */
async function groundsFor(
  { promotion, registry, mayRegister }: PassInput,
  observed: Fact<Model>,
  signal: AbortSignal,
): Promise<Grounds> {
  if (observed.kind === 'unknown') return NO_GROUNDS;
  const model = modelIn(observed, promotion);
  const question = questionOf(promotion, model, mayRegister);
  if (question.versions.length + question.sources.length === 0) return NO_GROUNDS;
  const grounds = { ...NO_GROUNDS, ...(await registry.grounds(question, signal)) };
  const wanted = samplesFor(promotion, grounds, model);
  return wanted.length === 0 ? grounds : { ...grounds, samples: await registry.samples(wanted, signal) };
}

/** One that is not there is empty. */
export function modelIn(observed: Exclude<Fact<Model>, { kind: 'unknown' }>, { model }: Promotion): Model {
  return observed.kind === 'known' ? observed.value : missingModel(model);
}

export interface PlannedPass {
  readonly observed: Fact<Model>;
  readonly grounds: Grounds;
  readonly plan: Plan;
  /** Undefined when there is nothing to apply. */
  readonly digest: string | undefined;
}

async function livePass(input: PassInput, options: PassOptions, signal: AbortSignal): Promise<Finding> {
  const { observed, grounds, plan, digest } = await planLive(input, options.now(), signal);
  if (plan.kind !== 'Apply' || observed.kind === 'unknown' || digest === undefined) {
    await leaveMarks(input, straysOf(input, observed, grounds), whileStanding(input, options), signal);
    return { kind: 'Planned', plan, attempt: undefined };
  }
  const model = modelIn(observed, input.promotion);
  return applyPlan(input, { actions: plan.actions, model, grounds, digest }, options, signal);
}

export interface Approved {
  readonly actions: readonly Action[];
  /** As just read. */
  readonly model: Model;
  readonly grounds: Grounds;
  readonly digest: string;
}

/** Applies, reads back, and plans again from what is true then. The caller holds the model's lock. */
export async function applyPlan(
  input: PassInput,
  { actions, model, grounds, digest }: Approved,
  options: PassOptions,
  signal: AbortSignal,
): Promise<Finding> {
  const fenced = whileStanding(input, options);
  const attempt = await applyActions(input.registry, model, actions, digest, fenced, signal);
  const signature = {
    owner: input.owner,
    revision: input.promotion.revision,
    digest,
    at: timestamp(options.now()),
  };
  // What was done is signed, also when it is out of date by now.
  await leaveMarks(input, marksFor(attempt.applied, model, signature), options, signal);
  await leaveMarks(input, unmarks(input, model), fenced, signal);
  const after = await readBack(input, attempt, options, signal);
  const undone = after.kind === 'known' ? notShown(after.value, attempt.applied) : [];
  const now = options.now();
  const repairs = repairsAfter(input.memory.repairs, { ...attempt, undone }, now);
  await leaveMarks(input, marksOnRegistered(input, after, grounds), options, signal);
  const plan = planOn(after, grounds, { ...input, memory: { ...input.memory, repairs } }, now);
  return { kind: 'Planned', plan, attempt: { ...attempt, undone } };
}

/** Nothing is written any more for a document that another one took the place of. */
function whileStanding({ stands }: PassInput, options: PassOptions): PassOptions {
  return { ...options, fence: () => options.fence() && stands() };
}

/** Reads until our writes show, or long enough to believe that somebody undid them. */
async function readBack(
  { registry, promotion }: PassInput,
  { applied }: Attempt,
  { sleep }: PassOptions,
  signal: AbortSignal,
): Promise<Fact<Model>> {
  let fact = await registry.read(promotion.model, signal);
  for (const lag of LAG) {
    const { kind } = fact;
    const shows = kind === 'known' && notShown(fact.value, applied).length === 0;
    if (kind === 'unknown' || shows) break;
    await sleep(lag, signal);
    fact = await registry.read(promotion.model, signal);
  }
  return fact;
}

/** Later actions of one plan may undo earlier ones (a swap of two stages), so only the last of each subject must show. */
function notShown(model: Model, applied: readonly Action[]): Action[] {
  const last = new Map(applied.map((action) => [subjectOf(action), action]));
  return [...last.values()].filter((action) =>
    action.kind === 'Transition'
      ? model.versions.get(action.version)?.stage !== action.to
      : !isDone(model, action),
  );
}

function subjectOf(action: Action): string {
  switch (action.kind) {
    case 'Transition':
      return `version ${action.version}`;
    case 'SetAlias':
    case 'DeleteAlias':
      return `alias ${action.alias}`;
    case 'SetTag':
      return `tag ${action.version} ${action.key}`;
    case 'SetDescription':
      return `description ${action.version}`;
    case 'CreateModel':
      return 'model';
    case 'Register':
      return `registration ${action.from}`;
    default:
      return action satisfies never;
  }
}

/** Marks are a courtesy to people who look at MLflow: one that is refused is a warning. */
async function leaveMarks(
  { registry, promotion }: PassInput,
  marks: readonly Mark[],
  { unmarked, fence }: PassOptions,
  signal: AbortSignal,
): Promise<void> {
  for (const mark of marks) {
    if (!fence() || signal.aborted) return;
    try {
      await registry.mark(promotion.model, mark, signal);
    } catch (error) {
      if (!(error instanceof WriteError)) throw error;
      unmarked(`tag ${mark.key}: ${error.message}`);
    }
  }
}

/** Marks that are missing on what we registered, and owner tags on targets that a new document dropped. */
function straysOf(input: PassInput, observed: Fact<Model>, grounds: Grounds): Mark[] {
  const { promotion, memory } = input;
  const isNew = memory.generation !== promotion.generation;
  if (observed.kind !== 'known' || promotion.suspend) return [];
  return [...marksOnRegistered(input, observed, grounds), ...(isNew ? unmarks(input, observed.value) : [])];
}

function marksOnRegistered({ promotion }: PassInput, observed: Fact<Model>, { sources }: Grounds): Mark[] {
  return observed.kind === 'known' ? registrationMarks(promotion, observed.value, sources) : [];
}

function unmarks({ promotion, owner, claimants }: PassInput, model: Model): Mark[] {
  const declared = promotion.targets.map(({ id }) => id);
  return unmarksFor(declared, model, owner, ownersOf(claimants()));
}

function planOn(observed: Fact<Model>, grounds: Grounds, input: PassInput, now: number): Plan {
  const { promotion, memory, owner, claimants, elsewhere, mayRegister } = input;
  const model = observed.kind === 'unknown' ? undefined : modelIn(observed, promotion);
  const records = model === undefined ? new Map() : memory.records(model);
  return planPromotion(promotion, observed, {
    records,
    choices:
      model === undefined ? new Map() : chooseAll(promotion, { model, grounds, records, now, mayRegister }),
    owner,
    claimedVersions: model === undefined ? new Map() : claimedVersions(promotion.key, claimants(), model),
    elsewhere: elsewhere(),
    fights: fightsOf(memory.repairs, now),
    now,
  });
}

function digestOf({ promotion, memory }: PassInput, plan: Plan, observed: Fact<Model>): string | undefined {
  if (plan.kind !== 'Apply' || observed.kind === 'unknown') return undefined;
  const model = modelIn(observed, promotion);
  return sha256(digestText(promotion, plan.actions, model, memory.lastDigest));
}
