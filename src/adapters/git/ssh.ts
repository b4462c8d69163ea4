/** How git logs in over SSH: with the one key of the secret, to a server whose key the secret knows, and nothing else. */
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SourceError } from '../../reconcile/ports.ts';
import { makeCacheFolder } from './cache-folder.ts';
import type { GitCredentials } from './credentials.ts';
import type { GitUrl } from './url.ts';

/** What ssh needs, as the contents of its files. */
export interface SshFiles {
  readonly identity: string;
  readonly knownHosts: string;
}

const IDENTITY_VARIABLE = 'MODELPROMOTION_SSH_IDENTITY';
const KNOWN_HOSTS_VARIABLE = 'MODELPROMOTION_SSH_KNOWN_HOSTS';

/** ssh reads the variables itself, so no path meets the shell that git runs this with. */
const OPTIONS = [
  'BatchMode=yes',
  'IdentitiesOnly=yes',
  'IdentityAgent=none',
  `IdentityFile=\\\${${IDENTITY_VARIABLE}}`,
  `UserKnownHostsFile=\\\${${KNOWN_HOSTS_VARIABLE}}`,
  'GlobalKnownHostsFile=/dev/null',
  'StrictHostKeyChecking=yes',
  'UpdateHostKeys=no',
  'PreferredAuthentications=publickey',
  'ConnectTimeout=10',
  'ServerAliveInterval=15',
  'ServerAliveCountMax=3',
  'ForwardAgent=no',
  'ClearAllForwardings=yes',
  'PermitLocalCommand=no',
  'ControlMaster=no',
];

/** The environment that makes git use this ssh; the paths of its files come on top. */
export const SSH_ENVIRONMENT: Readonly<Record<string, string>> = {
  GIT_SSH_VARIANT: 'ssh',
  GIT_SSH_COMMAND: `ssh -F /dev/null ${OPTIONS.map((option) => `-o ${option}`).join(' ')}`,
};

/** @throws SourceError (Refused) that names the key that is missing or wrong, and how to get it. */
export function sshFiles(url: GitUrl, { identity, knownHosts }: GitCredentials): SshFiles {
  if (identity === undefined) {
    throw refused(
      'has no key identity, which ssh needs: the private key of a deploy key, made with ssh-keygen -t ed25519 -N "" -f identity',
    );
  }
  const mistake = identityMistake(identity);
  if (mistake !== undefined) throw refused(`has an identity that cannot be used: ${mistake}`);
  if (knownHosts === undefined || knownHosts.trim() === '') {
    throw refused(
      `has no key known_hosts, without which anybody could pose as ${url.host}: put there what ${keyscan(url)} prints, after comparing it with the fingerprints that the server's operator publishes`,
    );
  }
  return { identity: asLines(identity), knownHosts: asLines(knownHosts) };
}

/** The command that prints the lines of `known_hosts` for a server. */
export function keyscan({ href }: GitUrl): string {
  const { hostname, port } = new URL(href);
  return `ssh-keyscan ${port === '' ? '' : `-p ${port} `}${hostname.replaceAll(/[[\]]/g, '')}`;
}

/** Editors and web forms leave line ends that ssh does not take. */
function asLines(text: string): string {
  return `${text.replaceAll('\r', '').trimEnd()}\n`;
}

const PEM =
  /^-----BEGIN ((?:OPENSSH |RSA |EC |DSA )?PRIVATE KEY)-----\s([A-Za-z0-9+/=\s:,-]+)-----END \1-----\s*$/;

function identityMistake(identity: string): string | undefined {
  if (/^(?:ssh-|ecdsa-|sk-)/.test(identity)) return 'it is a public key; the private one is needed';
  if (identity.startsWith('PuTTY-User-Key-File'))
    return "it is in PuTTY's format; convert it with puttygen KEY -O private-openssh -o identity";
  if (/BEGIN ENCRYPTED PRIVATE KEY|^Proc-Type: 4,ENCRYPTED/m.test(identity)) return PASSPHRASE;
  const [, kind, body] = PEM.exec(identity) ?? [];
  if (kind === undefined || body === undefined)
    return 'it is not a private key in the format of OpenSSH or PEM, from its BEGIN to its END line';
  return kind.startsWith('OPENSSH') && cipherOf(Buffer.from(body, 'base64')) !== 'none'
    ? PASSPHRASE
    : undefined;
}

const PASSPHRASE =
  'it is protected by a passphrase, and nobody is there to type it; take it off with ssh-keygen -p -N "" -f identity';

/** What the key is encrypted with: the first string after the magic of OpenSSH's format. */
function cipherOf(key: Buffer): string {
  const magic = 'openssh-key-v1\0';
  const start = magic.length + 4;
  if (key.length < start || key.toString('latin1', 0, magic.length) !== magic) return 'none';
  return key.toString('latin1', start, start + key.readUInt32BE(magic.length));
}

function refused(mistake: string): SourceError {
  return new SourceError('Refused', `The git credential ${mistake}.`);
}

/** Longer than any call to a server takes. */
const LEFT_OVER_MS = 15 * 60_000;

/** Files for one call to the server, and the environment that names them; they go with `await using`. */
export async function placeSshFiles(
  { identity, knownHosts }: SshFiles,
  cacheDir: string,
): Promise<{ readonly environment: Readonly<Record<string, string>> } & AsyncDisposable> {
  const folder = join(cacheDir, 'ssh');
  await makeCacheFolder(folder);
  await removeLeftOvers(folder);
  const place = await mkdtemp(join(folder, 'call-'));
  const discard = () => rm(place, { recursive: true, force: true });
  const environment = {
    [IDENTITY_VARIABLE]: join(place, 'identity'),
    [KNOWN_HOSTS_VARIABLE]: join(place, 'known_hosts'),
  };
  try {
    await writeFile(join(place, 'identity'), identity, { mode: 0o600 });
    await writeFile(join(place, 'known_hosts'), knownHosts, { mode: 0o600 });
  } catch (error) {
    await discard();
    throw error;
  }
  return { environment, [Symbol.asyncDispose]: discard };
}

/** A process that was killed could not remove its files. */
async function removeLeftOvers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const place = join(folder, name);
    const age = Date.now() - (await stat(place).then(({ mtimeMs }) => mtimeMs, Date.now));
    if (age > LEFT_OVER_MS) await rm(place, { recursive: true, force: true });
  }
}
