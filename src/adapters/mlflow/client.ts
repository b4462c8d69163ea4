/** The calls of MLflow's registry API that we use, one method each, behind one limit and one breaker a registry. */
import { CircuitBreaker } from '../../runtime/breaker.ts';
import { Limiter } from '../../runtime/limiter.ts';
import { backoff, sleep } from '../../runtime/time.ts';
import type { Stage } from '../../domain/observed.ts';
import { RegistryError } from './errors.ts';
import type { Call, TextAnswer, Transport } from './transport.ts';
import {
  readModel,
  readModelPage,
  readServerInfo,
  readVersion,
  readVersionPage,
  type WireModel,
  type WireVersion,
} from './wire.ts';

const API = '/api/2.0/mlflow';
/** MLflow's own maximum for models; for versions a size whose answer stays near 25 MB. */
const MODELS_PER_PAGE = 1_000;
const VERSIONS_PER_PAGE = 50_000;
const READ_ATTEMPTS = 3;
const READ_BACKOFF = { base: 200, max: 2_000 };
/** A bulk page may take a server seconds of work for each ten thousand rows. */
const PAGE_TIMEOUT = 180_000;

export interface ClientObserver {
  /** Called after every request; `result` is ok or the error's class. */
  requested(call: string, result: string, seconds: number): void;
}

export class MlflowClient {
  readonly #transport: Transport;
  readonly #limiter: Limiter;
  readonly #breaker = new CircuitBreaker();
  readonly #observer: ClientObserver;

  constructor(transport: Transport, concurrency: number, observer: ClientObserver) {
    this.#transport = transport;
    this.#limiter = new Limiter(concurrency);
    this.#observer = observer;
  }

  get requests(): number {
    return this.#transport.requests;
  }

  /** Whether the registry was given up on for a while, after several failures in a row. */
  get broken(): boolean {
    return this.#breaker.open;
  }

  text(path: string, signal: AbortSignal): Promise<TextAnswer> {
    return this.#guarded('probe', () => this.#transport.text({ method: 'GET', path }, signal), signal);
  }

  async serverInfo(signal: AbortSignal): Promise<{ workspaces: boolean }> {
    return readServerInfo(
      await this.#read('server-info', { method: 'GET', path: '/api/3.0/mlflow/server-info' }, signal),
    );
  }

  async model(name: string, signal: AbortSignal): Promise<WireModel> {
    return readModel(await this.#get('get-model', '/registered-models/get', { name }, signal));
  }

  async version(name: string, version: string, signal: AbortSignal): Promise<WireVersion> {
    return readVersion(await this.#get('get-version', '/model-versions/get', { name, version }, signal));
  }

  /** All models that match, in name order, page after page, each once though rows may shift between pages. */
  async *models(filter: string | undefined, signal: AbortSignal): AsyncGenerator<WireModel> {
    const seen = new Set<string>();
    const order = ['name ASC'];
    for await (const model of this.#modelPages(filter, order, MODELS_PER_PAGE, signal)) {
      if (!seen.has(model.name)) yield model;
      seen.add(model.name);
    }
  }

  /** Models by their last update, newest first. */
  recentModels(signal: AbortSignal): AsyncGenerator<WireModel> {
    return this.#modelPages(undefined, ['last_updated_timestamp DESC', 'name ASC'], 200, signal);
  }

  /** All versions that match, in the order of name and number, each once. */
  async *versions(filter: string | undefined, signal: AbortSignal): AsyncGenerator<WireVersion> {
    const seen = new Set<string>();
    const query = {
      max_results: String(VERSIONS_PER_PAGE),
      order_by: ['name ASC', 'version_number ASC'],
      ...(filter === undefined ? {} : { filter }),
    };
    for (let token: string | undefined, more = true; more; more = token !== undefined) {
      const page = readVersionPage(
        await this.#get(
          'search-versions',
          '/model-versions/search',
          withToken(query, token),
          signal,
          PAGE_TIMEOUT,
        ),
      );
      for (const version of page.items) {
        const key = `${version.version}/${version.name}`;
        if (!seen.has(key)) yield version;
        seen.add(key);
      }
      token = advance(token, page.next);
    }
  }

  transition(
    name: string,
    version: string,
    stage: Stage,
    archive: boolean,
    signal: AbortSignal,
  ): Promise<WireVersion> {
    const body = { name, version, stage, archive_existing_versions: archive };
    return this.#write('transition', 'POST', '/model-versions/transition-stage', body, signal).then(
      readVersion,
    );
  }

  async setAlias(name: string, alias: string, version: string, signal: AbortSignal): Promise<void> {
    await this.#write('set-alias', 'POST', '/registered-models/alias', { name, alias, version }, signal);
  }

  async deleteAlias(name: string, alias: string, signal: AbortSignal): Promise<void> {
    await this.#write('delete-alias', 'DELETE', '/registered-models/alias', { name, alias }, signal);
  }

  async setVersionTag(
    name: string,
    version: string,
    key: string,
    value: string,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#write(
      'set-version-tag',
      'POST',
      '/model-versions/set-tag',
      { name, version, key, value },
      signal,
    );
  }

  async setModelTag(name: string, key: string, value: string, signal: AbortSignal): Promise<void> {
    await this.#write('set-model-tag', 'POST', '/registered-models/set-tag', { name, key, value }, signal);
  }

  async deleteModelTag(name: string, key: string, signal: AbortSignal): Promise<void> {
    await this.#write('delete-model-tag', 'DELETE', '/registered-models/delete-tag', { name, key }, signal);
  }

  /** Always sends the description: MLflow wipes it when the field is left out. */
  async setDescription(
    name: string,
    version: string,
    description: string,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#write(
      'set-description',
      'PATCH',
      '/model-versions/update',
      { name, version, description },
      signal,
    );
  }

  async *#modelPages(
    filter: string | undefined,
    order: readonly string[],
    size: number,
    signal: AbortSignal,
  ): AsyncGenerator<WireModel> {
    const query = { max_results: String(size), order_by: order, ...(filter === undefined ? {} : { filter }) };
    for (let token: string | undefined, more = true; more; more = token !== undefined) {
      const page = readModelPage(
        await this.#get(
          'search-models',
          '/registered-models/search',
          withToken(query, token),
          signal,
          PAGE_TIMEOUT,
        ),
      );
      yield* page.items;
      token = advance(token, page.next);
    }
  }

  #get(
    name: string,
    path: string,
    query: NonNullable<Call['query']>,
    signal: AbortSignal,
    timeout?: number,
  ): Promise<unknown> {
    const call: Call = {
      method: 'GET',
      path: `${API}${path}`,
      query,
      ...(timeout === undefined ? {} : { timeout }),
    };
    return this.#read(name, call, signal);
  }

  /** Reads may be sent again when they fail in passing. */
  async #read(name: string, call: Call, signal: AbortSignal): Promise<unknown> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#guarded(name, () => this.#transport.json(call, signal), signal);
      } catch (error) {
        if (!(error instanceof RegistryError) || !isPassing(error) || this.broken || attempt >= READ_ATTEMPTS)
          throw error;
        await sleep(error.retryAfter ?? backoff(attempt, READ_BACKOFF), signal);
      }
    }
  }

  /** Writes are sent once: what became of an unanswered one is settled by reading. */
  #write(
    name: string,
    method: Call['method'],
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<unknown> {
    return this.#guarded(
      name,
      () => this.#transport.json({ method, path: `${API}${path}`, body }, signal),
      signal,
    );
  }

  #guarded<T>(name: string, send: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.#limiter.run(async () => {
      const wait = this.#breaker.admit();
      if (wait > 0) {
        throw new RegistryError(
          'transient',
          'the registry has failed several times in a row and is left alone for a moment',
          {
            retryAfter: wait,
          },
        );
      }
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
        this.#observer.requested(name, result, (performance.now() - started) / 1_000);
      }
    }, signal);
  }

  #note(error: unknown): void {
    if (!(error instanceof RegistryError)) {
      this.#breaker.cancelled();
      return;
    }
    if (error.errorClass === 'transient') this.#breaker.failed();
    else this.#breaker.succeeded();
    if (error.retryAfter !== undefined) this.#limiter.pause(error.retryAfter);
  }
}

function isPassing(error: RegistryError): boolean {
  return error.errorClass === 'transient' || error.errorClass === 'throttled';
}

function withToken(query: NonNullable<Call['query']>, token: string | undefined): NonNullable<Call['query']> {
  return token === undefined ? query : { ...query, page_token: token };
}

/** An empty page with a token is no end; the same token again would be an endless loop. */
function advance(token: string | undefined, next: string | undefined): string | undefined {
  if (next !== undefined && next === token) {
    throw new RegistryError('permanent', 'the registry answers the same page again and again');
  }
  return next;
}
