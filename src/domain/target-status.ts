/** What is said of each target, and the records that tell drift from promotion the next time. */
import { timestamp } from '../api/timestamp.ts';
import type { HistoryEntry, TargetStatus } from '../api/generated/types.ts';
import { movement } from './action.ts';
import type { Target } from './desired.ts';
import { attemptOf, decisionsOf, optional, type Pass } from './finding.ts';
import { repairsAfter, repairsOf, toRepairs } from './flapping.ts';
import { sameVersion } from './observed.ts';
import type { Decision } from './plan.ts';
import { identityOf, type TargetRecord } from './record.ts';
import { recordsOf, toStatus } from './status.ts';

export function targetsOf(pass: Pass, history: readonly HistoryEntry[]): TargetStatus[] {
  const decisions = new Map(decisionsOf(pass).map((decision) => [decision.target, decision]));
  const before = new Map((pass.previous?.targets ?? []).map((target) => [target.target, target]));
  const repairs = repairsOf(pass.previous, pass.promotion);
  const repaired = repairsAfter(repairs, attemptOf(pass) ?? { applied: [] }, pass.now);
  return pass.promotion.targets.map((target) => {
    const decision = decisions.get(target.id);
    const status = before.get(target.id);
    const moved = decision !== undefined && decision.candidate?.version !== status?.desired;
    return {
      ...(decision === undefined
        ? undecided(target, status, pass)
        : targetOf(target, decision, status, pass, history)),
      ...optional('repairs', moved ? undefined : toRepairs(repaired.get(target.id))),
    };
  });
}

/** What is left to say of a target that could not be looked at: our record, and what held it while that is not known to be wrong. */
function undecided(target: Target, before: TargetStatus | undefined, { finding }: Pass): TargetStatus {
  if (before === undefined) return { target: target.id };
  const gone =
    finding.kind === 'Planned' &&
    finding.plan.kind === 'Blocked' &&
    finding.plan.obstacle.reason === 'ModelNotFound';
  const { state: _state, reason: _reason, message: _message, repairs: _repairs, ...kept } = before;
  const { current: _current, ...unheld } = kept;
  return gone ? unheld : kept;
}

function targetOf(
  target: Target,
  decision: Decision,
  before: TargetStatus | undefined,
  pass: Pass,
  history: readonly HistoryEntry[],
): TargetStatus {
  const known = recordsOf(pass.previous).get(target.id);
  const record = nextRecord(target, decision, known, pass);
  const moved = record !== undefined && (known === undefined || !sameVersion(known, record));
  const previous = moved
    ? (history.find((entry) => entry.target === target.id && entry.to === record.version)?.from ??
      before?.applied?.version)
    : before?.previous;
  const since = moved ? timestamp(pass.now) : before?.since;
  return {
    target: target.id,
    ...optional('desired', decision.candidate?.version),
    ...optional('current', decision.incumbent?.version),
    ...optional('previous', previous),
    ...optional('since', since),
    candidateFrom: decision.candidateFrom,
    state: decision.state,
    ...(decision.state === 'UpToDate' && decision.reason === 'UpToDate'
      ? {}
      : { reason: decision.reason, message: decision.message.slice(0, 1_000) }),
    ...(record === undefined ? {} : { applied: toStatus(record) }),
  };
}

/** A record begins when a target is seen in place as declared; until then the last one stands. */
function nextRecord(
  target: Target,
  { state, candidate }: Decision,
  before: TargetRecord | undefined,
  pass: Pass,
): TargetRecord | undefined {
  if (state !== 'UpToDate' || candidate === undefined) return before;
  const { version } = candidate;
  const movedNow = attemptOf(pass)?.applied.some(
    (action) => action.target === target.id && movement(action)?.to === version,
  );
  // A move whose tags or reading back failed is on record only now that all is in place.
  const movedBefore =
    before?.version !== version &&
    pass.previous?.history?.find((entry) => entry.target === target.id)?.to === version;
  const stands = before?.how === 'Applied' && sameVersion(before, candidate);
  return {
    ...identityOf(candidate),
    how: movedNow === true || movedBefore || stands ? 'Applied' : 'Found',
    description: target.kind === 'stage' ? target.description : undefined,
    tags: target.kind === 'stage' ? target.tags : new Map(),
  };
}
