/** What measurements share: servers that are started when one is needed first, folders, words on the way. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startMlflowOn, type MlflowProcess } from '../support/mlflow-server.ts';
import { findPostgres, startPostgres, type Postgres } from '../support/postgres.ts';

export const SERVERS = {
  sqlite: { words: 'default server (4 workers), SQLite', workers: 4 },
  postgres: { words: 'default server (4 workers), PostgreSQL', workers: 4 },
  'one-worker': { words: 'one worker, SQLite', workers: 1 },
} as const;
export type ServerKind = keyof typeof SERVERS;

export interface Context {
  /** Smaller, and not for publication. */
  readonly quick: boolean;
  /** How often each contender has its turn. */
  readonly rounds: number;
  /** Where CPU profiles of the daemon go, if they are wanted. */
  readonly profiles: string | undefined;
  /** Undefined where this machine has no PostgreSQL. */
  server(kind: ServerKind): Promise<MlflowProcess | undefined>;
  /** Versions of what was started. */
  versions(): readonly string[];
  /** A new folder, gone at the end. */
  folder(): Promise<string>;
  say(line: string): void;
}

export interface OpenContext extends Context {
  close(): Promise<void>;
}

export async function openContext(
  options: Pick<Context, 'quick' | 'rounds' | 'profiles'>,
): Promise<OpenContext> {
  const root = await mkdtemp(join(tmpdir(), 'modelpromotion-bench-'));
  // PostgreSQL runs as another user than root.
  await chmod(root, 0o755);
  const ending = new AbortController();
  const { signal } = ending;
  const servers = new Map<ServerKind, Promise<MlflowProcess | undefined>>();
  const versions: string[] = [];
  let postgres: Postgres | undefined;
  const say = (line: string): void => void process.stderr.write(`${line}\n`);

  const start = async (kind: ServerKind): Promise<MlflowProcess | undefined> => {
    const dir = join(root, kind);
    const { words, workers } = SERVERS[kind];
    say(`starting MLflow: ${words}`);
    if (kind !== 'postgres') {
      return startMlflowOn({ dir, workers, database: `sqlite:///${join(dir, 'mlflow.db')}`, signal });
    }
    const installation = await findPostgres();
    if (installation === undefined) {
      say('SKIPPED: there is no PostgreSQL on this machine');
      return undefined;
    }
    postgres = await startPostgres(installation, { dir: join(root, 'data'), signal });
    versions.push(postgres.version);
    return startMlflowOn({ dir, workers, database: postgres.uri, signal });
  };

  return {
    ...options,
    say,
    versions: () => versions,
    folder: () => mkdtemp(join(root, 'work-')),
    server(kind) {
      const known = servers.get(kind) ?? start(kind);
      servers.set(kind, known);
      return known;
    },
    async close() {
      const started = await Promise.allSettled(servers.values());
      for (const one of started) if (one.status === 'fulfilled') await one.value?.stop();
      await postgres?.stop();
      ending.abort();
      await rm(root, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
