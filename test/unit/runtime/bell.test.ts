import { describe, expect, it } from 'vitest';
import { Bell } from '../../../src/runtime/bell.ts';

const LONG = 600_000;
const going = new AbortController().signal;

/** Whether the wait ends without anybody's doing. */
function ends(wait: Promise<void>): Promise<boolean> {
  return Promise.race([
    wait.then(() => true),
    new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 100)),
  ]);
}

describe('a bell', () => {
  it('ends a wait that goes on', async () => {
    const bell = new Bell();
    const wait = bell.wait(LONG, 0, going);
    expect(await ends(wait)).toBe(false);
    bell.ring();
    await wait;
  });

  it('that was rung while nobody waited ends the next wait, and that one alone', async () => {
    const bell = new Bell();
    for (let ring = 0; ring < 5; ring += 1) bell.ring();
    await bell.wait(LONG, 0, going);
    const stop = new AbortController();
    const next = bell.wait(LONG, 0, stop.signal);
    expect(await ends(next)).toBe(false);
    stop.abort();
    await next;
  });

  it('ends no wait before its shortest time', async () => {
    const bell = new Bell();
    const stop = new AbortController();
    bell.ring();
    const wait = bell.wait(LONG, LONG, stop.signal);
    expect(await ends(wait)).toBe(false);
    stop.abort();
    await wait;
  });

  it('leaves a wait that nobody rings to its time', async () => {
    await new Bell().wait(1, 0, going);
  });
});
