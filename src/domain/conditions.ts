/** The conditions of a promotion, after kstatus: `Ready` always, `Reconciling` or `Stalled` only while true. */
import { severity, type Reason } from '../api/reasons.ts';
import { timestamp } from '../api/timestamp.ts';
import { describeLocation, type Problem } from '../api/listing.ts';
import type { Condition, ModelPromotionStatus } from '../api/generated/types.ts';
import { describeAction } from './action.ts';
import { decisionsOf, type Attempt, type Pass } from './finding.ts';
import type { Promotion, Target } from './desired.ts';
import { isSameMap } from './maps.ts';
import type { Decision, Plan } from './plan.ts';
import { recordsOf } from './status.ts';

const LONGEST_MESSAGE = 4_000;

/** The Ready condition, before it has a time. */
export interface Ready {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: Reason;
  readonly message: string;
}

export function judge({ promotion, previous, finding }: Pass): Ready {
  switch (finding.kind) {
    case 'Invalid':
      return { status: 'False', reason: 'InvalidSpec', message: describeProblems(finding.problems) };
    case 'Obstructed':
      return { status: 'False', ...finding.obstacle };
    case 'Planned':
      return finding.plan.kind === 'Suspended'
        ? suspended(promotion, previous)
        : judgePlan(finding.plan, finding.attempt);
    default:
      return finding satisfies never;
  }
}

function judgePlan(plan: Exclude<Plan, { kind: 'Suspended' }>, attempt: Attempt | undefined): Ready {
  if (attempt?.failure !== undefined) return { status: 'False', ...attempt.failure };
  switch (plan.kind) {
    case 'UpToDate':
      return settled(plan.decisions);
    case 'Blocked':
      return { status: 'False', ...plan.obstacle };
    case 'Apply':
      return { status: 'False', reason: 'Progressing', message: plan.actions.map(describeAction).join('; ') };
    default:
      return plan satisfies never;
  }
}

/** What was ready stays so, but only for the versions that were declared then. */
function suspended({ targets }: Promotion, previous: ModelPromotionStatus | undefined): Ready {
  const ready = previous?.conditions?.find((condition) => condition.type === 'Ready');
  const message = 'suspended: the registry is left alone until spec.suspend is false';
  if (ready?.status === 'True' && !targets.every((target) => wasApplied(target, previous)))
    return {
      status: 'Unknown',
      reason: 'Suspended',
      message: `${message}; what is declared now was never applied`,
    };
  return { status: ready?.status ?? 'Unknown', reason: 'Suspended', message };
}

function wasApplied(target: Target, previous: ModelPromotionStatus | undefined): boolean {
  const record = recordsOf(previous).get(target.id);
  // What it follows may hold nothing, and that is as it should be.
  if (record === undefined)
    return (
      target.want.kind !== 'pinned' && previous?.targets?.some((one) => one.target === target.id) === true
    );
  if (target.want.kind === 'pinned' && record.version !== target.want.version) return false;
  return (
    target.kind === 'alias' ||
    (record.description === target.description && isSameMap(record.tags, target.tags))
  );
}

function settled(decisions: readonly Decision[]): Ready {
  const fought = decisions.filter((decision) => decision.reason === 'Flapping');
  if (fought.length > 0) {
    return { status: 'False', reason: 'Flapping', message: fought.map(({ message }) => message).join('; ') };
  }
  const drifted = decisions.find((decision) => decision.state === 'Drifted');
  const empty = decisions.find((decision) => decision.reason === 'NoCandidate');
  return {
    status: 'True',
    reason: (drifted ?? empty)?.reason ?? 'UpToDate',
    message: decisions.map((decision) => decision.message).join(', '),
  };
}

export function conditionsOf(pass: Pass, ready: Ready): Condition[] {
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
    message: condition.message.slice(0, LONGEST_MESSAGE),
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

/** What a condition says of mistakes: the first few, where each is, and how many more there are. */
export function describeProblems(problems: readonly Problem[]): string {
  const shown = problems.slice(0, 5).map((problem) => {
    const place = describeLocation(problem);
    const field = problem.path === '' ? '' : `${problem.path}: `;
    return `${place === undefined ? '' : `${place} `}${field}${problem.message}`;
  });
  const more = problems.length > shown.length ? [`and ${problems.length - shown.length} more`] : [];
  return [...shown, ...more].join('; ').slice(0, LONGEST_MESSAGE);
}
