/**
 * How to reach an API server: the kubeconfig that is named, else `$KUBECONFIG`, `~/.kube/config`, or the pod's service
 * account. The client library reads them and runs what they name to log in.
 */
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { KubeError } from './api.ts';

export interface KubeconfigRequest {
  readonly file: string | undefined;
  readonly context: string | undefined;
}

/** What one reading gives. */
export interface Login {
  readonly server: string;
  /** Of the context. */
  readonly name: string;
  readonly namespace: string | undefined;
  readonly tls: {
    readonly ca: string | undefined;
    readonly cert: string | undefined;
    readonly key: string | undefined;
    readonly servername: string | undefined;
    readonly insecure: boolean;
  };
  /** The header; it may be good for some time only. */
  readonly authorization: string | undefined;
  /** A file that holds the token and changes. */
  readonly tokenFile: string | undefined;
}

export type KubeconfigResult =
  { readonly kind: 'login'; readonly login: Login } | { readonly kind: 'mistake'; readonly message: string };

const PATIENCE = 60_000;
/** A service account's token is replaced long before it ends. */
const TOKEN_FRESH = 60_000;

export class Cluster {
  readonly #request: KubeconfigRequest;
  readonly #learn: (secret: string) => void;
  #login: Login;
  #token: { readonly value: string; readonly since: number } | undefined;

  private constructor(request: KubeconfigRequest, login: Login, learn: (secret: string) => void) {
    this.#request = request;
    this.#learn = learn;
    this.#login = login;
    this.#told();
  }

  /**
   * @param learn told of every secret, so that none gets into any output
   * @throws Error that says what to do
   */
  static async open(request: KubeconfigRequest, learn: (secret: string) => void): Promise<Cluster> {
    return new Cluster(request, await readKubeconfig(request), learn);
  }

  get server(): string {
    return this.#login.server.replace(/\/+$/, '');
  }

  get name(): string {
    return this.#login.name;
  }

  get namespace(): string | undefined {
    return this.#login.namespace;
  }

  get tls(): Login['tls'] {
    return this.#login.tls;
  }

  /** The header of a call. @param anew the last one was refused */
  async authorization(anew = false): Promise<string | undefined> {
    const { tokenFile } = this.#login;
    if (tokenFile !== undefined) return `Bearer ${await this.#tokenFrom(tokenFile, anew)}`;
    if (anew && this.#login.authorization !== undefined) {
      this.#login = await readKubeconfig(this.#request);
      this.#told();
    }
    return this.#login.authorization;
  }

  async #tokenFrom(file: string, anew: boolean): Promise<string> {
    const now = performance.now();
    if (this.#token !== undefined && !anew && now - this.#token.since < TOKEN_FRESH) return this.#token.value;
    const value = (await readFile(file, 'utf8')).trim();
    this.#learn(value);
    this.#token = { value, since: now };
    return value;
  }

  #told(): void {
    const { authorization, tls } = this.#login;
    if (authorization !== undefined) this.#learn(authorization.replace(/^\S+ /, ''));
    if (tls.key !== undefined) this.#learn(tls.key);
  }
}

async function readKubeconfig(request: KubeconfigRequest): Promise<Login> {
  const result = await inWorker(request);
  if (result.kind === 'mistake') throw new KubeError(explain(result.message, request));
  const { login } = result;
  if (!/^https?:\/\//.test(login.server))
    throw new KubeError(`the server of context ${login.name} is no address: ${JSON.stringify(login.server)}`);
  return login;
}

function inWorker(request: KubeconfigRequest): Promise<KubeconfigResult> {
  const { promise, resolve, reject } = Promise.withResolvers<KubeconfigResult>();
  // The same file name in the sources and in the build, but for its ending.
  const script = new URL(`./kubeconfig-worker${extname(import.meta.url)}`, import.meta.url);
  const worker = new Worker(script, { workerData: request });
  const timer = setTimeout(() => reject(new KubeError('logging in to the cluster took too long')), PATIENCE);
  worker.once('message', resolve);
  worker.once('error', reject);
  worker.once('exit', () => reject(new KubeError('the kubeconfig could not be read')));
  return promise.finally(() => {
    clearTimeout(timer);
    void worker.terminate();
  });
}

function explain(message: string, { file }: KubeconfigRequest): string {
  if (file !== undefined) return `the kubeconfig ${file} cannot be used: ${message}`;
  return `no kubeconfig can be used: ${message}; name one with --kubeconfig, or run in a cluster with a service account`;
}
