/** Statuses as files on a branch of their own. Every write is one commit on top of what others wrote. */
import { SourceError, type StatusStore } from '../../reconcile/ports.ts';
import { backoff, sleep } from '../../runtime/time.ts';
import { commitChanges, type Identity } from './commit.ts';
import { GitExitError } from './door.ts';
import { unexplained } from './failures.ts';
import { type GitLogger, Mirror, type Snapshot } from './mirror.ts';
import { asRefusal, type Base, isLostRace, push } from './push.ts';
import type { Remote } from './remote.ts';
import { branchRef } from './url.ts';

export interface StatusBranchOptions {
  /** The branch to write to, with a credential that may push. */
  readonly remote: Remote;
  /** Never written to, whatever is configured. */
  readonly watchedBranch: string;
  /** The folder on the branch that belongs to this installation. */
  readonly installation: string;
  readonly cacheDir: string;
  /** Author and committer. Default: modelpromotion. */
  readonly identity?: Identity;
  readonly logger?: GitLogger;
}

const BOT: Identity = { name: 'modelpromotion', email: 'modelpromotion@localhost' };
const MAX_ATTEMPTS = 8;
const RETRY = { base: 100, max: 5_000 };
const MAX_STATUS_BYTES = 64 * 1024 * 1024;
/** Larger than any status, so that the mirror of this branch lacks nothing. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

export class StatusBranch implements StatusStore {
  readonly #remote: Remote;
  readonly #mirror: Mirror;
  readonly #watchedBranch: string;
  readonly #folder: string;
  readonly #identity: Identity;
  readonly #logger: GitLogger | undefined;
  /** Undefined until the branch was fetched, and again after a push that did not land. */
  #base: Base | undefined;
  /** The branch was there once, and somebody has removed it since. */
  #isGone = false;
  #wasThere = false;
  #turn: Promise<unknown> = Promise.resolve();

  /** @throws SourceError (Refused) for the watched branch, and for an installation that is not one plain name. */
  constructor({ remote, watchedBranch, installation, cacheDir, identity, logger }: StatusBranchOptions) {
    if (remote.branch === watchedBranch) {
      throw new SourceError(
        'Refused',
        `${watchedBranch} is the watched branch; statuses need a branch of their own.`,
      );
    }
    if (!isPlainName(installation)) {
      throw new SourceError(
        'Refused',
        `${JSON.stringify(installation)} cannot name a folder on the status branch.`,
      );
    }
    this.#remote = remote;
    this.#watchedBranch = watchedBranch;
    this.#folder = installation;
    this.#identity = identity ?? BOT;
    this.#logger = logger;
    this.#mirror = new Mirror({ remote, cacheDir, maxFileBytes: MAX_FILE_BYTES, ...(logger && { logger }) });
  }

  /** @throws SourceError. A branch that does not exist holds nothing. */
  read(signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    return this.#inTurn(
      async () => (await this.#fetch((snapshot) => this.#files(snapshot), signal)) ?? new Map(),
    );
  }

  /**
   * Commits and pushes, again on top of what others pushed meanwhile, a bounded number of times.
   * @throws SourceError: AccessDenied when the server refuses this push, as it would the next one.
   */
  write(
    changes: ReadonlyMap<string, string | null>,
    message: string,
    signal: AbortSignal,
  ): Promise<'written' | 'anew'> {
    return this.#inTurn(async () => {
      for (let attempt = 1; ; attempt += 1) {
        const obstacle = await this.#tryToWrite(changes, message, signal);
        if (obstacle === undefined) return this.#written();
        if (attempt === MAX_ATTEMPTS) throw obstacle;
        this.#logger?.debug({ err: obstacle, attempt }, 'The status branch moved; writing again');
        await sleep(backoff(attempt, RETRY), signal);
        signal.throwIfAborted();
      }
    });
  }

  #written(): 'written' | 'anew' {
    if (!this.#isGone || this.#base === null) return 'written';
    this.#isGone = false;
    return 'anew';
  }

  /** One at a time: a mirror is used from one place. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /** Resolves with undefined when the branch holds the changes, and with the obstacle when another try may help. */
  async #tryToWrite(
    changes: ReadonlyMap<string, string | null>,
    message: string,
    signal: AbortSignal,
  ): Promise<SourceError | undefined> {
    const base = await this.#currentBase(signal);
    this.#base = undefined;
    try {
      const commit = await this.#commit(base, changes, message, signal);
      if (commit !== undefined)
        await push({ remote: this.#remote, gitDir: this.#mirror.gitDir, commit, base }, signal);
      this.#base = commit ?? base;
      this.#wasThere ||= this.#base !== null;
      return undefined;
    } catch (error) {
      if (error instanceof GitExitError) return unexplained(error);
      if (isLostRace(error)) return error;
      throw asRefusal(error, this.#remote);
    }
  }

  async #currentBase(signal: AbortSignal): Promise<Base> {
    if (await this.#mirror.hasGrown()) this.#base = undefined;
    if (this.#base === undefined) await this.#fetch(() => Promise.resolve(), signal);
    // Nothing tells yet in which format the branch will be, but the rest of the repository.
    if (this.#base === null) await this.#mirror.renew(await this.#shaLength(signal), signal);
    return this.#base ?? null;
  }

  #shaLength(signal: AbortSignal): Promise<number | undefined> {
    return this.#remote.shaLength(['HEAD', branchRef(this.#watchedBranch)], signal);
  }

  /** Brings the branch here. The base is what was fetched, never what the server announced before. */
  async #fetch<T>(reader: (snapshot: Snapshot) => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    // What is read here counts from now on, so nobody else may be writing.
    await this.#mirror.own();
    try {
      const tip = await this.#remote.tip(signal);
      const [sha, result] = await this.#mirror.read(
        tip,
        async (snapshot) => [snapshot.sha, await reader(snapshot)] as const,
        signal,
      );
      this.#base = sha;
      this.#wasThere = true;
      return result;
    } catch (error) {
      if (!(error instanceof SourceError) || error.reason !== 'BranchNotFound') throw error;
      this.#isGone ||= this.#wasThere;
      this.#base = null;
      return undefined;
    }
  }

  async #files(snapshot: Snapshot): Promise<Map<string, string>> {
    const entries = (await snapshot.tree(this.#folder)).filter(({ mode }) => mode.startsWith('100'));
    const contents = await snapshot.contents([...new Set(entries.map(({ oid }) => oid))], MAX_STATUS_BYTES);
    const prefix = `${this.#folder}/`.length;
    return new Map(
      entries.map(({ name, oid }) => [name.toString().slice(prefix), contents.get(oid)?.toString() ?? '']),
    );
  }

  async #commit(
    base: Base,
    changes: ReadonlyMap<string, string | null>,
    message: string,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    await this.#mirror.prepare(base?.length, signal);
    return commitChanges(
      this.#mirror.gitDir,
      {
        parent: base ?? undefined,
        changes: new Map([...changes].map(([path, text]) => [this.#place(path), text])),
        message: withoutPipelines(message),
        identity: this.#identity,
      },
      signal,
    );
  }

  /** Where a file stands on the branch. @throws RangeError for a path that would leave the installation's folder. */
  #place(path: string): string {
    if (!path.split('/').every(isPlainName))
      throw new RangeError(`not the path of a status: ${JSON.stringify(path)}`);
    return `${this.#folder}/${path}`;
  }
}

function isPlainName(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._-]{0,270}$/.test(name);
}

/** Marks the subject, so that forges start no pipeline and trailers at the end stay trailers. */
function withoutPipelines(message: string): string {
  const [subject = '', ...rest] = message.split('\n');
  return [`${subject} [skip ci]`, ...rest].join('\n');
}
