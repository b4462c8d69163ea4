import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CircuitBreaker } from '../../../src/runtime/breaker.ts';

let breaker: CircuitBreaker;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  breaker = new CircuitBreaker();
});
afterEach(() => {
  vi.useRealTimers();
});

function fail(times: number): void {
  for (let count = 0; count < times; count += 1) breaker.failed();
}

describe('a circuit breaker', () => {
  it('stays closed for fewer than five failures in a row', () => {
    fail(4);
    breaker.succeeded();
    fail(4);
    expect([breaker.admit(), breaker.open]).toEqual([0, false]);
  });

  it('opens at the fifth, for up to a second', () => {
    fail(5);
    expect(breaker.open).toBe(true);
    expect(breaker.admit()).toBeGreaterThanOrEqual(500);
    expect(breaker.admit()).toBeLessThanOrEqual(1_000);
  });

  it('then lets one call try, and closes when that one succeeds', () => {
    fail(5);
    vi.advanceTimersByTime(1_000);
    expect(breaker.admit()).toBe(0);
    expect(breaker.admit()).toBe(1_000);
    breaker.succeeded();
    expect([breaker.admit(), breaker.admit(), breaker.open]).toEqual([0, 0, false]);
  });

  it('cools longer after each try that fails, and asks four times a minute at the least', () => {
    fail(5);
    for (let tries = 1; tries < 12; tries += 1) {
      vi.advanceTimersByTime(15_000);
      expect(breaker.admit()).toBe(0);
      breaker.failed();
      const ceiling = Math.min(15_000, 1_000 * 2 ** tries);
      expect(breaker.admit()).toBeGreaterThanOrEqual(ceiling / 2);
      expect(breaker.admit()).toBeLessThanOrEqual(ceiling);
    }
  });

  it('is not held open longer by calls that had been under way when it opened', () => {
    fail(5 + 20);
    expect(breaker.admit()).toBeLessThanOrEqual(1_000);
  });

  it('lets another call try when the one that tried was cancelled', () => {
    fail(5);
    vi.advanceTimersByTime(1_000);
    expect(breaker.admit()).toBe(0);
    breaker.cancelled();
    expect(breaker.admit()).toBe(0);
  });
});
