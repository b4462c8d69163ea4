/** `modelpromotion quickstart`: the whole loop on one machine, against real servers. */
import { join, relative } from 'node:path';
import { EXIT, type ExitCode } from '../exit.ts';
import { Guide } from './guide.ts';
import { openPlayground, type Playground, type Ports } from './playground.ts';
import { describeHoldings, holdingsOf, type RegisteredVersion } from './registry.ts';
import { type Output, Screen } from './screen.ts';
import { SetupError } from './setup-error.ts';
import { StepFailed } from './step-failed.ts';
import { type Step, STEPS } from './steps.ts';
import { MODEL } from './subject.ts';
import { readTail } from './tail.ts';
import { until, Waited } from './until.ts';

const STEP_DEADLINE_MS = 60_000;

export interface QuickstartOptions {
  /** Where MLflow is installed. Default: `.cache` in the working directory. */
  readonly cacheDir?: string;
  /** Where everything else goes; emptied at the start. Default: `quickstart` in the cache. */
  readonly dir?: string;
  readonly ports?: Ports;
  /** Whether servers stay up after the tour. Default: only on a terminal. */
  readonly stay?: boolean;
  /** Default: standard output. */
  readonly out?: Output;
  readonly signal: AbortSignal;
}

/**
 * Walks the tour and resolves with the exit code: 0 when every step came true, 1 when not, 130 when stopped on the way.
 * Nothing is left running when it resolves.
 */
export async function quickstart(options: QuickstartOptions): Promise<ExitCode> {
  const screen = new Screen(options.out ?? process.stdout);
  try {
    await using owner = new AsyncDisposableStack();
    return await present(options, screen, owner);
  } catch (error) {
    if (options.signal.aborted) {
      screen.heading('Stopped. Nothing is left running.');
      return EXIT.interrupted;
    }
    if (!(error instanceof SetupError)) throw error;
    screen.heading('The quickstart cannot go on');
    screen.text(error.message);
    return EXIT.failed;
  }
}

async function present(
  options: QuickstartOptions,
  screen: Screen,
  owner: AsyncDisposableStack,
): Promise<ExitCode> {
  const { cacheDir = '.cache', dir = join(cacheDir, 'quickstart'), ports = {}, signal } = options;
  screen.heading('modelpromotion quickstart');
  screen.text(
    'A real MLflow, a git repository, and the controller between them, all on this machine. Ctrl-C ends it.',
  );
  screen.heading('Setting up');
  const playground = await openPlayground({ cacheDir, dir, ports, signal }, screen, owner);
  const scene = { playground, screen, signal, guide: new Guide(playground, screen, signal) };
  await scene.guide.introduce();

  if (!(await walk(scene))) return EXIT.failed;
  if (options.stay ?? screen.isTerminal) return stay(playground, screen, signal);
  return EXIT.done;
}

interface Scene {
  readonly playground: Playground;
  readonly guide: Guide;
  readonly screen: Screen;
  readonly signal: AbortSignal;
}

/** False when a step did not come true, which is then told. */
async function walk(scene: Scene): Promise<boolean> {
  const { screen, playground } = scene;
  const started = performance.now();
  for (const [index, step] of STEPS.entries()) {
    screen.heading(`${index + 1}  ${step.title}`);
    screen.text(step.story);
    try {
      await take(step, scene);
    } catch (error) {
      if (!(error instanceof StepFailed)) throw error;
      await tellFailure(index + 1, error, playground, screen);
      return false;
    }
  }
  screen.heading(`All ${STEPS.length} steps came true in ${seconds(started)}.`);
  return true;
}

/** @throws StepFailed */
async function take(step: Step, { playground, guide, screen, signal }: Scene): Promise<void> {
  await step.act(guide);
  const acted = performance.now();
  const versions = await screen.busy('waiting for MLflow to say so', comesTrue(step, playground, signal));
  guide.show(versions, `, ${seconds(acted)} later`);
  await step.inspect?.(guide);
}

/** Resolves with what MLflow holds as soon as that is what the step expects. @throws StepFailed */
async function comesTrue(
  { expected }: Step,
  { registry, controller }: Playground,
  signal: AbortSignal,
): Promise<RegisteredVersion[]> {
  let seen: RegisteredVersion[] = [];
  const wanted = describeHoldings(expected);
  const isTrue = async () => {
    seen = await registry.versions(MODEL);
    return describeHoldings(holdingsOf(seen)) === wanted;
  };
  try {
    await until(isTrue, { child: controller, deadlineMs: STEP_DEADLINE_MS, signal });
  } catch (error) {
    if (!(error instanceof Waited)) throw error;
    const found = describeHoldings(holdingsOf(seen));
    throw new StepFailed({ expected: wanted, seen: `${found} (${error.message})` }, { cause: error });
  }
  return seen;
}

async function tellFailure(
  number: number,
  { expected, seen }: StepFailed,
  { controller }: Playground,
  screen: Screen,
): Promise<void> {
  screen.heading(`Step ${number} did not come true.`);
  screen.fact('Expected', expected);
  screen.fact('Seen', seen);
  screen.text(`The end of ${relative('', controller.logFile)}:`);
  screen.aside(await readTail(controller.logFile));
}

/** Keeps everything up until the signal comes, or something ends by itself. */
async function stay(playground: Playground, screen: Screen, signal: AbortSignal): Promise<ExitCode> {
  farewell(playground, screen);
  const stopped = new Promise<ExitCode>((resolve) => {
    const stop = () => resolve(EXIT.done);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
  });
  const broken = playground.controller.exited.then(() => (signal.aborted ? EXIT.done : EXIT.failed));
  const code = await Promise.race([stopped, broken]);
  screen.heading(
    code === EXIT.done
      ? 'Stopping.'
      : `The controller ended by itself; its log is ${playground.controller.logFile}.`,
  );
  return code;
}

function farewell({ mlflow, controller, gitUrl, clone }: Playground, screen: Screen): void {
  const folder = relative('', clone.directory);
  screen.text('Everything stays up until Ctrl-C.');
  screen.blank();
  screen.fact('MLflow', `${mlflow.url}/#/models/${MODEL}`);
  screen.fact('Status', `${controller.url}/status`);
  screen.fact('Repository', `${gitUrl}, cloned at ${folder}`);
  screen.fact('Log', relative('', controller.logFile));
  screen.heading('What to try next');
  screen.text(
    `Put the quotes into ${folder}/customer-churn-canary.yaml, commit and push: the alias canary appears.`,
  );
  screen.text('Move a stage or an alias in MLflow, and watch it go back.');
  screen.text(`Ask the controller: npx modelpromotion status --server ${controller.url}`);
  screen.text('Set drift: Report in customer-churn.yaml, do it again, and look at the status.');
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1_000).toFixed(1)} s`;
}
