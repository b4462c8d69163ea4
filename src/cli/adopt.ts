/** `modelpromotion adopt`: takes what is as declared already under control, with tags and nothing else. */
import type { Problem } from '../api/listing.ts';
import { OPTIONS, type Config, type Environment, type OptionName } from '../config.ts';
import type { Adoption, Held } from '../domain/adopt.ts';
import type { Obstacle } from '../domain/plan.ts';
import { adopt, adoptionOf } from '../reconcile/adopt.ts';
import type { PassInput } from '../reconcile/pass.ts';
import { wordsOf } from '../runtime/failure.ts';
import { Limiter } from '../runtime/limiter.ts';
import { sleep } from '../runtime/time.ts';
import { ask } from './ask.ts';
import { LOG_OPTIONS, REGISTRY_OPTIONS } from './assembly.ts';
import { EXIT, worst, type ExitCode } from './exit.ts';
import { planPaths, type Planned } from './oneshot.ts';
import { renderAdoptions } from './render/adopt.ts';
import { exitCodeOfObstacle } from './report.ts';
import { print, progress } from './terminal.ts';

export const ADOPT_OPTIONS = [
  'yes',
  'output',
  ...REGISTRY_OPTIONS,
  ...LOG_OPTIONS,
] as const satisfies readonly OptionName[];

export interface AdoptionReport {
  readonly promotion: string;
  readonly model: string;
  readonly file: string | undefined;
  /** Adoptable before it is done, Adopted after; Unchanged where all was ours already. */
  readonly state: 'Adoptable' | 'Adopted' | 'Unchanged' | 'Suspended' | 'Refused' | 'Failed';
  readonly targets: readonly Held[];
  /** Tags that are to be set, or were. */
  readonly tags: readonly { readonly version: string | undefined; readonly key: string }[];
  readonly differences: readonly string[];
  readonly obstacle: Obstacle | undefined;
}

export interface AdoptionReports {
  readonly promotions: readonly AdoptionReport[];
  readonly problems: readonly Problem[];
}

export async function adoptPaths(
  paths: readonly string[],
  config: Config<(typeof ADOPT_OPTIONS)[number]>,
  env: Environment,
  signal: AbortSignal,
): Promise<ExitCode> {
  const finished = progress('Reading manifests and registries…');
  const oneShot = await planPaths(paths, config, env, signal).finally(finished);
  const { promotions, listing, scrubber } = oneShot;
  const render = (reports: readonly AdoptionReport[], done: boolean, format = config.output): string =>
    renderAdoptions(scrubber.clean({ promotions: reports, problems: listing.problems }), format, done);
  try {
    const before = promotions.map(reportPlanned);
    if (before.some(({ state }) => state === 'Adoptable')) {
      if (config.output === 'table') print(render(before, false));
      const question = { command: 'adopt', text: 'Set these tags?', yes: config.yes };
      const shown = config.output === 'table' ? undefined : render(before, false, 'table');
      const refusal = await ask({ ...question, shown }, signal);
      if (refusal !== undefined) return refusal;
    }
    const after = await carryOut(promotions, before, signal);
    print(render(after, true));
    return worst([
      ...(listing.problems.length > 0 ? [EXIT.invalid] : []),
      ...after.flatMap(({ obstacle }) =>
        obstacle === undefined ? [] : [EXIT.blocked, exitCodeOfObstacle(obstacle)],
      ),
    ]);
  } finally {
    await oneShot.close();
  }
}

/** Not all at once: what was read of a model must be fresh when it is written to. */
function carryOut(
  promotions: readonly Planned[],
  before: readonly AdoptionReport[],
  signal: AbortSignal,
): Promise<AdoptionReport[]> {
  const limiter = new Limiter(OPTIONS.workers.default);
  return Promise.all(
    promotions.map(async (planned, index) => {
      const report = before[index] ?? reportPlanned(planned);
      if (planned.kind !== 'planned' || report.state !== 'Adoptable') return report;
      return limiter
        .run(() => adoptOne(planned.input, report, signal), signal)
        .catch((error: unknown): AdoptionReport => {
          const message = `${wordsOf(error)}; run adopt again`;
          return { ...report, state: 'Failed', obstacle: { reason: 'ProgressingWithRetry', message } };
        });
    }),
  );
}

async function adoptOne(
  input: PassInput,
  report: AdoptionReport,
  signal: AbortSignal,
): Promise<AdoptionReport> {
  const attempt = await adopt(input, { fence: () => !signal.aborted, now: Date.now, sleep }, signal);
  const { left, failure } = attempt;
  const tags = left.map(({ version, key }) => ({ version, key }));
  if (failure !== undefined) return { ...report, tags, state: 'Failed', obstacle: failure };
  const now = reportAdoption(report, attempt.adoption);
  return { ...now, tags, state: now.state === 'Adoptable' ? 'Adopted' : now.state };
}

function reportPlanned(planned: Planned): AdoptionReport {
  const { promotion, location } = planned.entry;
  const common = { promotion: promotion.key, model: promotion.model, file: location?.file };
  if (planned.kind === 'planned')
    return reportAdoption(common, adoptionOf(planned.input, planned.pass, Date.now()));
  const { finding } = planned;
  const obstacle = finding.kind === 'Obstructed' ? finding.obstacle : undefined;
  return { ...common, ...NOTHING, state: 'Refused', obstacle };
}

const NOTHING = { targets: [], tags: [], differences: [], obstacle: undefined } as const;

function reportAdoption(
  { promotion, model, file }: Pick<AdoptionReport, 'promotion' | 'model' | 'file'>,
  adoption: Adoption,
): AdoptionReport {
  const common = { promotion, model, file, ...NOTHING };
  switch (adoption.kind) {
    case 'Suspended':
      return { ...common, state: 'Suspended' };
    case 'Refused':
      return {
        ...common,
        state: 'Refused',
        differences: adoption.differences,
        obstacle: adoption.obstacle,
      };
    case 'Adoptable':
      return {
        ...common,
        state: adoption.marks.length === 0 ? 'Unchanged' : 'Adoptable',
        targets: adoption.targets,
        tags: adoption.marks.map(({ version, key }) => ({ version, key })),
      };
    default:
      return adoption satisfies never;
  }
}
