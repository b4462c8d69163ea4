/** A small HTTP server for people, probes and hints: known paths, one method each, bounded in time, size and number. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BodyReader } from './body.ts';

export interface Answer {
  readonly status: number;
  readonly type:
    'text/plain; charset=utf-8' | 'application/json' | 'text/plain; version=0.0.4; charset=utf-8';
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What was posted. Nothing of it is to be trusted. */
export interface Posted {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** @throws BodyRefused, and Error when the sender went away */
  readonly body: () => Promise<Buffer>;
}

export type Route =
  | { readonly get: () => Answer | Promise<Answer> }
  | { readonly post: (request: Posted) => Answer | Promise<Answer> };

export type Routes = Readonly<Record<string, Route>>;

const BODIES = { size: 1024 * 1024, time: 10_000, atOnce: 32 };
const HEADERS_TIME = 10_000;
/** Above the time for a body, which has a deadline of its own. */
const REQUEST_TIME = 20_000;
/** Strangers must not take the file descriptors that git and the registries need. */
const MOST_CONNECTIONS = 1_000;
/** How long a sender whose body we did not want may go on, so that it sees our answer. */
const LINGER = 500;

export interface HttpServer {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * `routes` is asked at each request, so that paths may come and go.
 * @throws Error with a sentence for people when the address cannot be used.
 */
export async function serve(listen: string, routes: () => Routes): Promise<HttpServer> {
  const { host, port } = parseListen(listen);
  const bodies = new BodyReader(BODIES);
  const limits = {
    headersTimeout: HEADERS_TIME,
    requestTimeout: REQUEST_TIME,
    connectionsCheckingInterval: 2_000,
  };
  const server = createServer(limits, (request, response) => {
    void answer(routes(), bodies, request, response);
  });
  server.maxConnections = MOST_CONNECTIONS;
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

async function answer(
  routes: Routes,
  bodies: BodyReader,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  const { status, type, body, headers } = await (route === undefined
    ? notFound(routes)
    : run(route, bodies, request));
  response.writeHead(status, { ...headers, 'content-type': type, 'cache-control': 'no-store' });
  response.end(request.method === 'HEAD' ? '' : body);
  if (!request.complete) dismiss(request);
}

/** Throws away the rest of a body that nobody wants, but not for long. */
function dismiss(request: IncomingMessage): void {
  request.on('error', () => undefined).resume();
  setTimeout(() => {
    if (!request.complete) request.destroy();
  }, LINGER).unref();
}

async function run(route: Route, bodies: BodyReader, request: IncomingMessage): Promise<Answer> {
  try {
    if ('post' in route) {
      if (request.method !== 'POST') return notAllowed('POST');
      return await route.post({ headers: headersOf(request), body: () => bodies.read(request) });
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') return notAllowed('GET, HEAD');
    return await route.get();
  } catch {
    return text(500, 'internal error\n');
  }
}

function headersOf({ headers }: IncomingMessage): Posted['headers'] {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
}

function notAllowed(allow: string): Answer {
  const [method] = allow.split(', ');
  return { ...text(405, `only ${method} is answered here\n`), headers: { allow } };
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
  if (error.code === 'EADDRNOTAVAIL')
    return `cannot listen on ${listen}: this machine has no such address; choose another with --listen`;
  if (error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN')
    return `cannot listen on ${listen}: the host name is unknown; choose another with --listen`;
  return `cannot listen on ${listen}: ${error.message}`;
}
