/** One branch of one repository on a server: every call carries fresh credentials and fails in words for people. */
import { SourceError } from '../../reconcile/ports.ts';
import { type Access, accessTo, type ReadCredentials } from './credentials.ts';
import { GitExitError, runGit } from './door.ts';
import { branchNotFound, explain, isRedirect, notGit } from './failures.ts';
import { probe, type ProbeAnswer } from './probe.ts';
import type { Proxy } from './proxy.ts';
import { placeSshFiles } from './ssh.ts';
import { branchRef, type GitUrl } from './url.ts';

export interface RemoteOptions {
  readonly url: GitUrl;
  readonly branch: string;
  readonly readCredentials?: ReadCredentials;
  /** Where files lie that live as long as one call. */
  readonly cacheDir: string;
  /** On the way to servers that speak http or https. */
  readonly proxy?: Proxy;
  /** The longest time one call may take. Default 60 s. */
  readonly deadlineMs?: number;
}

interface CallOptions {
  readonly gitDir?: string;
  readonly config?: readonly string[];
  readonly input?: string;
}

/** What the server answers to a plain request. */
type Ask = () => Promise<ProbeAnswer | undefined>;

const DEFAULT_DEADLINE_MS = 60_000;
const NO_SUCH_REF = 2;

export class Remote {
  readonly url: GitUrl;
  readonly branch: string;
  /** Fully qualified. */
  readonly ref: string;
  readonly #readCredentials: ReadCredentials;
  readonly #cacheDir: string;
  readonly #proxy: Proxy | undefined;
  readonly #deadlineMs: number;

  /** @throws SourceError (Refused) when the branch's name is not one. */
  constructor({
    url,
    branch,
    readCredentials,
    cacheDir,
    proxy,
    deadlineMs = DEFAULT_DEADLINE_MS,
  }: RemoteOptions) {
    this.url = url;
    this.branch = branch;
    this.ref = branchRef(branch);
    this.#readCredentials = readCredentials ?? (() => Promise.resolve({}));
    this.#cacheDir = cacheDir;
    this.#proxy = proxy;
    this.#deadlineMs = deadlineMs;
  }

  /**
   * The sha the branch points at now, for the price of two small requests.
   * @throws SourceError; BranchNotFound when the repository is there and the branch is not.
   */
  async tip(signal: AbortSignal): Promise<string> {
    try {
      return await this.#ask(signal);
    } catch (error) {
      if (!(error instanceof SourceError) || error.reason !== 'BranchNotFound') throw error;
    }
    // A page that a gateway sends once passes for a repository without branches, so absence is asked for twice.
    await this.#ask(signal);
    throw notGit(this.url);
  }

  async #ask(signal: AbortSignal): Promise<string> {
    const argv = ['ls-remote', '--refs', '--exit-code', '--end-of-options', this.url.href, this.ref];
    const output = await this.#call(argv, {}, signal);
    const [sha = '', ref] = output.toString().trimEnd().split('\t');
    if (ref !== this.ref || !/^[0-9a-f]{40,64}$/.test(sha)) throw branchNotFound(this);
    return sha;
  }

  /** How long the names of commits are, told by the first of these refs that exists. @throws SourceError */
  async shaLength(refs: readonly string[], signal: AbortSignal): Promise<number | undefined> {
    const argv = ['ls-remote', '--end-of-options', this.url.href, ...refs];
    const output = await this.#call(argv, {}, signal);
    return /^[0-9a-f]{40,64}(?=\t)/.exec(output.toString())?.[0].length;
  }

  /**
   * `git fetch` or `git push` from a mirror, which knows this repository as `origin` for the time of the call.
   * @throws SourceError, with the scrubbed GitExitError as its cause.
   */
  async run(
    argv: readonly string[],
    { config = [], ...options }: CallOptions & { readonly gitDir: string },
    signal: AbortSignal,
  ): Promise<void> {
    const origin = `remote.origin.url=${this.url.href}`;
    await this.#call(argv, { ...options, config: [origin, ...config] }, signal);
  }

  async #call(
    argv: readonly string[],
    { config = [], ...options }: CallOptions,
    signal: AbortSignal,
  ): Promise<Buffer> {
    const access = accessTo(this.url, await this.#readCredentials(), this.#proxy);
    const { sshFiles } = access;
    await using placed = sshFiles === undefined ? undefined : await placeSshFiles(sshFiles, this.#cacheDir);
    try {
      return await runGit(argv, {
        ...options,
        config: [...access.config, ...config],
        configFromEnvironment: access.configFromEnvironment,
        environment: { ...access.environment, ...placed?.environment },
        deadlineMs: this.#deadlineMs,
        signal,
      });
    } catch (error) {
      const service = argv[0] === 'push' ? 'git-receive-pack' : 'git-upload-pack';
      throw await this.#forPeople(error, access, () =>
        probe(
          this.url,
          { service, caFile: access.caFile, proxyEnvironment: this.#proxy?.environment },
          signal,
        ),
      );
    }
  }

  async #forPeople(error: unknown, access: Access, ask: Ask): Promise<unknown> {
    if (isMissingProgram(error)) {
      return new SourceError('Unreachable', 'The program git is not installed on this machine.', {
        cause: error,
      });
    }
    if (!(error instanceof GitExitError)) return error;
    const scrubbed = scrub(error, access);
    if (error.exitCode === NO_SUCH_REF && !/^(?:fatal|error):/m.test(error.stderr))
      return this.#missingBranch(ask);
    const answer = isRedirect(error) ? await ask() : undefined;
    return explain(scrubbed, {
      url: this.url,
      branch: this.branch,
      authenticated: access.authenticated,
      deadlineMs: this.#deadlineMs,
      redirectTarget: answer?.redirectTarget,
      proxies: this.#proxy?.hosts ?? [],
    });
  }

  /** git reads a web page as a repository without any branch. */
  async #missingBranch(ask: Ask): Promise<SourceError> {
    const answer = await ask();
    return answer?.isWebPage === true ? notGit(this.url) : branchNotFound(this);
  }
}

function scrub({ exitCode, stderr, stopped }: GitExitError, { scrubber }: Access): GitExitError {
  return new GitExitError({ exitCode, stderr: scrubber.scrub(stderr), stopped });
}

function isMissingProgram(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && 'code' in error && error.code === 'ENOENT';
}
