/** MLflow servers of other shapes than the shared one: more workers, PostgreSQL. */
import { access, chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { run, startChild } from '../../src/cli/quickstart/child.ts';
import { childEnvironment } from '../../src/cli/quickstart/environment.ts';
import { installMlflow } from '../../src/cli/quickstart/install.ts';
import { freePort } from '../../src/cli/quickstart/port.ts';
import { readTail } from '../../src/cli/quickstart/tail.ts';
import { until } from '../../src/cli/quickstart/until.ts';
import { startPostgres } from './postgres.ts';

/** MLflow 3.17.2 speaks to PostgreSQL through this; nothing else of ours needs it. */
const DRIVER = 'psycopg2-binary==2.9.13';
const START_DEADLINE_MS = 180_000;

export interface ServerOptions {
  readonly dir: string;
  readonly workers: number;
  /** As MLflow's `--backend-store-uri`. */
  readonly database: string;
  readonly signal: AbortSignal;
}

export interface MlflowProcess {
  readonly url: string;
  /** The Python that runs it, and what that must be started with to reach the database. */
  readonly python: string;
  readonly env: Readonly<Record<string, string>>;
  readonly database: string;
  readonly logFile: string;
  stop(): Promise<void>;
}

/** Starts `mlflow server` and resolves when it answers. */
export async function startMlflowOn(options: ServerOptions): Promise<MlflowProcess> {
  const { dir, workers, database, signal } = options;
  const report = (line: string): unknown => process.stderr.write(`${line}\n`);
  const { python } = await installMlflow({ signal, report });
  const env = database.startsWith('postgresql')
    ? { PYTHONPATH: await installBeside(python, DRIVER, ['--no-deps'], signal) }
    : {};
  await mkdir(dir, { recursive: true });
  const port = await freePort();
  const logFile = join(dir, 'mlflow.log');
  const place = ['--host', '127.0.0.1', '--port', String(port), '--workers', String(workers)];
  const stores = ['--backend-store-uri', database, '--artifacts-destination', resolve(dir, 'artifacts')];
  const server = startChild([python, '-m', 'mlflow', 'server', ...place, ...stores], logFile, {
    cwd: dir,
    env: childEnvironment({ MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false', ...env }),
    signal,
  });
  const url = `http://127.0.0.1:${port}`;
  try {
    await until(() => answers(url), { child: server, deadlineMs: START_DEADLINE_MS, signal });
  } catch (error) {
    await server.stop();
    throw new Error(`MLflow did not start on ${database}:\n${await readTail(logFile)}`, { cause: error });
  }
  return { url, python, env, database, logFile, stop: () => server.stop() };
}

/** On an empty PostgreSQL of its own, which ends with it. */
export async function startMlflowOnPostgres(
  installation: string,
  { workers, signal }: Pick<ServerOptions, 'workers' | 'signal'>,
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), 'modelpromotion-postgres-'));
  // PostgreSQL may run as another user than we.
  await chmod(root, 0o755);
  const postgres = await startPostgres(installation, { dir: join(root, 'data'), signal, durable: false });
  const stop = async (server?: MlflowProcess): Promise<void> => {
    await server?.stop();
    await postgres.stop();
    await rm(root, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const server = await startMlflowOn({
      dir: join(root, 'mlflow'),
      workers,
      database: postgres.uri,
      signal,
    });
    return { url: server.url, stop: () => stop(server) };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(`${url}/health`);
  await response.body?.cancel();
  return response.ok;
}

/** Beside MLflow's own installation, which stays as it is. Resolves with the folder to import from. */
export async function installBeside(
  python: string,
  requirement: string,
  more: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const folder = resolve('.cache', requirement.replace('==', '-'));
  const complete = join(folder, 'complete');
  const installed = await access(complete).then(
    () => true,
    () => false,
  );
  if (installed) return folder;
  process.stderr.write(`Installing ${requirement} into ${relative(process.cwd(), folder)}\n`);
  const pip = ['-m', 'pip', 'install', '--quiet', '--only-binary', ':all:', ...more];
  await rm(folder, { recursive: true, force: true });
  await run([python, ...pip, '--target', folder, requirement], { env: childEnvironment(), signal });
  await writeFile(complete, '');
  return folder;
}
