/** The one door to undici: HTTP to one registry, with its credentials, deadlines and limits. */
import { Agent, EnvHttpProxyAgent, request as send, type Dispatcher } from 'undici';
import { classify, classifyFailure, plainText, RegistryError } from './errors.ts';

export type Credentials =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'bearer'; readonly token: string };

/** What protects the connection; files are read by whoever makes these. */
export interface Tls {
  readonly ca?: string;
  /** One PEM with certificate and key. */
  readonly clientCertificate?: string;
  readonly insecure?: boolean;
}

export interface TransportOptions {
  /** Origin and static prefix, without a trailing slash. */
  readonly uri: string;
  /** Read anew for each call, so that rotated credentials are picked up. */
  readonly credentials: () => Promise<Credentials>;
  readonly tls: () => Promise<Tls>;
  readonly workspace: string | undefined;
  /** Milliseconds for one call. */
  readonly timeout: number;
  readonly concurrency: number;
  /** Whether HTTP_PROXY, HTTPS_PROXY and NO_PROXY are honoured. */
  readonly proxy: boolean;
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below the uri, such as `/api/2.0/mlflow/registered-models/get`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[]>>;
  /** Sent as JSON; MLflow wants a body on DELETE too. */
  readonly body?: unknown;
  /** Milliseconds; the transport's own when absent. */
  readonly timeout?: number;
}

export interface TextAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly retryAfter: string | undefined;
}

const LARGEST_ANSWER = 512 * 1024 * 1024;
/** uvicorn closes idle connections after 5 s; a write must not meet a connection that is closing. */
const KEEP_ALIVE = 3_000;

export class Transport {
  readonly #options: TransportOptions;
  #dispatcher: Promise<Dispatcher> | undefined;
  #policy: 'kept' | 'fresh' = 'kept';
  #requests = 0;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** Requests sent so far. */
  get requests(): number {
    return this.#requests;
  }

  /** Whether connections are kept or made anew for each call. */
  async useConnections(policy: 'kept' | 'fresh'): Promise<void> {
    const old = this.#dispatcher;
    this.#policy = policy;
    this.#dispatcher = undefined;
    await (await old)?.close();
  }

  /**
   * Sends one call and reads a JSON answer.
   * @throws RegistryError for every other outcome; the signal's reason when it aborts.
   */
  async json(call: Call, signal: AbortSignal): Promise<unknown> {
    const answer = await this.text(call, signal);
    if (answer.status !== 200) throw classify(answer);
    try {
      return JSON.parse(answer.body) as unknown;
    } catch {
      throw new RegistryError(
        'transient',
        `the answer is not JSON (${answer.contentType || 'no content type'}: ${plainText(answer.body)}); is a gateway in between?`,
        { status: answer.status, ambiguous: true },
      );
    }
  }

  /** Sends one call and reads the answer as text, whatever its status. */
  async text(call: Call, signal: AbortSignal): Promise<TextAnswer> {
    const { uri, workspace, timeout } = this.#options;
    const dispatcher = await this.#connections();
    const authorization = authorizationOf(await this.#options.credentials());
    const deadline = AbortSignal.timeout(call.timeout ?? timeout);
    this.#requests += 1;
    try {
      const response = await send(`${uri}${call.path}${queryOf(call.query)}`, {
        method: call.method,
        dispatcher,
        signal: AbortSignal.any([signal, deadline]),
        headers: {
          accept: 'application/json',
          'user-agent': 'modelpromotion',
          ...(authorization === undefined ? {} : { authorization }),
          ...(workspace === undefined ? {} : { 'x-mlflow-workspace': workspace }),
          ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: call.body === undefined ? null : JSON.stringify(call.body),
      });
      return {
        status: response.statusCode,
        contentType: single(response.headers['content-type']) ?? '',
        retryAfter: single(response.headers['retry-after']),
        body: await response.body.text(),
      };
    } catch (error) {
      signal.throwIfAborted();
      if (deadline.aborted) {
        throw new RegistryError('transient', `no answer within ${(call.timeout ?? timeout) / 1_000} s`, {
          cause: error,
          ambiguous: true,
        });
      }
      throw classifyFailure(error);
    }
  }

  async close(): Promise<void> {
    await (await this.#dispatcher)?.destroy();
  }

  #connections(): Promise<Dispatcher> {
    this.#dispatcher ??= this.#options.tls().then(
      (tls) => createDispatcher(tls, this.#options, this.#policy),
      (error: unknown) => {
        this.#dispatcher = undefined;
        throw error;
      },
    );
    return this.#dispatcher;
  }
}

function createDispatcher(
  tls: Tls,
  { concurrency, proxy }: TransportOptions,
  policy: 'kept' | 'fresh',
): Dispatcher {
  const connect = {
    timeout: 10_000,
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.clientCertificate === undefined
      ? {}
      : { cert: tls.clientCertificate, key: tls.clientCertificate }),
    ...(tls.insecure === true ? { rejectUnauthorized: false } : {}),
  };
  const options: Agent.Options = {
    connect,
    connections: concurrency,
    pipelining: policy === 'kept' ? 1 : 0,
    keepAliveTimeout: KEEP_ALIVE,
    keepAliveMaxTimeout: KEEP_ALIVE,
    maxResponseSize: LARGEST_ANSWER,
    headersTimeout: 0,
    bodyTimeout: 0,
  };
  return proxy ? new EnvHttpProxyAgent({ ...options, requestTls: connect }) : new Agent(options);
}

function authorizationOf(credentials: Credentials): string | undefined {
  switch (credentials.kind) {
    case 'none':
      return undefined;
    case 'basic':
      return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
    case 'bearer':
      return `Bearer ${credentials.token}`;
    default:
      return credentials satisfies never;
  }
}

function queryOf(query: Call['query']): string {
  if (query === undefined) return '';
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of typeof value === 'string' ? [value] : value) parameters.append(name, one);
  }
  return `?${parameters.toString()}`;
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
