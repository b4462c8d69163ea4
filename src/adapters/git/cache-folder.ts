/** Folders below `--cache-dir`, for us alone. */
import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { cacheFailure } from './failures.ts';

/** @throws SourceError (CacheUnusable) when there cannot be such a folder. */
export async function makeCacheFolder(path: string): Promise<void> {
  await make(path).catch((error: unknown) => {
    throw cacheFailure(error) ?? error;
  });
}

/** Why this folder cannot be used, in words; undefined when it can, or could if its disk were not full. */
export async function cacheObstacle(path: string): Promise<string | undefined> {
  try {
    await make(path);
    await access(path, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT') return undefined;
    return WORDS[code ?? ''] ?? code ?? message;
  }
}

const WORDS: Readonly<Record<string, string>> = {
  EEXIST: 'it is not a folder',
  ENOTDIR: 'it lies in something that is not a folder',
  ENOENT: 'no folder can be made there',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
};

/** One folder after the other: where none can be made, as in /proc, Node's own way goes round in circles for ever. */
async function make(path: string): Promise<void> {
  const parent = dirname(path);
  try {
    await makeOne(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || parent === path) throw error;
    await make(parent);
    await makeOne(path);
  }
}

/** It may be there already. */
async function makeOne(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory() !== true) throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
