/**
 * One process for one mirror: a socket that listens beside it. The system takes it back however its owner ends, and
 * whether an owner lives is found out by connecting, not by a process id, which means nothing between containers.
 */
import { createHash, randomUUID } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { SourceError } from '../../reconcile/ports.ts';
import { makeCacheFolder } from './cache-folder.ts';
import { printable } from './explanations.ts';
import { cacheFailure } from './failures.ts';

/** Who holds a lock, as it says itself. */
interface Holder {
  /** Of one run of one process. */
  readonly id: string;
  readonly pid: number;
  readonly host: string;
  readonly since: string;
}

/** Several mirrors of one process may be one: its sources take turns by themselves. */
const OURSELVES = randomUUID();
/** What every system allows for the path of a socket, with its end. */
const MAX_PATH_BYTES = 100;
const MAX_ATTEMPTS = 5;
const PATIENCE_MS = 1_000;
/** Longer than another process takes between finding a dead socket and removing it. */
const SETTLE_MS = 100;

export class MirrorLock {
  readonly #cacheDir: string;
  readonly #path: string;
  #held: { readonly server: Server; readonly inode: number } | undefined;

  /** `name` is short, and tells mirrors of one cache folder apart. */
  constructor(cacheDir: string, name: string) {
    this.#cacheDir = cacheDir;
    this.#path = socketPath(cacheDir, name);
  }

  /**
   * Costs one look at the disk once it is ours. Whoever removes the socket frees the lock, so it is looked at each time.
   * @throws SourceError (Refused) that says who else holds it and what to do; another try may succeed.
   */
  async hold(): Promise<void> {
    if (this.#held !== undefined && (await inodeOf(this.#path)) === this.#held.inode) return;
    // Closing it would remove the socket that may stand at the path now.
    this.#held = undefined;
    await makeCacheFolder(dirname(this.#path));
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const server = await listen(this.#path);
      const inode = await inodeOf(this.#path);
      if (server === undefined) {
        const holder = await ask(this.#path);
        if (holder !== 'nobody' && holder?.id !== OURSELVES) throw this.#inUse(holder);
        if (holder !== 'nobody') return;
        if ((await inodeOf(this.#path)) === inode) await rm(this.#path, { force: true });
      } else if (inode !== undefined && (attempt === 0 || (await this.#stays(inode)))) {
        this.#held = { server, inode };
        return;
      }
    }
    throw this.#inUse(undefined);
  }

  /** Whether nobody who took our socket for the dead one has removed it. */
  async #stays(inode: number): Promise<boolean> {
    await pause(SETTLE_MS);
    return (await inodeOf(this.#path)) === inode;
  }

  #inUse(holder: Holder | undefined): SourceError {
    const who =
      holder === undefined
        ? 'another process'
        : `process ${holder.pid} on ${holder.host}, since ${holder.since}`;
    return new SourceError(
      'Refused',
      `The git mirror in ${this.#cacheDir} is in use by ${who}. Stop that one, or give this one a folder of its own with --cache-dir; until then it waits.`,
    );
  }
}

/** In the cache folder, where all who share the folder meet; where that path is too long, in the system's. */
function socketPath(cacheDir: string, name: string): string {
  const near = join(cacheDir, 'locks', name);
  if (Buffer.byteLength(near) <= MAX_PATH_BYTES) return near;
  const hash = createHash('sha256').update(near).digest('hex').slice(0, 16);
  return join(tmpdir(), `modelpromotion-${process.getuid?.() ?? 0}`, hash);
}

/** Undefined when something stands at the path. */
function listen(path: string): Promise<Server | undefined> {
  const holder: Holder = {
    id: OURSELVES,
    pid: process.pid,
    host: hostname(),
    since: new Date().toISOString(),
  };
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(JSON.stringify(holder));
  });
  server.unref();
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(cacheFailure(error) ?? error),
    );
    server.listen(path, () => resolve(server));
  });
}

/** Who answers at the path: nobody when its owner is gone, undefined when somebody does not say. */
function ask(path: string): Promise<Holder | undefined | 'nobody'> {
  const { promise, resolve } = Promise.withResolvers<Holder | undefined | 'nobody'>();
  let text = '';
  const socket = connect(path);
  socket.setTimeout(PATIENCE_MS, () => resolve(undefined));
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  socket.on('error', ({ code }: NodeJS.ErrnoException) =>
    resolve(['ECONNREFUSED', 'ENOENT', 'ENOTSOCK'].includes(code ?? '') ? 'nobody' : undefined),
  );
  socket.once('end', () => resolve(parseHolder(text)));
  return promise.finally(() => socket.destroy());
}

function parseHolder(text: string): Holder | undefined {
  try {
    const told = JSON.parse(text) as Record<keyof Holder, unknown>;
    const say = (field: keyof Holder) => printable(String(told[field]));
    return { id: say('id'), pid: Number(told.pid), host: say('host'), since: say('since') };
  } catch {
    return undefined;
  }
}

async function inodeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ ino }) => ino,
    () => undefined,
  );
}
