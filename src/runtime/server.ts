/** A small HTTP server for people and probes: fixed paths, GET only, bounded in time and size. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly type:
    'text/plain; charset=utf-8' | 'application/json' | 'text/plain; version=0.0.4; charset=utf-8';
  readonly body: string;
}

export type Routes = Readonly<Record<string, () => Answer | Promise<Answer>>>;

export interface HttpServer {
  readonly url: string;
  close(): Promise<void>;
}

/** @throws Error with a sentence for people when the address cannot be used. */
export async function serve(listen: string, routes: Routes): Promise<HttpServer> {
  const { host, port } = parseListen(listen);
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (request, response) => {
    void answer(routes, request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new Error(explain(error, listen), { cause: error })),
    );
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  return {
    url: `http://${address.address.includes(':') ? `[${address.address}]` : address.address}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** `host:port` or `:port`; an IPv6 host stands in brackets. */
export function parseListen(listen: string): { host: string | undefined; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(listen);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new Error(`${JSON.stringify(listen)} is not an address to listen on; write HOST:PORT or :PORT`);
  }
  return { host: match[1] ?? (match[2] === '' ? undefined : match[2]), port };
}

async function answer(routes: Routes, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  const result = await (route === undefined ? notFound(routes) : run(route, request));
  response.writeHead(result.status, { 'content-type': result.type, 'cache-control': 'no-store' });
  response.end(request.method === 'HEAD' ? '' : result.body);
}

async function run(route: () => Answer | Promise<Answer>, request: IncomingMessage): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'only GET is answered here\n');
  try {
    return await route();
  } catch {
    return text(500, 'internal error\n');
  }
}

function notFound(routes: Routes): Answer {
  return text(404, `not found; there is ${Object.keys(routes).join(' ')}\n`);
}

export function text(status: number, body: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body };
}

function explain(error: NodeJS.ErrnoException, listen: string): string {
  if (error.code === 'EADDRINUSE')
    return `cannot listen on ${listen}: the port is in use; choose another with --listen`;
  if (error.code === 'EACCES')
    return `cannot listen on ${listen}: not permitted; choose a port above 1023 with --listen`;
  return `cannot listen on ${listen}: ${error.message}`;
}
