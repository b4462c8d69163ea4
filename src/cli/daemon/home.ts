/** What tells one home of the engine from another: where objects are declared, remembered and shown. */
import type { RegistryDirectory, SecretReader } from '../../adapters/mlflow/directory.ts';
import type { Engine, EngineOptions } from '../../reconcile/engine.ts';
import type { Observer, Source } from '../../reconcile/ports.ts';
import type { Share } from '../../reconcile/share.ts';
import type { WorkQueue } from '../../runtime/queue.ts';
import type { Remembered, StatusSink } from './controller.ts';
import type { ControllerMetrics } from './metrics.ts';

/** What a home is given once the engine is there. */
export interface Inside {
  readonly engine: Engine;
  readonly directory: RegistryDirectory;
  readonly queue: WorkQueue;
  /** Has the source looked at now. */
  readonly pollNow: () => void;
  readonly metrics: ControllerMetrics;
}

export interface Home extends Pick<
  EngineOptions,
  'uidOf' | 'allowEmpty' | 'fence' | 'prepare' | 'releasePatience'
> {
  readonly source: Source;
  /** Which promotions are ours; all where it is absent. */
  readonly share?: (directory: RegistryDirectory) => Share;
  /** What must be in order before anything begins. @throws Error that says what to do */
  readonly check?: () => Promise<void>;
  /** What has to be read before this process is of use, in words; undefined when it is. */
  readonly missing?: () => string | undefined;
  /** Milliseconds between looks at the source that nobody asked for. */
  readonly pollInterval: number;
  /** Reads what was remembered before a restart. */
  readonly restore: (signal: AbortSignal) => Promise<Remembered>;
  /** Where registries come by their secrets and namespaces by their labels; undefined for those of the options. */
  readonly access: RegistryAccess | undefined;
  /** Told of what happens to promotions, beside the log and the metrics. */
  readonly observer?: Partial<Pick<Observer, 'event' | 'reconciled'>>;
  /** Where statuses go; undefined where they are only shown. */
  sink(inside: Inside): StatusSink | undefined;
  /** Runs the work while this process may do it, until the signal aborts. */
  lead(work: (stop: AbortSignal) => Promise<void>, stop: AbortSignal): Promise<Ending>;
}

/** Why work ended: it was asked to, or another process may do it now. */
export type Ending = 'stopped' | 'lost';

export interface RegistryAccess {
  readonly readSecret: SecretReader;
  readonly labelsOf: (namespace: string) => Readonly<Record<string, string>> | undefined;
}
