/** A plan over many promotions as data: what every output format shows, and what the exit code follows. */
import type { Problem } from '../api/listing.ts';
import { describeAction, type Action } from '../domain/action.ts';
import type { Obstacle } from '../domain/plan.ts';
import { EXIT, worst, type ExitCode } from './exit.ts';
import type { OneShot, Planned } from './oneshot.ts';

export interface PlanReport {
  readonly promotions: readonly PromotionReport[];
  readonly problems: readonly Problem[];
  readonly summary: {
    readonly changes: number;
    readonly drift: number;
    /** Targets that follow one that changes: they move when it is there. */
    readonly following: number;
    readonly upToDate: number;
    /** Promotions that differ, which is only told: drift: Report. */
    readonly drifted: number;
    readonly suspended: number;
    readonly blocked: number;
    readonly invalid: number;
    /** Documents of other groups. */
    readonly ignored: number;
  };
}

export interface PromotionReport {
  readonly promotion: string;
  readonly model: string;
  readonly file: string | undefined;
  readonly state: 'UpToDate' | 'Drifted' | 'Changes' | 'Blocked' | 'Suspended';
  readonly digest: string | undefined;
  readonly targets: readonly TargetReport[];
  readonly actions: readonly ActionReport[];
  readonly obstacle: Obstacle | undefined;
}

export interface TargetReport {
  readonly target: string;
  readonly current: string | undefined;
  readonly desired: string | undefined;
  readonly state: string;
  readonly reason: string;
  readonly from: string;
  readonly message: string;
  /** What a rule had to choose from. */
  readonly evidence: readonly string[];
}

export interface ActionReport {
  readonly target: string;
  readonly kind: Action['kind'];
  /** Promotion, or Drift where it only puts back what had been changed. */
  readonly cause: Action['cause'];
  readonly description: string;
}

export function reportPlan({ listing, promotions }: Pick<OneShot, 'listing' | 'promotions'>): PlanReport {
  const reports = promotions.map(reportPromotion);
  const actions = reports.flatMap((report) => report.actions);
  const count = (state: PromotionReport['state']): number =>
    reports.filter((report) => report.state === state).length;
  return {
    promotions: reports,
    problems: listing.problems,
    summary: {
      changes: actions.filter((action) => action.cause !== 'Drift').length,
      drift: actions.filter((action) => action.cause === 'Drift').length,
      following: reports
        .filter(({ state, obstacle }) => state === 'Changes' || obstacle?.reason === 'WaitingForSource')
        .flatMap(({ targets }) => targets)
        .filter(({ reason }) => reason === 'WaitingForSource').length,
      upToDate: count('UpToDate'),
      drifted: count('Drifted'),
      suspended: count('Suspended'),
      blocked: reports.filter(
        ({ obstacle }) => obstacle !== undefined && obstacle.reason !== 'WaitingForSource',
      ).length,
      invalid: listing.problems.length,
      ignored: listing.ignored,
    },
  };
}

function reportPromotion(planned: Planned): PromotionReport {
  const { promotion, location } = planned.entry;
  const common = {
    promotion: promotion.key,
    model: promotion.model,
    file: location?.file,
    digest: undefined,
    targets: [],
    actions: [],
  };
  if (planned.kind === 'obstructed') {
    const { finding } = planned;
    const obstacle = finding.kind === 'Obstructed' ? finding.obstacle : undefined;
    return { ...common, state: 'Blocked', obstacle };
  }
  const { plan, digest } = planned.pass;
  if (plan.kind === 'Suspended') return { ...common, state: 'Suspended', obstacle: undefined };
  const targets = plan.decisions.map((decision): TargetReport => ({
    target: decision.target,
    current: decision.incumbent?.version,
    desired: decision.candidate?.version,
    state: decision.state,
    reason: decision.reason,
    from: decision.candidateFrom,
    message: decision.message,
    evidence: decision.evidence ?? [],
  }));
  switch (plan.kind) {
    case 'UpToDate':
      return {
        ...common,
        state: targets.some(({ state }) => state === 'Drifted') ? 'Drifted' : 'UpToDate',
        targets,
        obstacle: undefined,
      };
    case 'Blocked':
      return { ...common, state: 'Blocked', targets, obstacle: plan.obstacle };
    case 'Apply':
      return {
        ...common,
        state: 'Changes',
        digest,
        targets,
        actions: plan.actions.map(reportAction),
        obstacle: plan.obstacle,
      };
    default:
      return plan satisfies never;
  }
}

export function reportAction(action: Action): ActionReport {
  return {
    target: action.target,
    kind: action.kind,
    cause: action.cause,
    description: describeAction(action),
  };
}

/** What a plan alone comes to; changes that are pending are no failure unless somebody asked (`--exit-code`). */
export function exitCodeOf(report: PlanReport, pendingCounts: boolean): ExitCode {
  return worst([
    ...(report.problems.length > 0 ? [EXIT.invalid] : []),
    ...report.promotions.flatMap(({ obstacle }) =>
      obstacle === undefined ? [] : [exitCodeOfObstacle(obstacle)],
    ),
    ...(pendingCounts && report.promotions.some(({ state }) => state === 'Changes') ? [EXIT.pending] : []),
  ]);
}

const FAILURES = new Set([
  'RegistryUnavailable',
  'AccessDenied',
  'RegistryRefused',
  'RegistryNotFound',
  'NotAllowed',
  'ProgressingWithRetry',
]);

export function exitCodeOfObstacle({ reason }: Obstacle): ExitCode {
  if (reason === 'WaitingForSource') return EXIT.done;
  return FAILURES.has(reason) ? EXIT.failed : EXIT.blocked;
}
