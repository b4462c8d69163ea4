import { describe, expect, it } from 'vitest';
import { backoff, jitter, sleep } from '../../../src/runtime/time.ts';

describe('time', () => {
  it.each([
    [0, 100],
    [3, 800],
    [10, 5_000],
    [10_000, 5_000],
  ])('backs off, after %i attempts, for up to %i ms and at least half of that', (attempt, ceiling) => {
    const delay = backoff(attempt, { base: 100, max: 5_000 });
    expect(delay).toBeGreaterThanOrEqual(ceiling / 2);
    expect(delay).toBeLessThanOrEqual(ceiling);
  });

  it('is jittered by a tenth at most', () => {
    for (let count = 0; count < 100; count += 1)
      expect(Math.abs(jitter(1_000) - 1_000)).toBeLessThanOrEqual(100);
  });

  it('is slept through however long it is: 24 days that jitter made longer do not end at once', async () => {
    const abort = new AbortController();
    let ended = false;
    const sleeping = sleep(1.1 * 576 * 3_600_000, abort.signal).then(() => (ended = true));
    await sleep(50, new AbortController().signal);
    expect(ended).toBe(false);
    abort.abort();
    await sleeping;
  });

  it('slept through ends at once when the signal aborts, without an error', async () => {
    const abort = new AbortController();
    const sleeping = sleep(60_000, abort.signal);
    abort.abort(new Error('stopping'));
    await sleeping;
    await sleep(60_000, abort.signal);
  });
});
