/** Builds a commit inside a bare repository with git's plumbing: no checkout, no hooks, no filters. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { localGit, runGit } from './door.ts';

export interface Identity {
  readonly name: string;
  readonly email: string;
}

export interface CommitOptions {
  /** Undefined for the first commit of a branch. */
  readonly parent: string | undefined;
  /** Text to write and null to remove, by path from the root. Paths must be plain: they are not checked here. */
  readonly changes: ReadonlyMap<string, string | null>;
  /** Of files that are not plain ones, by path: `100755`. */
  readonly modes?: ReadonlyMap<string, string>;
  readonly message: string;
  readonly identity: Identity;
}

/**
 * Gives the sha of a commit with the changes on top of the parent, or undefined when they change nothing.
 * @throws GitExitError when the repository lacks the parent or is damaged.
 */
export async function commitChanges(
  gitDir: string,
  options: CommitOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { parent, changes } = options;
  if (parent === undefined && [...changes.values()].every((text) => text === null)) return undefined;
  const index = join(gitDir, `index-${randomUUID()}`);
  const git = (...argv: string[]) =>
    localGit(argv, { directory: gitDir, gitDir, environment: { GIT_INDEX_FILE: index }, signal });
  try {
    if (parent !== undefined) await git('read-tree', parent);
    await stage(gitDir, index, options, signal);
    // The mirror may lack files that are none of ours.
    const tree = await git('write-tree', '--missing-ok');
    const isSame = parent !== undefined && tree === (await git('rev-parse', '--verify', `${parent}^{tree}`));
    return isSame ? undefined : await commitTree(gitDir, tree, options, signal);
  } finally {
    await rm(index, { force: true });
  }
}

async function stage(
  gitDir: string,
  index: string,
  { parent, changes, modes }: CommitOptions,
  signal: AbortSignal,
): Promise<void> {
  const written = [...changes].filter((change): change is [string, string] => change[1] !== null);
  const removed = [...changes.keys()].filter((path) => changes.get(path) === null);
  const texts = written.map(([, text]) => text);
  const oids = await store(gitDir, texts, signal);
  const nothing = '0'.repeat(parent?.length ?? 40);
  const lines = [
    ...removed.map((path) => `0 ${nothing}\t${path}\0`),
    ...written.map(([path], position) => `${modes?.get(path) ?? '100644'} ${oids[position]}\t${path}\0`),
  ];
  await runGit(['update-index', '--add', '--replace', '-z', '--index-info'], {
    gitDir,
    environment: { GIT_INDEX_FILE: index },
    input: lines.join(''),
    signal,
  });
}

/** Stores texts with one git process, however many there are, and gives their oids. */
async function store(gitDir: string, texts: readonly string[], signal: AbortSignal): Promise<string[]> {
  if (texts.length === 0) return [];
  const folder = await mkdtemp(join(gitDir, 'texts-'));
  try {
    const files = texts.map((_, position) => join(folder, String(position)));
    for (const [position, file] of files.entries()) await writeFile(file, texts[position] ?? '');
    const output = await runGit(['hash-object', '-w', '--no-filters', '--stdin-paths'], {
      gitDir,
      input: `${files.join('\n')}\n`,
      maxOutputBytes: texts.length * 65,
      signal,
    });
    return output.toString().trimEnd().split('\n');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function commitTree(
  gitDir: string,
  tree: string,
  { parent, message, identity: { name, email } }: CommitOptions,
  signal: AbortSignal,
): Promise<string> {
  const argv = ['commit-tree', tree, ...(parent === undefined ? [] : ['-p', parent]), '-F', '-'];
  const output = await runGit(argv, {
    gitDir,
    environment: {
      GIT_AUTHOR_NAME: name,
      GIT_AUTHOR_EMAIL: email,
      GIT_COMMITTER_NAME: name,
      GIT_COMMITTER_EMAIL: email,
    },
    input: message,
    signal,
  });
  return output.toString().trim();
}
