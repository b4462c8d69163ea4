/**
 * A bare repository on our disk that follows one branch. It is a cache: it may be thrown away at any moment, and is
 * when it is damaged or has grown. It belongs to one process, and its owner calls it from one place at a time.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SourceError } from '../../reconcile/ports.ts';
import { blobSizes, IncompleteMirror, linksToFolders, readBlobs } from './blobs.ts';
import { GitExitError, localGit } from './door.ts';
import { cacheFailure, unexplained, UnexplainedError } from './failures.ts';
import type { Remote } from './remote.ts';
import { listTree, type TreeEntry } from './tree.ts';

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
  readonly logger?: GitLogger;
}

/** One commit, as the mirror holds it. Its readers throw GitExitError or IncompleteMirror when the mirror is damaged. */
export interface Snapshot {
  readonly sha: string;
  /** Name and address of who wrote the commit: free text, for display only. */
  author(): Promise<string>;
  /** Every entry below a path, in the order of their names. @throws SourceError (Refused) when there are too many. */
  tree(path: string): Promise<TreeEntry[]>;
  /** The size of each file; undefined for one that the server kept back for its size. */
  sizes(oids: readonly string[]): Promise<Map<string, number | undefined>>;
  /** @param totalBytes the sizes of these files added up */
  contents(oids: readonly string[], totalBytes: number): Promise<Map<string, Buffer>>;
  /** Which of these symbolic links lead to a folder of this commit. */
  linksToFolders(paths: readonly string[]): Promise<Set<string>>;
}

/** Ours alone, so that a name on the server never meets it. */
const TIP = 'refs/modelpromotion/tip';
const MAX_PACKS = 100;
const MAX_AUTHOR_LENGTH = 200;
/** One of 256 folders of loose objects; git's own limit before it tidies up is 27. */
const LOOSE_SAMPLE = 'objects/17';
const MAX_LOOSE_SAMPLE = 27;

export class Mirror {
  readonly gitDir: string;
  readonly #remote: Remote;
  readonly #maxFileBytes: number;
  readonly #logger: GitLogger | undefined;
  #filters = true;

  constructor({ remote, cacheDir, maxFileBytes, logger }: MirrorOptions) {
    this.#remote = remote;
    this.#maxFileBytes = maxFileBytes;
    this.#logger = logger;
    // A mirror lacks what its limit kept back, so another limit is another mirror.
    const identity = [remote.url.href, remote.ref, maxFileBytes].join('\n');
    const hash = createHash('sha256').update(identity).digest('hex').slice(0, 32);
    this.gitDir = join(cacheDir, 'git', hash);
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
      if (isNew || !isDamage(error)) throw asSourceError(error);
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

  /** Makes the mirror when there is none. Tells whether it is new. */
  async prepare(shaLength: number | undefined, signal: AbortSignal): Promise<boolean> {
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
    await mkdir(dirname(this.gitDir), { recursive: true, mode: 0o700 });
    const argv = ['init', '--quiet', '--bare', '--template=', `--object-format=${format}`, this.gitDir];
    await localGit(argv, { directory: dirname(this.gitDir), signal });
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
    const sha = held === tip ? tip : await this.#fetch(tip.length, signal);
    return reader(this.#snapshot(sha, isNew, signal));
  }

  async #fetch(shaLength: number, signal: AbortSignal): Promise<string> {
    if (await this.hasGrown()) await this.#discard();
    await this.prepare(shaLength, signal);
    await this.#removeStaleLocks();
    try {
      await this.#fetchTip(signal);
    } catch (error) {
      if (!this.#filters || !refusesFilters(error)) throw error;
      this.#logger?.info(
        { host: this.#remote.url.host },
        'The git server refuses filters, so whole trees are fetched',
      );
      this.#filters = false;
      await this.#fetchTip(signal);
    }
    const sha = await this.#tip(signal);
    this.#logger?.debug({ sha, url: this.#remote.url.href }, 'Fetched');
    return sha;
  }

  /** The settings make `origin` a server that may keep files back, for this call only: no later read asks it for them. */
  async #fetchTip(signal: AbortSignal): Promise<void> {
    const filter = `blob:limit=${this.#maxFileBytes + 1}`;
    const argv = ['fetch', '--quiet', '--depth=1', '--no-tags', '--no-write-fetch-head'];
    const refspec = ['--end-of-options', 'origin', `+${this.#remote.ref}:${TIP}`];
    const filtered = ['remote.origin.promisor=true', `remote.origin.partialclonefilter=${filter}`];
    await this.#remote.run(
      [...argv, ...(this.#filters ? [`--filter=${filter}`] : []), ...refspec],
      { gitDir: this.gitDir, config: ['fetch.unpackLimit=1', ...(this.#filters ? filtered : [])] },
      signal,
    );
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
      sizes: async (oids) => {
        const sizes = await blobSizes(gitDir, oids, signal);
        // In a mirror that was just made, only the server's filter explains a missing file.
        if (!isNew && [...sizes.values()].includes(undefined)) throw new IncompleteMirror();
        return sizes;
      },
      contents: (oids, totalBytes) => readBlobs(gitDir, oids, totalBytes, signal),
      linksToFolders: (paths) => linksToFolders(gitDir, sha, paths, signal),
    };
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
  if (error instanceof IncompleteMirror)
    return new SourceError('Unreachable', error.message, { cause: error });
  return cacheFailure(error) ?? error;
}

function refusesFilters(error: unknown): boolean {
  return (
    error instanceof SourceError && error.cause instanceof GitExitError && /filter/i.test(error.cause.stderr)
  );
}

function ignoreExit(error: unknown): undefined {
  if (!(error instanceof GitExitError)) throw error;
}

async function namesIn(folder: string): Promise<string[]> {
  return existsSync(folder) ? readdir(folder) : [];
}
