/** Installs MLflow and scikit-learn from PyPI, once, into a folder of the cache. */
import { createHash } from 'node:crypto';
import { access, constants, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ChildOptions, CommandFailed, run } from './child.ts';
import { childEnvironment } from './environment.ts';
import { withFileLock } from './file-lock.ts';
import { findPython } from './python.ts';
import { SetupError } from './setup-error.ts';
import { indented } from './tail.ts';

export const MLFLOW_VERSION = '3.17.2';

export const QUICKSTART_FILES = fileURLToPath(new URL('../../../examples/quickstart/', import.meta.url));

const REQUIREMENTS = join(QUICKSTART_FILES, 'requirements.txt');

export interface InstallOptions {
  /** Default: `.cache` in the working directory. */
  readonly cacheDir?: string;
  readonly signal: AbortSignal;
  /** Told what is being done while it takes more than a second. */
  readonly report?: (line: string) => void;
}

export interface MlflowInstall {
  /** The Python of the virtual environment. */
  readonly python: string;
  /** A SQLite database that has every table of this MLflow, to be copied. */
  readonly database: string;
}

interface Installation extends MlflowInstall {
  readonly folder: string;
  readonly environment: string;
  /** Written last: an installation without it, or with another text in it, is made again. */
  readonly marker: string;
}

/**
 * Resolves at once when the installation is there and complete. Only one process installs at a time; the others wait.
 * @throws SetupError when this machine lacks what it takes.
 */
export async function installMlflow(options: InstallOptions): Promise<MlflowInstall> {
  const installation = locate(resolve(options.cacheDir ?? '.cache', `mlflow-${MLFLOW_VERSION}`));
  const wanted = createHash('sha256')
    .update(await readFile(REQUIREMENTS))
    .digest('hex');
  if (await isComplete(installation, wanted)) return installation;

  const report = options.report ?? (() => {});
  const python = await findPython(options.signal);
  await mkdir(dirname(installation.folder), { recursive: true });
  const onWait = () => report(`Another process is installing MLflow ${MLFLOW_VERSION}; waiting for it`);
  await withFileLock(
    `${installation.folder}.lock`,
    { python, signal: options.signal, onWait },
    async (lock) => {
      if (await isComplete(installation, wanted)) return;
      await install(installation, python, { signal: options.signal, report, lock });
      await writeFile(installation.marker, wanted);
    },
  );
  return installation;
}

function locate(folder: string): Installation {
  const environment = join(folder, 'venv');
  return {
    folder,
    environment,
    python: join(environment, 'bin', 'python'),
    database: join(folder, 'template.db'),
    marker: join(folder, 'complete'),
  };
}

async function isComplete({ marker, python, database }: Installation, wanted: string): Promise<boolean> {
  try {
    await access(python, constants.X_OK);
    await access(database);
    return (await readFile(marker, 'utf8')) === wanted;
  } catch {
    return false;
  }
}

interface Steps {
  readonly signal: AbortSignal;
  readonly report: (line: string) => void;
  readonly lock: number;
}

/** Leaves nothing behind when it does not get to the end. */
async function install(to: Installation, python: string, steps: Steps): Promise<void> {
  await rm(to.folder, { recursive: true, force: true, maxRetries: 5 });
  await mkdir(to.folder);
  try {
    await fill(to, python, steps);
  } catch (error) {
    await rm(to.folder, { recursive: true, force: true, maxRetries: 5 });
    throw error;
  }
}

async function fill(to: Installation, python: string, { signal, report, lock }: Steps): Promise<void> {
  const options = { env: childEnvironment(), signal, keepOpen: lock, cwd: to.folder };
  const where = relative(process.cwd(), to.folder);
  report(
    `Installing MLflow ${MLFLOW_VERSION} and scikit-learn into ${where} (once, about 850 MB and a minute or two)`,
  );
  await run([python, '-m', 'venv', to.environment], options);
  await pipInstall(to.python, options, report);

  report('Preparing an empty MLflow database');
  await run([to.python, '-c', CREATE_DATABASE, `sqlite:///${to.database}`], options);
}

const CREATE_DATABASE = `
import sys
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
SqlAlchemyStore(sys.argv[1], "mlflow-artifacts:/")
`;

const PIP_INSTALL = ['-m', 'pip', 'install', '--no-deps', '--progress-bar', 'off', '-r', REQUIREMENTS];
const PACKAGES_A_LINE = 25;

async function pipInstall(
  python: string,
  options: ChildOptions,
  report: (line: string) => void,
): Promise<void> {
  let packages = 0;
  const onLine = (line: string) => {
    if (line.startsWith('Collecting ') && ++packages % PACKAGES_A_LINE === 0) {
      report(`Downloading: ${packages} packages so far`);
    }
    if (line.startsWith('Installing collected packages')) report(`Unpacking ${packages} packages`);
  };
  try {
    await run([python, ...PIP_INSTALL], options, onLine);
  } catch (error) {
    throw error instanceof CommandFailed ? pipFailed(error) : error;
  }
}

const NO_NETWORK = /(Failed to establish a new connection|NameResolutionError|timed out|ProxyError)[^')]*/i;

function pipFailed(error: CommandFailed): SetupError {
  const [noNetwork] = NO_NETWORK.exec(error.output) ?? [];
  const advice =
    noNetwork === undefined
      ? `pip could not install MLflow:\n${indented(error.output, 8)}`
      : `The Python package index cannot be reached (${noNetwork}). Check the network, or the proxy and index that pip is set to, and start again.`;
  return new SetupError(advice, { cause: error });
}
