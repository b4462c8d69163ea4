import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WorkQueue } from '../../../src/runtime/queue.ts';

let queue: WorkQueue;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  queue = new WorkQueue({ laneOf: (key) => key.split('/')[0] ?? '', width: 2 });
});

afterEach(() => {
  queue.close();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** What a worker gets now; 'nothing' when it would have to wait. */
async function taken(): Promise<string | undefined> {
  const key = queue.take();
  return Promise.race([key, Promise.resolve().then(() => Promise.resolve('nothing'))]);
}

describe('a key', () => {
  it('waits once, however often it is added', async () => {
    queue.add('a');
    queue.add('b');
    queue.add('a');
    expect(queue.depth).toBe(2);
    expect([await queue.take(), await queue.take()]).toEqual(['a', 'b']);
  });

  it('goes straight to a worker that waits', async () => {
    const worker = queue.take();
    queue.add('a');
    expect(await worker).toBe('a');
    expect(queue.depth).toBe(0);
  });

  it('never runs twice at the same time, and runs again when it was added meanwhile', async () => {
    queue.add('a');
    await queue.take();
    queue.add('a');
    queue.add('a');
    expect(queue.depth).toBe(0);
    queue.done('a');
    expect(queue.depth).toBe(1);
    expect(await queue.take()).toBe('a');
    queue.done('a');
    expect(queue.depth).toBe(0);
  });
});

describe('what somebody waits for', () => {
  it('comes before all that is only due, in the order in which it was asked for', async () => {
    for (const key of ['a/1', 'a/2', 'a/3']) queue.add(key, 'routine');
    queue.add('a/4');
    // It waits already, and now somebody waits for it.
    queue.add('a/3');
    expect([await queue.take(), await queue.take()]).toEqual(['a/4', 'a/3']);
    queue.done('a/4');
    queue.done('a/3');
    expect([await queue.take(), await queue.take()]).toEqual(['a/1', 'a/2']);
    expect(queue.depth).toBe(0);
  });

  it('does not wait longer because it becomes due as well', async () => {
    queue.add('a/1', 'routine');
    queue.add('a/2');
    queue.add('a/2', 'routine');
    expect(await queue.take()).toBe('a/2');
  });

  it('is remembered while the key runs', async () => {
    queue.add('a/1');
    expect(await queue.take()).toBe('a/1');
    queue.add('a/1');
    queue.add('a/1', 'routine');
    queue.add('a/2', 'routine');
    queue.done('a/1');
    expect(await queue.take()).toBe('a/1');
  });

  it('leaves what comes by a timer behind', async () => {
    queue.addAfter('a/1', 10);
    vi.advanceTimersByTime(10);
    queue.add('a/2');
    expect(await queue.take()).toBe('a/2');
  });
});

describe('a lane', () => {
  it('runs no more keys at once than its width, and goes on when one is done', async () => {
    for (const key of ['a/1', 'a/2', 'a/3']) queue.add(key);
    expect([await queue.take(), await queue.take()]).toEqual(['a/1', 'a/2']);
    expect(await taken()).toBe('nothing');
    queue.done('a/1');
    expect(queue.depth).toBe(0);
  });

  it('that is full holds up no other, whatever waits in it', async () => {
    for (const key of ['a/1', 'a/2', 'a/3', 'a/4', 'b/1']) queue.add(key);
    expect([await queue.take(), await queue.take(), await queue.take()]).toEqual(['a/1', 'b/1', 'a/2']);
    expect(await taken()).toBe('nothing');
  });

  it('takes turns with the others', async () => {
    for (const key of ['a/1', 'a/2', 'b/1', 'b/2']) queue.add(key);
    const order = [await queue.take(), await queue.take(), await queue.take(), await queue.take()];
    expect(order).toEqual(['a/1', 'b/1', 'a/2', 'b/2']);
  });

  it('keeps the place of a key that runs again', async () => {
    queue.add('a/1');
    queue.add('a/2');
    await queue.take();
    await queue.take();
    queue.add('a/1');
    queue.add('a/3');
    queue.done('a/1');
    expect(await queue.take()).toBe('a/3');
    queue.done('a/2');
    expect(await queue.take()).toBe('a/1');
  });
});

describe('a delayed key', () => {
  it('is ready when its time has come', async () => {
    queue.addAfter('a', 1_000);
    await vi.advanceTimersByTimeAsync(999);
    expect(queue.depth).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(queue.depth).toBe(1);
  });

  it.each([
    [1_000, 5_000],
    [5_000, 1_000],
  ])('keeps the earliest of its times: %i and %i', async (first, second) => {
    queue.addAfter('a', first);
    queue.addAfter('a', second);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(queue.depth).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is not needed any more once it is added', async () => {
    queue.addAfter('a', 1_000);
    queue.add('a');
    await queue.take();
    queue.done('a');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(queue.depth).toBe(0);
  });

  it('whose time comes while it runs runs again afterwards', async () => {
    queue.add('a');
    await queue.take();
    queue.addAfter('a', 1_000);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(queue.depth).toBe(0);
    queue.done('a');
    expect(queue.depth).toBe(1);
  });

  it.each([-5, 0])('with a delay of %i is ready at once', async (delay) => {
    queue.addAfter('a', delay);
    await vi.advanceTimersByTimeAsync(0);
    expect(queue.depth).toBe(1);
  });

  it('does not fire at once because its delay is longer than a timer can hold', async () => {
    queue.addAfter('a', 2 ** 31);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(queue.depth).toBe(0);
  });
});

describe('a retry', () => {
  it('waits longer with every failure in a row, up to a quarter of an hour', () => {
    const delays = Array.from({ length: 20 }, () => queue.retry('a'));
    delays.forEach((delay, failures) => {
      const ceiling = Math.min(900_000, 750 * 2 ** failures);
      expect(delay).toBeGreaterThanOrEqual(ceiling / 2);
      expect(delay).toBeLessThanOrEqual(ceiling);
    });
  });

  it('begins anew once the failures are forgotten, and counts each key alone', () => {
    for (let failures = 0; failures < 10; failures += 1) queue.retry('a');
    queue.forget('a');
    expect(queue.retry('a')).toBeLessThanOrEqual(750);
    expect(queue.retry('b')).toBeLessThanOrEqual(750);
  });
});

describe('a closed queue', () => {
  it('takes nothing in, gives nothing out, and forgets what waited', async () => {
    queue.add('ready');
    queue.addAfter('later', 1_000);
    queue.close();
    queue.add('new');
    queue.addAfter('newer', 1);
    expect(await queue.take()).toBeUndefined();
    expect(queue.depth).toBe(0);
  });

  it('sends its workers home', async () => {
    const workers = [queue.take(), queue.take()];
    queue.close();
    expect(await Promise.all(workers)).toEqual([undefined, undefined]);
  });

  it('lets what runs finish, and does not run it again', async () => {
    queue.add('a');
    await queue.take();
    queue.add('a');
    queue.close();
    queue.done('a');
    expect(await queue.take()).toBeUndefined();
  });
});

describe('idleness', () => {
  async function isIdle(): Promise<boolean> {
    return (await Promise.race([queue.idle(), Promise.resolve().then(() => 'busy')])) === undefined;
  }

  it('is when nothing runs and nothing is ready, whatever comes later', async () => {
    expect(await isIdle()).toBe(true);
    queue.addAfter('later', 1_000);
    expect(await isIdle()).toBe(true);
    queue.add('a');
    expect(await isIdle()).toBe(false);
    await queue.take();
    expect(await isIdle()).toBe(false);
    queue.done('a');
    expect(await isIdle()).toBe(true);
  });

  it('is not yet when the last key runs again', async () => {
    queue.add('a');
    await queue.take();
    queue.add('a');
    const idle = queue.idle();
    queue.done('a');
    expect(await Promise.race([idle, Promise.resolve('busy')])).toBe('busy');
    expect(await taken()).toBe('a');
    queue.done('a');
    await idle;
  });

  it('is when the queue is closed with nothing running', async () => {
    queue.add('a');
    const idle = queue.idle();
    queue.close();
    await idle;
  });
});
