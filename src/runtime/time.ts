/** Waiting that ends when it should. */
import { setTimeout as timer } from 'node:timers/promises';

/** The longest delay that a timer can hold; longer ones fire at once (Node). */
export const LONGEST_DELAY = 2 ** 31 - 1;

/** Resolves after `ms`, 24 days at most, or at once when the signal aborts; never rejects. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await timer(Math.min(ms, LONGEST_DELAY), undefined, { signal }).catch(() => undefined);
}

/** Exponential backoff with full jitter in its upper half, so that many waiters spread out. */
export function backoff(attempt: number, { base, max }: { base: number; max: number }): number {
  const ceiling = Math.min(max, base * 2 ** Math.min(attempt, 30));
  return ceiling / 2 + Math.random() * (ceiling / 2);
}

/** `ms` moved by up to ±10 %, so that what started together does not stay together. */
export function jitter(ms: number): number {
  return ms * (0.9 + Math.random() * 0.2);
}
