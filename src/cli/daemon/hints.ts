/**
 * What is done about a hint: somebody looks sooner. Nothing that a hint says is believed; the name of a model in it
 * is a place to look at, and only if we manage that model.
 */
import type { Listed, RegistryDirectory } from '../../adapters/mlflow/directory.ts';
import type { Engine } from '../../reconcile/engine.ts';
import type { Logger } from '../../runtime/logger.ts';
import { sleep } from '../../runtime/time.ts';

/** Between two looks that hints have caused, at one registry: what comes meanwhile shares the second. */
const GAP = 200;

export interface HintsOptions {
  readonly engine: Engine;
  readonly directory: RegistryDirectory;
  readonly logger: Logger;
  readonly now: () => number;
  /** Has the source polled now. */
  readonly pollNow: () => void;
  /** Has a registry swept as soon as its pace allows. */
  readonly sweepSoon: (registry: string) => void;
  /** Has a promotion looked at now. */
  readonly wake: (promotion: string) => void;
  readonly signal: AbortSignal;
}

export class Hints {
  readonly #options: HintsOptions;
  readonly #lastOf = new Map<string, number>();
  /** By registry, while looks go on: models that wait for the next. */
  readonly #waiting = new Map<string, Set<string>>();
  #lastOfSource: number | undefined;

  constructor(options: HintsOptions) {
    this.#options = options;
  }

  /** When the last hint came, in milliseconds since the epoch. */
  get lastOfSource(): number | undefined {
    return this.#lastOfSource;
  }

  lastOf(registry: string): number | undefined {
    return this.#lastOf.get(registry);
  }

  /** The source may have moved. */
  source(): void {
    this.#lastOfSource = this.#options.now();
    this.#options.pollNow();
  }

  /**
   * Something may have changed in these registries, in all of them when none are named. A model that we manage there
   * is read; aliases and tags show in no other look that is cheap.
   */
  registries(keys: readonly string[] | undefined, model: string | undefined): void {
    const { directory, now } = this.#options;
    const all = directory.list();
    const meant = keys === undefined ? all : all.filter(({ key }) => keys.includes(key));
    const managing = meant.filter((listed) => this.#manages(listed, model));
    // A name that one of them manages says that the others are not meant.
    for (const listed of managing.length > 0 ? managing : meant) {
      this.#lastOf.set(listed.key, now());
      if (model !== undefined && managing.length > 0) this.#read(listed, model);
      else this.#options.sweepSoon(listed.key);
    }
  }

  /** Whether any registry has a model of this name that we manage. */
  manages(model: string): boolean {
    return this.#options.directory.list().some((listed) => this.#manages(listed, model));
  }

  #manages({ address }: Listed, model: string | undefined): boolean {
    return model !== undefined && this.#options.engine.keysOf(address, [model]).length > 0;
  }

  /** One look at a time for each registry; what is asked for meanwhile is one more. */
  #read(listed: Listed, model: string): void {
    const waiting = this.#waiting.get(listed.key);
    if (waiting !== undefined) {
      waiting.add(model);
      return;
    }
    this.#waiting.set(listed.key, new Set([model]));
    void this.#readAll(listed);
  }

  async #readAll(listed: Listed): Promise<void> {
    const { signal, logger, sweepSoon } = this.#options;
    try {
      for (let models = this.#take(listed); models.length > 0; models = this.#take(listed)) {
        await Promise.all(models.map((model) => this.#readOne(listed, model)));
        await sleep(GAP, signal);
        if (signal.aborted) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      logger.error(
        { registry: listed.key, err: error },
        'a look that a hint asked for failed unexpectedly; a sweep makes up for it',
      );
      sweepSoon(listed.key);
    } finally {
      this.#waiting.delete(listed.key);
    }
  }

  #take({ key }: Listed): string[] {
    const models = [...(this.#waiting.get(key) ?? [])];
    this.#waiting.set(key, new Set());
    return models;
  }

  async #readOne({ key, address, registry }: Listed, model: string): Promise<void> {
    const { engine, signal, sweepSoon, wake } = this.#options;
    const fact = await registry.read(model, signal);
    if (fact.kind === 'unknown') sweepSoon(key);
    else for (const promotion of engine.keysOf(address, [model])) wake(promotion);
  }
}
