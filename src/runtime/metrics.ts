/** The one door to prom-client. Where label values are known beforehand, every series exists from the start. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Seconds. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180];

/** The values of each label; none where they are not known beforehand. */
type Labels = Readonly<Record<string, readonly string[]>>;

export class Metrics {
  readonly #registry = new Registry();

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
  }

  counter(name: string, help: string, labels: Labels = {}): Counter {
    const counter = new Counter({ name, help, labelNames: Object.keys(labels), registers: [this.#registry] });
    for (const values of combinations(labels)) counter.inc(values, 0);
    return counter;
  }

  /** @param buckets upper bounds, in seconds */
  histogram(
    name: string,
    help: string,
    labels: Labels = {},
    buckets: readonly number[] = BUCKETS,
  ): Histogram {
    const options = {
      name,
      help,
      labelNames: Object.keys(labels),
      buckets: [...buckets],
      registers: [this.#registry],
    };
    const histogram = new Histogram(options);
    for (const values of combinations(labels)) histogram.zero(values);
    return histogram;
  }

  /** A gauge whose value is read when it is asked for. */
  gauge(
    name: string,
    help: string,
    labelNames: readonly string[],
    read: () => readonly (readonly [Record<string, string>, number])[],
  ): void {
    const gauge = new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [],
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.set(labels, value);
      },
    });
    this.#registry.registerMetric(gauge);
  }

  /** In Prometheus' text format. */
  render(): Promise<string> {
    return this.#registry.metrics();
  }
}

function combinations(labels: Labels): Record<string, string>[] {
  return Object.entries(labels).reduce<Record<string, string>[]>(
    (sets, [name, values]) => sets.flatMap((set) => values.map((value) => ({ ...set, [name]: value }))),
    [{}],
  );
}
