/** The one door to undici: HTTP to one registry, with its credentials, deadlines and limits. */
import { Agent, EnvHttpProxyAgent, request as send, type Dispatcher } from 'undici';
import { Scrubber } from '../../runtime/secrets.ts';
import { classify, classifyFailure, RegistryError, type Answer } from './errors.ts';

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
  readonly concurrency: number;
  /** Whether HTTP_PROXY, HTTPS_PROXY and NO_PROXY are honoured. */
  readonly proxy: boolean;
  /** Whether a write may begin now; asked when nothing stands between the answer and the network any more. */
  readonly fence?: (() => boolean) | undefined;
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below the uri, such as `/api/2.0/mlflow/registered-models/get`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[]>>;
  /** Concerns the server as such: a server without workspaces refuses every call that names one. */
  readonly ofServer?: boolean;
  /** Changes nothing, though it may be sent as POST. */
  readonly isReading?: boolean;
  /** Sent as JSON; MLflow wants a body on DELETE too. */
  readonly body?: unknown;
  /** Milliseconds until the whole answer must be here. */
  readonly timeout: number;
}

/** Whether connections are kept between calls, or made anew for each. */
export type Connections = 'kept' | 'fresh';

/** A page of 10,000 versions takes about 5 MiB. */
const LARGEST_ANSWER = 64 * 1024 * 1024;
/** uvicorn closes idle connections after 5 s; a write must not meet a connection that is closing. */
const KEEP_ALIVE = 3_000;

export const CLOSED = 'the connection to the registry was closed';

export class Transport {
  readonly #options: TransportOptions;
  #dispatcher: Promise<Dispatcher> | undefined;
  #policy: Connections = 'kept';
  #requests = 0;
  #closed = false;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** Requests sent so far. */
  get requests(): number {
    return this.#requests;
  }

  async useConnections(policy: Connections): Promise<void> {
    if (policy === this.#policy) return;
    this.#policy = policy;
    await this.#forgetConnections();
  }

  /**
   * Sends one call and reads its answer whole.
   * @throws RegistryError for every outcome but a 200; the signal's reason when it aborts.
   */
  async send(call: Call, signal: AbortSignal): Promise<Answer> {
    const answer = await this.#exchange(call, signal);
    if (answer.status !== 200) throw classify(answer);
    return answer;
  }

  async #exchange(call: Call, signal: AbortSignal): Promise<Answer> {
    const { uri, workspace } = this.#options;
    const credentials = await this.#options.credentials();
    const authorization = authorizationOf(credentials);
    const dispatcher = await this.#connections();
    signal.throwIfAborted();
    if (call.method !== 'GET' && call.isReading !== true && this.#options.fence?.() === false)
      throw new RegistryError('transient', 'this process may no longer write');
    const deadline = AbortSignal.timeout(call.timeout);
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
          ...(workspace === undefined || call.ofServer ? {} : { 'x-mlflow-workspace': workspace }),
          ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: call.body === undefined ? null : JSON.stringify(call.body),
      });
      return {
        status: response.statusCode,
        contentType: single(response.headers['content-type']) ?? '',
        retryAfter: single(response.headers['retry-after']),
        body: await response.body.text(),
        scrub: (text) => scrubberOf(credentials).scrub(text),
      };
    } catch (error) {
      signal.throwIfAborted();
      if (deadline.aborted) {
        throw new RegistryError('transient', `no answer within ${call.timeout / 1_000} s`, {
          cause: error,
          ambiguous: true,
        });
      }
      const failure = classifyFailure(error, uri);
      // The authority may have been replaced since it was read.
      if (failure.errorClass === 'permanent' && !failure.ambiguous) void this.#forgetConnections();
      throw failure;
    }
  }

  /** Takes no more calls; those that are under way end first, by their own deadlines at the latest. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#forgetConnections();
  }

  async #forgetConnections(): Promise<void> {
    const old = this.#dispatcher;
    this.#dispatcher = undefined;
    await old?.then(
      (dispatcher) => dispatcher.close(),
      () => undefined,
    );
  }

  #connections(): Promise<Dispatcher> {
    if (this.#closed) return Promise.reject(new RegistryError('transient', CLOSED));
    this.#dispatcher ??= this.#connect();
    return this.#dispatcher;
  }

  async #connect(): Promise<Dispatcher> {
    try {
      return createDispatcher(await this.#options.tls(), this.#options, this.#policy);
    } catch (error) {
      this.#dispatcher = undefined;
      throw error;
    }
  }
}

function createDispatcher(
  tls: Tls,
  { concurrency, proxy }: TransportOptions,
  policy: Connections,
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
    // One more for the page of a bulk read.
    connections: concurrency + 1,
    pipelining: policy === 'kept' ? 1 : 0,
    keepAliveTimeout: KEEP_ALIVE,
    keepAliveMaxTimeout: KEEP_ALIVE,
    maxResponseSize: LARGEST_ANSWER,
    headersTimeout: 0,
    bodyTimeout: 0,
  };
  if (!proxy) return new Agent(options);
  try {
    return new EnvHttpProxyAgent({ ...options, requestTls: connect });
  } catch (error) {
    throw new RegistryError('permanent', 'HTTP_PROXY or HTTPS_PROXY is not the address of a proxy', {
      cause: error,
    });
  }
}

function authorizationOf(credentials: Credentials): string | undefined {
  switch (credentials.kind) {
    case 'none':
      return undefined;
    case 'basic':
      return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
    case 'bearer':
      if (/^[\x21-\x7e]+$/.test(credentials.token)) return `Bearer ${credentials.token}`;
      throw new RegistryError('unauthorised', 'the token is empty, or holds characters that no token has');
    default:
      return credentials satisfies never;
  }
}

function scrubberOf(credentials: Credentials): Scrubber {
  const scrubber = new Scrubber();
  if (credentials.kind === 'basic') scrubber.addBasic(credentials.username, credentials.password);
  if (credentials.kind === 'bearer') scrubber.add(credentials.token);
  return scrubber;
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
