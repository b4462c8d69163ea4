import { describe, expect, it } from 'vitest';
import { studentQuantile } from '../../../src/domain/student.ts';
import { worthOf } from '../../../src/domain/worth.ts';

/** As printed in tables; the one of two degrees has a closed form, the last is from another implementation. */
it.each([
  [0.975, 1, 12.7062],
  [0.975, 4, 2.776445],
  [0.975, 10, 2.228139],
  [0.975, 30, 2.042272],
  [0.995, 5, 4.032143],
  [0.9997, 2, 40.80646],
  [0.975, 1e6, 1.959966],
  [1 - 0.025 / 9, 7.3, 3.883254],
])('the quantile at %d with %d degrees of freedom is %d', (probability, freedom, expected) => {
  expect(studentQuantile(probability, freedom) / expected).toBeCloseTo(1, 5);
});

describe('a difference', () => {
  const [old, fresh] = [
    [0.88, 0.9, 0.89, 0.87, 0.91],
    [0.92, 0.94, 0.93, 0.91, 0.95],
  ];

  it('of two means has a margin', () => {
    const { difference, margin } = worthOf(fresh, old, 1) ?? { difference: 0, margin: 0 };
    // Equal variances of 0.00025 in five values each: eight degrees of freedom.
    expect(difference).toBeCloseTo(0.04, 10);
    expect(margin).toBeCloseTo(2.306004 * Math.sqrt(0.0001), 6);
  });

  it('has a wider margin the more candidates were tried', () => {
    const margins = [1, 10, 100].map((tried) => worthOf(fresh, old, tried)?.margin ?? 0);
    expect(margins).toEqual(margins.toSorted((a, b) => a - b));
    expect(new Set(margins).size).toBe(3);
  });

  it('of which one has a single value cannot be told', () => {
    expect(worthOf([0.9], old, 1)).toBeUndefined();
    expect(worthOf(fresh, [], 1)).toBeUndefined();
  });

  it.each([
    ['values that never differ', [1, 1], [0, 0]],
    ['values that differ by next to nothing', [1e-170, 2e-170], [0, 0]],
    ['folds of which some came to nothing', [0.95, Number.NaN, 0.94], [0.8, 0.81, 0.79]],
    ['an infinite value', [0.95, Infinity], [0.8, 0.81]],
  ])('of %s cannot be told', (_, one, other) => {
    expect(worthOf(one, other, 5)).toBeUndefined();
  });
});
