/** The one door to the API server: one connection for everything, with deadlines, patience and fresh credentials. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { backoff } from '../../runtime/time.ts';
import { type KubeApi, KubeError, type KubeRequest, type WatchLine } from './api.ts';
import { jsonBody } from './body.ts';
import { Connection } from './connection.ts';
import { describeRequest, refusal } from './explain.ts';
import type { Cluster } from './kubeconfig.ts';
import { jsonLines } from './lines.ts';

export interface TransportObserver {
  /** @param code the HTTP status, or `error` when there was no answer */
  requested(method: string, code: string, seconds: number): void;
}

export interface KubeTransportOptions {
  readonly cluster: Pick<Cluster, 'server' | 'tls' | 'authorization'>;
  readonly observer?: TransportObserver;
}

const DEADLINE = 30_000;
const RETRY = { base: 200, max: 5_000 };
const CONTENT_TYPES = {
  apply: 'application/apply-patch+yaml',
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
} as const;

/** Why a call may be sent again: it was not processed, or it may be and that does no harm. */
type Retry = { readonly after: number } | undefined;

export class KubeTransport implements KubeApi {
  readonly #cluster: KubeTransportOptions['cluster'];
  readonly #observer: TransportObserver | undefined;
  readonly #connection: Connection;

  constructor({ cluster, observer }: KubeTransportOptions) {
    this.#cluster = cluster;
    this.#observer = observer;
    this.#connection = new Connection(cluster, DEADLINE);
  }

  async request<T = unknown>(request: KubeRequest, signal: AbortSignal): Promise<T> {
    const deadline = AbortSignal.timeout(request.deadlineMs ?? DEADLINE);
    const until = AbortSignal.any([signal, deadline]);
    for (let attempt = 0; ; attempt += 1) {
      try {
        return (await this.#send(request, until)) as T;
      } catch (error) {
        signal.throwIfAborted();
        const retry = deadline.aborted ? undefined : retryOf(error, request, attempt);
        if (retry === undefined) throw this.#inWords(error, request, deadline.aborted);
        await pause(retry.after, undefined, { signal: until }).catch(() => undefined);
        signal.throwIfAborted();
        if (deadline.aborted) throw this.#inWords(error, request, true);
      }
    }
  }

  async *watch(request: Pick<KubeRequest, 'path' | 'query'>, signal: AbortSignal): AsyncGenerator<WatchLine> {
    const get: KubeRequest = { ...request, query: { ...request.query, watch: true }, method: 'GET' };
    const connection = this.#connection.current();
    try {
      const answer = await this.#exchange(get, signal);
      if (answer.statusCode !== 200) throw await refused(get, answer);
      yield* jsonLines(answer.body) as AsyncGenerator<WatchLine>;
    } catch (error) {
      if (isBroken(error)) this.#connection.giveUp(connection);
      signal.throwIfAborted();
      throw this.#inWords(error, get, false);
    }
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #send(request: KubeRequest, signal: AbortSignal): Promise<unknown> {
    const connection = this.#connection.current();
    try {
      const answer = await this.#exchange(request, signal);
      if (answer.statusCode >= 300) throw await refused(request, answer);
      return await jsonBody(answer.body);
    } catch (error) {
      if (isBroken(error)) this.#connection.giveUp(connection);
      throw error;
    }
  }

  /** With the credentials that are at hand, and once more with fresh ones where those are refused. */
  async #exchange(request: KubeRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const first = await this.#call(request, await this.#cluster.authorization(), signal);
    if (first.statusCode !== 401) return first;
    await first.body.dump();
    return this.#call(request, await this.#cluster.authorization(true), signal);
  }

  async #call(
    { method, path, query, body, patch }: KubeRequest,
    authorization: string | undefined,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    const started = performance.now();
    const told = (code: string): void =>
      this.#observer?.requested(method, code, (performance.now() - started) / 1_000);
    try {
      const answer = await this.#connection.request({
        method,
        path: `${new URL(this.#cluster.server).pathname.replace(/\/$/, '')}${path}${queryOf(query)}`,
        headers: {
          accept: 'application/json',
          'user-agent': 'modelpromotion',
          ...(authorization && { authorization }),
          ...(body !== undefined && {
            'content-type': patch === undefined ? 'application/json' : CONTENT_TYPES[patch],
          }),
        },
        body: body === undefined ? null : JSON.stringify(body),
        signal,
      });
      told(String(answer.statusCode));
      return answer;
    } catch (error) {
      told('error');
      throw error;
    }
  }

  #inWords(error: unknown, request: KubeRequest, late: boolean): unknown {
    if (error instanceof KubeError)
      return error.status === undefined
        ? new KubeError(`cannot ${describeRequest(request)}: ${error.message}`, {}, { cause: error })
        : error;
    const { server } = this.#cluster;
    const why = late ? `${server} did not answer in time` : `${server} cannot be reached (${codeOf(error)})`;
    return new KubeError(`cannot ${describeRequest(request)}: ${why}`, {}, { cause: error });
  }
}

/** Whether something is wrong with the connection: not when the server refused, nor when the caller wants no more. */
function isBroken(error: unknown): boolean {
  if (error instanceof KubeError) return error.status === undefined;
  return !(error instanceof Error && error.name === 'AbortError');
}

async function refused(request: KubeRequest, answer: Dispatcher.ResponseData): Promise<KubeError> {
  const body = await jsonBody(answer.body).catch(() => undefined);
  const seconds = Number(answer.headers['retry-after']);
  const retryAfterMs = Number.isFinite(seconds) ? seconds * 1_000 : undefined;
  return refusal(request, { status: answer.statusCode, body, retryAfterMs });
}

const MOST_ATTEMPTS = 6;

/** Reading may be repeated at will; a write only where it was surely not processed. */
function retryOf(error: unknown, { method }: KubeRequest, attempt: number): Retry {
  if (attempt + 1 >= MOST_ATTEMPTS) return undefined;
  const after = backoff(attempt, RETRY);
  if (error instanceof KubeError && error.status !== undefined) {
    const { status, retryAfterMs = 0 } = error;
    const isWaiting = status === 429 || (method === 'GET' && status >= 500);
    return isWaiting ? { after: Math.max(after, Math.min(retryAfterMs, RETRY.max)) } : undefined;
  }
  return method === 'GET' || codeOf(error) === 'ECONNREFUSED' ? { after } : undefined;
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error) return String(error.code);
  return error instanceof Error ? error.name : 'unknown';
}

function queryOf(query: KubeRequest['query']): string {
  const given = Object.entries(query ?? {}).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, String(value)]],
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}
