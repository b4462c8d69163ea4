/** A lock between processes that the operating system releases when its last holder is gone. */
import { closeSync, openSync } from 'node:fs';
import { childEnvironment } from './environment.ts';
import { CommandFailed, run } from './child.ts';

/**
 * Node cannot lock a file, so a short Python program locks the one that we opened: the lock belongs to the open file
 * and not to the process. Whoever keeps it open holds the lock, such as a child that was told to (`keepOpen`).
 */
const LOCK = 'import fcntl; fcntl.flock(3, fcntl.LOCK_EX)';
const TRY_LOCK = 'import fcntl; fcntl.flock(3, fcntl.LOCK_EX | fcntl.LOCK_NB)';

export interface FileLockOptions {
  readonly python: string;
  readonly signal: AbortSignal;
}

/** Runs `work` while nobody else holds the lock. `onWait` is told when somebody else has held it for a second. */
export async function withFileLock<T>(
  path: string,
  options: FileLockOptions & { readonly onWait: () => void },
  work: (descriptor: number) => Promise<T>,
): Promise<T> {
  const descriptor = openSync(path, 'a');
  const waiting = setTimeout(options.onWait, 1_000);
  try {
    await lock(LOCK, descriptor, options);
    clearTimeout(waiting);
    return await work(descriptor);
  } finally {
    clearTimeout(waiting);
    closeSync(descriptor);
  }
}

/** Resolves with what releases the lock, or with undefined when somebody else holds it. */
export async function tryFileLock(path: string, options: FileLockOptions): Promise<(() => void) | undefined> {
  const descriptor = openSync(path, 'a');
  try {
    await lock(TRY_LOCK, descriptor, options);
  } catch (error) {
    closeSync(descriptor);
    if (error instanceof CommandFailed) return undefined;
    throw error;
  }
  return () => closeSync(descriptor);
}

async function lock(program: string, descriptor: number, { python, signal }: FileLockOptions): Promise<void> {
  await run([python, '-c', program], { env: childEnvironment(), signal, keepOpen: descriptor });
}
