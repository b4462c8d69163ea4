/** A real MLflow server on loopback, for the quickstart and the tests. */
import { randomBytes } from 'node:crypto';
import { constants, copyFile, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Child, type Command, startChild } from './child.ts';
import { childEnvironment } from './environment.ts';
import { type InstallOptions, installMlflow, MLFLOW_VERSION } from './install.ts';
import { claimPort, freePort } from './port.ts';
import { SetupError } from './setup-error.ts';
import { readTail } from './tail.ts';
import { until, Waited } from './until.ts';

export interface MlflowOptions extends InstallOptions {
  /** Holds the database, the artifacts and the log. A database that is there already is kept. */
  readonly dir: string;
  /** Default 1, which starts fastest. */
  readonly workers?: number;
  /** Default: any free port. */
  readonly port?: number;
  /** Starts MLflow with basic authentication and its user `admin`. MLflow wants at least 12 characters. */
  readonly basicAuth?: { readonly adminPassword: string };
  /** More environment variables for the server. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface MlflowServer {
  /** Without a slash at the end. */
  readonly url: string;
  readonly logFile: string;
  /** Resolves when no process of the server is left. */
  stop(): Promise<void>;
}

const START_DEADLINE_MS = 120_000;

/**
 * Installs MLflow where needed, starts it on SQLite and resolves when it answers. It ends with `stop()`, with the
 * signal, and with this process, however that ends.
 * @throws SetupError when it cannot be installed, the port is taken or the server does not come up.
 */
export async function startMlflow(options: MlflowOptions): Promise<MlflowServer> {
  const { python, database } = await installMlflow(options);
  await mkdir(options.dir, { recursive: true });
  await copyUnlessThere(database, join(options.dir, 'mlflow.db'));
  const port = options.port === undefined ? await freePort() : await claimPort(options.port, 'MLflow');

  const logFile = join(options.dir, 'mlflow.log');
  const child = startChild(serverCommand(python, port, options), logFile, {
    cwd: options.dir,
    env: childEnvironment(serverEnvironment(options)),
    signal: options.signal,
  });
  const url = `http://127.0.0.1:${port}`;
  try {
    await healthy(url, child, logFile, options.signal);
  } catch (error) {
    await child.stop();
    throw error;
  }
  return { url, logFile, stop: () => child.stop() };
}

async function copyUnlessThere(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

function serverCommand(
  python: string,
  port: number,
  { dir, workers = 1, basicAuth }: MlflowOptions,
): Command {
  const address = ['--host', '127.0.0.1', '--port', String(port)];
  const database = ['--backend-store-uri', `sqlite:///${resolve(dir, 'mlflow.db')}`];
  const artifacts = ['--artifacts-destination', resolve(dir, 'artifacts')];
  const auth = basicAuth === undefined ? [] : ['--app-name', 'basic-auth'];
  return [
    python,
    '-m',
    'mlflow',
    'server',
    ...address,
    '--workers',
    String(workers),
    ...database,
    ...artifacts,
    ...auth,
  ];
}

function serverEnvironment({ basicAuth, env }: MlflowOptions): Record<string, string> {
  return {
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
    ...(basicAuth !== undefined && {
      MLFLOW_FLASK_SERVER_SECRET_KEY: randomBytes(16).toString('hex'),
      MLFLOW_AUTH_ADMIN_PASSWORD: basicAuth.adminPassword,
    }),
    ...env,
  };
}

async function healthy(url: string, child: Child, logFile: string, signal: AbortSignal): Promise<void> {
  try {
    await until(() => answers(url, signal), { child, deadlineMs: START_DEADLINE_MS, signal });
  } catch (error) {
    if (!(error instanceof Waited)) throw error;
    const words = `MLflow ${MLFLOW_VERSION} did not start: ${error.message}. The end of ${logFile}:`;
    throw new SetupError(`${words}\n${await readTail(logFile)}`, { cause: error });
  }
}

async function answers(url: string, signal: AbortSignal): Promise<boolean> {
  const response = await fetch(`${url}/health`, { signal });
  await response.body?.cancel();
  return response.ok;
}
