/** The product itself, started as its users start it. */
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Problem } from '../../api/listing.ts';
import type { StatusPage } from '../daemon/status-page.ts';
import { type Child, type Command, CommandFailed, run, startChild } from './child.ts';
import { childEnvironment } from './environment.ts';
import { SetupError } from './setup-error.ts';
import { readTail } from './tail.ts';
import { until, Waited } from './until.ts';

/** `dist/main.js` when built, `src/main.ts` when run from source. */
const MAIN = fileURLToPath(new URL(`../../main${extname(import.meta.filename)}`, import.meta.url));
const PRODUCT = [process.execPath, '--enable-source-maps', MAIN] as const;
const START_DEADLINE_MS = 60_000;

export interface ControllerOptions {
  readonly dir: string;
  readonly gitUrl: string;
  readonly registryUri: string;
  readonly port: number;
  readonly signal: AbortSignal;
}

export interface Controller {
  /** The address of `/status`, `/healthz` and `/metrics`. */
  readonly url: string;
  readonly logFile: string;
  readonly exited: Child['exited'];
  /** What it could not read in the manifests, as `/status` has it. */
  problems(signal: AbortSignal): Promise<readonly Problem[]>;
  stop(): Promise<void>;
}

/** The arguments of `modelpromotion` for a controller of the tour, a line each. */
export function controllerArguments({ dir, gitUrl, registryUri, port }: ControllerOptions): string[][] {
  return [
    ['run', '--source', 'git'],
    ['--git-url', gitUrl, '--git-interval', '1s'],
    ['--registry-uri', registryUri, '--sweep-interval', '1s'],
    ['--listen', `127.0.0.1:${port}`, '--cache-dir', join(dir, 'mirror')],
  ];
}

/** Resolves when the controller answers. It ends with `stop()`, with the signal, and with this process. */
export async function startController(options: ControllerOptions): Promise<Controller> {
  const url = `http://127.0.0.1:${options.port}`;
  const logFile = join(options.dir, 'controller.log');
  const command: Command = [...PRODUCT, ...controllerArguments(options).flat(), '--log-format', 'pretty'];
  const child = startChild(command, logFile, { env: childEnvironment(), signal: options.signal });
  try {
    await until(() => isHealthy(url, options.signal), {
      child,
      deadlineMs: START_DEADLINE_MS,
      signal: options.signal,
    });
  } catch (error) {
    await child.stop();
    if (!(error instanceof Waited)) throw error;
    const words = `The controller did not start: ${error.message}. The end of ${logFile}:`;
    throw new SetupError(`${words}\n${await readTail(logFile)}`, { cause: error });
  }
  return {
    url,
    logFile,
    exited: child.exited,
    problems: (signal) => problemsOf(url, signal),
    stop: () => child.stop(),
  };
}

async function problemsOf(url: string, signal: AbortSignal): Promise<readonly Problem[]> {
  const response = await fetch(`${url}/status`, { signal });
  const page: StatusPage = JSON.parse(await response.text());
  return page.source.problems;
}

async function isHealthy(url: string, signal: AbortSignal): Promise<boolean> {
  const response = await fetch(`${url}/healthz`, { signal });
  await response.body?.cancel();
  return response.ok;
}

export interface Ran {
  readonly exitCode: number;
  readonly output: string;
}

/** Runs one of the product's other commands to its end. */
export async function runProduct(
  args: readonly string[],
  options: { readonly cwd: string; readonly registryUri: string; readonly signal: AbortSignal },
): Promise<Ran> {
  const env = childEnvironment({ MLFLOW_TRACKING_URI: options.registryUri });
  try {
    const output = await run([...PRODUCT, ...args], { cwd: options.cwd, env, signal: options.signal });
    return { exitCode: 0, output };
  } catch (error) {
    if (error instanceof CommandFailed) return { exitCode: error.code, output: error.output };
    throw error;
  }
}
