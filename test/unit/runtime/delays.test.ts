import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Delays } from '../../../src/runtime/delays.ts';

let fired: string[];
let delays: Delays;

beforeEach(() => {
  vi.useFakeTimers();
  fired = [];
  delays = new Delays((key) => fired.push(key));
});
afterEach(() => void vi.useRealTimers());

it('fires each key at its time, with one timer for all', () => {
  for (let ms = 100; ms > 0; ms -= 1) delays.add(`after ${ms}`, ms);
  expect(vi.getTimerCount()).toBe(1);
  for (let ms = 1; ms <= 100; ms += 1) {
    vi.advanceTimersByTime(1);
    expect(fired).toHaveLength(ms);
    expect(fired.at(-1)).toBe(`after ${ms}`);
  }
  expect(vi.getTimerCount()).toBe(0);
});

it('fires what is due at once together', () => {
  for (const key of ['a', 'b', 'c']) delays.add(key, 10);
  vi.advanceTimersByTime(10);
  expect(fired).toEqual(['a', 'b', 'c']);
});

it('never fires what was taken back, and all the others', () => {
  delays.add('a', 10);
  delays.add('b', 20);
  delays.delete('a');
  vi.advanceTimersByTime(19);
  expect(fired).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(fired).toEqual(['b']);
});

it('takes a key again while it fires', () => {
  delays = new Delays((key) => {
    fired.push(key);
    if (fired.length < 3) delays.add(key, 5);
  });
  delays.add('a', 5);
  vi.advanceTimersByTime(20);
  expect(fired).toEqual(['a', 'a', 'a']);
});

it('fires nothing more once it was cleared', () => {
  delays.add('a', 10);
  delays.clear();
  vi.advanceTimersByTime(20);
  expect([fired, vi.getTimerCount()]).toEqual([[], 0]);
});
