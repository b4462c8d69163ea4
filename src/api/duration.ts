/** Durations as Go writes them: `30s`, `5m`, `1h30m`, `1.5h`, `250ms`. */

const unitMilliseconds: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

const durationPattern = /^(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h))+$/;
const partPattern = /([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)/g;

/** Bounds of every interval and timeout that users set. A timer of Node fires at once beyond 2^31 ms, which is 24.8 days. */
export const shortestDuration = '1s';
export const longestDuration = '576h';

/**
 * The milliseconds that a Go duration stands for, a fraction of one rounded to the nearest.
 * @throws RangeError when the text is not a duration.
 */
export function parseDuration(text: string): number {
  if (!durationPattern.test(text))
    throw new RangeError(`not a duration such as 30s, 5m or 1h30m: "${text.slice(0, 40)}"`);
  const parts = Array.from(
    text.matchAll(partPattern),
    ([, amount, unit = '']) => Number(amount) * (unitMilliseconds[unit] ?? NaN),
  );
  return Math.round(parts.reduce((sum, part) => sum + part, 0));
}

/** True where a user may set this duration: between one second and 24 days. */
export function isWithinBounds(milliseconds: number): boolean {
  return milliseconds >= parseDuration(shortestDuration) && milliseconds <= parseDuration(longestDuration);
}
