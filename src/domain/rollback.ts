/**
 * Going back: which targets return to which version. History is memory for people, so what comes of it is shown and
 * confirmed before it is declared; declared versions, not history, are what a pass acts on.
 */
import type { HistoryEntry, ModelPromotionStatus } from '../api/generated/types.ts';
import { describeTarget, describeWant, isRule, type Target, type TargetId } from './desired.ts';

/** One target that goes back. */
export interface Return {
  readonly target: TargetId;
  /** What is declared now. */
  readonly from: string;
  readonly to: string;
  /** The change by which that version once came to hold the target, or the one that took it away. */
  readonly once: HistoryEntry | undefined;
  /** It was declared, but another version holds the target still. */
  readonly pending: boolean;
  /** Where it is declared: as the version, or in a pin beside the rule that selects it otherwise. */
  readonly by: 'version' | 'pin';
}

export type Rollback =
  | {
      readonly kind: 'returns';
      readonly returns: readonly [Return, ...Return[]];
      /** Targets that go with those, or stay, in sentences. */
      readonly notes: readonly string[];
      /** The change that is undone; undefined where history does not tell of it. */
      readonly undone: HistoryEntry | undefined;
    }
  | { readonly kind: 'same'; readonly message: string }
  | { readonly kind: 'refused'; readonly message: string };

export interface RollbackRequest {
  readonly targets: readonly Target[];
  readonly status: ModelPromotionStatus | undefined;
  /** The version to go back to; undefined for the one before. */
  readonly to: string | undefined;
  /** The targets to bring back; none for all that moved together last. */
  readonly only: readonly TargetId[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

interface Pinned {
  readonly id: TargetId;
  /** The one that is declared; under a rule, the one that is pinned or was applied. */
  readonly version: string;
  readonly by: Return['by'];
}

export function planRollback(request: RollbackRequest): Rollback {
  const { targets, only, to } = request;
  for (const id of only) {
    const mistake = mistakeIn(id, targets);
    if (mistake !== undefined) return refuse(mistake);
  }
  const status = request.status ?? {};
  const pinned = targets.flatMap((target) => pinnedBy(target, status, request.now) ?? []);
  if (pinned.length === 0) return refuse('no version is pinned here: every target follows another one');
  const chosen = chooseTargets(pinned, status, request);
  const untold = chosen.targets.find(({ version }) => version === UNTOLD);
  if (to === undefined && untold !== undefined)
    return refuse(
      `${describeTarget(untold.id)} is chosen by a rule, and what it chose is not known; name the version with --to`,
    );
  if (to === undefined && chosen.how === 'unknown') return refuse(NO_HISTORY);
  const underway = to === undefined ? chosen.targets.filter((one) => isUnderway(one, status)) : [];
  if (underway.length > 0) return { kind: 'same', message: underwayInWords(underway, status) };
  if (chosen.how === 'unknown' && new Set(chosen.targets.map(({ version }) => version)).size > 1) {
    const list = chosen.targets.map(({ id, version }) => `${id} (${version})`).join(', ');
    return refuse(`the targets are at different versions: say with --target which is meant: ${list}`);
  }
  const found = chosen.targets.map((target) => returnOf(target, status, to));
  const stay = pinned.filter(({ id }) => !chosen.targets.some((one) => one.id === id));
  return conclude(request, chosen, { found: shareWithNew(found), stay: only.length === 0 ? stay : [] });
}

/** Where nobody knows what a rule selected. */
export const UNTOLD = '?';

/** Undefined for what follows another target. */
function pinnedBy({ id, want, pin }: Target, status: ModelPromotionStatus, now: number): Pinned | undefined {
  if (want.kind === 'pinned') return { id, version: want.version, by: 'version' };
  if (!isRule(want)) return undefined;
  const version = pin !== undefined && now < pin.until ? pin.version : recordedIn(status, id);
  return { id, version: version ?? UNTOLD, by: 'pin' };
}

const NO_HISTORY =
  'no earlier version is known: the history is empty or cannot be read; name the version with --to';

function refuse(message: string): Rollback {
  return { kind: 'refused', message };
}

/** Why this target cannot be brought back by itself. */
function mistakeIn(id: TargetId, targets: readonly Target[]): string | undefined {
  const want = targets.find((target) => target.id === id)?.want;
  if (want === undefined)
    return `there is no target ${id} in it; there is ${targets.map((one) => one.id).join(', ')}`;
  const name = describeTarget(id);
  return want.kind === 'follows'
    ? `${name} is not pinned: it follows ${describeTarget(want.source)}; bring that one back, or pin ${name} by hand`
    : undefined;
}

interface Chosen {
  readonly targets: readonly Pinned[];
  /** `pending`: declared, and not in place yet. `moved`: by the last change. `unknown`: history tells of none. */
  readonly how: 'named' | 'pending' | 'moved' | 'unknown';
  readonly undone: HistoryEntry | undefined;
}

/** Those that wait for a version they do not hold yet, or else those that the last change moved together. */
function chooseTargets(
  pinned: readonly Pinned[],
  status: ModelPromotionStatus,
  { only, to }: RollbackRequest,
): Chosen {
  const changes = promotionsIn(status);
  if (only.length > 0) {
    const named = pinned.filter(({ id }) => only.includes(id));
    return { targets: named, how: 'named', undone: changes.find(({ target }) => isOneOf(named, target)) };
  }
  const pending = pinned.filter((target) => isPending(target, status));
  if (pending.length > 0) return { targets: pending, how: 'pending', undone: undefined };
  const last = changes.find((entry) =>
    pinned.some(({ id, version }) => id === entry.target && version === entry.to),
  );
  if (last === undefined) return { targets: pinned, how: 'unknown', undone: undefined };
  const together = changes.filter((entry) => isTogether(entry, last));
  const moved = pinned.filter(({ id }) => together.some(({ target }) => target === id));
  // A version that is named is for all that share one now, be they in the history or not.
  const shared = pinned.filter(({ version }) => moved.some((one) => one.version === version));
  return {
    targets: to === undefined ? moved : shared,
    how: 'moved',
    undone: last,
  };
}

function isOneOf(targets: readonly Pinned[], id: string): boolean {
  return targets.some((one) => one.id === id);
}

const VERSION = /^[1-9]\d{0,9}$/;

/** Repairs put back what stood, and a release lets go: neither is a step to undo. Newest first. */
function promotionsIn({ history = [] }: ModelPromotionStatus): readonly HistoryEntry[] {
  return history.filter(
    ({ cause, from, to }) =>
      (cause === undefined || cause === 'Promotion') &&
      [from ?? to, to].every((version) => VERSION.test(version)),
  );
}

/** One change of the document moved both; without its revision, one plan or one moment. */
function isTogether(one: HistoryEntry, other: HistoryEntry): boolean {
  if (one.revision !== undefined || other.revision !== undefined) return one.revision === other.revision;
  return (one.digest ?? one.time) === (other.digest ?? other.time);
}

/** It waits to take the target for the first time. One that held it before is on its way back. */
function isPending(target: Pinned, status: ModelPromotionStatus): boolean {
  return isAwaited(target, status) && !stepsOf(target, status).includes(target.version);
}

/** It was gone back to, and another one holds the target until that is carried out: asking again goes no further. */
function isUnderway(target: Pinned, status: ModelPromotionStatus): boolean {
  return isAwaited(target, status) && stepsOf(target, status).includes(target.version);
}

/** Another version than the declared one was put there last. */
function isAwaited({ id, version }: Pinned, status: ModelPromotionStatus): boolean {
  return ![undefined, version].includes(recordedIn(status, id));
}

function underwayInWords(targets: readonly Pinned[], status: ModelPromotionStatus): string {
  const held = targets.map(
    ({ id, version }) =>
      `${describeTarget(id)} goes back to ${version} already, and holds ${recordedIn(status, id) ?? UNTOLD} still`,
  );
  return `${held.join('; ')}; name the version with --to to go further back`;
}

/** What we put there last, or saw in place as declared. */
function recordedIn({ targets = [] }: ModelPromotionStatus, id: TargetId): string | undefined {
  const version = targets.find(({ target }) => target === id)?.applied?.version;
  return version !== undefined && VERSION.test(version) ? version : undefined;
}

type MaybeReturn = Omit<Return, 'to'> & { readonly to: string | undefined };

function returnOf(target: Pinned, status: ModelPromotionStatus, to: string | undefined): MaybeReturn {
  const { id, version, by } = target;
  const pending = isPending(target, status);
  const before = pending ? recordedIn(status, id) : versionBefore(target, status);
  const goal = to ?? before;
  const once = promotionsIn(status).find(
    (entry) => entry.target === id && (entry.to === goal || entry.from === goal),
  );
  return { target: id, from: version, to: goal, once, pending, by };
}

function versionBefore(target: Pinned, status: ModelPromotionStatus): string | undefined {
  const steps = stepsOf(target, status);
  const at = steps.indexOf(target.version);
  return at > 0 ? steps[at - 1] : undefined;
}

/**
 * The versions that led to the present one, the oldest first. Those that were gone back from are left out: after
 * 2 → 3 → 4 → 3 the one before is 2, for nobody wants 4 again by going back twice.
 */
function stepsOf({ id }: Pinned, status: ModelPromotionStatus): string[] {
  const steps: string[] = [];
  for (const { target, from, to } of promotionsIn(status).toReversed()) {
    if (target !== id) continue;
    for (const step of from === undefined ? [to] : [from, to]) {
      const earlier = steps.indexOf(step);
      if (earlier === -1) steps.push(step);
      else steps.splice(earlier + 1);
    }
  }
  return steps;
}

/** What held nothing before goes where all others go that were moved to the same version with it. */
function shareWithNew(found: readonly MaybeReturn[]): readonly MaybeReturn[] {
  return found.map((one) => {
    if (one.to !== undefined) return one;
    const goals = new Set(found.flatMap(({ from, to }) => (from === one.from ? (to ?? []) : [])));
    const [goal] = goals;
    return goals.size === 1 ? { ...one, to: goal } : one;
  });
}

interface Found {
  readonly found: readonly MaybeReturn[];
  /** Which are not brought back. */
  readonly stay: readonly Pinned[];
}

function conclude({ targets }: RollbackRequest, { undone }: Chosen, { found, stay }: Found): Rollback {
  const known = found.filter((one): one is Return => one.to !== undefined);
  const [first, ...rest] = known.filter(({ from, to }) => from !== to);
  if (known.length === 0) {
    const names = found.map(({ target, from }) => `${describeTarget(target)} (${from})`).join(' and ');
    return refuse(`history tells of no version before that of ${names}; name the version with --to`);
  }
  if (first === undefined) {
    const names = known.map(({ target, to }) => `${describeTarget(target)} is at ${to}`).join(', ');
    return { kind: 'same', message: `nothing to go back from: ${names} already` };
  }
  const returns = [first, ...rest] as const;
  const notes = [
    ...found.flatMap(({ target, from, to }) =>
      to === undefined ? [`${describeTarget(target)} stays at ${from}: it held nothing before`] : [],
    ),
    ...stay.map(({ id, version }) => `${describeTarget(id)} stays at ${version}`),
    ...targets.flatMap(({ id, want }) =>
      want.kind === 'follows' && returns.some(({ target }) => target === want.source)
        ? [`${describeTarget(id)} follows ${describeTarget(want.source)}, and goes with it`]
        : [],
    ),
    ...targets.flatMap(({ id, want }) =>
      returns.some(({ target, by }) => target === id && by === 'pin')
        ? [`${describeTarget(id)} is pinned for a while; then its rule (${describeWant(want)}) selects again`]
        : [],
    ),
  ];
  return { kind: 'returns', returns, notes, undone };
}
