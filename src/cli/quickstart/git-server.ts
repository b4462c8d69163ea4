/** A small real git server on loopback: `git http-backend` behind Node's HTTP server, for the quickstart and the tests. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Readable, Writable } from 'node:stream';
import { FROZEN_ENVIRONMENT } from '../../adapters/git/environment.ts';

export interface GitUser {
  readonly name: string;
  readonly password: string;
  readonly access: 'read' | 'write';
}

export interface GitServerOptions {
  /** The folder whose bare repositories are served; `<url>/models.git` is `<root>/models.git`. */
  readonly root: string;
  /** Who may read and push, by Basic authentication. Without it anybody on this machine may do both. */
  readonly users?: readonly GitUser[];
  /** Default: any free port. */
  readonly port?: number;
  /** Settings for git on the server's side, over the defaults. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Told of every request, before it is answered. */
  readonly onRequest?: (method: string, path: string) => void;
}

export interface GitServer {
  /** Without a slash at the end, without credentials. */
  readonly url: string;
  /** Resolves when the port is free and no git process of this server is left. */
  close(): Promise<void>;
}

type Backend = ChildProcessByStdio<Writable, Readable, null>;

const GRACE_MS = 1_000;

const SERVER_SETTINGS = {
  'http.receivepack': 'true',
  'uploadpack.allowFilter': 'true',
  'gc.auto': '0',
  'receive.autogc': 'false',
};

/**
 * Serves every bare repository below `root` on 127.0.0.1, with protocol v2 and partial clones.
 * @throws when the port is taken (`EADDRINUSE`).
 */
export async function startGitServer(options: GitServerOptions): Promise<GitServer> {
  const backends = new Set<Backend>();
  const server = createServer((request, response) => {
    options.onRequest?.(request.method ?? '', request.url ?? '');
    const refusal = refuse(request, options.users);
    if (refusal !== undefined) return refusal(response);
    runBackend(request, response, options, backends);
  });
  const port = await listen(server, options.port ?? 0);
  return { url: `http://127.0.0.1:${port}`, close: () => close(server, backends) };
}

/** Resolves with the port, chosen by the system when `port` is 0. */
function listen(server: Server, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once('error', reject);
  server.listen(port, '127.0.0.1', () => {
    server.off('error', reject);
    const address = server.address();
    resolve(typeof address === 'object' && address !== null ? address.port : port);
  });
  return promise;
}

async function close(server: Server, backends: ReadonlySet<Backend>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await Promise.all([closed, ...[...backends].map(end)]);
}

/** Ends git with everything it started: SIGTERM lets it remove its locks, SIGKILL comes when that takes too long. */
async function end(backend: Backend): Promise<void> {
  if (backend.pid === undefined || backend.exitCode !== null || backend.signalCode !== null) return;
  const exited = once(backend, 'exit');
  signalGroup(backend.pid, 'SIGTERM');
  const escalation = setTimeout(signalGroup, GRACE_MS, backend.pid, 'SIGKILL');
  await exited;
  clearTimeout(escalation);
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // ESRCH: nobody is left in the group.
  }
}

/** The answer to a request that may not reach git, or undefined when it may. */
function refuse(
  request: IncomingMessage,
  users: readonly GitUser[] | undefined,
): ((response: ServerResponse) => void) | undefined {
  if (users === undefined) return undefined;
  const user = users.find((user) => sentBy(request, user));
  if (user === undefined) {
    return (response) => response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
  }
  if (isPush(request) && user.access !== 'write') return (response) => response.writeHead(403).end();
  return undefined;
}

function sentBy(request: IncomingMessage, { name, password }: GitUser): boolean {
  const expected = `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
  return timingSafeEqual(sha256(request.headers.authorization ?? ''), sha256(expected));
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function isPush(request: IncomingMessage): boolean {
  const { pathname, searchParams } = requestUrl(request);
  return pathname.endsWith('/git-receive-pack') || searchParams.get('service') === 'git-receive-pack';
}

function requestUrl(request: IncomingMessage): URL {
  return new URL(`http://127.0.0.1${request.url ?? '/'}`);
}

function runBackend(
  request: IncomingMessage,
  response: ServerResponse,
  options: GitServerOptions,
  backends: Set<Backend>,
): void {
  const backend = spawn('git', ['http-backend'], {
    detached: true,
    env: cgiEnvironment(request, options),
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  backends.add(backend);
  backend.once('close', () => backends.delete(backend));
  backend.once('error', () => response.headersSent || response.writeHead(500).end());
  // git may answer and leave before it has read the whole body.
  backend.stdin.on('error', () => request.unpipe(backend.stdin));
  request.pipe(backend.stdin);
  response.once('close', () => response.writableFinished || void end(backend));
  relay(backend.stdout, response);
}

function cgiEnvironment(request: IncomingMessage, options: GitServerOptions): Record<string, string> {
  const { pathname, search } = requestUrl(request);
  const { headers } = request;
  return {
    ...FROZEN_ENVIRONMENT,
    ...gitSettings({ ...SERVER_SETTINGS, ...options.settings }),
    GIT_PROJECT_ROOT: options.root,
    GIT_HTTP_EXPORT_ALL: '1',
    REQUEST_METHOD: request.method ?? 'GET',
    PATH_INFO: decodeURIComponent(pathname),
    QUERY_STRING: search.slice(1),
    REMOTE_ADDR: '127.0.0.1',
    CONTENT_TYPE: headers['content-type'] ?? '',
    ...(headers['content-length'] !== undefined && { CONTENT_LENGTH: headers['content-length'] }),
    ...(headers['content-encoding'] !== undefined && { HTTP_CONTENT_ENCODING: headers['content-encoding'] }),
    ...(headers['git-protocol'] !== undefined && { GIT_PROTOCOL: String(headers['git-protocol']) }),
  };
}

function gitSettings(settings: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(settings);
  const pairs = entries.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return { ...Object.fromEntries(pairs), GIT_CONFIG_COUNT: String(entries.length) };
}

/** CGI to HTTP: a block of headers, of which `Status` is the answer's code, then the body as it comes. */
function relay(output: Readable, response: ServerResponse): void {
  let head = Buffer.alloc(0);
  const onData = (chunk: Buffer) => {
    head = Buffer.concat([head, chunk]);
    const endOfHead = head.indexOf('\r\n\r\n');
    if (endOfHead === -1) return;
    output.off('data', onData);
    writeHead(response, head.subarray(0, endOfHead).toString('latin1'));
    response.write(head.subarray(endOfHead + 4));
    output.pipe(response);
  };
  output.on('data', onData);
  output.once('end', () => response.headersSent || response.writeHead(500).end());
}

function writeHead(response: ServerResponse, head: string): void {
  for (const line of head.split('\r\n')) {
    const colon = line.indexOf(':');
    const [name, value] = [line.slice(0, colon), line.slice(colon + 1).trim()];
    if (name.toLowerCase() === 'status') response.statusCode = Number.parseInt(value, 10);
    else response.setHeader(name, value);
  }
}
