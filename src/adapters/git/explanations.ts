/** What git, curl and ssh print when they fail, and the sentence for each that tells a person what to do. */
import type { SourceError } from '../../reconcile/ports.ts';
import { keyscan } from './ssh.ts';
import type { GitUrl } from './url.ts';

export interface FailureContext {
  readonly url: GitUrl;
  readonly branch: string;
  readonly authenticated: boolean;
  readonly deadlineMs: number;
  readonly redirectTarget?: string | undefined;
  /** Host and port of the proxies of our environment, as curl names them. */
  readonly proxies?: readonly string[];
}

interface Explanation {
  readonly pattern: RegExp;
  readonly reason: SourceError['reason'];
  readonly say: (context: FailureContext, detail: string) => string;
}

/** Of the lock of a branch git says only that it could not write it. */
export const DISK_FULL = /No space left on device|Disk quota exceeded|couldn't write '[^']*\.lock'/;
export const FULL = 'The disk that holds --cache-dir is full. Make room; nothing else is needed';

/** Of ssh, before git adds its own words. */
const OF_SSH: readonly Explanation[] = [
  {
    pattern: /ssh: (?:command )?not found/,
    reason: 'Unreachable',
    say: () => 'The program ssh is not installed on this machine',
  },
  {
    pattern: /No user exists for uid (\d+)/,
    reason: 'Unreachable',
    say: (_, uid) =>
      `ssh does not run for the user id ${uid}, because it has no name here. Give it one in /etc/passwd, or run as a user that has one`,
  },
  {
    pattern: /fingerprint for the \S+ key sent by the remote host is\s+(\S+?)\.?\s[^]*has changed/,
    reason: 'Unreachable',
    say: ({ url }, fingerprint) =>
      `${url.host} shows another key (${fingerprint}) than known_hosts has for it. Either the server got a new key, or somebody stands in between: compare the fingerprint with what the server's operator publishes, and replace the line in known_hosts only then`,
  },
  {
    pattern: /host key is known for|Host key verification failed/,
    reason: 'Unreachable',
    say: ({ url }) =>
      `known_hosts has no line for ${url.host}. Add what ${keyscan(url)} prints, after comparing it with the fingerprints that the server's operator publishes`,
  },
  {
    pattern: /Load key "[^"]*": ([^\n]*)/,
    reason: 'AccessDenied',
    say: (_, why) =>
      `ssh cannot use the key identity (${printable(why)}). It must be a private key without a passphrase, as ssh-keygen -t ed25519 -N "" -f identity makes it`,
  },
  {
    pattern: /Permission denied \(|Too many authentication failures|No supported authentication methods/,
    reason: 'AccessDenied',
    say: ({ url }) =>
      `${url.href} did not accept the key identity. Add its public half there, as a deploy key, and check the user name in the address`,
  },
  {
    pattern: /Unable to negotiate with [^:]*: ([^\n]*)/,
    reason: 'Unreachable',
    say: ({ url }, why) => `${url.host} and ssh have no safe algorithm in common (${printable(why)})`,
  },
  {
    pattern: /ERROR: [^\n]*not (?:be )?found/,
    reason: 'Unreachable',
    say: missingRepository,
  },
  {
    pattern: /^(?:remote: )?ERROR: ([^\n]+)/m,
    reason: 'AccessDenied',
    say: ({ url }, why) => `${url.href} refuses: ${printable(why).replace(/\.$/, '')}`,
  },
];

const OF_PROXIES: readonly Explanation[] = [
  {
    pattern: /(?:response|returned error:|HTTP code) 407/,
    reason: 'AccessDenied',
    say: () =>
      'The proxy of HTTP_PROXY or HTTPS_PROXY did not accept our credential. It belongs into the address: http://user:password@host:port',
  },
  {
    pattern: /Could not resolve proxy: (\S+)/,
    reason: 'Unreachable',
    say: (_, host) => `The proxy ${host} of HTTP_PROXY or HTTPS_PROXY is unknown to the name service`,
  },
  {
    pattern: /CONNECT tunnel failed, response (\d+)|HTTP code (\d+) from proxy/,
    reason: 'Unreachable',
    say: ({ url }, status) => `The proxy of HTTPS_PROXY does not connect to ${url.host} (${status})`,
  },
  {
    pattern: /Proxy CONNECT aborted/,
    reason: 'Unreachable',
    say: () => 'The proxy of HTTPS_PROXY broke off the connection',
  },
  {
    pattern: /Failed to connect to (\S+ port \d+)/,
    reason: 'Unreachable',
    say: ({ url, proxies = [] }, address) =>
      proxies.includes(address)
        ? `The proxy of HTTP_PROXY or HTTPS_PROXY (${address}) does not accept connections`
        : `${url.host} does not accept connections`,
  },
];

/** In this order: the first that matches what git printed. `detail` is the pattern's first group. */
export const EXPLANATIONS: readonly Explanation[] = [
  { pattern: DISK_FULL, reason: 'CacheUnusable', say: () => FULL },
  ...OF_SSH,
  ...OF_PROXIES,
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
    say: missingRepository,
  },
  {
    pattern: /couldn't find remote ref/,
    reason: 'BranchNotFound',
    say: missingBranch,
  },
  {
    pattern: /Could not resolve host(?:name)?/,
    reason: 'Unreachable',
    say: ({ url }) => `The host of ${url.href} is unknown to the name service`,
  },
  {
    pattern: /Connection refused|Couldn't connect to server|No route to host|Network is unreachable/,
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
    pattern: /Operation too slow|Operation timed out|Connection timed out|Timeout, server/,
    reason: 'Unreachable',
    say: ({ url }) => `${url.host} answers too slowly`,
  },
  {
    pattern:
      /Empty reply from server|Recv failure|Send failure|transfer closed|unexpected disconnect|hung up|early EOF|Connection (?:closed|reset) by/,
    reason: 'Unreachable',
    say: ({ url }) => `${url.host} broke off the connection`,
  },
];

export function missingBranch({ url, branch }: { url: GitUrl; branch: string }): string {
  return `${url.href} has no branch ${branch}`;
}

function missingRepository({ url, authenticated }: FailureContext): string {
  const why = authenticated ? 'the credential may not see it' : 'it is hidden without a credential';
  return `There is no repository at ${url.href}, or ${why}`;
}

/** A server's own words, without what a terminal would obey. */
export function printable(text: string): string {
  return text
    .replaceAll(/\p{Cc}/gu, ' ')
    .trim()
    .slice(0, 300);
}
