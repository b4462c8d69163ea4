import { expect, it } from 'vitest';
import { isWithinBounds, parseDuration } from '../../../src/api/duration.ts';

it.each([
  ['250ms', 250],
  ['30s', 30_000],
  ['5m', 300_000],
  ['1h30m', 5_400_000],
  ['1.5h', 5_400_000],
  ['0.0015s', 2],
  ['1m1m', 120_000],
  ['0s', 0],
])('reads %s as %i ms', (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds);
});

it.each(['', '5', '1d', '-1s', '.5s', '1.s', '1 s', '1S', '1h30', ' 1s', '1e3s'])('refuses %j', (text) => {
  expect(() => parseDuration(text)).toThrow(RangeError);
});

it('lets users set what a timer can wait', () => {
  expect(['999ms', '1s', '576h', '577h'].map((text) => isWithinBounds(parseDuration(text)))).toEqual([
    false,
    true,
    true,
    false,
  ]);
  expect(parseDuration('576h')).toBeLessThan(2 ** 31);
});
