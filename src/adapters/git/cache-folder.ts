/** Folders below `--cache-dir`, for us alone. */
import { mkdir } from 'node:fs/promises';
import { cacheFailure } from './failures.ts';

/** @throws SourceError (CacheUnusable) when there cannot be such a folder. */
export async function makeCacheFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw cacheFailure(error) ?? error;
  });
}
