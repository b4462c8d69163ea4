/** What git says when a server cannot be used, in words that tell a person what to do. */
import { SourceError } from '../../reconcile/ports.ts';
import type { GitExitError } from './door.ts';
import {
  DISK_FULL,
  EXPLANATIONS,
  type FailureContext,
  FULL,
  missingBranch,
  printable,
} from './explanations.ts';
import type { GitUrl } from './url.ts';

/** A failure that no explanation fits: the mirror may be damaged, the server may be strange. */
export class UnexplainedError extends SourceError {}

/** Whether git met a redirect, whose target only a probe can name. */
export function isRedirect(error: GitExitError): boolean {
  return /returned error: 3\d\d/.test(error.stderr);
}

/** The error for people. Expects that `error` was scrubbed. */
export function explain(error: GitExitError, context: FailureContext): SourceError {
  if (error.stopped === 'deadline') {
    const seconds = context.deadlineMs / 1000;
    return failure('Unreachable', `${context.url.host} did not answer within ${seconds} s`, error);
  }
  for (const { pattern, reason, say } of EXPLANATIONS) {
    const match = pattern.exec(error.stderr);
    if (match !== null) return failure(reason, say(context, match[1] ?? match[2] ?? ''), error);
  }
  return unexplained(error);
}

export function branchNotFound(repository: { url: GitUrl; branch: string }): SourceError {
  return new SourceError('BranchNotFound', `${missingBranch(repository)}.`);
}

export function notGit(url: GitUrl): SourceError {
  return new SourceError(
    'Unreachable',
    `${url.href} answers with a web page instead of git's own format; is this the address for cloning?`,
  );
}

/** A failure of our own disk, when the error is one. */
export function cacheFailure(error: unknown): SourceError | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined;
  const { code } = error;
  const sentence =
    code === 'ENOSPC' || code === 'EDQUOT'
      ? FULL
      : `The folder of --cache-dir cannot be used (${String(code)}). Give us the right to write there`;
  return new SourceError('CacheUnusable', `${sentence}.`, { cause: error });
}

/** For what git says in its own words only. */
export function unexplained(error: GitExitError): SourceError {
  if (DISK_FULL.test(error.stderr)) return failure('CacheUnusable', FULL, error);
  return new UnexplainedError('Unreachable', `git failed: ${lastWords(error)}`, { cause: error });
}

function failure(reason: SourceError['reason'], sentence: string, cause: GitExitError): SourceError {
  return new SourceError(reason, `${sentence}.`, { cause });
}

/** What git adds to whatever ssh said. */
const SAYS_NOTHING =
  /^fatal: Could not read from remote|^Please make sure you have the correct access|^and the repository exists/;

/** The line that ended git, made safe to print: servers may send control characters. */
function lastWords({ stderr, message }: GitExitError): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '' && !SAYS_NOTHING.test(line));
  return printable(lines.find((line) => /^(?:fatal|error):/.test(line)) ?? lines.at(-1) ?? message);
}
