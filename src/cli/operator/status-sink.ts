/** Where statuses go in a cluster: to `/status` of the objects themselves. */
import type { ModelPromotion } from '../../api/generated/types.ts';
import type { KubeApi } from '../../adapters/kube/api.ts';
import { KubeStatusWriter, type Due } from '../../adapters/kube/status-writer.ts';
import { writeFinalizers } from '../../adapters/kube/status.ts';
import { canonicalJson } from '../../domain/digest.ts';
import { isFormerKey } from '../../reconcile/former.ts';
import type { Share } from '../../reconcile/share.ts';
import { wordsOf } from '../../runtime/failure.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Scrubber } from '../../runtime/secrets.ts';
import { backoff } from '../../runtime/time.ts';
import type { Served } from '../../sources/kubernetes.ts';
import type { StatusSink } from '../daemon/controller.ts';
import type { Inside } from '../daemon/home.ts';
import { registryDocument } from '../daemon/registry-status.ts';
import { refOf, waitsForRelease } from './finalizer.ts';
import { FINALIZER, PROMOTIONS, REGISTRIES } from './kinds.ts';
import type { Watches } from './watches.ts';

export interface ClusterSinkOptions {
  readonly api: KubeApi;
  readonly watches: Watches;
  readonly inside: Inside;
  readonly scrubber: Scrubber;
  readonly logger: Logger;
  /** Whether this process may write now. */
  readonly fence: () => boolean;
  /** Whose the status of a registry is. */
  readonly share: Pick<Share, 'isOursByName'>;
}

const RETRY = { base: 500, max: 60_000 };

export class ClusterSink implements StatusSink {
  readonly #options: ClusterSinkOptions;
  readonly #promotions: KubeStatusWriter;
  readonly #registries: KubeStatusWriter;
  readonly #stop = new AbortController();

  constructor(options: ClusterSinkOptions) {
    this.#options = options;
    const { api, logger, inside, fence } = options;
    const common = {
      api,
      logger,
      fence,
      written: (result: 'ok' | 'failed') => inside.metrics.statusWritten(result),
    };
    this.#promotions = new KubeStatusWriter({ ...common, dueOf: (key) => this.#promotionDue(key) });
    this.#registries = new KubeStatusWriter({ ...common, dueOf: (key) => this.#registryDue(key) });
    // The way out for whoever deleted what cannot be released.
    options.watches.promotions.onChange((key, _, after) => {
      if (after === undefined) {
        inside.engine.gone(key);
        return;
      }
      if (isGivenUp(after)) inside.engine.giveUpRelease(key);
      // Whatever else writes a status, ours is the one that holds.
      this.#promotions.check(key);
    });
  }

  get failure(): string | undefined {
    return this.#promotions.failure ?? this.#registries.failure;
  }

  changed(key: string): void {
    // What an object was before it came to manage another model is no object of its own.
    if (isFormerKey(key)) return;
    if (this.#isReleased(key)) void this.#letGo(key, 0);
    else this.#promotions.changed(key);
  }

  swept(registry: string): void {
    if (this.#options.share.isOursByName(registry)) this.#registries.changed(registry);
  }

  async run(signal: AbortSignal): Promise<void> {
    // What was released before a restart, and could not be let go of then.
    for (const { object } of this.#options.watches.promotions.values())
      if (this.#isReleased(keyOf(object))) void this.#letGo(keyOf(object), 0);
    await Promise.all([this.#promotions.run(signal), this.#registries.run(signal)]);
    this.#stop.abort();
  }

  async flush(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#promotions.flush(signal), this.#registries.flush(signal)]);
  }

  #promotionDue(key: string): Due | undefined {
    const { watches, inside, scrubber } = this.#options;
    const served = watches.promotions.get(key);
    const document = inside.engine.document(key);
    if (served === undefined || document?.status === undefined) return undefined;
    const { uid } = document.metadata as { uid?: string };
    // The status of one object is never written to another of its name.
    if (uid !== undefined && uid !== served.object.metadata.uid) return undefined;
    const status = scrubber.clean(document.status);
    return { object: refOf(served, PROMOTIONS), status, isThere: isSame(status, served) };
  }

  #registryDue(key: string): Due | undefined {
    const { watches, inside, scrubber } = this.#options;
    const served = watches.registries.get(key);
    const listed = inside.directory.list().find((one) => one.key === key);
    if (served === undefined || listed === undefined) return undefined;
    const promotions = inside.engine.keysOf(listed.address).length;
    const { status } = registryDocument(listed, { promotions, lastHint: undefined }, Date.now());
    return {
      object: refOf(served, REGISTRIES),
      status: scrubber.clean(status),
      isThere: isSame(status, served),
    };
  }

  /** Whether an object waits for us alone, and we are done with it. Of what cannot be read nothing can be released. */
  #isReleased(key: string): boolean {
    const { watches, inside, share } = this.#options;
    const served = watches.promotions.get(key);
    if (served === undefined || !waitsForRelease(served)) return false;
    if (inside.engine.document(key) !== undefined) return false;
    const isLost = served.reading.kind === 'invalid' && share.isOursByName(key);
    return isLost || inside.engine.isReleased(key);
  }

  async #letGo(key: string, failures: number): Promise<void> {
    const { watches, api, logger, fence } = this.#options;
    const served = watches.promotions.get(key);
    if (served === undefined || !fence() || this.#stop.signal.aborted || !this.#isReleased(key)) return;
    const others = served.finalizers.filter((one) => one !== FINALIZER);
    try {
      const result = await writeFinalizers(api, refOf(served), others, this.#stop.signal);
      if (result.kind !== 'conflict') return;
    } catch (error) {
      const detail = wordsOf(error);
      if (failures === 0)
        logger.warn({ promotion: key, detail }, 'a finalizer cannot be removed; it is tried again');
    }
    setTimeout(() => void this.#letGo(key, failures + 1), backoff(failures, RETRY));
  }
}

function isGivenUp({ deleting, reading }: Served<ModelPromotion>): boolean {
  return deleting && reading.kind === 'valid' && reading.object.spec.deletionPolicy === 'Orphan';
}

function keyOf({ metadata: { namespace, name } }: Served<unknown>['object']): string {
  return `${namespace}/${name}`;
}

function isSame(status: unknown, { reading, object }: Served<{ readonly status?: unknown }>): boolean {
  const there = reading.kind === 'valid' ? reading.object.status : object.status;
  return there !== undefined && canonicalJson(status) === canonicalJson(there);
}
