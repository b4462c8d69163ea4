/** A forward proxy as companies have them: absolute addresses for http, CONNECT for https, a password where asked for. */
import { createServer, request as send, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

export interface ForwardProxy extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Method and host of every request that was passed on, each once. */
  readonly seen: Set<string>;
}

/** @param credential `user:password`, without which nothing is passed on */
export async function startForwardProxy(credential?: string): Promise<ForwardProxy> {
  const seen = new Set<string>();
  const expected = `Basic ${Buffer.from(credential ?? '').toString('base64')}`;
  const mayPass = ({ headers }: IncomingMessage) =>
    credential === undefined || headers['proxy-authorization'] === expected;
  const sockets = new Set<Duplex>();
  const server = createServer((request, response) => {
    if (!mayPass(request)) return response.writeHead(407, CHALLENGE).end();
    const { method, url = '', headers } = request;
    seen.add(`${method} ${new URL(url).host}`);
    const outgoing = send(url, { method, headers }, (incoming) => {
      response.writeHead(incoming.statusCode ?? 0, incoming.headers);
      incoming.pipe(response);
    });
    outgoing.on('error', () => response.destroy());
    return request.pipe(outgoing);
  });
  server.on('connect', (request, socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    if (!mayPass(request)) {
      socket.write('HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="proxy"\r\nContent-Length: 0\r\n\r\n');
      // The client sends the next CONNECT on the same connection.
      server.emit('connection', socket);
      return;
    }
    seen.add(`CONNECT ${request.url}`);
    const target = new URL(`tcp://${request.url}`);
    const upstream = connect(Number(target.port), target.hostname, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    upstream.on('error', () => socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n'));
    socket.on('close', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    seen,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

const CHALLENGE = { 'proxy-authenticate': 'Basic realm="proxy"', 'content-length': '0' };
