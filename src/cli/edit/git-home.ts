/** Promotions on a branch: a change is a commit, on that branch or on a new one for review. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { configuredAuthor } from '../../adapters/git/author.ts';
import type { Identity } from '../../adapters/git/commit.ts';
import { branchRef } from '../../adapters/git/url.ts';
import { ConfigError, type Environment } from '../../config.ts';
import { readStatusFile, statusPath } from '../../api/status-file.ts';
import { SourceError, type StatusStore } from '../../reconcile/ports.ts';
import { GitManifests } from '../../sources/git-edit.ts';
import { wordsOf } from '../../runtime/failure.ts';
import type { Output } from '../assembly.ts';
import { CommandError, EXIT } from '../exit.ts';
import { checkCache, openGit, openStatusBranch, usable } from '../git-access.ts';
import { findPromotion } from './find.ts';
import type { Declared, EditHome, Memory, Proposal, Written } from './home.ts';
import { changeLine, editManifest, inFile, type InFile } from './manifest.ts';
import type { EditConfig } from './options.ts';
import { commitMessage } from './wording.ts';

/** To be opened with `await using`. @throws ConfigError, CommandError */
export async function openGitHome(
  config: EditConfig,
  env: Environment,
  { logger, scrubber }: Output,
  signal: AbortSignal,
): Promise<EditHome> {
  checkBranch(config);
  const git = openGit(config, scrubber, logger);
  await checkCache(git);
  const author = await authorFor(config, env, signal);
  // Mirrors of its own, since those of a controller on this machine are in use.
  const cacheDir = await mkdtemp(join(git.cacheDir, 'command-'));
  try {
    const { 'git-branch': branch, path } = config;
    const manifests = usable(() => new GitManifests({ ...git, cacheDir, branch, path }));
    const store = usable(() => openStatusBranch(config, { ...git, cacheDir }, scrubber));
    return new GitHome({ config, manifests, store, author, cacheDir });
  } catch (error) {
    await rm(cacheDir, { recursive: true, force: true });
    throw error;
  }
}

interface GitHomeParts {
  readonly config: EditConfig;
  readonly manifests: GitManifests;
  readonly store: StatusStore | undefined;
  readonly author: Identity;
  readonly cacheDir: string;
}

class GitHome implements EditHome {
  readonly access = undefined;
  readonly #parts: GitHomeParts;

  constructor(parts: GitHomeParts) {
    this.#parts = parts;
  }

  async find(name: string, signal: AbortSignal): Promise<InFile> {
    const { manifests, config } = this.#parts;
    const listing = await manifests.list(signal);
    return inFile(findPromotion(listing, name, config.namespace), listing);
  }

  async remember({ key }: Declared, signal: AbortSignal): Promise<Memory> {
    const { store } = this.#parts;
    if (store === undefined)
      return { status: undefined, note: 'the status branch, which holds the history, is turned off' };
    try {
      const path = statusPath(key);
      const text = (await store.read(signal)).get(path);
      const status = text === undefined ? undefined : readStatusFile(path, text)?.document?.status;
      return status === undefined ? { status, note: `the status branch has nothing of ${key}` } : { status };
    } catch (error) {
      signal.throwIfAborted();
      return { status: undefined, note: `the status branch cannot be read: ${wordsOf(error)}` };
    }
  }

  async preview(declared: Declared, proposal: Proposal, signal: AbortSignal): Promise<readonly string[]> {
    const edited = await this.#edit(declared as InFile, proposal, signal);
    return edited?.changes.map(changeLine) ?? [];
  }

  async write(declared: Declared, proposal: Proposal, signal: AbortSignal): Promise<Written> {
    const { manifests, author, config } = this.#parts;
    const { file } = declared as InFile;
    const edited = await this.#edit(declared as InFile, proposal, signal);
    if (edited === undefined)
      return { kind: 'written', message: `${declared.key} says so already.`, next: '' };
    const message = commitMessage(proposal.wording);
    const change = { file, text: edited.text, message, author, branch: config.branch };
    const landing = await manifests.commit(change, signal).catch((error: unknown) => {
      throw refusedPush(error);
    });
    if (landing.kind === 'moved') return landing;
    const sha = landing.commit.slice(0, 12);
    const watched = config['git-branch'];
    if (config.branch !== undefined) {
      const message = `Pushed ${sha} to the new branch ${landing.branch}; merge it into ${watched} to have it carried out.`;
      return { kind: 'written', message, next: '' };
    }
    return {
      kind: 'written',
      message: `Committed ${sha} to ${watched}.`,
      next: `The controller looks at its next interval or hint; \`modelpromotion wait ${declared.key} --revision ${sha}\` waits for it.`,
    };
  }

  async #edit(declared: InFile, proposal: Proposal, signal: AbortSignal) {
    return editManifest(declared, await this.#parts.manifests.bytes(declared.file, signal), proposal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#parts.cacheDir, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** What can be read may be closed to writing. */
function refusedPush(error: unknown): unknown {
  if (!(error instanceof SourceError) || error.reason !== 'AccessDenied') return error;
  const advice =
    'Name a secret that may push with --git-secret, or push to a branch for review with --branch NAME';
  return new CommandError(EXIT.failed, `nothing was changed: ${error.message} ${advice}`, { cause: error });
}

/** @throws ConfigError for a branch that cannot be one for review */
function checkBranch({ branch, ...config }: EditConfig): void {
  if (branch === undefined) return;
  usable(() => branchRef(branch), '--branch: ');
  if (branch === config['git-branch'])
    throw new ConfigError([`--branch: ${branch} is the watched branch itself; leave the option out`]);
  if (branch === config['status-branch'])
    throw new ConfigError([`--branch: ${branch} is the branch of the statuses; name another one`]);
}

/** @throws ConfigError, CommandError when nobody can be named */
async function authorFor({ author }: EditConfig, env: Environment, signal: AbortSignal): Promise<Identity> {
  if (author !== undefined) return parseAuthor(author);
  const configured = await configuredAuthor(env, signal);
  if (configured !== undefined) return configured;
  throw new CommandError(
    EXIT.invalid,
    'who commits? Give --author "Name <address>", or set user.name and user.email in git\'s configuration',
  );
}

/** @throws ConfigError */
export function parseAuthor(text: string): Identity {
  const [, name, email] = /^\s*([^<>\p{Cc}]*[^<>\p{Cc}\s])\s*<([^<>\p{Cc}\s]+)>\s*$/u.exec(text) ?? [];
  if (name === undefined || email === undefined)
    throw new ConfigError([`--author: ${JSON.stringify(text)} is not of the form "Name <address>"`]);
  return { name, email };
}
