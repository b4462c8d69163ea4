/** What several rounds come to. */

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Between the two nearest values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const [below = Number.NaN, above = below] = sorted.slice(Math.floor(place), Math.floor(place) + 2);
  return below + (above - below) * (place - Math.floor(place));
}

/** The median, and between which values the rounds lay. */
export function spread(values: readonly number[], unit = ''): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const middle = `${rounded(median(values))}${unit}`;
  return values.length < 2 ? middle : `${middle} (${rounded(low)}–${rounded(high)})`;
}

/** Three digits, which is more than any of these measurements holds. */
export function rounded(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)));
  return value.toFixed(Math.min(digits, 2));
}
