/**
 * What a pass came to, turned into status, events and the time of the next look. Computed here and nowhere
 * else; written once. Follows kstatus: `Ready` always, `Reconciling` or `Stalled` only while true, never both.
 */
import { severity, type Reason } from '../api/reasons.ts';
import { timestamp } from '../api/timestamp.ts';
import type { Problem } from '../api/listing.ts';
import type { Condition, HistoryEntry, ModelPromotionStatus, TargetStatus } from '../api/generated/types.ts';
import { describeAction, movement, type Action } from './action.ts';
import { describeTarget, type Promotion, type Target } from './desired.ts';
import { sameVersion } from './observed.ts';
import type { Decision, Obstacle, Plan } from './plan.ts';
import { identityOf, type TargetRecord } from './record.ts';
import { recordsOf, toStatus } from './status.ts';

/** Everything a pass found and did, ready to be judged. */
export interface Pass {
  readonly promotion: Promotion;
  readonly previous: ModelPromotionStatus | undefined;
  readonly finding: Finding;
  /** The revision at which the document as it stands was first seen, good or not. */
  readonly attempted: string;
  /** Who made the revision that last changed the document. */
  readonly author: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export type Finding =
  | { readonly kind: 'Invalid'; readonly problems: readonly Problem[] }
  /** Something stood in the way before there could be a plan. */
  | { readonly kind: 'Obstructed'; readonly obstacle: Obstacle }
  /** `plan` is the last one made: after the attempt, if there was one. */
  | { readonly kind: 'Planned'; readonly plan: Plan; readonly attempt: Attempt | undefined };

export interface Attempt {
  readonly applied: readonly Action[];
  readonly digest: string;
  /** What ended it early. */
  readonly failure: Obstacle | undefined;
}

export interface Event {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export interface Outcome {
  readonly status: ModelPromotionStatus;
  readonly events: readonly Event[];
  readonly next: Next;
}

/** When to look again: on its own time, soon, with growing delays, or not before something changes. */
export type Next =
  | { readonly kind: 'After'; readonly ms: number }
  | { readonly kind: 'Now' }
  | { readonly kind: 'Retry' }
  | { readonly kind: 'OnChange' };

const HISTORY = 10;
/** How soon a target is looked at again that waits for something near. */
const WAITING = 30_000;

export function summarise(pass: Pass): Outcome {
  const kept = keptStatus(pass);
  if (kept !== undefined)
    return { status: kept, events: [], next: { kind: 'After', ms: pass.promotion.interval } };
  const ready = judge(pass);
  const history = [...historyOf(pass), ...(pass.previous?.history ?? [])].slice(0, HISTORY);
  const targets = targetsOf(pass, history);
  const status: ModelPromotionStatus = {
    observedGeneration: pass.promotion.generation,
    conditions: conditionsOf(pass, ready),
    summary: summaryOf(pass, ready, targets, history),
    targets,
    ...planOf(pass),
    ...(history.length === 0 ? {} : { history }),
    lastAttemptedRevision: pass.attempted,
    ...appliedOf(pass, ready),
    ...optional(
      'lastHandledReconcileAt',
      pass.promotion.reconcileAt ?? pass.previous?.lastHandledReconcileAt,
    ),
  };
  return { status, events: eventsOf(pass, ready), next: nextOf(pass, ready) };
}

/** What was up to date stays so, word for word, while its registry is down: the registry says it, once, for all. */
function keptStatus({ promotion, previous, finding }: Pass): ModelPromotionStatus | undefined {
  if (finding.kind !== 'Planned' || finding.plan.kind !== 'Blocked' || finding.attempt !== undefined)
    return undefined;
  const ready = previous?.conditions?.find((condition) => condition.type === 'Ready');
  const unchanged = previous?.observedGeneration === promotion.generation && ready?.status === 'True';
  return unchanged && finding.plan.obstacle.reason === 'RegistryUnavailable' ? previous : undefined;
}

/** The Ready condition, before it has a time. */
interface Ready {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: Reason;
  readonly message: string;
}

function judge({ previous, finding }: Pass): Ready {
  switch (finding.kind) {
    case 'Invalid':
      return { status: 'False', reason: 'InvalidSpec', message: describeProblems(finding.problems) };
    case 'Obstructed':
      return { status: 'False', ...finding.obstacle };
    case 'Planned':
      return judgePlan(finding.plan, finding.attempt, previous);
    default:
      return finding satisfies never;
  }
}

function judgePlan(
  plan: Plan,
  attempt: Attempt | undefined,
  previous: ModelPromotionStatus | undefined,
): Ready {
  if (attempt?.failure !== undefined) return { status: 'False', ...attempt.failure };
  switch (plan.kind) {
    case 'Suspended':
      return suspended(previous);
    case 'UpToDate':
      return { status: 'True', ...settled(plan.decisions) };
    case 'Blocked':
      return { status: 'False', ...plan.obstacle };
    case 'Apply':
      return { status: 'False', reason: 'Progressing', message: plan.actions.map(describeAction).join('; ') };
    default:
      return plan satisfies never;
  }
}

function suspended(previous: ModelPromotionStatus | undefined): Ready {
  const ready = previous?.conditions?.find((condition) => condition.type === 'Ready');
  return {
    status: ready?.status ?? 'Unknown',
    reason: 'Suspended',
    message: 'suspended: the registry is left alone until spec.suspend is false',
  };
}

function settled(decisions: readonly Decision[]): { reason: Reason; message: string } {
  const drifted = decisions.find((decision) => decision.state === 'Drifted');
  const empty = decisions.find((decision) => decision.reason === 'NoCandidate');
  return {
    reason: (drifted ?? empty)?.reason ?? 'UpToDate',
    message: decisions.map((decision) => decision.message).join(', '),
  };
}

function conditionsOf(pass: Pass, ready: Ready): Condition[] {
  const conditions: Omit<Condition, 'lastTransitionTime'>[] = [{ type: 'Ready', ...ready }];
  if (ready.status !== 'True' && ready.reason !== 'Suspended') {
    const type = severity(ready.reason) === 'stalled' ? 'Stalled' : 'Reconciling';
    conditions.push({ type, status: 'True', reason: ready.reason, message: ready.message });
  }
  const drifted = decisionsOf(pass).filter((decision) => decision.state === 'Drifted');
  if (drifted.length > 0) {
    const message = drifted.map((decision) => decision.message).join('; ');
    conditions.push({ type: 'Drifted', status: 'True', reason: 'DriftReported', message });
  }
  return conditions.map((condition) => ({
    type: condition.type,
    status: condition.status,
    reason: condition.reason,
    message: condition.message.slice(0, 4_000),
    observedGeneration: pass.promotion.generation,
    lastTransitionTime: transitionTime(condition, pass),
  }));
}

/** Moves only when the condition's status moves. */
function transitionTime(
  { type, status }: Pick<Condition, 'type' | 'status'>,
  { previous, now }: Pass,
): string {
  const before = previous?.conditions?.find((condition) => condition.type === type);
  return before?.status === status ? before.lastTransitionTime : timestamp(now);
}

function targetsOf(pass: Pass, history: readonly HistoryEntry[]): TargetStatus[] {
  const decisions = new Map(decisionsOf(pass).map((decision) => [decision.target, decision]));
  const before = new Map((pass.previous?.targets ?? []).map((target) => [target.target, target]));
  return pass.promotion.targets.map((target) => {
    const decision = decisions.get(target.id);
    const status = before.get(target.id);
    return decision === undefined
      ? undecided(target, status, pass)
      : targetOf(target, decision, status, pass, history);
  });
}

/** What is left to say of a target that could not be looked at: our record, and what held it while that is not known to be wrong. */
function undecided(target: Target, before: TargetStatus | undefined, { finding }: Pass): TargetStatus {
  if (before === undefined) return { target: target.id };
  const gone =
    finding.kind === 'Planned' &&
    finding.plan.kind === 'Blocked' &&
    finding.plan.obstacle.reason === 'ModelNotFound';
  const { state: _state, reason: _reason, message: _message, ...kept } = before;
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
  const record = nextRecord(target, decision, known, pass, history);
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
  history: readonly HistoryEntry[],
): TargetRecord | undefined {
  if (state !== 'UpToDate' || candidate === undefined) return before;
  const { version } = candidate;
  const movedNow = attemptOf(pass)?.applied.some(
    (action) => action.target === target.id && movement(action)?.to === version,
  );
  // A move whose tags or reading back failed is on record only now that all is in place.
  const movedBefore =
    before?.version !== version && history.find((entry) => entry.target === target.id)?.to === version;
  const stands = before?.how === 'Applied' && sameVersion(before, candidate);
  return {
    ...identityOf(candidate),
    how: movedNow === true || movedBefore || stands ? 'Applied' : 'Found',
    description: target.kind === 'stage' ? target.description : undefined,
    tags: target.kind === 'stage' ? target.tags : new Map(),
  };
}

function planOf(pass: Pass): Pick<ModelPromotionStatus, 'plan'> {
  if (pass.finding.kind !== 'Planned' || pass.finding.plan.kind !== 'Apply') return {};
  return { plan: { actions: pass.finding.plan.actions.map(describeAction) } };
}

function appliedOf(
  pass: Pass,
  ready: Ready,
): Pick<ModelPromotionStatus, 'lastAppliedRevision' | 'lastAppliedDigest'> {
  const upToDate = ready.status === 'True' && ready.reason !== 'Suspended';
  const revision = upToDate ? pass.promotion.revision : pass.previous?.lastAppliedRevision;
  const attempt = attemptOf(pass);
  const digest =
    attempt !== undefined && attempt.applied.length > 0 ? attempt.digest : pass.previous?.lastAppliedDigest;
  return { ...optional('lastAppliedRevision', revision), ...optional('lastAppliedDigest', digest) };
}

function historyOf(pass: Pass): HistoryEntry[] {
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
          ...optional('by', pass.author),
        },
      ];
    })
    .toReversed();
}

function summaryOf(
  pass: Pass,
  ready: Ready,
  targets: readonly TargetStatus[],
  history: readonly HistoryEntry[],
): NonNullable<ModelPromotionStatus['summary']> {
  const short = (kind: string): string =>
    targets
      .filter(({ target }) => target.startsWith(`${kind}/`))
      .map(({ target, current }) => `${target.slice(kind.length + 1)}=${current ?? '-'}`)
      .join(',');
  return {
    stages: short('stage'),
    aliases: short('alias'),
    ready: pass.promotion.suspend ? 'Suspended' : ready.status,
    reason: ready.reason,
    ...optional('lastChange', history[0]?.time),
  };
}

function eventsOf(pass: Pass, ready: Ready): Event[] {
  const { promotion, previous } = pass;
  const applied = (attemptOf(pass)?.applied ?? []).map((action): Event => ({
    type: 'Normal',
    reason: action.cause === 'Drift' ? 'DriftReverted' : action.cause === 'Release' ? 'Released' : 'Promoted',
    message: describeAction(action),
  }));
  const dropped = (previous?.targets ?? [])
    .filter(({ target }) => !promotion.targets.some(({ id }) => id === target))
    .map(({ target, current }): Event => ({
      type: 'Normal',
      reason: 'TargetDropped',
      message: `${describeTarget(target as Target['id'])} is no longer declared and stays at ${current ?? 'nothing'}`,
    }));
  const before = previous?.conditions?.find((condition) => condition.type === 'Ready');
  const turned =
    before?.status !== ready.status || before.reason !== ready.reason || before.message !== ready.message;
  const verdict: Event[] = turned
    ? [
        {
          type: ready.status === 'False' && severity(ready.reason) === 'stalled' ? 'Warning' : 'Normal',
          reason: ready.reason,
          message: ready.message,
        },
      ]
    : [];
  return [...applied, ...dropped, ...verdict];
}

function nextOf(pass: Pass, ready: Ready): Next {
  const { interval } = pass.promotion;
  if (ready.reason === 'Suspended') return { kind: 'OnChange' };
  const attempt = attemptOf(pass);
  if (attempt?.failure !== undefined) {
    return severity(ready.reason) === 'stalled' ? { kind: 'After', ms: interval } : { kind: 'Retry' };
  }
  if (attempt !== undefined && reachedOthers(attempt, pass)) return { kind: 'Now' };
  if (ready.status === 'True' || severity(ready.reason) === 'stalled') return { kind: 'After', ms: interval };
  if (ready.reason === 'RegistryUnavailable' || ready.reason === 'Progressing') return { kind: 'Retry' };
  return { kind: 'After', ms: Math.min(interval, WAITING) };
}

/** What is left to do concerns only targets that the attempt did not touch: they waited for it. */
function reachedOthers({ applied }: Attempt, { finding }: Pass): boolean {
  if (finding.kind !== 'Planned' || finding.plan.kind !== 'Apply') return false;
  const touched = new Set(applied.map((action) => action.target));
  return touched.size > 0 && finding.plan.actions.every((action) => !touched.has(action.target));
}

function describeProblems(problems: readonly Problem[]): string {
  const shown = problems
    .slice(0, 5)
    .map(
      ({ file, line, column, path, message }) =>
        `${file}:${line}:${column} ${path === '' ? '' : `${path}: `}${message}`,
    );
  return problems.length > shown.length
    ? `${shown.join('; ')}; and ${problems.length - shown.length} more`
    : shown.join('; ');
}

function decisionsOf({ finding }: Pass): readonly Decision[] {
  return finding.kind === 'Planned' && finding.plan.kind !== 'Suspended' ? finding.plan.decisions : [];
}

function attemptOf({ finding }: Pass): Attempt | undefined {
  return finding.kind === 'Planned' ? finding.attempt : undefined;
}

function optional<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, V>);
}
