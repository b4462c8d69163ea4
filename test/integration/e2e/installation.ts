/** What an operator sets up: a repository behind a git server that asks for passwords, secrets, and the daemon on top. */
import { randomUUID } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { startGitServer } from '../../../src/cli/quickstart/git-server.ts';
import { createRepo, temporaryFolder, type Change, type TestRepo } from '../../support/git-repo.ts';
import { sharedMlflow } from '../../support/mlflow.ts';
import { startDaemon, type Daemon, type Shown, type Variables } from '../../support/program.ts';

export const STATUS_BRANCH = 'modelpromotion/status';

export interface Installation extends AsyncDisposable {
  readonly folder: string;
  readonly repo: TestRepo;
  readonly gitUrl: string;
  /** Of the user `bot`, who may read and push, and whose credential is the secret `git`. */
  readonly password: string;
  readonly secretsDir: string;
  /** Commits on top of the watched branch. */
  commit(changes: Readonly<Record<string, Change>>, options?: { rewrite?: boolean }): Promise<string>;
  writeSecret(name: string, keys: Readonly<Record<string, string>>): Promise<void>;
  /** Starts the daemon with everything that it needs, and `args` on top. */
  start(args?: readonly string[], env?: Variables): Promise<Daemon>;
  /** The options that lead to the repository and its status branch. */
  gitOptions(secret?: string): string[];
  /** The status file of a promotion, as it stands on the status branch. */
  statusFile(key: string, installation?: string): Promise<Shown>;
  /** How many commits the status branch has. */
  statusCommits(): Promise<number>;
  /** Takes the repository away from the server; the result brings it back. */
  hideRepository(): Promise<() => Promise<void>>;
}

export async function install(registryUri: string | undefined = sharedMlflow()): Promise<Installation> {
  const folder = await temporaryFolder();
  const root = join(folder.path, 'served');
  const secretsDir = join(folder.path, 'secrets');
  const repo = await createRepo(join(root, 'models.git'));
  const [password, readerPassword] = [`canary-${randomUUID()}`, `canary-${randomUUID()}`];
  const server = await startGitServer({
    root,
    users: [
      { name: 'bot', password, access: 'write' },
      { name: 'reader', password: readerPassword, access: 'read' },
    ],
  });
  const gitUrl = `${server.url}/models.git`;
  const writeSecret = async (name: string, keys: Readonly<Record<string, string>>) => {
    await mkdir(join(secretsDir, name), { recursive: true });
    for (const [key, value] of Object.entries(keys)) await writeFile(join(secretsDir, name, key), value);
  };
  await writeSecret('git', { username: 'bot', password });
  await writeSecret('git-reader', { username: 'reader', password: readerPassword });
  const gitOptions = (secret = 'git') => [
    '--git-url',
    gitUrl,
    '--git-secret',
    secret,
    '--secrets-dir',
    secretsDir,
    '--cache-dir',
    join(folder.path, `cache-${randomUUID()}`),
  ];
  return {
    folder: folder.path,
    repo,
    gitUrl,
    password,
    secretsDir,
    writeSecret,
    gitOptions,
    commit: (changes, options) => repo.commit(changes, options),
    start: (args = [], env = {}) =>
      startDaemon(
        [
          '--source',
          'git',
          ...gitOptions(),
          '--git-interval',
          '300ms',
          '--sweep-interval',
          '1s',
          ...(registryUri === undefined ? [] : ['--registry-uri', registryUri]),
          ...args,
        ],
        env,
      ),
    statusFile: async (key, installation = 'default') =>
      parse(await repo.show(STATUS_BRANCH, `${installation}/${key}.yaml`)) as Shown,
    statusCommits: async () => Number(await repo.git('rev-list', '--count', STATUS_BRANCH).catch(() => '0')),
    async hideRepository() {
      await rename(repo.directory, `${repo.directory}.away`);
      return () => rename(`${repo.directory}.away`, repo.directory);
    },
    async [Symbol.asyncDispose]() {
      await server.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** A ModelPromotion as YAML. `key` is a name, or namespace/name. */
export function promotion(key: string, spec: object): string {
  return manifest('ModelPromotion', key, spec);
}

export function registry(key: string, spec: object): string {
  return manifest('ModelRegistry', key, spec);
}

function manifest(kind: string, key: string, spec: object): string {
  const [name = '', namespace] = key.split('/').toReversed();
  const metadata = { name, ...(namespace !== undefined && { namespace }) };
  return stringify({ apiVersion: 'modelpromotion.dev/v1alpha1', kind, metadata, spec });
}
