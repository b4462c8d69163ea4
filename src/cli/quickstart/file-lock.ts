/** A lock between processes that the operating system releases when its last holder is gone. */
import { closeSync, openSync } from 'node:fs';
import { childEnvironment } from './environment.ts';
import { run } from './child.ts';

const LOCK_DESCRIPTOR_3 = 'import fcntl; fcntl.flock(3, fcntl.LOCK_EX)';

export interface FileLockOptions {
  readonly python: string;
  readonly signal: AbortSignal;
  /** Told once when somebody else has held the lock for a second. */
  readonly onWait: () => void;
}

/**
 * Runs `work` while nobody else holds the lock. Node cannot lock a file, so a short Python program locks the file
 * that we opened: the lock belongs to the open file, not to the process. Children that are given `descriptor` to
 * keep open hold the lock until they have ended, even when we are killed.
 */
export async function withFileLock<T>(
  path: string,
  options: FileLockOptions,
  work: (descriptor: number) => Promise<T>,
): Promise<T> {
  const descriptor = openSync(path, 'a');
  const waiting = setTimeout(options.onWait, 1_000);
  try {
    await run([options.python, '-c', LOCK_DESCRIPTOR_3], {
      env: childEnvironment(),
      signal: options.signal,
      keepOpen: descriptor,
    });
    clearTimeout(waiting);
    return await work(descriptor);
  } finally {
    clearTimeout(waiting);
    closeSync(descriptor);
  }
}
