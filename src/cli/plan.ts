/** `modelpromotion plan`: what an apply would do, without doing it. */
import type { Config, Environment, OptionName } from '../config.ts';
import { LOG_OPTIONS, REGISTRY_OPTIONS } from './assembly.ts';
import type { ExitCode } from './exit.ts';
import { planPaths } from './oneshot.ts';
import { renderPlan } from './render/plan.ts';
import { exitCodeOf, reportPlan } from './report.ts';
import { print, progress } from './terminal.ts';

export const PLAN_OPTIONS = [
  'output',
  'exit-code',
  ...REGISTRY_OPTIONS,
  ...LOG_OPTIONS,
] as const satisfies readonly OptionName[];

export async function plan(
  paths: readonly string[],
  config: Config<(typeof PLAN_OPTIONS)[number]>,
  env: Environment,
  signal: AbortSignal,
): Promise<ExitCode> {
  const finished = progress('Reading manifests and registries…');
  const oneShot = await planPaths(paths, config, env, signal).finally(finished);
  const report = oneShot.scrubber.clean(reportPlan(oneShot));
  await oneShot.close();
  print(renderPlan(report, config.output));
  return exitCodeOf(report, config['exit-code']);
}
