/** The changes we made, for people: an aid to memory, not evidence. */
import { timestamp } from '../api/timestamp.ts';
import type { HistoryEntry } from '../api/generated/types.ts';
import { movement } from './action.ts';
import { attemptOf, decisionsOf, optional, type Pass } from './finding.ts';
import { provenanceOf } from './provenance.ts';
import { recordsOf } from './status.ts';

/** What this pass adds to the history, newest first. */
export function newHistory(pass: Pass): HistoryEntry[] {
  return [...applied(pass), ...recovered(pass)];
}

function applied(pass: Pass): HistoryEntry[] {
  const attempt = attemptOf(pass);
  if (attempt === undefined) return [];
  return attempt.applied
    .flatMap((action): HistoryEntry[] => {
      const moved = movement(action);
      if (moved === undefined) return [];
      return [
        {
          target: action.target,
          ...optional('from', moved.from),
          to: moved.to ?? 'Archived',
          cause: action.cause,
          revision: pass.promotion.revision,
          digest: attempt.digest,
          time: timestamp(pass.now),
          // Nobody's commit asked for a repair now.
          ...optional('by', action.cause === 'Drift' ? undefined : pass.author),
        },
      ];
    })
    .toReversed();
}

/**
 * Changes that we made and could not write down, because we were killed in between: the registry's own provenance
 * tags tell of them. Anybody who may write tags may write these, so they make no record.
 */
function recovered(pass: Pass): HistoryEntry[] {
  const records = recordsOf(pass.previous);
  const touched = new Set(attemptOf(pass)?.applied.map((action) => action.target));
  const told = pass.previous?.history ?? [];
  return decisionsOf(pass).flatMap(({ target, state, candidate }): HistoryEntry[] => {
    const before = records.get(target);
    if (state !== 'UpToDate' || candidate === undefined || touched.has(target)) return [];
    const mark = provenanceOf(candidate);
    if (mark?.by !== pass.owner || !mark.targets.includes(target) || before?.version === candidate.version)
      return [];
    const { revision, digest, at } = mark;
    if (
      told.some(
        (entry) => entry.target === target && entry.to === candidate.version && entry.digest === digest,
      )
    )
      return [];
    return [
      { target, ...optional('from', before?.version), to: candidate.version, revision, digest, time: at },
    ];
  });
}
