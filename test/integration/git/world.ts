/** A bare repository behind a real git server, and everything the tests need around it. */
import { readdirSync, readFileSync } from 'node:fs';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Server as NetServer } from 'node:net';
import { join } from 'node:path';
import type { ReadCredentials } from '../../../src/adapters/git/credentials.ts';
import type { Proxy } from '../../../src/adapters/git/proxy.ts';
import { Remote } from '../../../src/adapters/git/remote.ts';
import { StatusBranch } from '../../../src/adapters/git/status-branch.ts';
import { parseGitUrl } from '../../../src/adapters/git/url.ts';
import { type GitUser, startGitServer } from '../../../src/cli/quickstart/git-server.ts';
import { GitSource } from '../../../src/sources/git.ts';
import { createRepo, temporaryFolder, type TestRepo } from '../../support/git-repo.ts';

export interface WorldOptions {
  readonly users?: readonly GitUser[];
  readonly settings?: Readonly<Record<string, string>>;
  readonly objectFormat?: 'sha1' | 'sha256';
}

interface SourceOptions {
  readonly path?: string;
  readonly url?: string;
  readonly deadlineMs?: number;
  readonly readCredentials?: ReadCredentials;
  readonly proxy?: Proxy;
}

interface StatusOptions {
  readonly installation?: string;
  /** Two writers have two caches, as two machines do. */
  readonly cache?: string;
  readonly url?: string;
  readonly deadlineMs?: number;
  readonly readCredentials?: ReadCredentials;
  readonly proxy?: Proxy;
}

export interface GitWorld extends AsyncDisposable {
  readonly repo: TestRepo;
  /** The folder that is served. */
  readonly root: string;
  readonly url: string;
  readonly cacheDir: string;
  /** Method and path of every request that reached the server. */
  readonly requests: string[];
  source(options?: SourceOptions): GitSource;
  statusBranch(options?: StatusOptions): StatusBranch;
}

export async function gitWorld({ users, settings, objectFormat }: WorldOptions = {}): Promise<GitWorld> {
  const folder = await temporaryFolder();
  const root = join(folder.path, 'served');
  const repo = await createRepo(join(root, 'models.git'), objectFormat);
  const requests: string[] = [];
  const server = await startGitServer({
    root,
    ...(users && { users }),
    ...(settings && { settings }),
    onRequest: (method, path) => requests.push(`${method} ${path}`),
  });
  const url = `${server.url}/models.git`;
  const cacheDir = join(folder.path, 'cache');
  return {
    repo,
    root,
    url,
    cacheDir,
    requests,
    source: ({ path = '.', url: other = url, ...rest } = {}) =>
      new GitSource({ url: parseGitUrl(other), branch: 'main', path, cacheDir, ...rest }),
    statusBranch: ({ installation = 'prod', cache = 'status', url: other = url, ...rest } = {}) =>
      new StatusBranch({
        remote: new Remote({
          url: parseGitUrl(other),
          branch: 'modelpromotion/status',
          cacheDir: join(folder.path, cache),
          ...rest,
        }),
        watchedBranch: 'main',
        installation,
        cacheDir: join(folder.path, cache),
      }),
    async [Symbol.asyncDispose]() {
      await server.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** A manifest that is valid, so that only what a test changes is wrong. */
export function promotion(name: string, version = '3'): string {
  return `apiVersion: modelpromotion.dev/v1alpha1
kind: ModelPromotion
metadata:
  name: ${name}
spec:
  model: ${name.replaceAll('-', '_')}
  stages:
    - name: Production
      version: "${version}"
`;
}

export const never = new AbortController().signal;

export interface Listener extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
}

/** A server that answers as the test says. */
export async function listen(listener: RequestListener): Promise<Listener> {
  const server = createServer(listener);
  const port = await start(server);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Gives the port, any free one of loopback. */
export function start(server: Server | NetServer): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

/** Stands in front of a server and lets the requests hang for which `hangs` is true. */
export function proxy(target: string, hangs: (method: string, count: number) => boolean): Promise<Listener> {
  let count = 0;
  return listen((request, response) => {
    count += 1;
    if (hangs(request.method ?? '', count)) return;
    relay(target, request, response);
  });
}

/** Passes a request on to a server, and its answer back. */
export function relay(
  target: string,
  request: IncomingMessage,
  response: ServerResponse,
  headers = request.headers,
): void {
  const { method } = request;
  const forwarded = httpRequest(`${target}${request.url}`, { method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 500, answer.headers);
    answer.pipe(response);
  });
  forwarded.on('error', () => response.destroy());
  request.pipe(forwarded);
}

/** The command lines of all processes of this machine that contain a text. */
export function commandLines(text: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(commandLine)
    .filter((line) => line.includes(text));
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

/** The process ids whose command line contains a text. */
export function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && commandLine(name).includes(text))
    .map(Number);
}
