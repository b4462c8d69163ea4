/** The operator's numbers under the names of controller-runtime and Flux, so that dashboards made for those work. */
import type { Counter, Histogram } from 'prom-client';
import type { Metrics } from './metrics.ts';

/** As controller-runtime tells how a reconciliation ended. */
export type ReconcileResult = 'success' | 'requeue_after' | 'error';

export interface ReconciledObject {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
}

export interface KubeMetricsOptions {
  readonly metrics: Metrics;
  /** Name of the Lease. */
  readonly lease: string;
  /** How many keys wait. */
  readonly depth: () => number;
  readonly isLeader: () => boolean;
}

const CONTROLLER = 'modelpromotion';
const CONTROLLERS = { controller: [CONTROLLER] } as const;
const QUEUES = { name: [CONTROLLER] } as const;
const RESULTS = ['success', 'requeue_after', 'error'] as const satisfies ReconcileResult[];
/** Seconds: workqueue's are powers of ten, Flux' reach from 10 ms to half an hour. */
const QUEUE_BUCKETS = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1_000];
const FLUX_BUCKETS = Array.from({ length: 10 }, (_, step) => 0.01 * 180_000 ** (step / 9));

/** Objects with series of their own: thirteen each, which a monitoring of ten thousand objects could not hold. */
const MOST_OBJECTS = 500;

export class KubeMetrics {
  readonly #objects = new Set<string>();
  readonly #results: Counter;
  readonly #errors: Counter;
  readonly #time: Histogram;
  readonly #objectTime: Histogram;
  readonly #adds: Counter;
  readonly #retries: Counter;
  readonly #waited: Histogram;
  readonly #worked: Histogram;
  readonly #requests: Counter;

  constructor({ metrics, lease, depth, isLeader }: KubeMetricsOptions) {
    this.#results = metrics.counter(
      'controller_runtime_reconcile_total',
      'Reconciliations, by their result',
      {
        ...CONTROLLERS,
        result: RESULTS,
      },
    );
    this.#errors = metrics.counter(
      'controller_runtime_reconcile_errors_total',
      'Reconciliations that failed',
      CONTROLLERS,
    );
    this.#time = metrics.histogram(
      'controller_runtime_reconcile_time_seconds',
      'Duration of a reconciliation',
      CONTROLLERS,
    );
    this.#objectTime = metrics.histogram(
      'gotk_reconcile_duration_seconds',
      'Duration of a reconciliation of one object',
      { kind: [], name: [], namespace: [] },
      FLUX_BUCKETS,
    );
    this.#adds = metrics.counter('workqueue_adds_total', 'Keys that were added to the queue', QUEUES);
    this.#retries = metrics.counter('workqueue_retries_total', 'Keys that are tried again', QUEUES);
    this.#waited = metrics.histogram(
      'workqueue_queue_duration_seconds',
      'How long a key waited',
      QUEUES,
      QUEUE_BUCKETS,
    );
    this.#worked = metrics.histogram(
      'workqueue_work_duration_seconds',
      'How long work on a key took',
      QUEUES,
      QUEUE_BUCKETS,
    );
    this.#requests = metrics.counter('rest_client_requests_total', 'Requests to the API server', {
      code: [],
      method: [],
      host: [],
    });
    metrics.gauge('workqueue_depth', 'Keys that wait', ['name'], () => [[{ name: CONTROLLER }, depth()]]);
    metrics.gauge('leader_election_master_status', 'Whether this replica leads', ['name'], () => [
      [{ name: lease }, Number(isLeader())],
    ]);
  }

  reconciled({ kind, name, namespace }: ReconciledObject, result: ReconcileResult, seconds: number): void {
    this.#results.inc({ controller: CONTROLLER, result });
    if (result === 'error') this.#errors.inc({ controller: CONTROLLER });
    this.#time.observe({ controller: CONTROLLER }, seconds);
    if (this.#hasSeries(keyOf({ kind, name, namespace })))
      this.#objectTime.observe({ kind, name, namespace }, seconds);
    this.#worked.observe({ name: CONTROLLER }, seconds);
  }

  /** An object that is gone has no series any more. */
  forget({ kind, name, namespace }: ReconciledObject): void {
    if (this.#objects.delete(keyOf({ kind, name, namespace })))
      this.#objectTime.remove({ kind, name, namespace });
  }

  #hasSeries(key: string): boolean {
    if (this.#objects.size < MOST_OBJECTS) this.#objects.add(key);
    return this.#objects.has(key);
  }

  added(): void {
    this.#adds.inc({ name: CONTROLLER });
  }

  retried(): void {
    this.#retries.inc({ name: CONTROLLER });
  }

  /** A key was taken from the queue. */
  taken(waitedSeconds: number): void {
    this.#waited.observe({ name: CONTROLLER }, waitedSeconds);
  }

  /**
   * @param host of the API server, with its port
   * @param code the HTTP status, or `error` when there was no answer, which client-go calls `<error>`
   */
  requested(host: string, method: string, code: string): void {
    this.#requests.inc({ code: code === 'error' ? '<error>' : code, method, host });
  }
}

function keyOf({ kind, name, namespace }: ReconciledObject): string {
  return `${kind} ${namespace}/${name}`;
}
