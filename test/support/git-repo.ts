/** Bare repositories with commits, made with plain git and nothing of the developer's own configuration. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const AUTHOR = { name: 'Ada Reviewer', email: 'ada@example.com' };

const ENVIRONMENT = {
  PATH: process.env['PATH'] ?? '/usr/bin:/bin',
  HOME: '/nonexistent',
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: AUTHOR.name,
  GIT_AUTHOR_EMAIL: AUTHOR.email,
  GIT_COMMITTER_NAME: AUTHOR.name,
  GIT_COMMITTER_EMAIL: AUTHOR.email,
};

/** What a commit changes: text or bytes to write, null to remove, or an entry that is not a file. */
export type Change =
  string | Uint8Array | null | { readonly symlink: string } | { readonly submodule: string };

export interface TestRepo {
  /** The bare repository on disk. */
  readonly directory: string;
  /** Commits on top of `branch` (default `main`), made when it is not there, and gives the commit's sha. */
  commit(changes: Readonly<Record<string, Change>>, options?: CommitOptions): Promise<string>;
  /** The sha a branch points at, or undefined. */
  tip(branch?: string): Promise<string | undefined>;
  deleteBranch(branch?: string): Promise<void>;
  /** The text of a file in a revision. */
  show(revision: string, path: string): Promise<string>;
  /** Plain git inside the repository; gives what it printed. */
  git(...argv: string[]): Promise<string>;
}

export interface CommitOptions {
  readonly branch?: string;
  readonly message?: string;
  /** Replaces the history of the branch by this one commit, as after `git push --force`. */
  readonly rewrite?: boolean;
}

/** A folder that disappears with `using`/`await using`. */
export async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'modelpromotion-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}

/** An empty bare repository, `main` its default branch. */
export async function createRepo(
  directory: string,
  objectFormat: 'sha1' | 'sha256' = 'sha1',
): Promise<TestRepo> {
  await mkdir(directory, { recursive: true });
  await plainGit([
    'init',
    '--quiet',
    '--bare',
    '--initial-branch=main',
    `--object-format=${objectFormat}`,
    directory,
  ]);
  return openRepo(directory);
}

export function openRepo(directory: string): TestRepo {
  const git = (...argv: string[]) => plainGit([`--git-dir=${directory}`, ...argv]);
  const tip = (branch = 'main') =>
    git('rev-parse', '--verify', '--quiet', `refs/heads/${branch}`).catch(() => undefined);
  return {
    directory,
    git,
    tip,
    commit: (changes, options = {}) => commit(directory, changes, options, tip),
    deleteBranch: async (branch = 'main') => void (await git('update-ref', '-d', `refs/heads/${branch}`)),
    show: (revision, path) => git('show', `${revision}:${path}`),
  };
}

async function commit(
  directory: string,
  changes: Readonly<Record<string, Change>>,
  { branch = 'main', message = 'Change the models', rewrite = false }: CommitOptions,
  tip: (branch: string) => Promise<string | undefined>,
): Promise<string> {
  const index = join(directory, `index-${crypto.randomUUID()}`);
  const git = (argv: string[], input?: string | Uint8Array) =>
    plainGit([`--git-dir=${directory}`, ...argv], input, { GIT_INDEX_FILE: index });
  const before = await tip(branch);
  if (before !== undefined && !rewrite) await git(['read-tree', before]);
  await git(['update-index', '-z', '--index-info'], await indexInfo(changes, git, before));
  const tree = await git(['write-tree']);
  const parents = before !== undefined && !rewrite ? ['-p', before] : [];
  const sha = await git(['commit-tree', tree, ...parents, '-m', message]);
  await git(['update-ref', `refs/heads/${branch}`, sha]);
  await rm(index, { force: true });
  return sha;
}

async function indexInfo(
  changes: Readonly<Record<string, Change>>,
  git: (argv: string[], input?: string | Uint8Array) => Promise<string>,
  before: string | undefined,
): Promise<string> {
  const blob = (content: string | Uint8Array) => git(['hash-object', '-w', '--stdin'], content);
  let lines = '';
  for (const [path, change] of Object.entries(changes)) {
    if (change === null) lines += `0 ${'0'.repeat(before?.length ?? 40)}\t${path}\0`;
    else if (typeof change === 'string' || change instanceof Uint8Array) {
      lines += `100644 ${await blob(change)}\t${path}\0`;
    } else if ('symlink' in change) lines += `120000 ${await blob(change.symlink)}\t${path}\0`;
    else lines += `160000 ${change.submodule}\t${path}\0`;
  }
  return lines;
}

async function plainGit(
  argv: readonly string[],
  input?: string | Uint8Array,
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const pending = run('git', argv, { env: { ...ENVIRONMENT, ...environment }, maxBuffer: 64 * 1024 * 1024 });
  pending.child.stdin?.end(input);
  return (await pending).stdout.trimEnd();
}
