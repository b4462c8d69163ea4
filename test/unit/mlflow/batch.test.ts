import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CHUNK, ReadBatcher } from '../../../src/adapters/mlflow/batch.ts';
import type { Fact, Model } from '../../../src/domain/observed.ts';
import { aModel, known } from '../../support/builders.ts';

const live = new AbortController().signal;
let batches: string[][];
let busy: boolean;
let batcher: ReadBatcher;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  [batches, busy] = [[], false];
  batcher = new ReadBatcher({
    readMany: (names) => {
      batches.push([...names]);
      return Promise.resolve((name: string) => known(aModel({ name })));
    },
    busy: () => busy,
  });
});

afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

function ask(...names: readonly string[]): Promise<unknown> {
  return Promise.all(names.map((name) => batcher.read(name, live)));
}

describe('readings that are asked for within a few milliseconds', () => {
  it('are made together, each model once', async () => {
    const answers = ask('a', 'b', 'a');
    await vi.advanceTimersByTimeAsync(3);
    const more = ask('c');
    await vi.advanceTimersByTimeAsync(5);
    await Promise.all([answers, more]);
    expect(batches).toEqual([['a', 'b', 'c']]);
  });

  it('are made at once when they fill a request', async () => {
    const names = Array.from({ length: CHUNK + 1 }, (_, index) => `m${index}`);
    const answers = ask(...names);
    expect(batches).toEqual([names.slice(0, CHUNK)]);
    await vi.advanceTimersByTimeAsync(5);
    await answers;
    expect(batches[1]).toEqual(names.slice(CHUNK));
  });
});

describe('readings that are asked for while one is being made', () => {
  it('go together into the next one', async () => {
    const answer = Promise.withResolvers<(name: string) => Fact<Model>>();
    batcher = new ReadBatcher({
      readMany: (names) => {
        batches.push([...names]);
        return answer.promise;
      },
      busy: () => false,
    });
    const first = ask('a');
    await vi.advanceTimersByTimeAsync(5);
    const second = ask('b');
    await vi.advanceTimersByTimeAsync(50);
    const third = ask('c');
    expect(batches).toEqual([['a']]);
    answer.resolve((name) => known(aModel({ name })));
    await first;
    await vi.advanceTimersByTimeAsync(5);
    await Promise.all([second, third]);
    expect(batches).toEqual([['a'], ['b', 'c']]);
  });
});

describe('a reading of a registry that has writes to do', () => {
  it('waits for more to join it, until the writes run low', async () => {
    busy = true;
    const first = ask('a');
    await vi.advanceTimersByTimeAsync(100);
    const second = ask('b');
    await vi.advanceTimersByTimeAsync(100);
    expect(batches).toEqual([]);
    busy = false;
    await vi.advanceTimersByTimeAsync(5);
    await Promise.all([first, second]);
    expect(batches).toEqual([['a', 'b']]);
  });

  it('is made after ten seconds all the same', async () => {
    busy = true;
    const answer = ask('a');
    await vi.advanceTimersByTimeAsync(9_999);
    expect(batches).toEqual([]);
    await vi.advanceTimersByTimeAsync(6);
    await answer;
    expect(batches).toEqual([['a']]);
  });
});
