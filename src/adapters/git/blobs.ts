/** Reads many objects of a mirror with one git process each time. */
import { runGit } from './door.ts';

/** Room for `<oid> blob <size>\n` and the line end after the content. */
const FRAME_BYTES = 128;
/** Of a path, or of what a link holds. */
const MAX_NAME_BYTES = 8192;

/** The size of each object; undefined where the mirror does not hold it. */
export async function blobSizes(
  gitDir: string,
  oids: readonly string[],
  signal: AbortSignal,
): Promise<Map<string, number | undefined>> {
  const lines = (await batchCheck(gitDir, oids, [], signal)).toString().split('\n');
  return new Map(oids.map((oid, index) => [oid, sizeIn(lines[index])]));
}

function sizeIn(line: string | undefined): number | undefined {
  const size = /^[0-9a-f]+ blob (\d+)$/.exec(line ?? '')?.[1];
  return size === undefined ? undefined : Number(size);
}

/** The mirror lacks an object that it must hold. */
export class IncompleteMirror extends Error {
  constructor() {
    super('The mirror lacks files of the commit.');
  }
}

/**
 * The content of each object.
 * @param totalBytes their sizes added up
 * @throws IncompleteMirror when one is missing; GitExitError when one is damaged.
 */
export async function readBlobs(
  gitDir: string,
  oids: readonly string[],
  totalBytes: number,
  signal: AbortSignal,
): Promise<Map<string, Buffer>> {
  if (oids.length === 0) return new Map();
  const output = await runGit(['cat-file', '--batch', '--buffer'], {
    gitDir,
    input: `${oids.join('\n')}\n`,
    maxOutputBytes: totalBytes + oids.length * FRAME_BYTES,
    signal,
  });
  const blobs = parseBatch(output);
  if (oids.some((oid) => !blobs.has(oid))) throw new IncompleteMirror();
  return blobs;
}

/** Parses `<oid> blob <size>\n<content>\n`, repeated; leaves out objects that are missing. */
export function parseBatch(output: Buffer): Map<string, Buffer> {
  const blobs = new Map<string, Buffer>();
  for (let start = 0; start < output.length;) {
    const endOfLine = output.indexOf('\n', start);
    const [oid = '', , size] = output.toString('latin1', start, endOfLine).split(' ');
    start = endOfLine + 1;
    if (size === undefined) continue;
    const end = start + Number(size);
    blobs.set(oid, output.subarray(start, end));
    start = end + 1;
  }
  return blobs;
}

/** Which of these symbolic links lead to a folder of the same commit. Their paths must not hold a line end. */
export async function linksToFolders(
  gitDir: string,
  sha: string,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<Set<string>> {
  const names = paths.map((path) => `${sha}:${path}`);
  const ends = parseFollowed(await batchCheck(gitDir, names, ['--follow-symlinks'], signal));
  return new Set(paths.filter((_, index) => / tree \d+$/.test(ends[index] ?? '')));
}

/** Parses one line a link; where the link leads nowhere in this commit, its target follows and is left out. */
export function parseFollowed(output: Buffer): string[] {
  const ends: string[] = [];
  for (let start = 0; start < output.length;) {
    const endOfLine = output.indexOf('\n', start);
    const line = output.toString('utf8', start, endOfLine);
    ends.push(line);
    const target = /^(?:symlink|dangling|loop|notdir) (\d+)$/.exec(line)?.[1];
    start = endOfLine + 1 + (target === undefined ? 0 : Number(target) + 1);
  }
  return ends;
}

async function batchCheck(
  gitDir: string,
  names: readonly string[],
  options: readonly string[],
  signal: AbortSignal,
): Promise<Buffer> {
  if (names.length === 0) return Buffer.alloc(0);
  return runGit(['cat-file', '--batch-check', '--buffer', ...options], {
    gitDir,
    input: `${names.join('\n')}\n`,
    maxOutputBytes: names.length * (FRAME_BYTES + MAX_NAME_BYTES),
    signal,
  });
}
