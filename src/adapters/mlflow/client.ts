/** The calls of MLflow's registry API that we use, one method each, behind one limit and one breaker a registry. */
import { CircuitBreaker } from '../../runtime/breaker.ts';
import { Limiter } from '../../runtime/limiter.ts';
import { backoff, sleep } from '../../runtime/time.ts';
import type { Stage } from '../../domain/observed.ts';
import { RegistryError, type Answer } from './errors.ts';
import { once, pages } from './paging.ts';
import { TrackingCalls } from './tracking.ts';
import type { Call, Transport } from './transport.ts';
import {
  parseJson,
  readModel,
  readDelivery,
  readDescribed,
  readLocation,
  readModelPage,
  readServerInfo,
  readServerVersion,
  readVersion,
  readVersionPage,
  readWebhook,
  readWebhookPage,
  type Described,
  type Page,
  type WireModel,
  type WireVersion,
  type WireWebhook,
} from './wire.ts';

const API = '/api/2.0/mlflow';
const WEBHOOKS = `${API}/webhooks`;
const SERVER_INFO = '/api/3.0/mlflow/server-info';
/**
 * MLflow's own maximum for models. Larger pages of versions cost a server little less, hold up others for longer, and
 * have to fit into memory whole.
 */
const PAGES: PageSizes = { models: 1_000, versions: 10_000, recent: 200 };
const READ_ATTEMPTS = 3;
const READ_BACKOFF = { base: 200, max: 2_000 };
/** A bulk page may take a server seconds of work for each ten thousand rows. */
const PAGE_TIMEOUT = 180_000;
/** A longer pause that a server asks for ends the call: whoever waits for it has other registries to serve. */
const PATIENCE = 5_000;

/** Rows a page. */
export interface PageSizes {
  readonly models: number;
  readonly versions: number;
  /** Of the look for changes. */
  readonly recent: number;
}

export interface ClientOptions {
  /** Calls at once, beside one page of a bulk read. */
  readonly concurrency: number;
  /** Milliseconds for one call, tries of a read included. */
  readonly timeout: number;
  readonly observer: ClientObserver;
  readonly pages?: PageSizes | undefined;
  /** The turn of a model's writer, from 1: what was begun first is finished first. */
  readonly turnOf?: (model: string) => number;
}

/** Part of a registry's models or versions. */
export interface Search {
  /** MLflow's filter grammar; everything when undefined. */
  readonly filter: string | undefined;
  /** A page of many rows gets a deadline of its own. */
  readonly bulk: boolean;
  /** Told the names on both sides of where one page ends and the next begins. */
  readonly turned?: ((names: readonly string[]) => void) | undefined;
}

export interface ClientObserver {
  /** Called after every request; `result` is ok or the error's class. */
  requested(call: string, result: string, seconds: number): void;
}

export class MlflowClient {
  /** What it knows of runs and logged models. */
  readonly tracking = new TrackingCalls((read, signal) => this.#read(read, signal));
  readonly #transport: Transport;
  readonly #limiter: Limiter;
  /** A bulk page takes long, and nobody waits for it: it has a place of its own. */
  readonly #bulk = new Limiter(1);
  readonly #breaker = new CircuitBreaker();
  #lastFailure = 'no answer';
  readonly #options: ClientOptions;
  readonly #pages: PageSizes;
  /** What the server asked for, by `performance.now()`: nothing is sent before. */
  #pausedUntil = 0;
  #writes = 0;

  constructor(transport: Transport, options: ClientOptions) {
    this.#transport = transport;
    this.#limiter = new Limiter(options.concurrency);
    this.#options = options;
    this.#pages = options.pages ?? PAGES;
  }

  get requests(): number {
    return this.#transport.requests;
  }

  /** Writes that were asked for and have no answer yet. */
  get writesUnderWay(): number {
    return this.#writes;
  }

  /** Whether the registry was given up on for a while, after several failures in a row. */
  get broken(): boolean {
    return this.#breaker.open;
  }

  /** MLflow's version, as far as the server says one. */
  version(signal: AbortSignal): Promise<string> {
    return this.#read({ name: 'probe', path: '/version', ofServer: true, parse: readServerVersion }, signal);
  }

  /** The cheapest call there is. */
  async ping(signal: AbortSignal): Promise<void> {
    await this.#read({ name: 'probe', path: '/health', ofServer: true, parse: () => undefined }, signal);
  }

  serverInfo(signal: AbortSignal): Promise<{ workspaces: boolean }> {
    return this.#read(
      { name: 'server-info', path: SERVER_INFO, ofServer: true, parse: json(readServerInfo) },
      signal,
    );
  }

  model(name: string, signal: AbortSignal): Promise<WireModel> {
    const path = `${API}/registered-models/get`;
    return this.#read({ name: 'get-model', path, query: { name }, parse: json(readModel) }, signal);
  }

  describe(name: string, signal: AbortSignal): Promise<Described> {
    const path = `${API}/registered-models/get`;
    return this.#read({ name: 'get-model', path, query: { name }, parse: json(readDescribed) }, signal);
  }

  /** All models that match, in name order, page after page, each once though rows may shift between pages. */
  models({ filter, bulk, turned }: Search, signal: AbortSignal): AsyncGenerator<WireModel> {
    const search = { filter, bulk, turned, order: ['name ASC'], size: this.#pages.models };
    return once(this.#models(search, signal), (model) => model.name);
  }

  /** Models by their last update, newest first. */
  recentModels(signal: AbortSignal): AsyncGenerator<WireModel> {
    const order = ['last_updated_timestamp DESC', 'name ASC'];
    return this.#models({ filter: undefined, bulk: true, order, size: this.#pages.recent }, signal);
  }

  /** All versions that match, in the order of name and number, each once. */
  versions({ filter, bulk, turned }: Search, signal: AbortSignal): AsyncGenerator<WireVersion> {
    const order = ['name ASC', 'version_number ASC'];
    const read = {
      name: 'search-versions',
      path: `${API}/model-versions/search`,
      parse: json(readVersionPage),
    };
    const search = { filter, bulk, turned, order, size: this.#pages.versions };
    return once(this.#pagesOf(read, search, signal), ({ name, version }) => `${version}/${name}`);
  }

  /** Where the artifacts of a version are, as far as the server can tell. */
  location(name: string, version: string, signal: AbortSignal): Promise<string> {
    const path = `${API}/model-versions/get-download-uri`;
    const query = { name, version };
    return this.#read({ name: 'get-download-uri', path, query, parse: json(readLocation) }, signal);
  }

  /** @param body name, tags, description */
  createModel(body: Named, signal: AbortSignal): Promise<WireModel> {
    const path = `${API}/registered-models/create`;
    return this.#write({ name: 'create-model', method: 'POST', path, body, parse: json(readModel) }, signal);
  }

  /**
   * Not idempotent: a tag of ours in the body is what tells afterwards whether it was carried out.
   * @param body name, source, tags, description
   */
  createVersion(body: Named, signal: AbortSignal): Promise<WireVersion> {
    const path = `${API}/model-versions/create`;
    return this.#write(
      { name: 'create-version', method: 'POST', path, body, parse: json(readVersion) },
      signal,
    );
  }

  transition(
    name: string,
    version: string,
    stage: Stage,
    archive: boolean,
    signal: AbortSignal,
  ): Promise<WireVersion> {
    const body = { name, version, stage, archive_existing_versions: archive };
    return this.#write(
      {
        name: 'transition',
        method: 'POST',
        path: `${API}/model-versions/transition-stage`,
        body,
        parse: json(readVersion),
      },
      signal,
    );
  }

  setAlias(name: string, alias: string, version: string, signal: AbortSignal): Promise<void> {
    return this.#change('set-alias', 'POST', '/registered-models/alias', { name, alias, version }, signal);
  }

  deleteAlias(name: string, alias: string, signal: AbortSignal): Promise<void> {
    return this.#change('delete-alias', 'DELETE', '/registered-models/alias', { name, alias }, signal);
  }

  setVersionTag(
    name: string,
    version: string,
    key: string,
    value: string,
    signal: AbortSignal,
  ): Promise<void> {
    const body = { name, version, key, value };
    return this.#change('set-version-tag', 'POST', '/model-versions/set-tag', body, signal);
  }

  setModelTag(name: string, key: string, value: string, signal: AbortSignal): Promise<void> {
    const body = { name, key, value };
    return this.#change('set-model-tag', 'POST', '/registered-models/set-tag', body, signal);
  }

  deleteModelTag(name: string, key: string, signal: AbortSignal): Promise<void> {
    return this.#change('delete-model-tag', 'DELETE', '/registered-models/delete-tag', { name, key }, signal);
  }

  /** Always sends the description: MLflow wipes it when the field is left out. */
  setDescription(name: string, version: string, description: string, signal: AbortSignal): Promise<void> {
    const body = { name, version, description };
    return this.#change('set-description', 'PATCH', '/model-versions/update', body, signal);
  }

  /** Every webhook of the server. Sent once, as all calls for webhooks: they are to cost a sick server little. */
  async webhooks(signal: AbortSignal): Promise<WireWebhook[]> {
    const list = {
      name: 'list-webhooks',
      method: 'GET',
      path: WEBHOOKS,
      parse: json(readWebhookPage),
    } as const;
    const read = (token: string | undefined): Promise<Page<WireWebhook>> =>
      this.#aside({ ...list, query: withToken({ max_results: '1000' }, token) }, signal);
    return (await Array.fromAsync(pages(read))).flat();
  }

  createWebhook(body: object, signal: AbortSignal): Promise<WireWebhook> {
    const parse = json(readWebhook);
    return this.#aside({ name: 'create-webhook', method: 'POST', path: WEBHOOKS, body, parse }, signal);
  }

  updateWebhook(id: string, body: object, signal: AbortSignal): Promise<WireWebhook> {
    const [path, parse] = [webhookPath(id), json(readWebhook)];
    return this.#aside({ name: 'update-webhook', method: 'PATCH', path, body, parse }, signal);
  }

  async deleteWebhook(id: string, signal: AbortSignal): Promise<void> {
    const [path, parse] = [webhookPath(id), json(() => undefined)];
    await this.#aside({ name: 'delete-webhook', method: 'DELETE', path, body: {}, parse }, signal);
  }

  /** Has the server send an example. Resolves with why that failed, or with undefined. */
  testWebhook(id: string, signal: AbortSignal): Promise<string | undefined> {
    const [path, parse] = [`${webhookPath(id)}/test`, json(readDelivery)];
    return this.#aside({ name: 'test-webhook', method: 'POST', path, body: {}, parse }, signal);
  }

  /** A write whose answer says nothing but that it is done. */
  #change(
    name: string,
    method: Call['method'],
    path: string,
    body: Named,
    signal: AbortSignal,
  ): Promise<void> {
    return this.#write({ name, method, path: `${API}${path}`, body, parse: json(() => undefined) }, signal);
  }

  #models(search: OrderedSearch, signal: AbortSignal): AsyncGenerator<WireModel> {
    const path = `${API}/registered-models/search`;
    return this.#pagesOf({ name: 'search-models', path, parse: json(readModelPage) }, search, signal);
  }

  async *#pagesOf<T extends { name: string }>(
    read: Read<Page<T>>,
    { filter, bulk, order, size, turned }: OrderedSearch,
    signal: AbortSignal,
  ): AsyncGenerator<T> {
    const query = { max_results: String(size), order_by: order, ...(filter === undefined ? {} : { filter }) };
    const timeout = Math.max(this.#options.timeout, bulk ? PAGE_TIMEOUT : 0);
    const readPage = (token: string | undefined): Promise<Page<T>> =>
      this.#read({ ...read, query: withToken(query, token), timeout, bulk }, signal);
    let last: T | undefined;
    for await (const page of pages(readPage)) {
      const [first] = page;
      if (last !== undefined) turned?.(first === undefined ? [last.name] : [last.name, first.name]);
      last = page.at(-1) ?? last;
      yield* page;
    }
  }

  #read<T>(
    { name, parse, timeout = this.#options.timeout, bulk = false, ...read }: Read<T>,
    signal: AbortSignal,
  ): Promise<T> {
    return this.#retried(timeout, signal, async (left) => {
      const method = read.body === undefined ? 'GET' : 'POST';
      const call: Call = { method, isReading: true, ...read, timeout: left };
      // Many promotions wait for one reading, and one for a write.
      return this.#guarded(name, async () => parse(await this.#transport.send(call, signal)), {
        limiter: bulk ? this.#bulk : this.#limiter,
        rank: 0,
        signal,
      });
    });
  }

  /** Reads may be sent again when they fail in passing, as long as that leaves them within their time. */
  async #retried<T>(within: number, signal: AbortSignal, send: (timeout: number) => Promise<T>): Promise<T> {
    const end = performance.now() + within;
    for (let attempt = 1, timeout = within; ; attempt += 1) {
      try {
        return await send(timeout);
      } catch (error) {
        if (!(error instanceof RegistryError) || !isPassing(error)) throw error;
        const wait = Math.max(error.retryAfter ?? 0, backoff(attempt, READ_BACKOFF));
        timeout = Math.floor(end - performance.now() - wait);
        if (attempt >= READ_ATTEMPTS || wait > PATIENCE || timeout <= 0 || this.broken) throw error;
        await sleep(wait, signal);
      }
    }
  }

  /** Writes are sent once: what became of an unanswered one is settled by reading. */
  async #write<T>(write: Write<T>, signal: AbortSignal): Promise<T> {
    this.#writes += 1;
    try {
      return await this.#once(write, { rank: this.#options.turnOf?.(write.body.name) ?? 1, signal });
    } finally {
      this.#writes -= 1;
    }
  }

  #once<T>({ name, parse, ...rest }: Once<T>, turn: Turn): Promise<T> {
    const call = { ...rest, timeout: this.#options.timeout };
    return this.#guarded(name, async () => parse(await this.#transport.send(call, turn.signal)), turn);
  }

  /** Webhooks come after everything else. */
  #aside<T>(call: Once<T>, signal: AbortSignal): Promise<T> {
    return this.#once(call, { rank: LAST, signal });
  }

  #guarded<T>(
    name: string,
    send: () => Promise<T>,
    { limiter = this.#limiter, rank, signal }: Turn,
  ): Promise<T> {
    const work = async (): Promise<T> => {
      await this.#admitted(signal);
      const started = performance.now();
      let result = 'ok';
      try {
        const answer = await send();
        this.#breaker.succeeded();
        return answer;
      } catch (error) {
        result = error instanceof RegistryError ? error.errorClass : 'cancelled';
        this.#note(error);
        throw error;
      } finally {
        this.#options.observer.requested(name, result, (performance.now() - started) / 1_000);
      }
    };
    return limiter.run(work, signal, rank);
  }

  /**
   * Waits for the end of a short pause.
   * @throws RegistryError while the registry is left alone for longer
   */
  async #admitted(signal: AbortSignal): Promise<void> {
    for (let pause = this.#pause(); pause > 0; pause = this.#pause()) {
      if (pause > PATIENCE) {
        throw new RegistryError('throttled', 'the registry asked us to wait', { retryAfter: pause });
      }
      await sleep(pause, signal);
      signal.throwIfAborted();
    }
    const wait = this.#breaker.admit();
    if (wait > 0) {
      // In the same words as the failure itself: statuses must not go back and forth between the two.
      throw new RegistryError('transient', this.#lastFailure, { retryAfter: wait });
    }
  }

  /** Milliseconds until calls are welcome again. */
  #pause(): number {
    return this.#pausedUntil - performance.now();
  }

  #note(error: unknown): void {
    if (!(error instanceof RegistryError)) {
      this.#breaker.cancelled();
      return;
    }
    // A 400 that may pass (two first writers of one alias) comes from a server in good health.
    if (error.errorClass === 'transient' && error.status !== 400) {
      this.#lastFailure = error.message;
      this.#breaker.failed();
    } else {
      this.#breaker.succeeded();
    }
    this.#pausedUntil = Math.max(this.#pausedUntil, performance.now() + (error.retryAfter ?? 0));
  }
}

/** Behind whatever else waits for the registry. */
const LAST = Infinity;

interface Turn {
  /** Where it waits; among the calls of everybody when absent. */
  readonly limiter?: Limiter;
  /** The lower goes first. */
  readonly rank: number;
  readonly signal: AbortSignal;
}

type Query = NonNullable<Call['query']>;

export interface Parsed<T> {
  /** For metrics. */
  readonly name: string;
  /** @throws RegistryError when the answer is not what it should be */
  readonly parse: (answer: Answer) => T;
}

/** Sent as POST when it has a body. */
type Read<T> = Parsed<T> &
  Pick<Call, 'path' | 'query' | 'body' | 'ofServer'> & { readonly timeout?: number; readonly bulk?: boolean };
type Write<T> = Parsed<T> & Pick<Call, 'method' | 'path'> & { readonly body: Named };
/** Every write concerns one model. */
export type Named = Readonly<Record<string, unknown>> & { readonly name: string };
/** A call that is sent once. */
type Once<T> = Parsed<T> & Pick<Call, 'method' | 'path' | 'query' | 'body'>;
type OrderedSearch = Search & { readonly order: readonly string[]; readonly size: number };

function json<T>(read: (value: unknown) => T): (answer: Answer) => T {
  return (answer) => read(parseJson(answer));
}

function webhookPath(id: string): string {
  return `${WEBHOOKS}/${encodeURIComponent(id)}`;
}

function isPassing(error: RegistryError): boolean {
  return error.errorClass === 'transient' || error.errorClass === 'throttled';
}

function withToken(query: Query, token: string | undefined): Query {
  return token === undefined ? query : { ...query, page_token: token };
}
