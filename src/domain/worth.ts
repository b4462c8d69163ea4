/**
 * What a difference of two versions is worth: Welch's interval for the difference of two means. Whoever looks at many
 * candidates finds one that is better by chance, so the margin is that of 95 % for all comparisons together (Bonferroni).
 */
import { studentQuantile } from './student.ts';

const CONFIDENCE = 0.95;

/** For people who are told that a difference cannot be told from chance. */
export const WORTH_NEEDS = 'at least two finite values each are needed, not all alike';

export interface Worth {
  /** By how much the mean of the first is above that of the second. */
  readonly difference: number;
  /** Half the width of the interval around it. */
  readonly margin: number;
}

/**
 * @param comparisons how many candidates were tried against the second
 * @returns undefined where nothing is known of their spread, as `WORTH_NEEDS` says. A NaN counts: left out, the folds that
 * went well would speak for all.
 */
export function worthOf(
  first: readonly number[],
  second: readonly number[],
  comparisons: number,
): Worth | undefined {
  if (first.length < 2 || second.length < 2 || ![...first, ...second].every(Number.isFinite))
    return undefined;
  const difference = meanOf(first) - meanOf(second);
  const [a, b] = [varianceOf(first) / first.length, varianceOf(second) / second.length];
  // Welch and Satterthwaite.
  const freedom = (a + b) ** 2 / (a ** 2 / (first.length - 1) + b ** 2 / (second.length - 1));
  if (!Number.isFinite(freedom)) return undefined;
  const tail = (1 - CONFIDENCE) / 2 / Math.max(1, comparisons);
  return { difference, margin: studentQuantile(1 - tail, freedom) * Math.sqrt(a + b) };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function varianceOf(values: readonly number[]): number {
  const mean = meanOf(values);
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
}
