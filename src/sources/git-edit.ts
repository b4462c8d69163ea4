/** Manifests on a branch that a person changes from a prompt: read as the controller reads them, changed by a commit. */
import { commitChanges, type Identity } from '../adapters/git/commit.ts';
import { asRefusal, isLostRace, push } from '../adapters/git/push.ts';
import { Remote } from '../adapters/git/remote.ts';
import type { Listing } from '../api/listing.ts';
import { SourceError } from '../reconcile/ports.ts';
import { GitSource, type GitSourceOptions } from './git.ts';

/** A file with its new text, and what is said of it. */
export interface GitChange {
  readonly file: string;
  readonly text: string;
  readonly message: string;
  readonly author: Identity;
  /** A branch that there is not yet, for review; undefined for the watched one. */
  readonly branch: string | undefined;
}

export type Landing =
  | { readonly kind: 'landed'; readonly commit: string; readonly branch: string }
  /** Somebody else pushed first: nothing was changed, and what was read may be out of date. */
  | { readonly kind: 'moved' };

export class GitManifests {
  readonly #options: GitSourceOptions;
  readonly #source: GitSource;
  #listing: Listing | undefined;

  /** @throws SourceError (Refused) when branch or path cannot be one */
  constructor(options: GitSourceOptions) {
    this.#options = options;
    this.#source = new GitSource(options);
  }

  get description(): string {
    return this.#source.description;
  }

  /** As the branch stands now. @throws SourceError */
  async list(signal: AbortSignal): Promise<Listing> {
    this.#listing = (await this.#source.poll(signal)) ?? this.#listing;
    if (this.#listing === undefined) throw new SourceError('Unreachable', 'The branch holds no commit.');
    return this.#listing;
  }

  /** A file of what was listed last. @throws SourceError */
  bytes(file: string, signal: AbortSignal): Promise<Uint8Array> {
    return this.#source.again(async (snapshot) => {
      const [entry] = await snapshot.tree(file);
      const size = entry && (await snapshot.sizes([entry.oid])).get(entry.oid);
      if (entry === undefined || size === undefined)
        throw new SourceError('Unreachable', `${file} cannot be read from the repository.`);
      return (await snapshot.contents([entry.oid], size)).get(entry.oid) ?? new Uint8Array();
    }, signal);
  }

  /**
   * Commits on top of what was listed last, and pushes without force.
   * @throws SourceError: AccessDenied when the server refuses this push, Refused when the branch for review exists
   */
  async commit(change: GitChange, signal: AbortSignal): Promise<Landing> {
    const { file, text, message, author, branch } = change;
    const remote = new Remote({ ...this.#options, branch: branch ?? this.#options.branch });
    const { gitDir, sha, mode } = await this.#source.again(async (snapshot, gitDir) => {
      const [entry] = await snapshot.tree(file);
      return { gitDir, sha: snapshot.sha, mode: entry?.mode ?? '100644' };
    }, signal);
    const changes = new Map([[file, text]]);
    const modes = new Map([[file, mode]]);
    const commit = await commitChanges(
      gitDir,
      { parent: sha, changes, modes, message, identity: author },
      signal,
    );
    // An edit that changes nothing is none, and nobody makes one.
    if (commit === undefined) return { kind: 'moved' };
    try {
      await push({ remote, gitDir, commit, base: branch === undefined ? sha : null }, signal);
      return { kind: 'landed', commit, branch: remote.branch };
    } catch (error) {
      if (!isLostRace(error)) throw asRefusal(error, remote);
      if (branch === undefined) return { kind: 'moved' };
      const cause = error.cause;
      throw new SourceError('Refused', `There is a branch ${branch} already; name another one.`, { cause });
    }
  }
}
