/**
 * Brings a commit and files into a mirror. Small repositories come whole, which takes one call. Of a huge one with our
 * files below one path come all folders, as names only, and then just the files that are asked for.
 */
import { SourceError } from '../../reconcile/ports.ts';
import { GitExitError } from './door.ts';
import type { GitLogger } from './mirror.ts';
import type { Remote } from './remote.ts';

/** `whole`: every file that is not too large. `sparse`: no file until it is asked for. */
export type Extent = 'whole' | 'sparse';

export interface FetcherOptions {
  readonly remote: Remote;
  readonly gitDir: string;
  /** Larger files are left on the server, where it can do that. */
  readonly maxFileBytes: number;
  /** Ours alone, so that a name on the server never meets it. */
  readonly ref: string;
  readonly logger: GitLogger | undefined;
}

/** Single files cannot be had from this server, or not in time. */
export class NotSparse extends Error {}

export class Fetcher {
  readonly #options: FetcherOptions;
  #filters = true;

  constructor(options: FetcherOptions) {
    this.#options = options;
  }

  /** Whether the server may keep files back, as far as it is known. */
  get filters(): boolean {
    return this.#filters;
  }

  /**
   * Points the mirror's ref at the commit `tip`, or, where the server gives out no commit by its name, at whatever the
   * branch has come to. Files that come later are in proportion to what changed since the last fetch.
   * @throws SourceError
   */
  async commit(tip: string, extent: Extent, signal: AbortSignal): Promise<void> {
    try {
      await this.#fetch(tip, extent, signal);
    } catch (error) {
      if (!said(error, /not our ref|unadvertised object|remote ref/i)) throw error;
      await this.#fetch(this.#options.remote.ref, extent, signal);
    }
  }

  /** Points the mirror's ref at whatever the branch has come to. @throws SourceError */
  async branch(extent: Extent, signal: AbortSignal): Promise<void> {
    await this.#fetch(this.#options.remote.ref, extent, signal);
  }

  async #fetch(what: string, extent: Extent, signal: AbortSignal): Promise<void> {
    const { maxFileBytes, ref, remote, logger } = this.#options;
    const filter = extent === 'whole' ? `blob:limit=${maxFileBytes + 1}` : 'blob:none';
    const refspec = ['--end-of-options', 'origin', `+${what}:${ref}`];
    try {
      await this.#run(
        ['--depth=1', ...(this.#filters ? [`--filter=${filter}`] : []), ...refspec],
        [],
        signal,
      );
    } catch (error) {
      if (!this.#filters || !said(error, /filter/i)) throw error;
      logger?.info({ host: remote.url.host }, 'The git server refuses filters, so whole trees are fetched');
      this.#filters = false;
      await this.#run(['--depth=1', ...refspec], [], signal);
    }
  }

  /**
   * Fetches these objects, in one call however many they are.
   * @throws NotSparse when the server does not give them, or not in time; SourceError when it cannot be used.
   */
  async objects(oids: readonly string[], signal: AbortSignal): Promise<void> {
    // What the mirror holds says nothing about these, so the server is told nothing of it.
    const config = ['fetch.negotiationAlgorithm=noop'];
    try {
      await this.#run(['--filter=blob:none', '--stdin', 'origin'], config, signal, `${oids.join('\n')}\n`);
    } catch (error) {
      const isSlow = error instanceof SourceError && isGit(error.cause) && error.cause.stopped === 'deadline';
      if (isSlow || said(error, /not our ref|unadvertised object/i)) {
        throw new NotSparse('Single files cannot be fetched.', { cause: error });
      }
      throw error;
    }
  }

  /** The settings make `origin` a server that may keep files back, for this call only: no later read asks it for them. */
  async #run(
    argv: readonly string[],
    config: readonly string[],
    signal: AbortSignal,
    input?: string,
  ): Promise<void> {
    const { gitDir, maxFileBytes, remote } = this.#options;
    const promisor = [
      'remote.origin.promisor=true',
      `remote.origin.partialclonefilter=blob:limit=${maxFileBytes + 1}`,
    ];
    await remote.run(
      ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', ...argv],
      {
        gitDir,
        config: ['fetch.unpackLimit=1', ...config, ...(this.#filters ? promisor : [])],
        ...(input !== undefined && { input }),
      },
      signal,
    );
  }
}

function isGit(error: unknown): error is GitExitError {
  return error instanceof GitExitError;
}

function said(error: unknown, words: RegExp): boolean {
  return error instanceof SourceError && isGit(error.cause) && words.test(error.cause.stderr);
}
