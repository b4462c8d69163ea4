/** How good a version is, and where it comes from: what MLflow's tracking knows of its run and of its logged model. */
import type { Fact, Version } from './observed.ts';

export interface Evidence {
  /** Empty when there is none, as for loggedModel. */
  readonly run: string;
  /** The id of an experiment. */
  readonly experiment: string;
  readonly loggedModel: string;
  /** The last value of each; a NaN stays one. */
  readonly metrics: ReadonlyMap<string, number>;
  /** Metrics that were logged, and whose value cannot be told. */
  readonly doubtful: ReadonlySet<string>;
  readonly params: ReadonlyMap<string, string>;
  /** What the run says of its source, in git. */
  readonly commit: string | undefined;
  readonly datasets: readonly Dataset[];
  /** As JSON; undefined where the run does not tell it. */
  readonly signature: string | undefined;
}

export interface Dataset {
  readonly name: string;
  readonly digest: string;
  /** What it was used for, such as training. */
  readonly context: string | undefined;
}

/** Reads evidence of many versions in few requests. */
export interface EvidenceReader {
  /**
   * An answer for each of these versions. `absent` says that it names neither a run nor a logged model; what was
   * deleted, or may not be read, is `unknown` for that version alone.
   */
  evidence(versions: readonly Version[], signal: AbortSignal): Promise<EvidenceOf>;
}

export type EvidenceOf = ReadonlyMap<Version, Fact<Evidence>>;

/** Signatures as JSON; `absent` says that a model has none. */
export type SignatureOf = ReadonlyMap<Version, Fact<string>>;

/** One logged value of a metric. */
export interface Measurement {
  readonly key: string;
  readonly value: number;
  readonly timestamp: number;
  readonly step: number;
  /** The run that logged it. */
  readonly run: string;
}

export interface Settled {
  readonly metrics: ReadonlyMap<string, number>;
  readonly doubtful: ReadonlySet<string>;
}

/**
 * The value that counts for each metric. A run holds the last value of whatever was logged in it, be it of another
 * checkpoint, so what was logged for the model itself goes first. But MLflow keeps a NaN of a logged model as 0: a 0
 * counts only as far as the run that logged it tells the same moment.
 * @param lastOf the last value that a run holds of a metric; undefined when that run was not read
 */
export function settleMetrics(
  ofRun: readonly Measurement[],
  ofModel: readonly Measurement[],
  lastOf: (run: string, key: string) => Measurement | undefined,
): Settled {
  const metrics = new Map(ofRun.map(({ key, value }) => [key, value]));
  const doubtful = new Set<string>();
  for (const measurement of lastOfEach(ofModel)) {
    const { key, run } = measurement;
    const value = measurement.value === 0 ? confirmed(measurement, lastOf(run, key)) : measurement.value;
    if (value === undefined) {
      metrics.delete(key);
      doubtful.add(key);
    } else {
      metrics.set(key, value);
    }
  }
  return { metrics, doubtful };
}

/** Of each metric the measurement that was made last. */
export function lastOfEach(measurements: readonly Measurement[]): Measurement[] {
  const last = new Map<string, Measurement>();
  for (const measurement of measurements) {
    const known = last.get(measurement.key);
    if (known === undefined || isLater(measurement, known)) last.set(measurement.key, measurement);
  }
  return [...last.values()];
}

function isLater(a: Measurement, b: Measurement): boolean {
  return a.timestamp === b.timestamp ? a.step >= b.step : a.timestamp > b.timestamp;
}

/** What the run says of that very moment. */
function confirmed(measurement: Measurement, last: Measurement | undefined): number | undefined {
  const { timestamp, step } = measurement;
  return last?.timestamp === timestamp && last.step === step ? last.value : undefined;
}

/** The logged model that a version was registered from, as MLflow 3 writes it. */
export function loggedModelOf({ source }: Pick<Version, 'source'>): string {
  return /^models:\/(m-[\w-]+)\/?$/.exec(source)?.[1] ?? '';
}
