/** Reads the tree of a commit without a checkout: nothing is followed, nothing is filtered, nothing runs. */
import { SourceError } from '../../reconcile/ports.ts';
import { GitExitError, runGit } from './door.ts';

export interface TreeEntry {
  readonly mode: string;
  readonly oid: string;
  /** From the root of the repository; git does not promise that it is text. */
  readonly name: Buffer;
}

export const SYMLINK = '120000';
export const SUBMODULE = '160000';

const MAX_TREE_BYTES = 64 * 1024 * 1024;

/**
 * Every entry below a path, in the order of their names; the entry itself when the path is a file.
 * @throws GitExitError when the mirror lacks the commit or is damaged; SourceError (Refused) when the tree is too large.
 */
export async function listTree(
  gitDir: string,
  sha: string,
  path: string,
  signal: AbortSignal,
): Promise<TreeEntry[]> {
  const argv = ['ls-tree', '-r', '-z', '--full-tree', sha, '--', ...(path === '' ? [] : [path])];
  try {
    return parseTree(await runGit(argv, { gitDir, maxOutputBytes: MAX_TREE_BYTES, signal }));
  } catch (error) {
    if (error instanceof GitExitError && error.stopped === 'output limit') throw tooManyNames(error);
    throw error;
  }
}

/** Parses `<mode> <type> <oid>\t<name>\0`, repeated. */
export function parseTree(output: Buffer): TreeEntry[] {
  const entries: TreeEntry[] = [];
  let start = 0;
  for (let end = output.indexOf(0); end !== -1; end = output.indexOf(0, start)) {
    const tab = output.indexOf('\t', start);
    const [mode = '', , oid = ''] = output.toString('latin1', start, tab).split(' ');
    entries.push({ mode, oid, name: output.subarray(tab + 1, end) });
    start = end + 1;
  }
  return entries;
}

function tooManyNames(cause: GitExitError): SourceError {
  return new SourceError(
    'Refused',
    `The names of the files in the repository take more than ${MAX_TREE_BYTES / 1024 / 1024} MiB; narrow --path.`,
    { cause },
  );
}
