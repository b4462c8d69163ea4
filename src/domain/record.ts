/**
 * Our memory: for each target, what we last put there or saw in place as declared. It tells drift (somebody changed what
 * stood) from promotion (the wish moved). It lives in the status, because MLflow keeps no history.
 */
import { movement, type Action } from './action.ts';
import type { TargetId } from './desired.ts';
import { sameVersion, type Model, type Version, type VersionIdentity } from './observed.ts';

export interface TargetRecord extends VersionIdentity {
  /** Applied by us, or found in place when we first looked. */
  readonly how: 'Applied' | 'Found';
  /** The declared description and tags, as they stood. */
  readonly description: string | undefined;
  readonly tags: ReadonlyMap<string, string>;
  /** RFC 3339: since when it is this version. */
  readonly since: string | undefined;
}

export type Records = ReadonlyMap<TargetId, TargetRecord>;

export function identityOf({ version, creationTimestamp, source, runId }: Version): VersionIdentity {
  return { version, creationTimestamp, source, runId };
}

/** Our record of this target, if it speaks of this very version; a number used again is a stranger. */
export function recordOf(id: TargetId, candidate: Version, records: Records): TargetRecord | undefined {
  const record = records.get(id);
  return record !== undefined && sameVersion(record, candidate) ? record : undefined;
}

/** Where targets were moved to; undefined where the answer never came, so that nobody knows. */
export type Moves = ReadonlyMap<TargetId, VersionIdentity | undefined>;

/** Where these actions moved their targets, with one at the end whose answer was lost. */
export function movesOf(applied: readonly Action[], model: Model, unsettled?: Action): Moves {
  const moves = new Map<TargetId, VersionIdentity | undefined>();
  for (const action of applied) {
    const version = model.versions.get(movement(action)?.to ?? '');
    if (version !== undefined) moves.set(action.target, identityOf(version));
  }
  if (unsettled !== undefined && movement(unsettled)?.to !== undefined)
    moves.set(unsettled.target, undefined);
  return moves;
}

/** A move is on record at once, before its tags and description are in place. */
export function recordsAfter(records: Records, moves: Moves, now: string): Records {
  const after = new Map(records);
  for (const [target, version] of moves) {
    const before = records.get(target);
    if (version === undefined) after.delete(target);
    else if (before !== undefined && sameVersion(before, version))
      after.set(target, { ...before, how: 'Applied' });
    else
      after.set(target, { ...version, how: 'Applied', description: undefined, tags: new Map(), since: now });
  }
  return after;
}
