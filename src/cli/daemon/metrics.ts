/** What the controller counts. Names and labels are part of the contract: docs/operations.md lists them. */
import type { ClientObserver } from '../../adapters/mlflow/client.ts';
import type { Observer } from '../../reconcile/ports.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Result } from '../../runtime/hooks/receiver.ts';
import { Metrics } from '../../runtime/metrics.ts';
import { HOOKS, type Hook } from './hooks.ts';

const RESULTS = ['ready', 'waiting', 'stalled'] as const;
const ACTIONS = ['Transition', 'SetAlias', 'DeleteAlias', 'SetTag', 'SetDescription'] as const;
const CAUSES = ['Promotion', 'Drift', 'Release'] as const;
const CALLS = [
  'probe', 'server-info', 'get-model', 'get-version', 'search-models', 'search-versions', 'transition', 'set-alias',
  'delete-alias', 'set-version-tag', 'set-model-tag', 'delete-model-tag', 'set-description',
  'list-webhooks', 'create-webhook', 'update-webhook', 'delete-webhook', 'test-webhook',
] as const; // prettier-ignore
const HINT_RESULTS = ['accepted', 'ignored', 'replayed', 'refused', 'limited'] as const satisfies Result[];
const CALL_RESULTS = ['ok', 'permanent', 'transient', 'throttled', 'unauthorised', 'cancelled'] as const;

export interface Gauges {
  readonly depth: () => number;
  /** Number of promotions by the value of `status.summary.ready`. */
  readonly promotions: () => ReadonlyMap<string, number>;
  readonly registries: () => readonly {
    readonly name: string;
    readonly ready: boolean;
    readonly lastFull: number | undefined;
  }[];
}

export interface ControllerMetrics {
  /** Where others count beside it. */
  readonly all: Metrics;
  readonly observer: Pick<Observer, 'reconciled' | 'applied'>;
  readonly registry: ClientObserver;
  polled(result: 'changed' | 'unchanged' | 'failed', seconds: number): void;
  statusWritten(result: 'ok' | 'failed'): void;
  readonly hinted: (kind: Hook, result: Result) => void;
  gauges(read: Gauges): void;
  render(): Promise<string>;
}

export function controllerMetrics(): ControllerMetrics {
  const metrics = new Metrics();
  const passes = metrics.counter(
    'modelpromotion_reconcile_total',
    'Passes over a promotion, by what they came to',
    { result: RESULTS },
  );
  const passTime = metrics.histogram('modelpromotion_reconcile_duration_seconds', 'Duration of a pass');
  const actions = metrics.counter('modelpromotion_actions_total', 'Changes made to registries', {
    kind: ACTIONS,
    cause: CAUSES,
  });
  const calls = metrics.counter('modelpromotion_registry_requests_total', 'Requests to registries', {
    call: CALLS,
    result: CALL_RESULTS,
  });
  const callTime = metrics.histogram(
    'modelpromotion_registry_request_duration_seconds',
    'Duration of a request to a registry',
    { call: CALLS },
  );
  const polls = metrics.counter('modelpromotion_source_polls_total', 'Looks at the source', {
    result: ['changed', 'unchanged', 'failed'],
  });
  const pollTime = metrics.histogram(
    'modelpromotion_source_poll_duration_seconds',
    'Duration of a look at the source',
  );
  const writes = metrics.counter('modelpromotion_status_writes_total', 'Commits to the status branch', {
    result: ['ok', 'failed'],
  });
  const hints = metrics.counter('modelpromotion_hints_total', 'Requests to the hooks', {
    kind: HOOKS,
    result: HINT_RESULTS,
  });
  return {
    all: metrics,
    observer: {
      reconciled: (_promotion, result, seconds) => {
        passes.inc({ result });
        passTime.observe(seconds);
      },
      applied: (kind, cause) => actions.inc({ kind, cause }),
    },
    registry: {
      requested: (call, result, seconds) => {
        calls.inc({ call, result });
        callTime.observe({ call }, seconds);
      },
    },
    polled: (result, seconds) => {
      polls.inc({ result });
      pollTime.observe(seconds);
    },
    statusWritten: (result) => writes.inc({ result }),
    hinted: (kind, result) => hints.inc({ kind, result }),
    gauges: (read) => registerGauges(metrics, read),
    render: () => metrics.render(),
  };
}

const READY = ['True', 'False', 'Unknown', 'Suspended'] as const;

function registerGauges(metrics: Metrics, { depth, promotions, registries }: Gauges): void {
  metrics.gauge('modelpromotion_queue_depth', 'Promotions that wait for a worker', [], () => [[{}, depth()]]);
  metrics.gauge('modelpromotion_promotions', 'Promotions, by readiness', ['ready'], () => {
    const counts = promotions();
    return READY.map((ready) => [{ ready }, counts.get(ready) ?? 0]);
  });
  metrics.gauge('modelpromotion_registry_ready', 'Whether a registry answers', ['registry'], () =>
    registries().map(({ name, ready }) => [{ registry: name }, Number(ready)]),
  );
  metrics.gauge(
    'modelpromotion_registry_last_full_sweep_timestamp_seconds',
    'End of the last full read',
    ['registry'],
    () => registries().map(({ name, lastFull }) => [{ registry: name }, (lastFull ?? 0) / 1_000]),
  );
}

/** `home` is told beside the log and the metrics. */
export function observerFor(
  metrics: ControllerMetrics,
  logger: Logger,
  home: Partial<Pick<Observer, 'event' | 'reconciled'>>,
): Observer {
  return {
    ...metrics.observer,
    reconciled: (...told) => {
      metrics.observer.reconciled(...told);
      home.reconciled?.(...told);
    },
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    event: (promotion, event) => {
      const { type, reason, message: detail } = event;
      const fields = { promotion: promotion.key, reason, detail };
      if (type === 'Warning') logger.warn(fields, 'event');
      else logger.info(fields, 'event');
      home.event?.(promotion, event);
    },
  };
}
