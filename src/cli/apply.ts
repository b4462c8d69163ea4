/** `modelpromotion apply`: shows the plan, asks, carries it out, and says what it did. */
import { plural } from '../api/plural.ts';
import type { Config, Environment, OptionName } from '../config.ts';
import { toYaml } from '../api/yaml.ts';
import { LOG_OPTIONS, REGISTRY_OPTIONS } from './assembly.ts';
import type { Applied } from './apply-progress.ts';
import { ask } from './ask.ts';
import { carryOut, isPending } from './carry-out.ts';
import { worst, type ExitCode } from './exit.ts';
import { planPaths } from './oneshot.ts';
import { renderPlan } from './render/plan.ts';
import { markdownTable } from './render/table.ts';
import { exitCodeOf, exitCodeOfObstacle, reportPlan, type PlanReport } from './report.ts';
import { paint, print, progress } from './terminal.ts';

export const APPLY_OPTIONS = [
  'yes',
  'output',
  ...REGISTRY_OPTIONS,
  ...LOG_OPTIONS,
] as const satisfies readonly OptionName[];

type ApplyConfig = Config<(typeof APPLY_OPTIONS)[number]>;

export async function apply(
  paths: readonly string[],
  config: ApplyConfig,
  env: Environment,
  signal: AbortSignal,
): Promise<ExitCode> {
  const finished = progress('Reading manifests and registries…');
  const oneShot = await planPaths(paths, config, env, signal).finally(finished);
  try {
    const { scrubber } = oneShot;
    const report = scrubber.clean(reportPlan(oneShot));
    const pending = oneShot.promotions.filter(isPending);
    if (config.output === 'table') print(renderPlan(report, 'table'));
    if (pending.length === 0) {
      if (config.output !== 'table') print(renderApplied(obstructed(report), report, config.output));
      return exitCodeOf(report, false);
    }
    const question = { command: 'apply', text: 'Apply this plan?', yes: config.yes };
    const shown = config.output === 'table' ? undefined : renderPlan(report, 'table');
    const refusal = await ask({ ...question, shown }, signal);
    if (refusal !== undefined) return refusal;
    const applied = await carryOut(oneShot, signal);
    const told = config.output === 'table' ? applied : [...applied, ...obstructed(report)];
    print(renderApplied(scrubber.clean(told), report, config.output));
    return worst([
      exitCodeOf(withoutPending(report), false),
      ...applied.flatMap(({ obstacle }) => (obstacle === undefined ? [] : [exitCodeOfObstacle(obstacle)])),
    ]);
  } finally {
    await oneShot.close();
  }
}

/** What was open in the plan of a promotion that is applied is judged by what its apply came to. */
function withoutPending(report: PlanReport): PlanReport {
  return { ...report, promotions: report.promotions.filter(({ state }) => state !== 'Changes') };
}

/** What the plan could do nothing for: where the plan itself was not printed, the result says why. */
function obstructed({ promotions }: PlanReport): Applied[] {
  return promotions.flatMap(({ promotion, state, obstacle }) =>
    state === 'Blocked' && obstacle !== undefined ? [{ promotion, actions: [], obstacle }] : [],
  );
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
