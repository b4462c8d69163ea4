/** Statuses as files on a branch of their own. Every write is one commit on top of what others wrote. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SourceError, type StatusStore } from '../../reconcile/ports.ts';
import { backoff, sleep } from '../../runtime/time.ts';
import { GitExitError, localGit, runGit } from './door.ts';
import { type GitLogger, Mirror, type Snapshot } from './mirror.ts';
import type { Remote } from './remote.ts';

export interface Identity {
  readonly name: string;
  readonly email: string;
}

export interface StatusBranchOptions {
  /** The branch to write to, with a credential that may push. */
  readonly remote: Remote;
  /** Never written to, whatever is configured. */
  readonly watchedBranch: string;
  /** The folder on the branch that belongs to this installation. */
  readonly installation: string;
  readonly cacheDir: string;
  readonly identity?: Identity;
  readonly logger?: GitLogger;
}

/** What our next commit builds on; undefined while the branch does not exist. */
type Base = { readonly sha: string } | undefined;

const BOT: Identity = { name: 'modelpromotion', email: 'modelpromotion@localhost' };
const MAX_ATTEMPTS = 8;
const RETRY = { base: 100, max: 5_000 };
/** Somebody else pushed first, or is pushing. */
const LOST_RACE =
  /fetch first|non-fast-forward|stale info|cannot lock ref|failed to update ref|reference already exists|incorrect old value/;
const MAX_STATUS_BYTES = 64 * 1024 * 1024;
/** Larger than any status; a mirror of this branch keeps nothing back. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

export class StatusBranch implements StatusStore {
  readonly #remote: Remote;
  readonly #mirror: Mirror;
  readonly #folder: string;
  readonly #identity: Identity;
  readonly #logger: GitLogger | undefined;
  /** `unknown` until the branch was fetched, and again after a push that did not land. */
  #base: Base | 'unknown' = 'unknown';
  #turn: Promise<unknown> = Promise.resolve();

  /** @throws SourceError (Refused) for the watched branch, and for an installation that is not one plain name. */
  constructor(options: StatusBranchOptions) {
    const { remote, watchedBranch, installation, cacheDir, identity = BOT, logger } = options;
    if (remote.branch === watchedBranch) {
      throw new SourceError(
        'Refused',
        `${watchedBranch} is the watched branch; statuses need a branch of their own.`,
      );
    }
    if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(installation)) {
      throw new SourceError(
        'Refused',
        `${JSON.stringify(installation)} cannot name a folder on the status branch.`,
      );
    }
    this.#remote = remote;
    this.#folder = installation;
    this.#identity = identity;
    this.#logger = logger;
    this.#mirror = new Mirror({ remote, cacheDir, maxFileBytes: MAX_FILE_BYTES, ...(logger && { logger }) });
  }

  /** @throws SourceError. A branch that does not exist holds nothing. */
  read(signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    return this.#inTurn(async () => {
      const { base, result } = await this.#fetch((snapshot) => this.#files(snapshot), signal);
      this.#base = base;
      return result ?? new Map();
    });
  }

  /**
   * Commits and pushes, again on top of what others pushed meanwhile, a bounded number of times.
   * @throws SourceError: AccessDenied when the server refuses this push, and would refuse the next one too.
   */
  write(changes: ReadonlyMap<string, string | null>, message: string, signal: AbortSignal): Promise<void> {
    return this.#inTurn(async () => {
      for (let attempt = 0; ; attempt += 1) {
        const lost = await this.#tryToWrite(changes, message, signal);
        if (lost === undefined) return;
        if (attempt + 1 === MAX_ATTEMPTS) throw lost;
        this.#logger?.debug({ branch: this.#remote.branch, attempt }, 'Another writer pushed first');
        await sleep(backoff(attempt, RETRY), signal);
        signal.throwIfAborted();
      }
    });
  }

  /** One writer of this process at a time: a mirror has one owner. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /** Resolves with undefined when the branch holds the changes, with the reason when another writer was faster. */
  async #tryToWrite(
    changes: ReadonlyMap<string, string | null>,
    message: string,
    signal: AbortSignal,
  ): Promise<SourceError | undefined> {
    const base = await this.#currentBase(signal);
    const commit = await this.#commit(base, changes, message, signal);
    if (commit === undefined) return undefined;
    this.#base = 'unknown';
    try {
      await this.#push(commit, base, signal);
    } catch (error) {
      if (isLostRace(error)) return error;
      throw asRefusal(error, this.#remote);
    }
    this.#base = { sha: commit };
    return undefined;
  }

  async #currentBase(signal: AbortSignal): Promise<Base> {
    if (this.#base === 'unknown') this.#base = (await this.#fetch(() => Promise.resolve(), signal)).base;
    return this.#base;
  }

  /** Brings the branch here. The base is what was fetched, never what the server announced before. */
  async #fetch<T>(
    reader: (snapshot: Snapshot) => Promise<T>,
    signal: AbortSignal,
  ): Promise<{ base: Base; result?: T }> {
    try {
      const tip = await this.#remote.tip(signal);
      return await this.#mirror.read(
        tip,
        async (snapshot) => ({ base: { sha: snapshot.sha }, result: await reader(snapshot) }),
        signal,
      );
    } catch (error) {
      if (!(error instanceof SourceError) || error.reason !== 'BranchNotFound') throw error;
      return { base: undefined };
    }
  }

  async #files(snapshot: Snapshot): Promise<Map<string, string>> {
    const entries = (await snapshot.tree(this.#folder)).filter(({ mode }) => mode.startsWith('100'));
    const oids = [...new Set(entries.map(({ oid }) => oid))];
    const contents = await snapshot.contents(oids, MAX_STATUS_BYTES);
    const prefix = `${this.#folder}/`.length;
    return new Map(
      entries.map(({ name, oid }) => [name.toString().slice(prefix), (contents.get(oid) ?? '').toString()]),
    );
  }

  /** A commit in the mirror with the changes on top of the base, or undefined when they change nothing. */
  async #commit(
    base: Base,
    changes: ReadonlyMap<string, string | null>,
    message: string,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    await this.#mirror.prepare(base?.sha.length ?? 40, signal);
    const index = join(this.#mirror.gitDir, `index-${randomUUID()}`);
    try {
      const git = this.#plumbing(index, signal);
      if (base !== undefined) await git(['read-tree', '--end-of-options', base.sha]);
      await this.#stage(changes, index, signal);
      const tree = await git(['write-tree']);
      const before =
        base === undefined ? undefined : await git(['rev-parse', '--verify', `${base.sha}^{tree}`]);
      const isEmpty = (await git(['ls-tree', '--end-of-options', tree])) === '';
      if (tree === before || (before === undefined && isEmpty)) return undefined;
      return await this.#commitTree(tree, base, message, signal);
    } finally {
      await rm(index, { force: true });
    }
  }

  #plumbing(index: string, signal: AbortSignal): (argv: readonly string[]) => Promise<string> {
    const { gitDir } = this.#mirror;
    return (argv) =>
      localGit(argv, { directory: gitDir, gitDir, environment: { GIT_INDEX_FILE: index }, signal });
  }

  async #stage(
    changes: ReadonlyMap<string, string | null>,
    index: string,
    signal: AbortSignal,
  ): Promise<void> {
    const texts = [...changes].filter((change): change is [string, string] => change[1] !== null);
    const removed = [...changes].filter(([, text]) => text === null).map(([path]) => path);
    const oids = await this.#store(
      texts.map(([, text]) => text),
      signal,
    );
    const lines = [
      ...removed.map((path) => `0 ${'0'.repeat(40)}\t${this.#place(path)}\0`),
      ...texts.map(([path], position) => `100644 ${oids[position]}\t${this.#place(path)}\0`),
    ];
    await runGit(['update-index', '--add', '--replace', '-z', '--index-info'], {
      gitDir: this.#mirror.gitDir,
      environment: { GIT_INDEX_FILE: index },
      input: lines.join(''),
      signal,
    });
  }

  /** Where a file stands on the branch. @throws RangeError for a path that would leave the installation's folder. */
  #place(path: string): string {
    const isSafe = path.split('/').every((part) => /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(part));
    if (!isSafe) throw new RangeError(`not a path of a status: ${JSON.stringify(path)}`);
    return `${this.#folder}/${path}`;
  }

  /** Puts texts into the mirror with one git process, and gives their oids. */
  async #store(texts: readonly string[], signal: AbortSignal): Promise<string[]> {
    if (texts.length === 0) return [];
    const folder = await mkdtemp(join(this.#mirror.gitDir, 'statuses-'));
    try {
      const files = texts.map((_, position) => join(folder, String(position)));
      for (const [position, text] of texts.entries()) await writeFile(join(folder, String(position)), text);
      const output = await runGit(['hash-object', '-w', '--no-filters', '--stdin-paths'], {
        gitDir: this.#mirror.gitDir,
        input: `${files.join('\n')}\n`,
        maxOutputBytes: texts.length * 65,
        signal,
      });
      return output.toString().trimEnd().split('\n');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #commitTree(tree: string, base: Base, message: string, signal: AbortSignal): Promise<string> {
    const { name, email } = this.#identity;
    const parent = base === undefined ? [] : ['-p', base.sha];
    const output = await runGit(['commit-tree', tree, ...parent, '-F', '-'], {
      gitDir: this.#mirror.gitDir,
      environment: {
        GIT_AUTHOR_NAME: name,
        GIT_AUTHOR_EMAIL: email,
        GIT_COMMITTER_NAME: name,
        GIT_COMMITTER_EMAIL: email,
      },
      input: withoutPipelines(message),
      signal,
    });
    return output.toString().trim();
  }

  /** Lands only if the branch still is where our base came from; an empty expectation means that it must not exist. */
  async #push(commit: string, base: Base, signal: AbortSignal): Promise<void> {
    const { ref } = this.#remote;
    const lease = `--force-with-lease=${ref}:${base?.sha ?? ''}`;
    const argv = ['push', '--quiet', '--no-follow-tags', '--recurse-submodules=no', lease];
    await this.#remote.run(
      [...argv, '--end-of-options', 'origin', `${commit}:${ref}`],
      { gitDir: this.#mirror.gitDir },
      signal,
    );
  }
}

/** Marks the subject, so that forges start no pipeline and trailers at the end stay trailers. */
function withoutPipelines(message: string): string {
  const [subject = '', ...rest] = message.split('\n');
  return [`${subject} [skip ci]`, ...rest].join('\n');
}

function isLostRace(error: unknown): error is SourceError {
  return (
    error instanceof SourceError && error.cause instanceof GitExitError && LOST_RACE.test(error.cause.stderr)
  );
}

/** A hook or a rule of the server said no; the transport itself worked. */
function asRefusal(error: unknown, { branch, url }: Remote): unknown {
  if (!(error instanceof SourceError) || !(error.cause instanceof GitExitError)) return error;
  const why = /\[remote rejected\][^(]*\(([^\n)]*)\)/.exec(error.cause.stderr)?.[1];
  if (why === undefined) return error;
  return new SourceError(
    'AccessDenied',
    `${url.href} refuses the push to ${branch}: ${why.replaceAll(/\p{Cc}/gu, ' ')}.`,
    {
      cause: error.cause,
    },
  );
}
