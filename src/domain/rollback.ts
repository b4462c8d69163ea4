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
  /** The one target to bring back; undefined for all that moved together last. */
  readonly only: TargetId | undefined;
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
  if (only !== undefined && !targets.some(({ id }) => id === only))
    return refuse(noSuchTarget(only, targets));
  const followed = only === undefined ? undefined : sourceOf(targets, only);
  if (followed !== undefined) {
    const name = describeTarget(only as TargetId);
    return refuse(
      `${name} is not pinned: it follows ${describeTarget(followed)}; bring that one back, or pin ${name} by hand`,
    );
  }
  const status = request.status ?? {};
  const pinned = targets.flatMap((target) => pinnedBy(target, status, request.now) ?? []);
  const unknown = targets.find(
    ({ id, want }) => isRule(want) && !pinned.some((one) => one.id === id) && (only ?? id) === id,
  );
  if (unknown !== undefined && (only !== undefined || pinned.length === 0)) {
    const name = describeTarget(unknown.id);
    return refuse(
      `${name} is chosen by a rule (${describeWant(unknown.want)}), and what it chose is not known; set a pin by hand`,
    );
  }
  if (pinned.length === 0) return refuse('no version is pinned here: every target follows another one');
  const chosen = chooseTargets(pinned, status, only);
  if (to === undefined && chosen.how === 'unknown') return refuse(NO_HISTORY);
  if (chosen.how === 'unknown' && new Set(chosen.targets.map(({ version }) => version)).size > 1) {
    const list = chosen.targets.map(({ id, version }) => `${id} (${version})`).join(', ');
    return refuse(`the targets are at different versions: say with --target which is meant: ${list}`);
  }
  const found = chosen.targets.map((target) => returnOf(target, status, to));
  return conclude(request, chosen, shareWithNew(found));
}

/** Undefined for what follows another target, and where nobody knows what a rule selected. */
function pinnedBy({ id, want, pin }: Target, status: ModelPromotionStatus, now: number): Pinned | undefined {
  if (want.kind === 'pinned') return { id, version: want.version, by: 'version' };
  if (!isRule(want)) return undefined;
  const version = pin !== undefined && now < pin.until ? pin.version : recordedIn(status, id);
  return version === undefined ? undefined : { id, version, by: 'pin' };
}

const NO_HISTORY =
  'no earlier version is known: the history is empty or cannot be read; name the version with --to';

function refuse(message: string): Rollback {
  return { kind: 'refused', message };
}

function noSuchTarget(only: string, targets: readonly Target[]): string {
  return `there is no target ${only} in it; there is ${targets.map(({ id }) => id).join(', ')}`;
}

function sourceOf(targets: readonly Target[], id: TargetId): TargetId | undefined {
  const want = targets.find((target) => target.id === id)?.want;
  return want?.kind === 'follows' ? want.source : undefined;
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
  only: TargetId | undefined,
): Chosen {
  const changes = promotionsIn(status);
  if (only !== undefined) {
    const undone = changes.find(({ target }) => target === only);
    return { targets: pinned.filter(({ id }) => id === only), how: 'named', undone };
  }
  const pending = pinned.filter((target) => isPending(target, status));
  if (pending.length > 0) return { targets: pending, how: 'pending', undone: undefined };
  const last = changes.find((entry) =>
    pinned.some(({ id, version }) => id === entry.target && version === entry.to),
  );
  if (last === undefined) return { targets: pinned, how: 'unknown', undone: undefined };
  const together = changes.filter((entry) => isTogether(entry, last));
  return {
    targets: pinned.filter(({ id }) => together.some(({ target }) => target === id)),
    how: 'moved',
    undone: last,
  };
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
  const record = recordedIn(status, target.id);
  return (
    record !== undefined && record !== target.version && !stepsOf(target, status).includes(target.version)
  );
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

function conclude({ targets }: RollbackRequest, { undone }: Chosen, found: readonly MaybeReturn[]): Rollback {
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
