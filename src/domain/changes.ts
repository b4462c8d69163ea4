/**
 * What changed a model's targets, from everything that remembers: statuses keep the last changes of each promotion, and
 * the registry keeps, on each version, the mark of whoever put it somewhere last.
 */
import type { ChangeCause, HistoryEntry } from '../api/generated/types.ts';
import type { TargetId } from './desired.ts';
import { optional } from './finding.ts';
import type { Model } from './observed.ts';
import { provenanceOf, type Provenance } from './provenance.ts';

export interface Change {
  /** RFC 3339. Of a mark: when it was last written, which may be after the move. */
  readonly time: string;
  readonly target: string;
  /** Absent when nobody held the target before, or when only a mark tells of the change. */
  readonly from?: string;
  readonly to: string;
  readonly cause?: ChangeCause;
  /** namespace/name; with the installation before it where that is another one. */
  readonly promotion: string;
  /** Who made the revision. */
  readonly by?: string;
  readonly revision?: string;
  readonly digest?: string;
  /** Who tells of it. Anybody who may write tags may have written those of the registry. */
  readonly told: 'status' | 'registry' | 'both';
}

/** What a status remembers of a promotion. */
export interface Remembered {
  /** namespace/name */
  readonly key: string;
  readonly history: readonly HistoryEntry[];
}

/** All changes, newest first. */
export function changesOf(
  model: Model | undefined,
  remembered: readonly Remembered[],
  installation: string,
): Change[] {
  const marks = marksOn(model, installation);
  const told = remembered.flatMap(({ key, history }) =>
    history.map((entry): Change => {
      const { target, from, to, cause, revision, digest, time, by } = entry;
      const isMarked = marks.some((mark) => mark.promotion === key && covers(mark, entry));
      return {
        time,
        target,
        ...optional('from', from),
        to,
        ...optional('cause', cause),
        promotion: key,
        ...optional('by', by),
        ...optional('revision', revision),
        ...optional('digest', digest),
        told: isMarked ? 'both' : 'status',
      };
    }),
  );
  const known = (mark: Change): boolean =>
    remembered.some(
      ({ key, history }) =>
        key === mark.promotion && history.some((entry) => covers(mark, entry) || isOverwritten(mark, entry)),
    );
  const rest = marks.filter((mark) => !known(mark));
  return [...told, ...rest].toSorted((a, b) => Date.parse(b.time) - Date.parse(a.time));
}

/** Whether this very mark was left by this very change. */
function covers(mark: Change, { target, to, digest }: HistoryEntry): boolean {
  return mark.target === target && mark.to === to && mark.digest === digest;
}

/** A later mark on the version repeats what it still holds, with its own time: the status knows better. */
function isOverwritten(mark: Change, { target, to, time }: HistoryEntry): boolean {
  return mark.target === target && mark.to === to && Date.parse(time) <= Date.parse(mark.time);
}

function marksOn(model: Model | undefined, installation: string): Change[] {
  return [...(model?.versions.values() ?? [])].flatMap((version) => {
    const mark = provenanceOf(version);
    return mark === undefined
      ? []
      : mark.targets.map((target) => toChange(mark, target, version.version, installation));
  });
}

function toChange(
  { by, revision, digest, at }: Provenance,
  target: TargetId,
  to: string,
  installation: string,
): Change {
  const promotion = by.startsWith(`${installation}/`) ? by.slice(installation.length + 1) : by;
  return { time: at, target, to, promotion, revision, digest, told: 'registry' };
}
