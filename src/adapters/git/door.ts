/**
 * The one door to git. Nothing else imports simple-git or starts a git process.
 *
 * - `localGit`: short commands inside a mirror whose output is a line or two, through simple-git.
 * - `runGit`: everything that talks to a server, reads standard input, or prints bytes without a known bound.
 *
 * Both take fixed command lines: what comes from users is validated before, and stands after `--end-of-options`.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { GitError, simpleGit } from 'simple-git';
import { FROZEN_CONFIG, FROZEN_ENVIRONMENT, OFFLINE } from './environment.ts';

/** Why we ended git ourselves. */
export type Stopped = 'deadline' | 'output limit';

/** git ended with anything but exit code 0: `exitCode` is null after a signal. */
export class GitExitError extends GitError {
  readonly exitCode: number | null;
  readonly stderr: string;
  readonly stopped: Stopped | undefined;

  constructor(end: {
    exitCode: number | null;
    stderr: string;
    stopped?: Stopped | undefined;
    cause?: unknown;
  }) {
    super(undefined, `git ended ${describeEnd(end)}: ${end.stderr.trim()}`);
    this.name = 'GitExitError';
    this.exitCode = end.exitCode;
    this.stderr = end.stderr;
    this.stopped = end.stopped;
    this.cause = end.cause;
  }
}

export interface LocalOptions {
  /** An existing folder for commands such as `init` that need no repository. */
  readonly directory: string;
  readonly gitDir?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface RunOptions {
  readonly gitDir?: string;
  /** More settings, as `key=value`; visible to other users of this machine. */
  readonly config?: readonly string[];
  /** Settings whose value comes from the environment, as `key=VARIABLE`; for secrets. */
  readonly configFromEnvironment?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
  /** The longest time the command may take, however busy it looks. Default 60 s. */
  readonly deadlineMs?: number;
  /** Default 1 MiB. */
  readonly maxOutputBytes?: number;
  readonly signal: AbortSignal;
}

const DEFAULT_DEADLINE_MS = 60_000;
const DEFAULT_MAX_OUTPUT_BYTES = 1024 * 1024;
const MAX_STDERR_BYTES = 16 * 1024;
const GRACE_MS = 2_000;

/**
 * Runs a short local command and gives its output without the line end.
 * @throws GitExitError unless git exits with 0; the signal's reason when it aborts.
 */
export async function localGit(argv: readonly string[], options: LocalOptions): Promise<string> {
  const environment = { ...FROZEN_ENVIRONMENT, ...OFFLINE, ...options.environment };
  const git = simpleGit({
    baseDir: options.directory,
    config: [...FROZEN_CONFIG],
    maxConcurrentProcesses: 1,
    // simple-git takes a death by signal, and a failure that prints nothing, for success.
    errors: (error, { exitCode, stdErr }) =>
      exitCode === 0 && error === undefined
        ? undefined
        : new GitExitError({ exitCode, stderr: Buffer.concat(stdErr).toString(), cause: error }),
    // Output may arrive between exit and close.
    completion: { onClose: true, onExit: false },
    timeout: { block: DEFAULT_DEADLINE_MS },
    abort: options.signal,
    allowEnvironment: Object.keys(environment).filter((name) => name.startsWith('GIT_')),
    // simple-git cannot tell a hardening setting from an attack; no value that gets here comes from users.
    unsafe: {
      allowUnsafeConfigPaths: true,
      allowUnsafeHooksPath: true,
      allowUnsafeFsMonitor: true,
      allowUnsafeTemplateDir: true,
    },
  }).env(environment);
  try {
    const gitDir = options.gitDir === undefined ? [] : [`--git-dir=${options.gitDir}`];
    return (await git.raw(...gitDir, ...argv)).trimEnd();
  } catch (error) {
    options.signal.throwIfAborted();
    throw error;
  }
}

/**
 * Runs git in a process group of its own and gives all of its standard output.
 * When it resolves or rejects, neither git nor a helper of git is left.
 * @throws GitExitError unless git exits with 0 within the deadline and the limit; the signal's reason when it aborts.
 */
export async function runGit(argv: readonly string[], options: RunOptions): Promise<Buffer> {
  options.signal.throwIfAborted();
  const child = spawn('git', commandLine(argv, options), {
    detached: true,
    env: { ...FROZEN_ENVIRONMENT, ...OFFLINE, ...options.environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const group = new ProcessGroup(child);
  const onAbort = () => group.stop('abort');
  const deadline = setTimeout(() => group.stop('deadline'), options.deadlineMs ?? DEFAULT_DEADLINE_MS);
  options.signal.addEventListener('abort', onAbort, { once: true });
  try {
    writeInput(child.stdin, options.input);
    const maxOutput = options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES;
    const stdout = collect(child.stdout, maxOutput, () => group.stop('output limit'));
    const stderr = collectTail(child.stderr, MAX_STDERR_BYTES);
    const exitCode = await group.ended;
    if (group.stopped === 'abort') options.signal.throwIfAborted();
    if (exitCode === 0 && group.stopped === undefined) return Buffer.concat(stdout);
    const stopped = group.stopped === 'abort' ? undefined : group.stopped;
    throw new GitExitError({ exitCode, stderr: stderr(), stopped });
  } finally {
    clearTimeout(deadline);
    options.signal.removeEventListener('abort', onAbort);
  }
}

function commandLine(argv: readonly string[], options: RunOptions): string[] {
  return [
    ...[...FROZEN_CONFIG, ...(options.config ?? [])].flatMap((setting) => ['-c', setting]),
    ...(options.configFromEnvironment ?? []).map((setting) => `--config-env=${setting}`),
    ...(options.gitDir === undefined ? [] : [`--git-dir=${options.gitDir}`]),
    ...argv,
  ];
}

/** git without its standard input may wait for ever, so it always gets an end. */
function writeInput(stdin: Writable, input: string | Uint8Array | undefined): void {
  // git may leave before it has read everything; its exit code tells.
  stdin.on('error', () => undefined);
  stdin.end(input);
}

/** Keeps the first `limit` bytes; says once when there are more, and goes on draining. */
function collect(stream: Readable, limit: number, onExcess: () => void): Buffer[] {
  const kept: Buffer[] = [];
  let room = limit;
  stream.on('data', (chunk: Buffer) => {
    if (room > 0) kept.push(chunk.subarray(0, room));
    if (room >= 0 && chunk.length > room) onExcess();
    room -= chunk.length;
  });
  return kept;
}

/** Keeps the last `limit` bytes: what ended git stands at the end. */
function collectTail(stream: Readable, limit: number): () => string {
  let tail: Buffer = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => (tail = Buffer.concat([tail, chunk]).subarray(-limit)));
  return () => tail.toString();
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** git and its helpers (`git-remote-https` and the like), which would outlive git alone. */
class ProcessGroup {
  /** Resolves with git's exit code, null after a signal; rejects when git could not be started. */
  readonly ended: Promise<number | null>;
  stopped: Stopped | 'abort' | undefined;
  readonly #child: Child;
  #escalation: NodeJS.Timeout | undefined;

  constructor(child: Child) {
    this.#child = child;
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => this.#signal('SIGKILL'));
      child.once('close', (exitCode) => {
        clearTimeout(this.#escalation);
        resolve(exitCode);
      });
    });
  }

  /** SIGTERM, so that git removes its locks; SIGKILL when that did not help. Only the first reason counts. */
  stop(reason: Stopped | 'abort'): void {
    if (this.stopped !== undefined) return;
    this.stopped = reason;
    this.#signal('SIGTERM');
    this.#escalation = setTimeout(() => this.#kill(), GRACE_MS);
  }

  /** A helper that left the group may still hold the pipes; they are closed for it. */
  #kill(): void {
    this.#signal('SIGKILL');
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) stream.destroy();
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, signal);
    } catch {
      // ESRCH: nobody is left in the group.
    }
  }
}

function describeEnd({
  exitCode,
  stopped,
}: {
  exitCode: number | null;
  stopped?: Stopped | undefined;
}): string {
  if (stopped === 'deadline') return 'at its deadline';
  if (stopped === 'output limit') return 'at the limit of its output';
  return exitCode === null ? 'by a signal' : `with exit code ${exitCode}`;
}
