/** What is said of each target, and the records that tell drift from promotion the next time. */
import { timestamp } from '../api/timestamp.ts';
import type { HistoryEntry, TargetStatus } from '../api/generated/types.ts';
import type { Target } from './desired.ts';
import { attemptOf, decisionsOf, optional, type Pass } from './finding.ts';
import { repairsAfter, repairsOf, toRepairs } from './flapping.ts';
import { sameVersion } from './observed.ts';
import type { Decision } from './plan.ts';
import { identityOf, recordsAfter, type TargetRecord } from './record.ts';
import { currentHolder } from './select.ts';
import { recordsOf, toStatus } from './status.ts';

export function targetsOf(pass: Pass, history: readonly HistoryEntry[]): TargetStatus[] {
  const decisions = new Map(decisionsOf(pass).map((decision) => [decision.target, decision]));
  const before = new Map((pass.previous?.targets ?? []).map((target) => [target.target, target]));
  const attempt = attemptOf(pass);
  const now = timestamp(pass.now);
  const records = recordsAfter(recordsOf(pass.previous), attempt?.moves ?? new Map(), now);
  const repairs = repairsOf(pass.previous, pass.promotion);
  const repaired = repairsAfter(repairs, attempt ?? { applied: [] }, pass.now);
  return pass.promotion.targets.map((target) => {
    const decision = decisions.get(target.id);
    const status = before.get(target.id);
    const record = nextRecord(target, decision, records.get(target.id), now);
    const turned = decision !== undefined && decision.candidate?.version !== status?.desired;
    return {
      target: target.id,
      ...(decision === undefined ? undecided(status, pass) : holdersOf(decision)),
      ...recorded(target, record, status, history),
      ...(decision === undefined ? optional('candidateFrom', status?.candidateFrom) : stateOf(decision)),
      ...(record === undefined ? {} : { applied: toStatus(record) }),
      ...optional('repairs', turned ? undefined : toRepairs(repaired.get(target.id))),
    };
  });
}

type Part<K extends keyof TargetStatus> = Partial<Pick<TargetStatus, K>>;

/** What is left to say of a target that could not be looked at: what held it while that is not known to be wrong. */
function undecided(before: TargetStatus | undefined, { finding }: Pass): Part<'desired' | 'current'> {
  const gone =
    finding.kind === 'Planned' &&
    finding.plan.kind === 'Blocked' &&
    finding.plan.obstacle.reason === 'ModelNotFound';
  return {
    ...optional('desired', before?.desired),
    ...optional('current', gone ? undefined : before?.current),
  };
}

function holdersOf({ candidate, incumbent }: Decision): Part<'desired' | 'current'> {
  return { ...optional('desired', candidate?.version), ...optional('current', incumbent?.version) };
}

function stateOf({
  candidateFrom,
  evidence,
  state,
  reason,
  message,
}: Decision): Part<'candidateFrom' | 'evidence' | 'state' | 'reason' | 'message'> {
  return {
    candidateFrom,
    ...(evidence === undefined || evidence.length === 0 ? {} : { evidence }),
    state,
    ...(state === 'UpToDate' && reason === 'UpToDate' ? {} : { reason, message: message.slice(0, 1_000) }),
  };
}

/** What stood there before, and since when this one does. */
function recorded(
  { id }: Target,
  record: TargetRecord | undefined,
  before: TargetStatus | undefined,
  history: readonly HistoryEntry[],
): Part<'previous' | 'since'> {
  if (record === undefined) return optional('previous', before?.previous);
  const moved = record.since !== before?.since || before?.applied?.version !== record.version;
  const from = history.find(({ target, to }) => target === id && to === record.version)?.from;
  const previous = moved ? (from ?? before?.applied?.version) : before?.previous;
  return { ...optional('previous', previous), ...optional('since', record.since) };
}

/** A record begins when we move a target, or see it in place as declared; until then the last one stands. */
function nextRecord(
  target: Target,
  decision: Decision | undefined,
  before: TargetRecord | undefined,
  now: string,
): TargetRecord | undefined {
  const { state, candidate } = decision ?? {};
  if (state !== 'UpToDate' || candidate === undefined) return before;
  const known = before !== undefined && sameVersion(before, candidate) ? before : undefined;
  return {
    ...identityOf(candidate),
    how: known?.how ?? 'Found',
    description: target.kind === 'stage' ? target.description : undefined,
    tags: target.kind === 'stage' ? target.tags : new Map(),
    since: known === undefined ? now : known.since,
  };
}

/** Who holds the targets now is shown also of a promotion that nothing was planned for: the last sweep knows it. */
export function asSwept(targets: readonly TargetStatus[], { finding, swept }: Pass): TargetStatus[] {
  const planned = finding.kind === 'Planned' && finding.plan.kind !== 'Suspended';
  if (planned || swept?.kind !== 'known') return [...targets];
  return targets.map(({ current: _current, ...target }) => {
    const holder = currentHolder(target.target as Target['id'], swept.value);
    return { ...target, ...optional('current', holder?.version) };
  });
}
