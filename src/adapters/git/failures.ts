/** What git says when a server cannot be used, in words that tell a person what to do. */
import { SourceError } from '../../reconcile/ports.ts';
import type { GitExitError } from './door.ts';
import type { GitUrl } from './url.ts';

/** A failure that no explanation fits: the mirror may be damaged, the server may be strange. */
export class UnexplainedError extends SourceError {}

export interface FailureContext {
  readonly url: GitUrl;
  readonly branch: string;
  readonly authenticated: boolean;
  readonly deadlineMs: number;
  readonly redirectTarget?: string | undefined;
}

interface Explanation {
  readonly pattern: RegExp;
  readonly reason: SourceError['reason'];
  readonly say: (context: FailureContext, detail: string) => string;
}

const DISK_FULL = /No space left on device|Disk quota exceeded/;

/** In this order: the first that matches what git printed. `detail` is the pattern's first group. */
const EXPLANATIONS: readonly Explanation[] = [
  { pattern: DISK_FULL, reason: 'CacheUnusable', say: () => FULL },
  {
    pattern: /could not read (?:Username|Password)|Authentication failed/,
    reason: 'AccessDenied',
    say: ({ url, authenticated }) =>
      authenticated
        ? `${url.href} did not accept the credential. Check the user name and the password or token, and that it has not expired`
        : `${url.href} asks for a credential and none is configured. Name a secret with --git-secret`,
  },
  {
    pattern: /returned error: 403/,
    reason: 'AccessDenied',
    say: ({ url, authenticated }) =>
      `${url.href} forbids this (403). ${authenticated ? 'The credential lacks the right' : 'A credential may be needed'}`,
  },
  {
    pattern: /returned error: (3\d\d)/,
    reason: 'Redirected',
    say: ({ url, redirectTarget }, status) =>
      `${url.href} answers with a redirect (${status})${redirectTarget === undefined ? '' : ` to ${redirectTarget}`}. Redirects are not followed; configure the address that is right`,
  },
  {
    pattern:
      /repository '[^']*' not found|returned error: (?:404|410)|does not appear to be a git repository/,
    reason: 'Unreachable',
    say: ({ url, authenticated }) =>
      `There is no repository at ${url.href}${authenticated ? ', or the credential may not see it' : ', or it is hidden without a credential'}`,
  },
  {
    pattern: /couldn't find remote ref/,
    reason: 'BranchNotFound',
    say: missingBranch,
  },
  {
    pattern: /Could not resolve host: (\S+)|Could not resolve proxy: (\S+)/,
    reason: 'Unreachable',
    say: ({ url }) => `The host of ${url.href} is unknown to the name service`,
  },
  {
    pattern: /Failed to connect|Connection refused|Couldn't connect to server/,
    reason: 'Unreachable',
    say: ({ url }) => `${url.host} does not accept connections`,
  },
  {
    pattern:
      /certificate verification failed|SSL certificate problem|(?:error setting|adding) certificate|no alternative certificate/i,
    reason: 'Unreachable',
    say: ({ url }) =>
      `The certificate of ${url.host} is not trusted, or is for another host. Put the certificate of its authority into the secret as ca.crt`,
  },
  {
    pattern: /gnutls_handshake|SSL_connect|SSL connection|OpenSSL/,
    reason: 'Unreachable',
    say: ({ url }) => `${url.host} does not speak TLS on this port, or not in a version that is safe`,
  },
  {
    pattern: /returned error: (\d{3})/,
    reason: 'Unreachable',
    say: ({ url }, status) => `${url.href} answers with the error ${status}`,
  },
  {
    pattern: /Operation too slow|Operation timed out|Connection timed out/,
    reason: 'Unreachable',
    say: ({ url }) => `${url.host} answers too slowly`,
  },
  {
    pattern:
      /Empty reply from server|Recv failure|Send failure|transfer closed|unexpected disconnect|hung up|early EOF/,
    reason: 'Unreachable',
    say: ({ url }) => `${url.host} broke off the connection`,
  },
];

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
    if (match !== null) return failure(reason, say(context, match[1] ?? ''), error);
  }
  return unexplained(error);
}

export function branchNotFound(repository: { url: GitUrl; branch: string }): SourceError {
  return new SourceError('BranchNotFound', `${missingBranch(repository)}.`);
}

function missingBranch({ url, branch }: { url: GitUrl; branch: string }): string {
  return `${url.href} has no branch ${branch}`;
}

export function notGit(url: GitUrl): SourceError {
  return new SourceError(
    'Unreachable',
    `${url.href} answers with a web page instead of git's own format; is this the address for cloning?`,
  );
}

const FULL = 'The disk that holds --cache-dir is full. Make room; nothing else is needed';

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

/** The line that ended git, made safe to print: servers may send control characters. */
function lastWords({ stderr, message }: GitExitError): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  const line = lines.find((line) => /^(?:fatal|error):/.test(line)) ?? lines.at(-1) ?? message;
  return line
    .replaceAll(/\p{Cc}/gu, ' ')
    .trim()
    .slice(0, 300);
}
