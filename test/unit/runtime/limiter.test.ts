import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KeyedMutex, Limiter } from '../../../src/runtime/limiter.ts';

const live = new AbortController().signal;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Work that ends when it is told to. */
function task(): { work: () => Promise<string>; end: () => void; begun: () => boolean } {
  const { promise, resolve } = Promise.withResolvers<string>();
  let started = false;
  const work = (): Promise<string> => {
    started = true;
    return promise;
  };
  return { work, end: () => resolve('done'), begun: () => started };
}

const settle = (): Promise<void> => vi.advanceTimersByTimeAsync(0).then(() => undefined);

describe('a limiter', () => {
  it('lets as much run as it may, and the next when one ends', async () => {
    const limiter = new Limiter(2);
    const [a, b, c] = [task(), task(), task()];
    const runs = [a, b, c].map(({ work }) => limiter.run(work, live));
    await settle();
    expect([a, b, c].map(({ begun }) => begun())).toEqual([true, true, false]);
    a.end();
    await settle();
    expect(c.begun()).toBe(true);
    b.end();
    c.end();
    expect(await Promise.all(runs)).toEqual(['done', 'done', 'done']);
  });

  it('lets go first what has the lower rank, and keeps the order of the others', async () => {
    const limiter = new Limiter(1);
    const order: string[] = [];
    const note = (name: string) => () => Promise.resolve(order.push(name));
    const running = task();
    const runs = [
      limiter.run(running.work, live),
      limiter.run(note('late'), live, 7),
      limiter.run(note('a'), live, 1),
      limiter.run(note('b'), live, 1),
      limiter.run(note('urgent'), live),
    ];
    running.end();
    await Promise.all(runs);
    expect(order).toEqual(['urgent', 'a', 'b', 'late']);
  });

  it('gives the place of a failure to the next, and the failure to the caller', async () => {
    const limiter = new Limiter(1);
    const failed = limiter.run(() => Promise.reject(new Error('no')), live);
    const next = limiter.run(() => Promise.resolve('yes'), live);
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe('yes');
  });

  it('lets a waiter go that aborts, and keeps the order of the others', async () => {
    const limiter = new Limiter(1);
    const abort = new AbortController();
    const [first, second, third] = [task(), task(), task()];
    const running = limiter.run(first.work, live);
    const aborted = limiter.run(second.work, abort.signal);
    const last = limiter.run(third.work, live);
    abort.abort(new Error('stopping'));
    await expect(aborted).rejects.toThrow('stopping');
    first.end();
    await running;
    await settle();
    expect([second.begun(), third.begun()]).toEqual([false, true]);
    third.end();
    await last;
  });

  it('starts nothing for a signal that has aborted', async () => {
    const { work, begun } = task();
    await expect(new Limiter(1).run(work, AbortSignal.abort(new Error('too late')))).rejects.toThrow(
      'too late',
    );
    expect(begun()).toBe(false);
  });

  it('an abort after the start gives the place back only once', async () => {
    const limiter = new Limiter(1);
    const abort = new AbortController();
    const [first, second, third] = [task(), task(), task()];
    const runs = [
      limiter.run(first.work, live),
      limiter.run(second.work, abort.signal),
      limiter.run(third.work, live),
    ];
    first.end();
    await settle();
    abort.abort(new Error('ignored by the work itself'));
    await settle();
    expect(third.begun()).toBe(false);
    second.end();
    third.end();
    await Promise.all(runs);
  });
});

describe('a keyed mutex', () => {
  it('runs one at a time for a key, in order, and others beside it', async () => {
    const mutex = new KeyedMutex();
    const [a, b, other] = [task(), task(), task()];
    const runs = [mutex.run('x', a.work), mutex.run('x', b.work), mutex.run('y', other.work)];
    await settle();
    expect([a.begun(), b.begun(), other.begun()]).toEqual([true, false, true]);
    a.end();
    await settle();
    expect(b.begun()).toBe(true);
    b.end();
    other.end();
    await Promise.all(runs);
  });

  it('goes on after a failure', async () => {
    const mutex = new KeyedMutex();
    const failed = mutex.run('x', () => Promise.reject(new Error('no')));
    const next = mutex.run('x', () => Promise.resolve('yes'));
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe('yes');
  });
});
