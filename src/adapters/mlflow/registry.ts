/**
 * One MLflow Model Registry: a snapshot of its state that all promotions share, live readings in batches,
 * and writes, one writer a model.
 */
import type { Action } from '../../domain/action.ts';
import type { EvidenceOf, EvidenceReader, SignatureOf } from '../../domain/evidence.ts';
import type { Grounds, Question, SampleOf } from '../../domain/grounds.ts';
import type { NewVersion } from '../../domain/copy.ts';
import type { Fact, Model, Version } from '../../domain/observed.ts';
import type { Mark } from '../../domain/provenance.ts';
import { WriteError, type Registry } from '../../reconcile/ports.ts';
import { KeyedMutex } from '../../runtime/limiter.ts';
import { unlessAborted } from './abort.ts';
import { CHUNK, ReadBatcher, type Facts } from './batch.ts';
import { MlflowClient, type ClientObserver, type PageSizes } from './client.ts';
import { RegistryError } from './errors.ts';
import { GroundsReader } from './grounds.ts';
import { Registrations } from './registrations.ts';
import { nameFilters } from './filters.ts';
import { measureConnections, probe, type Capabilities } from './probe.ts';
import { readEvidence } from './runs.ts';
import { readSignatures } from './signature.ts';
import { Snapshot } from './snapshot.ts';
import { readAll, readChanges, readLive, reasonOf, unknownFrom } from './sweep.ts';
import { toWireTags, type Described } from './wire.ts';
import { WebhookKeeper, type WebhookOptions, type WebhookState } from './webhook.ts';
import { readMatching, type Models } from './whole.ts';
import { CLOSED, Transport, type Connections, type TransportOptions } from './transport.ts';

/** Below this many managed models only they are read; above, reading the whole registry takes fewer requests. */
const FEW_MODELS = 400;
/** As above, where every name takes two requests of its own (MLflow before `name IN`). */
const FEW_WITHOUT_IN = 8;
/** Full reads may take this share of the time; between them one request looks for changes. */
const FULL_SHARE = 0.05;
/** When more rows than one page changed, and few of them are ours, those are read instead. */
const MOST_FOREIGN_CHANGES = 200;
const SWEEP_DEADLINE = 10 * 60_000;
/** Writes for each request the registry takes at once, which keep it busy while a reading is made. */
const WRITES_AHEAD = 3;

export interface Sweep {
  readonly kind: 'Full' | 'Changes';
  /** Milliseconds since the epoch, at its end. */
  readonly time: number;
  /** Milliseconds. */
  readonly duration: number;
  readonly requests: number;
  /** Models whose state was found to differ since the last sweep, by this one or by live readings. */
  readonly changed: readonly string[];
}

const TOO_SLOW: Unknown = {
  kind: 'unknown',
  reason: 'RegistryUnavailable',
  message: `the registry could not be read within ${SWEEP_DEADLINE / 60_000} minutes`,
};

const UNREAD: Unknown = { kind: 'unknown', reason: 'RegistryUnavailable', message: 'the model was not read' };

type Unknown = Extract<Fact<never>, { kind: 'unknown' }>;

/** What is known of the server itself. */
export interface RegistryHealth {
  readonly capabilities: Capabilities | undefined;
  readonly failure: Unknown | undefined;
  /** When it last began or ceased to answer, in milliseconds since the epoch; undefined before the first look. */
  readonly since: number | undefined;
  readonly connections: Connections | undefined;
  readonly counts: { readonly models: number; readonly versions: number };
  readonly lastSweep: Sweep | undefined;
  /** Milliseconds since the epoch. */
  readonly lastFull: number | undefined;
  /** Of our webhook; undefined when none is declared. */
  readonly webhook: WebhookState | undefined;
}

export interface MlflowRegistryOptions extends TransportOptions {
  /** Milliseconds for one call. Bulk reads have a deadline of their own. */
  readonly timeout: number;
  /** Milliseconds between sweeps. */
  readonly sweepInterval: number;
  /** Names of the models that promotions manage now. */
  readonly managed: () => ReadonlySet<string>;
  readonly observer: ClientObserver;
  /** One for all who write to the same server, so that each model has one writer at a time. */
  readonly writers: KeyedMutex;
  readonly pages?: PageSizes;
  /** Our webhook there; a one-shot command keeps none. */
  readonly webhook?: WebhookOptions | undefined;
}

export class MlflowRegistry implements Registry, EvidenceReader {
  readonly #options: MlflowRegistryOptions;
  readonly #transport: Transport;
  readonly #client: MlflowClient;
  readonly #batcher: ReadBatcher;
  readonly #grounds: GroundsReader;
  readonly #registrations: Registrations;
  readonly #webhook: WebhookKeeper | undefined;
  readonly #closing = new AbortController();
  readonly #sweeps = new KeyedMutex();
  readonly #snapshot = new Snapshot();
  /** Who writes now, in the order they began. */
  readonly #turns = new Map<string, number>();
  #turn = 0;
  #capabilities: Capabilities | undefined;
  #connecting: Promise<Capabilities> | undefined;
  #connections: Connections | undefined;
  #failure: Unknown | undefined;
  #since: number | undefined;
  #lastSweep: Sweep | undefined;
  #full: { time: number; at: number; duration: number; whole: boolean } | undefined;
  #watermark = 0;

  constructor(options: MlflowRegistryOptions) {
    this.#options = options;
    this.#transport = new Transport(options);
    this.#client = new MlflowClient(this.#transport, {
      ...options,
      turnOf: (model) => this.#turns.get(model) ?? this.#turn,
    });
    this.#batcher = new ReadBatcher({
      readMany: (names) => this.#readMany(names),
      busy: () => this.#client.writesUnderWay > options.concurrency * WRITES_AHEAD,
    });
    const { sweepInterval: fresh } = options;
    this.#registrations = new Registrations(this.#client, options.timeout);
    this.#grounds = new GroundsReader({
      calls: this.#client.tracking,
      evidence: (versions, signal) => this.evidence(versions, signal),
      fresh,
      closing: this.#closing.signal,
    });
    this.#webhook = options.webhook && new WebhookKeeper(this.#client, options.webhook);
  }

  get health(): RegistryHealth {
    return {
      capabilities: this.#capabilities,
      failure: this.#failure,
      since: this.#since,
      connections: this.#connections,
      counts: this.#snapshot.counts,
      lastSweep: this.#lastSweep,
      lastFull: this.#full?.time,
      webhook: this.#webhook?.state,
    };
  }

  snapshot(model: string): Fact<Model> | undefined {
    const known = this.#snapshot.get(model);
    if (known !== undefined) return known;
    if (this.#full?.whole === true) return { kind: 'absent' };
    return this.#failure;
  }

  read(model: string, signal: AbortSignal): Promise<Fact<Model>> {
    return this.#batcher.read(model, signal);
  }

  grounds(question: Question, signal: AbortSignal): Promise<Omit<Grounds, 'samples'>> {
    return this.#grounds.read(question, signal);
  }

  samples(of: readonly SampleOf[], signal: AbortSignal): Promise<Grounds['samples']> {
    return this.#grounds.samples(of, signal);
  }

  /** What a model is told by people to be; undefined when it is not there. @throws RegistryError */
  async describeModel(name: string, signal: AbortSignal): Promise<Described | undefined> {
    await this.#connected(signal);
    try {
      return await this.#client.describe(name, signal);
    } catch (error) {
      if (error instanceof RegistryError && error.notFound) return undefined;
      throw error;
    }
  }

  /** Where the artifacts of a version are. @throws RegistryError */
  async location(model: string, version: string, signal: AbortSignal): Promise<string> {
    await this.#connected(signal);
    return this.#client.location(model, version, signal);
  }

  /** Makes a registered model; one that is there by now is as good. @throws WriteError */
  async createModel(name: string, { description, tags }: Described, signal: AbortSignal): Promise<void> {
    await this.#sent(() => this.#makeModel(name, description, tags, signal));
  }

  /** Makes a version, and tells its number. Must not be sent again before it was looked for. @throws WriteError */
  async createVersion(
    { model: name, source, description, tags }: NewVersion,
    signal: AbortSignal,
  ): Promise<string> {
    let number = '';
    await this.#sent(async () => {
      const body = { name, source, description, tags: toWireTags(tags) };
      number = (await this.#client.createVersion(body, signal)).version;
    });
    return number;
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
    return this.#options.writers.run(model, () => {
      this.#turn += 1;
      this.#turns.set(model, this.#turn);
      return work().finally(() => this.#turns.delete(model));
    });
  }

  /**
   * Looks at the registry once: a full read while that is cheap or overdue, else at what changed.
   * A failure is kept in `health`; what was known stays. One sweep runs at a time.
   */
  sweep(signal: AbortSignal): Promise<Sweep | undefined> {
    return this.#sweeps.run('', () => this.#sweep(signal));
  }

  /**
   * The models whose names match one of these patterns, all without any, as they are now; nothing is kept of them.
   * @throws RegistryError when the registry cannot be read
   */
  async matching(patterns: readonly string[], signal: AbortSignal): Promise<Models> {
    const ends = AbortSignal.any([signal, this.#closing.signal]);
    const { inOperator } = await this.#connected(ends);
    return readMatching(this.#client, patterns, inOperator, ends);
  }

  evidence(versions: readonly Version[], signal: AbortSignal): Promise<EvidenceOf> {
    return readEvidence(this.#client.tracking, versions, AbortSignal.any([signal, this.#closing.signal]));
  }

  /** A request for each version: for a few of them. */
  signatures(model: string, versions: readonly Version[], signal: AbortSignal): Promise<SignatureOf> {
    const ends = AbortSignal.any([signal, this.#closing.signal]);
    return readSignatures(this.#client.tracking, model, versions, ends);
  }

  /** As `close`, for a registry that is declared no more: our webhook goes first. */
  async retire(): Promise<void> {
    await this.#webhook?.remove();
    await this.close();
  }

  /** Ends readings at once; writes that are under way may end. */
  async close(): Promise<void> {
    this.#closing.abort(new RegistryError('transient', CLOSED));
    await this.#transport.close();
  }

  async #sweep(signal: AbortSignal): Promise<Sweep | undefined> {
    const deadline = AbortSignal.timeout(SWEEP_DEADLINE);
    const ends = AbortSignal.any([signal, this.#closing.signal, deadline]);
    try {
      // After a failure it may be another server than before; without models to read this is the only look.
      const again = this.#failure !== undefined || this.#options.managed().size === 0;
      await this.#connected(ends, again);
      this.#lastSweep = await this.#look(ends);
      this.#note(undefined);
      this.#webhook?.keep(this.#closing.signal);
      return this.#lastSweep;
    } catch (error) {
      signal.throwIfAborted();
      this.#note(deadline.aborted ? TOO_SLOW : unknownFrom(error));
      return undefined;
    }
  }

  #note(failure: Unknown | undefined): void {
    const turned = (failure === undefined) !== (this.#failure === undefined);
    if (turned || this.#since === undefined) this.#since = Date.now();
    this.#failure = failure;
  }

  /** What the server is; asked once for all who want to know. */
  #connected(signal: AbortSignal, again = false): Promise<Capabilities> {
    if (this.#capabilities !== undefined && !again) return Promise.resolve(this.#capabilities);
    this.#connecting ??= this.#connect().finally(() => (this.#connecting = undefined));
    return unlessAborted(this.#connecting, signal);
  }

  async #connect(): Promise<Capabilities> {
    const signal = this.#closing.signal;
    const capabilities = await probe(this.#client, this.#options.workspace, signal);
    this.#connections ??= await measureConnections(
      () => this.#client.ping(signal),
      (policy) => this.#transport.useConnections(policy),
    );
    this.#capabilities = capabilities;
    return capabilities;
  }

  async #look(signal: AbortSignal): Promise<Sweep> {
    const began = performance.now();
    const requests = this.#client.requests;
    const kind = !this.#fullIsDue() && (await this.#lookForChanges(began, signal)) ? 'Changes' : 'Full';
    if (kind === 'Full') await this.#lookAtAll(signal);
    return {
      kind,
      time: Date.now(),
      duration: performance.now() - began,
      requests: this.#client.requests - requests,
      changed: this.#snapshot.takeChanges(),
    };
  }

  #fullIsDue(): boolean {
    if (this.#full === undefined) return true;
    const managed = this.#options.managed();
    if (!this.#full.whole && [...managed].some((name) => !this.#snapshot.has(name))) return true;
    const age = performance.now() - this.#full.at;
    return (
      age >= this.#full.duration / FULL_SHARE ||
      this.#full.duration <= this.#options.sweepInterval * FULL_SHARE
    );
  }

  async #lookAtAll(signal: AbortSignal): Promise<void> {
    const asOf = performance.now();
    const managed = [...this.#options.managed()];
    const whole = managed.length > (this.#inOperator ? FEW_MODELS : FEW_WITHOUT_IN);
    const filters = whole
      ? [undefined]
      : nameFilters(managed, { inOperator: this.#inOperator, chunk: FEW_MODELS });
    const facts = await readAll(this.#client, filters, signal);
    for (const [name, fact] of facts) this.#snapshot.learn(name, fact, asOf);
    for (const name of managed) if (!facts.has(name)) this.#snapshot.learn(name, { kind: 'absent' }, asOf);
    this.#forgetUnmanaged(facts, whole);
    this.#full = { time: Date.now(), at: performance.now(), duration: performance.now() - asOf, whole };
    for (const fact of facts.values()) {
      if (fact.kind === 'known') this.#watermark = Math.max(this.#watermark, fact.value.lastUpdatedTimestamp);
    }
  }

  /** What a narrowed sweep does not read, and what is gone, would otherwise stay known as it once was. */
  #forgetUnmanaged(facts: ReadonlyMap<string, unknown>, whole: boolean): void {
    const managed = this.#options.managed();
    for (const name of this.#snapshot.names()) {
      if (!managed.has(name) && !(whole && facts.has(name))) this.#snapshot.forget(name);
    }
  }

  /** False when a full read is the better way. */
  async #lookForChanges(asOf: number, signal: AbortSignal): Promise<boolean> {
    const whole = this.#full?.whole === true;
    const { facts, watermark, complete } = await readChanges(
      this.#client,
      {
        known: (name) => this.#snapshot.updatedAt(name),
        watermark: this.#watermark,
        inOperator: this.#inOperator,
        only: whole ? undefined : { names: this.#options.managed(), most: MOST_FOREIGN_CHANGES },
      },
      signal,
    );
    for (const [name, fact] of facts) this.#snapshot.learn(name, fact, asOf);
    this.#watermark = watermark;
    return complete;
  }

  async #readMany(names: readonly string[]): Promise<Facts> {
    const asOf = performance.now();
    const signal = this.#closing.signal;
    const failure = this.#failure;
    if (this.#capabilities === undefined && failure !== undefined) return () => failure;
    try {
      const { inOperator } = await this.#connected(signal);
      const read = await readLive(this.#client, names, { inOperator, chunk: CHUNK }, signal);
      for (const [name, fact] of read) if (fact.kind !== 'unknown') this.#snapshot.learn(name, fact, asOf);
      return (name) => read.get(name) ?? UNREAD;
    } catch (error) {
      const unknown = unknownFrom(error);
      return () => unknown;
    }
  }

  get #inOperator(): boolean {
    return this.#capabilities?.inOperator === true;
  }

  async #makeModel(
    name: string,
    description: string,
    tags: Described['tags'],
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await this.#client.createModel({ name, description, tags: toWireTags(tags) }, signal);
    } catch (error) {
      if (!(error instanceof RegistryError) || error.code !== 'RESOURCE_ALREADY_EXISTS') throw error;
    }
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
      case 'CreateModel':
        return this.#makeModel(model, action.description, new Map(Object.entries(action.tags)), signal);
      case 'Register':
        return this.#registrations.register(model, action, signal);
      default:
        return action satisfies never;
    }
  }

  async #sent(send: () => Promise<void>): Promise<void> {
    try {
      await send();
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      // A lagging replica answers 404 to writes that were carried out (docs/mlflow.md): read before believing it.
      throw new WriteError(reasonOf(error), error.ambiguous || error.notFound, error.message, {
        cause: error,
      });
    }
  }
}
