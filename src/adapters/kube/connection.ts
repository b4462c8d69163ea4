/** What carries calls to an API server: one HTTP/2 connection for all, or a pool where only HTTP/1.1 is spoken. */
import { buildConnector, Client, type Dispatcher, Pool } from 'undici';
import type { Cluster } from './kubeconfig.ts';

const STREAMS = 250;
const CONNECT_DEADLINE = 10_000;

/** In HTTP/1.1 a watch has a connection to itself: what is sent after it would wait for its end. */
class SpeaksHttp1 extends Error {}

export class Connection {
  readonly #cluster: Pick<Cluster, 'server' | 'tls'>;
  /** How long calls that go on may stay on a connection that was given up, in milliseconds. */
  readonly #grace: number;
  readonly #left = new Set<Dispatcher>();
  #current: Dispatcher | undefined;
  #http1: boolean;

  constructor(cluster: Pick<Cluster, 'server' | 'tls'>, grace: number) {
    this.#cluster = cluster;
    this.#grace = grace;
    this.#http1 = cluster.server.startsWith('http:');
  }

  /** @throws whatever undici throws, after which a caller decides whether to `giveUp` */
  async request(options: Dispatcher.RequestOptions): Promise<Dispatcher.ResponseData> {
    const dispatcher = this.current();
    try {
      return await dispatcher.request(options);
    } catch (error) {
      if (!(error instanceof SpeaksHttp1)) throw error;
      this.#http1 = true;
      this.giveUp(dispatcher);
      return this.request(options);
    }
  }

  current(): Dispatcher {
    this.#current ??= open(this.#cluster, this.#http1);
    return this.#current;
  }

  /** The next call does not depend on this one: it may be dead without a sign. What goes on there has some time left. */
  giveUp(dispatcher: Dispatcher | undefined): void {
    if (dispatcher === undefined || this.#current !== dispatcher) return;
    this.#current = undefined;
    this.#left.add(dispatcher);
    const end = (): void => void dispatcher.destroy().catch(() => undefined);
    const timer = setTimeout(end, this.#grace).unref();
    const gone = (): void => {
      clearTimeout(timer);
      this.#left.delete(dispatcher);
    };
    dispatcher.close().then(gone, gone);
  }

  async close(): Promise<void> {
    const all = [...this.#left, ...(this.#current === undefined ? [] : [this.#current])];
    this.#current = undefined;
    await Promise.all(all.map((dispatcher) => dispatcher.destroy()));
  }
}

function open({ server, tls }: Pick<Cluster, 'server' | 'tls'>, http1: boolean): Dispatcher {
  const { ca, cert, key, servername, insecure } = tls;
  const connect = buildConnector({
    allowH2: !http1,
    timeout: CONNECT_DEADLINE,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && key !== undefined && { cert, key }),
    ...(servername !== undefined && { servername }),
    ...(insecure && { rejectUnauthorized: false }),
  });
  const { origin } = new URL(server);
  const patient = { headersTimeout: 0, bodyTimeout: 0 };
  if (http1) return new Pool(origin, { ...patient, allowH2: false, connect });
  return new Client(origin, {
    ...patient,
    allowH2: true,
    maxConcurrentStreams: STREAMS,
    pipelining: STREAMS,
    connect: onlyHttp2(connect),
  });
}

function onlyHttp2(connect: buildConnector.connector): buildConnector.connector {
  return (options, callback) =>
    connect(options, (...[error, socket]) => {
      if (error !== null) return callback(error, null);
      if ('alpnProtocol' in socket && socket.alpnProtocol === 'h2') return callback(null, socket);
      socket.destroy();
      return callback(new SpeaksHttp1('the API server speaks HTTP/1.1'), null);
    });
}
