/**
 * What a pass came to, turned into status, events and the time of the next look. Computed here and nowhere
 * else; written once. Follows kstatus: `Ready` always, `Reconciling` or `Stalled` only while true, never both.
 */
import { severity } from '../api/reasons.ts';
import type { HistoryEntry, ModelPromotionStatus, TargetStatus } from '../api/generated/types.ts';
import { describeAction, type Action } from './action.ts';
import { conditionsOf, judge, type Ready } from './conditions.ts';
import { describeTarget, type Target } from './desired.ts';
import { attemptOf, decisionsOf, optional, type Attempt, type Pass } from './finding.ts';
import { REST } from './flapping.ts';
import { newHistory } from './history.ts';
import { asSwept, targetsOf } from './target-status.ts';

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
/** One fewer than the schema allows: the last line says how many more there are. */
const ACTIONS = 499;
/** How soon a target is looked at again that waits for something near. */
const WAITING = 30_000;

export function summarise(pass: Pass): Outcome {
  const kept = keptStatus(pass);
  if (kept !== undefined)
    return { status: kept, events: [], next: { kind: 'After', ms: pass.promotion.interval } };
  const ready = judge(pass);
  const history = [...newHistory(pass), ...(pass.previous?.history ?? [])].slice(0, HISTORY);
  const targets = asSwept(targetsOf(pass, history), pass);
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

function planOf(pass: Pass): Pick<ModelPromotionStatus, 'plan'> {
  if (pass.finding.kind !== 'Planned' || pass.finding.plan.kind !== 'Apply') return {};
  const { actions } = pass.finding.plan;
  const shown = actions.slice(0, ACTIONS).map(describeAction);
  const more = actions.length > ACTIONS ? [`and ${actions.length - ACTIONS} more`] : [];
  return { plan: { ...optional('digest', pass.finding.attempt?.digest), actions: [...shown, ...more] } };
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
    reason: eventFor(action),
    message: describeAction(action),
  }));
  const dropped = (previous?.targets ?? [])
    .filter(({ target }) => !promotion.targets.some(({ id }) => id === target))
    .map(({ target, current }): Event => ({
      type: 'Normal',
      reason: 'TargetDropped',
      message: `${describeTarget(target as Target['id'])} is no longer declared and stays at ${current ?? 'nothing'}`,
    }));
  const verdict: Event[] = hasTurned(pass, ready)
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

function eventFor({ kind, cause }: Action): string {
  if (kind === 'Register') return 'Registered';
  if (kind === 'CreateModel') return 'ModelCreated';
  return cause === 'Drift' ? 'DriftReverted' : cause === 'Release' ? 'Released' : 'Promoted';
}

/** Other words for the same are no event: a message may name what changes all the time. */
function hasTurned({ promotion, previous }: Pass, { status, reason }: Ready): boolean {
  const before = previous?.conditions?.find((condition) => condition.type === 'Ready');
  return (
    before?.status !== status ||
    before.reason !== reason ||
    previous?.observedGeneration !== promotion.generation
  );
}

function nextOf(pass: Pass, ready: Ready): Next {
  if (ready.reason === 'Suspended') return { kind: 'OnChange' };
  const next = nextLook(pass, ready);
  const turns = decisionsOf(pass).flatMap(({ until }) => (until === undefined ? [] : [until - pass.now]));
  return next.kind === 'After' ? { kind: 'After', ms: Math.max(0, Math.min(next.ms, ...turns)) } : next;
}

function nextLook(pass: Pass, ready: Ready): Next {
  const { interval } = pass.promotion;
  const attempt = attemptOf(pass);
  if (attempt?.failure !== undefined) {
    return severity(ready.reason) === 'stalled' ? { kind: 'After', ms: interval } : { kind: 'Retry' };
  }
  if (attempt !== undefined && reachedOthers(attempt, pass)) return { kind: 'Now' };
  if (ready.reason === 'Flapping') return { kind: 'After', ms: Math.min(interval, REST) };
  if (ready.status === 'True' || severity(ready.reason) === 'stalled') return { kind: 'After', ms: interval };
  if (ready.reason === 'RegistryUnavailable' || ready.reason === 'Progressing') return { kind: 'Retry' };
  return { kind: 'After', ms: Math.min(interval, WAITING) };
}

/** What is left to do concerns only targets that the attempt did not touch, or what was registered: they waited for it. */
function reachedOthers({ applied }: Attempt, { finding }: Pass): boolean {
  if (finding.kind !== 'Planned' || finding.plan.kind !== 'Apply') return false;
  if (applied.some(({ kind }) => kind === 'Register')) return true;
  const touched = new Set(applied.map((action) => action.target));
  return touched.size > 0 && finding.plan.actions.every((action) => !touched.has(action.target));
}
