/** How a credential reaches the server: one header, scoped to one repository, through the environment; or a key for ssh. */
import { SourceError } from '../../reconcile/ports.ts';
import { Scrubber } from '../../runtime/secrets.ts';
import type { Proxy } from './proxy.ts';
import { SSH_ENVIRONMENT, sshFiles, type SshFiles } from './ssh.ts';
import type { GitUrl } from './url.ts';

/** The keys of a secret, as Flux names them: a pair, or a token, or neither; for ssh a private key and the server's. */
export interface GitCredentials {
  readonly username?: string;
  readonly password?: string;
  readonly bearerToken?: string;
  /** A file with the certificate authority to trust instead of the system's. */
  readonly caFile?: string;
  /** For ssh only, both: a private key without a passphrase, and lines of `known_hosts`. */
  readonly identity?: string;
  readonly knownHosts?: string;
}

/** Asked before each call to the server, so that a rotated secret counts from then on. */
export type ReadCredentials = () => Promise<GitCredentials>;

/** What one call to the server needs: arguments and environment for git, and what must not be shown. */
export interface Access {
  readonly config: readonly string[];
  readonly configFromEnvironment: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly caFile: string | undefined;
  /** To be placed on disk for the time of the call. */
  readonly sshFiles: SshFiles | undefined;
  readonly authenticated: boolean;
  readonly scrubber: Scrubber;
}

const HEADER_VARIABLE = 'MODELPROMOTION_GIT_HEADER';

/**
 * The header goes to this repository's URL only, never to another host, and never stands in a command line.
 * @throws SourceError (Refused) when it would cross a network in clear text, or is not complete.
 */
export function accessTo(url: GitUrl, credentials: GitCredentials, proxy?: Proxy): Access {
  return url.protocol === 'ssh' ? accessOverSsh(url, credentials) : accessOverHttp(url, credentials, proxy);
}

function accessOverSsh(url: GitUrl, credentials: GitCredentials): Access {
  return {
    config: [],
    configFromEnvironment: [],
    environment: { GIT_ALLOW_PROTOCOL: 'ssh', ...SSH_ENVIRONMENT },
    caFile: undefined,
    sshFiles: sshFiles(url, credentials),
    authenticated: true,
    scrubber: scrubberOf(credentials),
  };
}

function accessOverHttp(url: GitUrl, credentials: GitCredentials, proxy: Proxy | undefined): Access {
  const authorization = authorizationHeader(credentials);
  if (authorization !== undefined && !url.mayCarryCredentials) throw clearText(url);
  return {
    config: credentials.caFile === undefined ? [] : [`http.sslCAInfo=${credentials.caFile}`],
    configFromEnvironment:
      authorization === undefined ? [] : [`http.${url.href}.extraHeader=${HEADER_VARIABLE}`],
    environment: {
      GIT_ALLOW_PROTOCOL: url.protocol,
      ...proxy?.environment,
      ...(authorization !== undefined && { [HEADER_VARIABLE]: `Authorization: ${authorization}` }),
    },
    caFile: credentials.caFile,
    sshFiles: undefined,
    authenticated: authorization !== undefined,
    scrubber: scrubberOf(credentials, proxy?.passwords),
  };
}

function authorizationHeader({
  username,
  password,
  bearerToken,
  identity,
}: GitCredentials): string | undefined {
  if ([username, password, bearerToken].some((value) => value !== undefined && /\p{Cc}/u.test(value))) {
    throw incomplete('holds a line break or another control character');
  }
  if (bearerToken !== undefined) {
    if (password !== undefined) throw incomplete('has both a bearerToken and a password; give one');
    return `Bearer ${bearerToken}`;
  }
  if (username === undefined && password === undefined) {
    if (identity === undefined) return undefined;
    throw incomplete(
      'has only an identity, which is for ssh:// addresses; https:// wants username and password',
    );
  }
  if (username === undefined) throw incomplete('has a password but no username');
  if (password === undefined) throw incomplete('has a username but no password');
  if (username.includes(':')) throw incomplete('has a colon in its username');
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function scrubberOf(
  { username = '', password, bearerToken }: GitCredentials,
  others: readonly string[] = [],
): Scrubber {
  const scrubber = new Scrubber();
  for (const secret of others) scrubber.add(secret);
  if (password !== undefined) scrubber.addBasic(username, password);
  if (bearerToken !== undefined) scrubber.add(bearerToken);
  return scrubber;
}

function incomplete(mistake: string): SourceError {
  return new SourceError('Refused', `The git credential ${mistake}.`);
}

function clearText({ host }: GitUrl): SourceError {
  return new SourceError(
    'Refused',
    `The git credential was not sent: plain http to ${host} would show it to the network. Use https://, or allow it with --git-allow-http.`,
  );
}
