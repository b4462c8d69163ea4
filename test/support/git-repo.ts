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

/** By path; a map where a path is not text. */
type Changes = Readonly<Record<string, Change>> | ReadonlyMap<string | Uint8Array, Change>;

export interface TestRepo {
  /** The bare repository on disk. */
  readonly directory: string;
  /** Commits on top of `branch` (default `main`), made when it is not there, and gives the commit's sha. */
  commit(changes: Changes, options?: CommitOptions): Promise<string>;
  /** The sha a branch points at, or undefined. */
  tip(branch?: string): Promise<string | undefined>;
  deleteBranch(branch?: string): Promise<void>;
  /** The text of a file in a revision. */
  show(revision: string, path: string): Promise<string>;
  /** Plain git inside the repository; gives what it printed. */
  git(...argv: string[]): Promise<string>;
}

interface CommitOptions {
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
  changes: Changes,
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
  changes: Changes,
  git: (argv: string[], input?: string | Uint8Array) => Promise<string>,
  before: string | undefined,
): Promise<Buffer> {
  const stored = new Map<string | Uint8Array, Promise<string>>();
  const blob = (content: string | Uint8Array) => {
    const pending = stored.get(content) ?? git(['hash-object', '-w', '--stdin'], content);
    stored.set(content, pending);
    return pending;
  };
  const lines: Buffer[] = [];
  for (const [path, change] of changes instanceof Map ? changes : Object.entries(changes)) {
    const entry = await indexEntry(change, blob, '0'.repeat(before?.length ?? 40));
    lines.push(Buffer.from(`${entry}\t`), Buffer.from(path), Buffer.from([0]));
  }
  return Buffer.concat(lines);
}

async function indexEntry(
  change: Change,
  blob: (content: string | Uint8Array) => Promise<string>,
  nothing: string,
): Promise<string> {
  if (change === null) return `0 ${nothing}`;
  if (typeof change === 'string' || change instanceof Uint8Array) return `100644 ${await blob(change)}`;
  if ('symlink' in change) return `120000 ${await blob(change.symlink)}`;
  return `160000 ${change.submodule}`;
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
