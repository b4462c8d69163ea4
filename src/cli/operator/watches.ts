/** Everything that is watched in a cluster: our kinds, and the labels of namespaces. */
import { isFields } from '../../api/fields.ts';
import type { ModelPromotion, ModelRegistry } from '../../api/generated/types.ts';
import { readObject } from '../../api/object.ts';
import type { KubeApi } from '../../adapters/kube/api.ts';
import { Reflector } from '../../adapters/kube/reflector.ts';
import { Store } from '../../adapters/kube/store.ts';
import { canonicalJson } from '../../domain/digest.ts';
import type { Logger } from '../../runtime/logger.ts';
import { isNews, type KubernetesSource, toServed, type Served } from '../../sources/kubernetes.ts';
import { collectionPath, NAMESPACES_PATH, PROMOTIONS, REGISTRIES } from './kinds.ts';

type Labels = Readonly<Record<string, string>>;

export class Watches {
  readonly promotions = new Store<Served<ModelPromotion>>();
  readonly registries = new Store<Served<ModelRegistry>>();
  readonly #namespaces = new Store<Labels>();
  readonly #reflectors: readonly [Reflector<Served<ModelPromotion>>, Reflector<Served<ModelRegistry>>];
  /** Of the labels of namespaces; undefined where only one namespace is watched. */
  readonly #labels: Reflector<Labels> | undefined;

  /** @param namespace the one that is watched; undefined for all, and then for their labels too */
  constructor(api: KubeApi, namespace: string | undefined, logger: Logger) {
    const common = { api, logger };
    this.#reflectors = [
      new Reflector({
        ...common,
        path: collectionPath(PROMOTIONS, namespace),
        store: this.promotions,
        decode: (raw) => toServed(raw, (object) => readObject('ModelPromotion', object)),
      }),
      new Reflector({
        ...common,
        path: collectionPath(REGISTRIES, namespace),
        store: this.registries,
        decode: (raw) => toServed(raw, (object) => readObject('ModelRegistry', object)),
      }),
    ];
    this.#labels =
      namespace === undefined
        ? new Reflector({ ...common, path: NAMESPACES_PATH, store: this.#namespaces, decode: labelsIn })
        : undefined;
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#all().map((reflector) => reflector.run(signal)));
  }

  /** Lists our kinds anew. Resolves when that is done, rejects when the signal aborts. */
  async refresh(signal: AbortSignal): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    await Promise.race([promise, Promise.all(this.#all().map((reflector) => reflector.refresh()))]);
  }

  #all(): readonly Pick<Reflector<unknown>, 'run' | 'refresh'>[] {
    return this.#labels === undefined ? this.#reflectors : [...this.#reflectors, this.#labels];
  }

  /** Tells a source what happened that its listing depends on, and then calls back. */
  onNews(source: KubernetesSource, tell: () => void): void {
    this.promotions.onChange((key, before, after) => {
      if (!isNews(before, after)) return;
      source.promotionChanged(key, before, after);
      tell();
    });
    this.registries.onChange((_, before, after) => {
      if (!isNews(before, after)) return;
      source.changed();
      tell();
    });
    // Which namespaces have which labels decides who may use a registry of another namespace.
    this.#namespaces.onChange((_, before, after) => {
      if (canonicalJson(before ?? null) === canonicalJson(after ?? null)) return;
      source.changed();
      tell();
    });
  }

  /** Why not everything is known yet. Until labels are, who may use the registry of another namespace is not known either. */
  get missing(): string | undefined {
    const [promotions, registries] = this.#reflectors;
    return (
      missingIn(this.promotions, promotions) ??
      missingIn(this.registries, registries) ??
      (this.#labels && missingIn(this.#namespaces, this.#labels))
    );
  }

  labelsOf(namespace: string): Labels | undefined {
    return this.#namespaces.get(namespace);
  }
}

function missingIn<T>(store: Store<T>, { failure }: Reflector<T>): string | undefined {
  return store.synced ? undefined : (failure ?? 'the objects of the cluster were not listed yet');
}

function labelsIn(raw: unknown): Labels {
  const metadata = isFields(raw) ? raw['metadata'] : undefined;
  const labels = isFields(metadata) ? metadata['labels'] : undefined;
  return (isFields(labels) ? labels : {}) as Labels;
}
