/** What the differences between the versions of a comparison are worth, by every value that their runs logged. */
import type { Chosen } from './chosen.ts';
import { valuesIn, type Grounds, type SampleOf } from './grounds.ts';
import { worthOf, type Worth } from './worth.ts';

/** One version against the incumbent, or against the first where there is none. */
export interface Effect {
  readonly metric: string;
  readonly version: string;
  readonly against: string;
  /** How many values each logged. */
  readonly values: readonly [number, number];
  /** How many versions are tried against that one. */
  readonly candidates: number;
  /** Undefined where there are too few values to tell. */
  readonly worth: Worth | undefined;
}

export function samplesOf(versions: readonly Chosen[], metrics: readonly string[]): SampleOf[] {
  return versions.flatMap(({ version: { runId } }) =>
    runId === '' ? [] : metrics.map((metric) => ({ runId, metric })),
  );
}

export function effectsOf(
  versions: readonly Chosen[],
  metrics: readonly string[],
  samples: Grounds['samples'],
): Effect[] {
  const base = versions.find(({ role }) => role === 'incumbent') ?? versions[0];
  const others = versions.filter((one) => one !== base);
  if (base === undefined) return [];
  const valuesOf = ({ version: { runId } }: Chosen, metric: string): number[] =>
    valuesIn(samples, { runId, metric });
  return metrics.flatMap((metric) =>
    others.map((other): Effect => {
      const [ours, theirs] = [valuesOf(other, metric), valuesOf(base, metric)];
      return {
        metric,
        version: other.version.version,
        against: base.version.version,
        values: [ours.length, theirs.length],
        candidates: others.length,
        worth: worthOf(ours, theirs, others.length),
      };
    }),
  );
}
