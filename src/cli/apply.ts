/** `modelpromotion apply`: shows the plan, asks, carries it out, and says what it did. */
import { OPTIONS, type Config, type Environment, type OptionName } from '../config.ts';
import { describeAction, type Action } from '../domain/action.ts';
import type { Model } from '../domain/observed.ts';
import { remainder, type Obstacle, type Plan } from '../domain/plan.ts';
import {
  applyPlan,
  planLive,
  type Approved,
  type PassInput,
  type PassOptions,
  type PlannedPass,
} from '../reconcile/pass.ts';
import type { Registry } from '../reconcile/ports.ts';
import { toYaml } from '../api/yaml.ts';
import { Limiter } from '../runtime/limiter.ts';
import { sleep } from '../runtime/time.ts';
import { LOG_OPTIONS, REGISTRY_OPTIONS } from './assembly.ts';
import { EXIT, worst, type ExitCode } from './exit.ts';
import { planPaths, type Planned } from './oneshot.ts';
import { plural, renderPlan } from './render/plan.ts';
import { markdownTable } from './render/table.ts';
import {
  exitCodeOf,
  exitCodeOfObstacle,
  reportAction,
  reportPlan,
  type ActionReport,
  type PlanReport,
} from './report.ts';
import { confirm, isInteractive, paint, print, progress, tell } from './terminal.ts';

export const APPLY_OPTIONS = [
  'yes',
  'output',
  ...REGISTRY_OPTIONS,
  ...LOG_OPTIONS,
] as const satisfies readonly OptionName[];

type ApplyConfig = Config<(typeof APPLY_OPTIONS)[number]>;

/** What became of one promotion. */
interface Applied {
  readonly promotion: string;
  readonly actions: readonly ActionReport[];
  readonly obstacle: Obstacle | undefined;
}

export async function apply(
  paths: readonly string[],
  config: ApplyConfig,
  env: Environment,
  signal: AbortSignal,
): Promise<ExitCode> {
  const finished = progress('Reading manifests and registries…');
  const oneShot = await planPaths(paths, config, env, signal).finally(finished);
  try {
    const report = reportPlan(oneShot);
    const pending = oneShot.promotions.filter(isPending);
    if (config.output === 'table') print(renderPlan(report, 'table'));
    if (pending.length === 0) {
      if (config.output !== 'table') print(renderApplied([], report, config.output));
      return exitCodeOf(report, false);
    }
    const refusal = await ask(config, signal);
    if (refusal !== undefined) return refusal;
    const applied = await applyAll(pending, signal);
    print(renderApplied(applied, report, config.output));
    return worst([
      exitCodeOf(withoutPending(report), false),
      ...applied.flatMap(({ obstacle }) => (obstacle === undefined ? [] : [exitCodeOfObstacle(obstacle)])),
    ]);
  } finally {
    await oneShot.close();
  }
}

type Pending = Extract<Planned, { kind: 'planned' }>;

function isPending(planned: Planned): planned is Pending {
  return planned.kind === 'planned' && planned.pass.plan.kind === 'Apply';
}

/** What was open in the plan of a promotion that is applied is judged by what its apply came to. */
function withoutPending(report: PlanReport): PlanReport {
  return { ...report, promotions: report.promotions.filter(({ state }) => state !== 'Changes') };
}

/** Undefined when it may be applied. */
async function ask(config: ApplyConfig, signal: AbortSignal): Promise<ExitCode | undefined> {
  if (config.yes) return undefined;
  if (!isInteractive()) {
    tell('apply asks before it changes anything, and this is not a terminal: run it with --yes');
    return EXIT.invalid;
  }
  if (await confirm('Apply this plan? Only "yes" is accepted: ', signal)) return undefined;
  tell('Nothing was changed.');
  return EXIT.failed;
}

/** Not all at once: what was read of a model must be fresh when it is written to. */
function applyAll(pending: readonly Pending[], signal: AbortSignal): Promise<Applied[]> {
  const limiters = new Map<Registry, Limiter>();
  return Promise.all(
    pending.map((planned) => {
      const { registry } = planned.input;
      const limiter = limiters.get(registry) ?? new Limiter(OPTIONS.workers.default);
      limiters.set(registry, limiter);
      return limiter.run(() => applyOne(planned, signal), signal);
    }),
  );
}

async function applyOne({ entry, input, pass }: Pending, signal: AbortSignal): Promise<Applied> {
  const { promotion } = entry;
  const options = passOptions(promotion.key, signal);
  const done: Action[] = [];
  const finish = (obstacle: Obstacle | undefined): Applied => ({
    promotion: promotion.key,
    actions: done.map(reportAction),
    obstacle,
  });
  let shown = shownBy(pass);
  // A target that follows another is planned once that one is up to date, so there may be several rounds.
  for (let round = 0; round <= promotion.targets.length; round += 1) {
    const result = await input.registry.exclusive(promotion.model, () =>
      applyRound(input, shown, options, signal),
    );
    if ('obstacle' in result) return finish(result.obstacle);
    done.push(...result.applied);
    if (result.failure !== undefined) return finish(result.failure);
    if (result.plan.kind === 'Suspended' || result.plan.kind === 'UpToDate') return finish(undefined);
    if (result.plan.kind === 'Blocked') return finish(result.plan.obstacle);
    shown = { actions: result.plan.actions, model: result.model };
  }
  return finish({
    reason: 'ProgressingWithRetry',
    message: 'the registry changes while we apply; run apply again',
  });
}

type Round =
  | { readonly obstacle: Obstacle }
  | {
      readonly applied: readonly Action[];
      readonly failure: Obstacle | undefined;
      readonly plan: Plan;
      readonly model: Model;
    };

/** A plan as it was shown, and the model it was made from. */
interface Shown {
  readonly actions: readonly Action[];
  readonly model: Model | undefined;
}

function shownBy({ plan, observed }: PlannedPass): Shown {
  return {
    actions: plan.kind === 'Apply' ? plan.actions : [],
    model: observed.kind === 'known' ? observed.value : undefined,
  };
}

/** Applies what was shown, and only if the registry still is as the plan expects. */
async function applyRound(
  input: PassInput,
  shown: Shown,
  options: PassOptions,
  signal: AbortSignal,
): Promise<Round> {
  const { observed, digest = '' } = await planLive(input, Date.now(), signal);
  if (observed.kind !== 'known') {
    const failed = observed.kind === 'unknown' ? observed : undefined;
    return {
      obstacle: {
        reason: failed?.reason ?? 'ModelNotFound',
        message: failed?.message ?? 'the model is gone',
      },
    };
  }
  const left = shown.model && remainder(shown.actions, shown.model, observed.value);
  if (left === undefined) {
    return {
      obstacle: {
        reason: 'ProgressingWithRetry',
        message: 'the plan is stale: the registry changed since it was made; run apply again',
      },
    };
  }
  const approved: Approved = { actions: left, model: observed.value, digest };
  const finding = await applyPlan(input, approved, options, signal);
  if (finding.kind !== 'Planned')
    return { obstacle: { reason: 'RegistryRefused', message: 'no plan could be made' } };
  return {
    applied: finding.attempt?.applied ?? [],
    failure: finding.attempt?.failure,
    plan: finding.plan,
    model: observed.value,
  };
}

function passOptions(promotion: string, signal: AbortSignal): PassOptions {
  return {
    fence: () => !signal.aborted,
    now: Date.now,
    sleep,
    progress: (action) => tell(`${promotion}: ${describeAction(action)}…`),
    unmarked: (message) => tell(`${promotion}: warning: ${message}`),
  };
}

function renderApplied(
  applied: readonly Applied[],
  { problems }: PlanReport,
  format: ApplyConfig['output'],
): string {
  const count = applied.reduce((sum, { actions }) => sum + actions.length, 0);
  switch (format) {
    case 'table': {
      const failed = applied.filter(({ obstacle }) => obstacle !== undefined);
      const lines = failed.map(
        ({ promotion, obstacle }) => `${paint('red', '!')} ${promotion}: ${obstacle?.message ?? ''}\n`,
      );
      return `${lines.join('')}${paint('bold', 'Applied:')} ${plural(count, 'change')} to ${plural(applied.length, 'promotion')}.\n`;
    }
    case 'json':
      return `${JSON.stringify({ applied, problems }, null, 2)}\n`;
    case 'yaml':
      return toYaml(JSON.parse(JSON.stringify({ applied, problems })));
    case 'markdown':
      return markdownTable(
        ['Promotion', 'What was done', 'What is open'],
        applied.map(({ promotion, actions, obstacle }) => [
          promotion,
          actions.map(({ description }) => description).join('; '),
          obstacle?.message ?? '',
        ]),
      );
    default:
      return format satisfies never;
  }
}
