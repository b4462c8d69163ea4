/**
 * Fights: somebody undoes what we put in place, again and again. After a few rounds we rest, say so, and try once in
 * a long while, so that two automations never work against each other at full speed. What counts as one thing is
 * who holds a target, one tag or the description: a fight about a tag does not keep us from repairing the stage.
 */
import { timestamp } from '../api/timestamp.ts';
import type { ModelPromotionStatus, TargetStatus } from '../api/generated/types.ts';
import type { Action } from './action.ts';
import { asksForLook, type Promotion, type TargetId } from './desired.ts';
import type { Attempt } from './finding.ts';

/** So many times in a row a thing is put back at once. */
export const ROUNDS = 5;
/** How long a thing rests then, and how long it must stand until the fight is over. */
export const REST = 30 * 60_000;
/** Rounds that lie further apart are no fight. */
const MEMORY = 2 * REST;
const KEPT = 64;

/** How often in a row one thing was put back, and when last. */
interface Repair {
  readonly count: number;
  /** Milliseconds since the epoch. */
  readonly last: number;
}

/** What was put back of a target while it asked for this version. */
interface Repaired {
  readonly version: string | undefined;
  readonly things: ReadonlyMap<string, Repair>;
}

export type Repairs = ReadonlyMap<TargetId, Repaired>;

/** What is fought about on a target that asks for this version. */
interface Fight {
  readonly version: string | undefined;
  /** Left as somebody else made it, for now. */
  readonly resting: ReadonlySet<string>;
  /** Put back after a rest: in place, and the fight is not over yet. */
  readonly watched: ReadonlySet<string>;
}

export type Fights = ReadonlyMap<TargetId, Fight>;

/** A new document, or a person who asks for a look, ends every fight. */
export function repairsOf(status: ModelPromotionStatus | undefined, promotion: Promotion): Repairs {
  const asked = asksForLook(promotion, status?.lastHandledReconcileAt);
  if (asked || status?.observedGeneration !== promotion.generation) return new Map();
  return new Map(
    (status.targets ?? []).flatMap(({ target, desired, repairs = [] }) =>
      repairs.length === 0 ? [] : [[target as TargetId, { version: desired, things: fromStatus(repairs) }]],
    ),
  );
}

export function fightsOf(repairs: Repairs, now: number): Fights {
  return new Map(
    [...repairs].map(([target, { version, things }]) => {
      const fought = [...things].filter(
        ([, { count, last }]) => count >= ROUNDS && isWithin(REST, last, now),
      );
      const watched = fought.filter(([, { count }]) => count > ROUNDS);
      return [target, { version, resting: namesOf(fought), watched: namesOf(watched) }];
    }),
  );
}

/** What was put back until now, with what this attempt put back. */
export function repairsAfter(
  before: Repairs,
  { applied, undone = [] }: Pick<Attempt, 'applied' | 'undone'>,
  now: number,
): Repairs {
  const after = new Map(before);
  for (const action of new Set([...applied.filter(({ cause }) => cause === 'Drift'), ...undone])) {
    const { version, things } = after.get(action.target) ?? { version: undefined, things: new Map() };
    const what = thingOf(action);
    const known = before.get(action.target)?.things.get(what);
    const count = known !== undefined && isWithin(MEMORY, known.last, now) ? known.count + 1 : 1;
    after.set(action.target, { version, things: new Map(things).set(what, { count, last: now }) });
  }
  return after;
}

export function toRepairs(repaired: Repaired | undefined): TargetStatus['repairs'] {
  if (repaired === undefined || repaired.things.size === 0) return undefined;
  return [...repaired.things]
    .map(([what, { count, last }]) => ({ what, count, last: timestamp(last) }))
    .toSorted((a, b) => (a.last === b.last ? 0 : a.last > b.last ? -1 : 1))
    .slice(0, KEPT);
}

/** What of a target an action puts in place. */
export function thingOf(action: Action): string {
  switch (action.kind) {
    case 'Transition':
    case 'SetAlias':
    case 'DeleteAlias':
      return 'holder';
    case 'SetTag':
      return `tag ${action.key}`;
    case 'SetDescription':
      return 'description';
    case 'CreateModel':
      return 'model';
    case 'Register':
      return 'version';
    default:
      return action satisfies never;
  }
}

function fromStatus(repairs: NonNullable<TargetStatus['repairs']>): Map<string, Repair> {
  return new Map(repairs.map(({ what, count, last }) => [what, { count, last: Date.parse(last) }]));
}

/** A clock that was set back or forth ends a fight, at worst. */
function isWithin(span: number, then: number, now: number): boolean {
  return Math.abs(now - then) < span;
}

function namesOf(things: readonly (readonly [string, Repair])[]): ReadonlySet<string> {
  return new Set(things.map(([what]) => what));
}
