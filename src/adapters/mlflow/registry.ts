/**
 * One MLflow Model Registry: a snapshot of its state that all promotions share, live readings in batches,
 * and writes, one writer a model.
 */
import type { Action } from '../../domain/action.ts';
import type { Fact, Model } from '../../domain/observed.ts';
import type { Mark } from '../../domain/provenance.ts';
import { WriteError, type Registry } from '../../reconcile/ports.ts';
import { KeyedMutex } from '../../runtime/limiter.ts';
import { CHUNK, ReadBatcher } from './batch.ts';
import { MlflowClient, type ClientObserver } from './client.ts';
import { RegistryError } from './errors.ts';
import { nameFilters } from './filters.ts';
import { measureConnections, probe, type Capabilities } from './probe.ts';
import { readAll, readChanges, readLive, reasonOf, unknownFrom } from './sweep.ts';
import { Transport, type TransportOptions } from './transport.ts';

/** Below this many managed models only they are read; above, reading the whole registry takes fewer requests. */
const FEW_MODELS = 400;
/** Full reads may take this share of the time; between them one request looks for changes. */
const FULL_SHARE = 0.05;

interface Known {
  readonly fact: Fact<Model>;
  /** When the reading began, by `performance.now()`: a later one wins. */
  readonly asOf: number;
}

export interface Sweep {
  readonly kind: 'Full' | 'Changes';
  /** Milliseconds since the epoch, at its end. */
  readonly time: number;
  /** Milliseconds. */
  readonly duration: number;
  readonly requests: number;
  /** Models whose state differs from what was known before. */
  readonly changed: readonly string[];
}

/** What is known of the server itself. */
export interface RegistryHealth {
  readonly capabilities: Capabilities | undefined;
  readonly failure: Extract<Fact<never>, { kind: 'unknown' }> | undefined;
  readonly connections: 'kept' | 'fresh' | undefined;
  readonly counts: { readonly models: number; readonly versions: number };
  readonly lastSweep: Sweep | undefined;
  /** Milliseconds since the epoch. */
  readonly lastFull: number | undefined;
}

export interface MlflowRegistryOptions extends TransportOptions {
  /** Milliseconds between sweeps. */
  readonly sweepInterval: number;
  /** Names of the models that promotions manage now. */
  readonly managed: () => ReadonlySet<string>;
  readonly observer: ClientObserver;
}

export class MlflowRegistry implements Registry {
  readonly #options: MlflowRegistryOptions;
  readonly #transport: Transport;
  readonly #client: MlflowClient;
  readonly #batcher: ReadBatcher;
  readonly #writers = new KeyedMutex();
  readonly #closing = new AbortController();
  readonly #known = new Map<string, Known>();
  #capabilities: Capabilities | undefined;
  #connections: 'kept' | 'fresh' | undefined;
  #failure: Extract<Fact<never>, { kind: 'unknown' }> | undefined;
  #lastSweep: Sweep | undefined;
  #full: { time: number; at: number; duration: number; whole: boolean } | undefined;
  #watermark = 0;

  constructor(options: MlflowRegistryOptions) {
    this.#options = options;
    this.#transport = new Transport(options);
    this.#client = new MlflowClient(this.#transport, options.concurrency, options.observer);
    this.#batcher = new ReadBatcher((names) => this.#readMany(names));
  }

  get health(): RegistryHealth {
    let versions = 0;
    let models = 0;
    for (const { fact } of this.#known.values()) {
      if (fact.kind !== 'known') continue;
      models += 1;
      versions += fact.value.versions.size;
    }
    return {
      capabilities: this.#capabilities,
      failure: this.#failure,
      connections: this.#connections,
      counts: { models, versions },
      lastSweep: this.#lastSweep,
      lastFull: this.#full?.time,
    };
  }

  snapshot(model: string): Fact<Model> | undefined {
    const known = this.#known.get(model);
    if (known !== undefined) return known.fact;
    if (this.#full?.whole === true) return { kind: 'absent' };
    return this.#failure;
  }

  async read(model: string, signal: AbortSignal): Promise<Fact<Model>> {
    signal.throwIfAborted();
    const fact = await this.#batcher.read(model);
    signal.throwIfAborted();
    return fact;
  }

  async write(model: string, action: Action, signal: AbortSignal): Promise<void> {
    await this.#sent(() => this.#send(model, action, signal));
  }

  async mark(model: string, { version, key, value }: Mark, signal: AbortSignal): Promise<void> {
    await this.#sent(() => {
      if (version !== undefined) return this.#client.setVersionTag(model, version, key, value, signal);
      return value === ''
        ? this.#client.deleteModelTag(model, key, signal)
        : this.#client.setModelTag(model, key, value, signal);
    });
  }

  exclusive<T>(model: string, work: () => Promise<T>): Promise<T> {
    return this.#writers.run(model, work);
  }

  /**
   * Looks at the registry once: a full read while that is cheap or overdue, else at what changed.
   * A failure is kept in `health`; what was known stays.
   */
  async sweep(signal: AbortSignal): Promise<Sweep | undefined> {
    const ends = AbortSignal.any([signal, this.#closing.signal]);
    try {
      this.#capabilities ??= await this.#connect(ends);
      const sweep = await (this.#fullIsDue() ? this.#sweepAll(ends) : this.#sweepChanges(ends));
      this.#lastSweep = sweep;
      this.#failure = undefined;
      return sweep;
    } catch (error) {
      ends.throwIfAborted();
      this.#failure = unknownFrom(error);
      return undefined;
    }
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the registry was closed'));
    await this.#transport.close();
  }

  async #connect(signal: AbortSignal): Promise<Capabilities> {
    const capabilities = await probe(this.#client, this.#options.workspace, signal);
    this.#connections ??= await measureConnections(
      () => this.#client.text('/health', signal),
      (policy) => this.#transport.useConnections(policy),
    );
    return capabilities;
  }

  #fullIsDue(): boolean {
    if (this.#full === undefined) return true;
    const managed = this.#options.managed();
    if (!this.#full.whole && [...managed].some((name) => !this.#known.has(name))) return true;
    const age = performance.now() - this.#full.at;
    return (
      age >= this.#full.duration / FULL_SHARE ||
      this.#full.duration <= this.#options.sweepInterval * FULL_SHARE
    );
  }

  async #sweepAll(signal: AbortSignal): Promise<Sweep> {
    const asOf = performance.now();
    const requests = this.#client.requests;
    const managed = [...this.#options.managed()];
    const whole = managed.length > FEW_MODELS;
    const filters = whole
      ? [undefined]
      : nameFilters(managed, { inOperator: this.#inOperator, chunk: FEW_MODELS });
    const models = await readAll(this.#client, filters, signal);
    const names = new Set([...models.keys(), ...(whole ? this.#known.keys() : managed)]);
    const changed = [...names].filter((name) => this.#learn(name, factOf(models.get(name)), asOf));
    const duration = performance.now() - asOf;
    this.#full = { time: Date.now(), at: performance.now(), duration, whole };
    this.#advanceWatermark(models);
    return { kind: 'Full', time: Date.now(), duration, requests: this.#client.requests - requests, changed };
  }

  async #sweepChanges(signal: AbortSignal): Promise<Sweep> {
    const asOf = performance.now();
    const requests = this.#client.requests;
    const models = await readChanges(
      this.#client,
      (name) => valueOf(this.#known.get(name)?.fact),
      this.#watermark,
      {
        inOperator: this.#inOperator,
        only: this.#full?.whole === true ? undefined : this.#options.managed(),
      },
      signal,
    );
    const changed = [...models]
      .filter(([name, model]) => this.#learn(name, factOf(model), asOf))
      .map(([name]) => name);
    this.#advanceWatermark(models);
    const duration = performance.now() - asOf;
    return {
      kind: 'Changes',
      time: Date.now(),
      duration,
      requests: this.#client.requests - requests,
      changed,
    };
  }

  async #readMany(names: readonly string[]): Promise<ReadonlyMap<string, Fact<Model>>> {
    const asOf = performance.now();
    const signal = this.#closing.signal;
    if (this.#capabilities === undefined && this.#failure !== undefined) return all(names, this.#failure);
    let facts: ReadonlyMap<string, Fact<Model>>;
    try {
      this.#capabilities ??= await this.#connect(signal);
      facts = await readLive(this.#client, names, { inOperator: this.#inOperator, chunk: CHUNK }, signal);
    } catch (error) {
      return all(names, unknownFrom(error));
    }
    for (const [name, fact] of facts) if (fact.kind !== 'unknown') this.#learn(name, fact, asOf);
    return facts;
  }

  /** Takes a reading into the snapshot, unless a later one is there. Tells whether it says something new. */
  #learn(name: string, fact: Fact<Model>, asOf: number): boolean {
    const known = this.#known.get(name);
    if (known !== undefined && known.asOf > asOf) return false;
    this.#known.set(name, { fact, asOf });
    return known === undefined || !sameState(known.fact, fact);
  }

  #advanceWatermark(models: ReadonlyMap<string, Model>): void {
    for (const { lastUpdatedTimestamp } of models.values()) {
      this.#watermark = Math.max(this.#watermark, lastUpdatedTimestamp);
    }
  }

  get #inOperator(): boolean {
    return this.#capabilities?.inOperator === true;
  }

  async #send(model: string, action: Action, signal: AbortSignal): Promise<void> {
    switch (action.kind) {
      case 'Transition': {
        const { version, to, archiveExisting } = action;
        const answer = await this.#client.transition(model, version, to, archiveExisting, signal);
        if (answer.current_stage !== to) {
          throw new RegistryError(
            'transient',
            `the registry answered stage ${answer.current_stage ?? 'none'} to a transition to ${to}`,
            {
              ambiguous: true,
            },
          );
        }
        return;
      }
      case 'SetAlias':
        return this.#client.setAlias(model, action.alias, action.version, signal);
      case 'DeleteAlias':
        return this.#client.deleteAlias(model, action.alias, signal);
      case 'SetTag':
        return this.#client.setVersionTag(model, action.version, action.key, action.value, signal);
      case 'SetDescription':
        return this.#client.setDescription(model, action.version, action.description, signal);
      default:
        return action satisfies never;
    }
  }

  async #sent(send: () => Promise<void>): Promise<void> {
    try {
      await send();
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      // A lagging replica answers 404 to writes that were carried out (facts 8.4): read before believing it.
      throw new WriteError(reasonOf(error), error.ambiguous || error.notFound, error.message, {
        cause: error,
      });
    }
  }
}

function all(names: readonly string[], fact: Fact<Model>): Map<string, Fact<Model>> {
  return new Map(names.map((name) => [name, fact]));
}

function factOf(model: Model | undefined): Fact<Model> {
  return model === undefined ? { kind: 'absent' } : { kind: 'known', value: model };
}

function valueOf(fact: Fact<Model> | undefined): Model | undefined {
  return fact?.kind === 'known' ? fact.value : undefined;
}

function sameState(a: Fact<Model>, b: Fact<Model>): boolean {
  if (a.kind !== 'known' || b.kind !== 'known') return a.kind === b.kind;
  return fingerprint(a.value) === fingerprint(b.value);
}

function fingerprint(model: Model): string {
  return JSON.stringify([
    model.lastUpdatedTimestamp,
    [...model.tags],
    [...model.aliases],
    [...model.versions.values()].map((version) => [
      version.version,
      version.stage,
      version.status,
      version.description,
      [...version.tags],
    ]),
  ]);
}
