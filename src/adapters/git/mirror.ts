/**
 * A bare repository on our disk that follows one branch. It is a cache: it may be thrown away at any moment, and is
 * when it is damaged or has grown. It belongs to one process, and its owner calls it from one place at a time.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SourceError } from '../../reconcile/ports.ts';
import { blobSizes, IncompleteMirror, linksToFolders, readBlobs } from './blobs.ts';
import { makeCacheFolder } from './cache-folder.ts';
import { GitExitError, localGit } from './door.ts';
import { cacheFailure, unexplained, UnexplainedError } from './failures.ts';
import { type Extent, Fetcher, NotSparse } from './fetcher.ts';
import { MirrorLock } from './mirror-lock.ts';
import type { Remote } from './remote.ts';
import { listTree, SUBMODULE, type TreeEntry } from './tree.ts';

/** What the adapters of git tell about their work. */
export interface GitLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface MirrorOptions {
  readonly remote: Remote;
  /** The mirror lives in a folder of its own below `<cacheDir>/git`. */
  readonly cacheDir: string;
  /** Larger files are left on the server, where it can do that. */
  readonly maxFileBytes: number;
  /** What is read lies below this path; empty for all of the repository. */
  readonly path?: string;
  readonly logger?: GitLogger;
}

/** One commit, as the mirror holds it. Its readers throw GitExitError or IncompleteMirror when the mirror is damaged. */
export interface Snapshot {
  readonly sha: string;
  /** Name and address of who wrote the commit: free text, for display only. */
  author(): Promise<string>;
  /** Every entry below a path, in the order of their names. @throws SourceError (Refused) when there are too many. */
  tree(path: string): Promise<TreeEntry[]>;
  /** Makes sure that these files are here, unless the server keeps them back for their size. Costs one call at most. */
  bring(oids: readonly string[]): Promise<void>;
  /** The size of each file; undefined for one that the server kept back for its size. */
  sizes(oids: readonly string[]): Promise<Map<string, number | undefined>>;
  /** @param totalBytes the sizes of these files added up */
  contents(oids: readonly string[], totalBytes: number): Promise<Map<string, Buffer>>;
  /** Which of these symbolic links lead to a folder of this commit. */
  linksToFolders(paths: readonly string[]): Promise<Set<string>>;
}

const TIP = 'refs/modelpromotion/tip';
/** Beside more other files than this, ours are fetched alone: they are then not worth the bytes of all the others. */
const MANY_FILES = 2_000;
/** Its presence in a mirror says that it holds no file but those that were asked for. */
const SPARSE = 'modelpromotion-sparse';
const MAX_PACKS = 100;
const MAX_AUTHOR_LENGTH = 200;
/** One of 256 folders of loose objects; git's own limit before it tidies up is 27. */
const LOOSE_SAMPLE = 'objects/17';
const MAX_LOOSE_SAMPLE = 27;

export class Mirror {
  readonly gitDir: string;
  readonly #remote: Remote;
  readonly #path: string;
  readonly #fetcher: Fetcher;
  readonly #logger: GitLogger | undefined;
  readonly #lock: MirrorLock;
  /** Files that the server kept back for their size. */
  readonly #withheld = new Set<string>();
  #maySparse = true;

  constructor({ remote, cacheDir, maxFileBytes, path = '', logger }: MirrorOptions) {
    this.#remote = remote;
    this.#path = path;
    this.#logger = logger;
    // A mirror lacks what its limit kept back, so another limit is another mirror.
    const identity = [remote.url.href, remote.ref, maxFileBytes].join('\n');
    const hash = createHash('sha256').update(identity).digest('hex').slice(0, 32);
    this.gitDir = join(cacheDir, 'git', hash);
    this.#fetcher = new Fetcher({ remote, gitDir: this.gitDir, maxFileBytes, ref: TIP, logger });
    this.#lock = new MirrorLock(cacheDir, hash.slice(0, 16));
  }

  /** Makes sure that no other process uses the mirror. @throws SourceError (Refused) when one does. */
  own(): Promise<void> {
    return this.#lock.hold();
  }

  /**
   * Brings the branch here unless the mirror already holds `tip`, and reads from what came: the branch may have moved
   * on since `tip` was learned. A mirror that turns out to be damaged is thrown away, and all is done once more.
   * @throws SourceError
   */
  async read<T>(tip: string, reader: (snapshot: Snapshot) => Promise<T>, signal: AbortSignal): Promise<T> {
    const isNew = await this.prepare(tip.length, signal);
    try {
      return await this.#fetchAndRead(tip, reader, isNew, signal);
    } catch (error) {
      if (error instanceof NotSparse) this.#maySparse = false;
      else if (isNew || !isDamage(error)) throw asSourceError(error);
      this.#logger?.info(
        { err: error, mirror: this.gitDir },
        'The git mirror lacks something and is made again',
      );
    }
    await this.#discard();
    await this.prepare(tip.length, signal);
    return this.#fetchAndRead(tip, reader, true, signal).catch((error: unknown) => {
      throw asSourceError(error);
    });
  }

  /**
   * As `read`, of whatever the branch has come to, for one call to the server in place of two. Undefined when that
   * cannot be had so: there is no mirror that fits, or the fetch failed; `read` then says why.
   */
  async readMoved<T>(
    reader: (snapshot: Snapshot) => Promise<T>,
    signal: AbortSignal,
  ): Promise<{ readonly value: T } | undefined> {
    await this.own();
    if (!existsSync(join(this.gitDir, 'HEAD')) || (await this.hasGrown())) return undefined;
    try {
      await this.#removeStaleLocks();
      await this.#fetcher.branch(this.#extent(), signal);
      return { value: await reader(this.#snapshot(await this.#tip(signal), false, signal)) };
    } catch (error) {
      signal.throwIfAborted();
      this.#logger?.debug({ err: error }, 'A fetch without asking first failed; the server is asked');
      return undefined;
    }
  }

  /** Makes the mirror when there is none. Tells whether it is new. */
  async prepare(shaLength: number | undefined, signal: AbortSignal): Promise<boolean> {
    await this.own();
    if (existsSync(join(this.gitDir, 'HEAD'))) return false;
    try {
      await this.#make(shaLength === 64 ? 'sha256' : 'sha1', signal);
      return true;
    } catch (error) {
      throw cacheFailure(error) ?? error;
    }
  }

  async #make(format: 'sha1' | 'sha256', signal: AbortSignal): Promise<void> {
    await this.#discard();
    await makeCacheFolder(dirname(this.gitDir));
    const argv = ['init', '--quiet', '--bare', '--template=', `--object-format=${format}`, this.gitDir];
    await localGit(argv, { directory: dirname(this.gitDir), signal });
  }

  /** Makes an empty mirror in place of whatever there is. */
  async renew(shaLength: number | undefined, signal: AbortSignal): Promise<void> {
    await this.own();
    await this.#discard();
    await this.prepare(shaLength, signal);
  }

  /**
   * Whether the next fetch will start afresh: every fetch adds a pack, every commit of ours loose objects, and a new
   * mirror is cheaper than tidying up.
   */
  async hasGrown(): Promise<boolean> {
    const packs = await namesIn(join(this.gitDir, 'objects', 'pack'));
    const loose = await namesIn(join(this.gitDir, LOOSE_SAMPLE));
    return (
      packs.filter((name) => name.endsWith('.pack')).length > MAX_PACKS || loose.length > MAX_LOOSE_SAMPLE
    );
  }

  async #fetchAndRead<T>(
    tip: string,
    reader: (snapshot: Snapshot) => Promise<T>,
    isNew: boolean,
    signal: AbortSignal,
  ): Promise<T> {
    const held = isNew ? undefined : await this.#tip(signal).catch(ignoreExit);
    const isFirst = held === undefined || (held !== tip && (await this.hasGrown()));
    if (isFirst && !isNew) await this.#discard();
    const sha = held === tip ? tip : await this.#fetch(tip, isFirst, signal);
    return reader(this.#snapshot(sha, isFirst, signal));
  }

  async #fetch(tip: string, isFirst: boolean, signal: AbortSignal): Promise<string> {
    await this.prepare(tip.length, signal);
    await this.#removeStaleLocks();
    if (isFirst) await this.#fetchFirst(tip, signal);
    else await this.#fetcher.commit(tip, this.#extent(), signal);
    const sha = await this.#tip(signal);
    this.#logger?.debug({ sha, url: this.#remote.url.href }, 'Fetched');
    return sha;
  }

  /** Into an empty mirror: the names first, where they may tell that most files are not ours. */
  async #fetchFirst(tip: string, signal: AbortSignal): Promise<void> {
    if (this.#path === '' || !this.#maySparse || !this.#fetcher.filters) {
      return this.#fetcher.commit(tip, 'whole', signal);
    }
    await this.#fetcher.commit(tip, 'sparse', signal);
    const kind = await this.#kindOf(await this.#tip(signal), signal);
    if (kind === 'complete') return undefined;
    if (kind === 'huge') return writeFile(join(this.gitDir, SPARSE), '');
    await this.#discard();
    await this.prepare(tip.length, signal);
    return this.#fetcher.commit(tip, 'whole', signal);
  }

  /** What a fetch without files has brought: all files all the same, or the names of many others', or of few. */
  async #kindOf(sha: string, signal: AbortSignal): Promise<'complete' | 'huge' | 'small'> {
    const [all, ours] = await Promise.all(
      ['', this.#path].map((path) => listTree(this.gitDir, sha, path, signal).catch(ignoreTooMany)),
    );
    if (all === undefined || ours === undefined) return 'huge';
    const files = all.filter(({ mode }) => mode !== SUBMODULE).slice(0, MANY_FILES);
    const sizes = await blobSizes(this.gitDir, [...new Set(files.map(({ oid }) => oid))], signal);
    if (![...sizes.values()].includes(undefined)) return 'complete';
    return all.length - ours.length > MANY_FILES ? 'huge' : 'small';
  }

  #extent(): Extent {
    return existsSync(join(this.gitDir, SPARSE)) ? 'sparse' : 'whole';
  }

  #tip(signal: AbortSignal): Promise<string> {
    return localGit(['rev-parse', '--verify', '--quiet', '--end-of-options', `${TIP}^{commit}`], {
      directory: this.gitDir,
      gitDir: this.gitDir,
      signal,
    });
  }

  #snapshot(sha: string, isNew: boolean, signal: AbortSignal): Snapshot {
    const { gitDir } = this;
    return {
      sha,
      author: () => authorOf(gitDir, sha, signal),
      tree: (path) => listTree(gitDir, sha, path, signal),
      bring: (oids) => this.#bring(oids, signal),
      sizes: async (oids) => {
        const sizes = await blobSizes(gitDir, oids, signal);
        const missing = oids.filter((oid) => sizes.get(oid) === undefined);
        // Where the mirror was just made, only the server's filter explains a missing file.
        if (isNew) for (const oid of missing) this.#withheld.add(oid);
        if (missing.some((oid) => !this.#withheld.has(oid))) throw new IncompleteMirror();
        return sizes;
      },
      contents: (oids, totalBytes) => readBlobs(gitDir, oids, totalBytes, signal),
      linksToFolders: (paths) => linksToFolders(gitDir, sha, paths, signal),
    };
  }

  async #bring(oids: readonly string[], signal: AbortSignal): Promise<void> {
    if (this.#extent() === 'whole') return;
    const sizes = await blobSizes(this.gitDir, oids, signal);
    const missing = oids.filter((oid) => sizes.get(oid) === undefined);
    if (missing.length > 0) await this.#fetcher.objects(missing, signal);
  }

  /** A fetch that was killed leaves locks behind on which every later one fails. Nobody else writes here. */
  async #removeStaleLocks(): Promise<void> {
    const names = await readdir(this.gitDir, { recursive: true });
    const stale = names.filter((name) => name.endsWith('.lock') || /^(?:tmp_|\.tmp-)/.test(basename(name)));
    await Promise.all(stale.map((name) => rm(join(this.gitDir, name), { force: true, recursive: true })));
  }

  async #discard(): Promise<void> {
    await rm(this.gitDir, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function authorOf(gitDir: string, sha: string, signal: AbortSignal): Promise<string> {
  const argv = ['show', '--no-patch', '--format=%an <%ae>', '--end-of-options', sha];
  const author = await localGit(argv, { directory: gitDir, gitDir, signal });
  return author.replaceAll(/\p{Cc}/gu, ' ').slice(0, MAX_AUTHOR_LENGTH);
}

function isDamage(error: unknown): boolean {
  return (
    error instanceof GitExitError || error instanceof UnexplainedError || error instanceof IncompleteMirror
  );
}

function asSourceError(error: unknown): unknown {
  if (error instanceof GitExitError) return unexplained(error);
  if (error instanceof NotSparse) return error.cause;
  if (error instanceof IncompleteMirror)
    return new SourceError('Unreachable', error.message, { cause: error });
  return cacheFailure(error) ?? error;
}

function ignoreExit(error: unknown): undefined {
  if (!(error instanceof GitExitError)) throw error;
}

function ignoreTooMany(error: unknown): undefined {
  if (!(error instanceof SourceError)) throw error;
}

async function namesIn(folder: string): Promise<string[]> {
  return existsSync(folder) ? readdir(folder) : [];
}
