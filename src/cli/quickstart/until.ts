/** Waiting for what another process will do. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from './child.ts';

const INTERVAL_MS = 50;

export interface Wait {
  /** Who must be alive for it to come true. */
  readonly child: Pick<Child, 'exited'>;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** Why something did not come true. */
export class Waited extends Error {
  override readonly name = 'Waited';
}

/**
 * Resolves when `isTrue` says so; a check that throws says no.
 * @throws Waited when the child ended or the time is up; the signal's reason when that came first.
 */
export async function until(
  isTrue: () => Promise<boolean>,
  { child, deadlineMs, signal }: Wait,
): Promise<void> {
  let ended: number | undefined;
  void child.exited.then((code) => (ended = code));
  const deadline = performance.now() + deadlineMs;
  while (!(await isTrue().catch(() => false))) {
    signal.throwIfAborted();
    if (ended !== undefined) throw new Waited(`it ended with exit code ${ended}`);
    if (performance.now() > deadline) throw new Waited(`nothing came within ${deadlineMs / 1_000} s`);
    await sleep(INTERVAL_MS);
  }
}
