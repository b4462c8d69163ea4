/** Which repositories may be named, and how: checked once, before git sees anything of it. */
import { SourceError } from '../../reconcile/ports.ts';

/** The address of a repository that passed every check. Holds no secret, so it may be shown. */
export interface GitUrl {
  readonly href: string;
  /** The only protocol git may speak for this repository. */
  readonly protocol: 'https' | 'http' | 'ssh' | 'file';
  readonly host: string;
  /** False where a credential would cross a network in clear text. */
  readonly mayCarryCredentials: boolean;
}

export interface GitUrlRules {
  /** Credentials over plain http to hosts other than this one. */
  readonly allowHttp?: boolean;
  readonly allowFile?: boolean;
}

const CONTROL = /\p{Cc}/u;
const AUTHORITY = /^[a-z][a-z0-9+.-]*:\/\/([^/]*)/i;
/** Letters, digits, dots and hyphens, or an IPv6 address; then a port. */
const HOST = /^(?:[a-z0-9][a-z0-9._-]*|\[[0-9a-f:.]+\])(?::\d+)?$/i;
/** Nothing that ssh would take for an option, or a shell for anything. */
const USER = /^[a-z0-9_][a-z0-9._-]*$/i;
const LOOPBACK = /^(?:localhost|.+\.localhost|127(?:\.\d+){3}|\[::1\])$/;

/** @throws SourceError (Refused) that says what is wrong and what would be right. */
export function parseGitUrl(text: string, rules: GitUrlRules = {}): GitUrl {
  const mistake = spelling(text);
  if (mistake !== undefined) throw refused(mistake);
  const url = new URL(text);
  switch (url.protocol) {
    case 'https:':
      return { href: url.href, protocol: 'https', host: url.host, mayCarryCredentials: true };
    case 'http:':
      return {
        href: url.href,
        protocol: 'http',
        host: url.host,
        mayCarryCredentials: rules.allowHttp === true || LOOPBACK.test(url.hostname),
      };
    case 'file:':
      if (rules.allowFile !== true)
        throw refused('file:// is only for trying things out: allow it with --git-allow-file');
      return { href: url.href, protocol: 'file', host: 'this machine', mayCarryCredentials: false };
    case 'ssh:':
      return { href: url.href, protocol: 'ssh', host: url.host, mayCarryCredentials: true };
    default:
      throw refused(`${url.protocol}// is not supported; use https:// or ssh://`);
  }
}

/** What is wrong with how the URL is written, or undefined. Messages never repeat what may hold a password. */
function spelling(text: string): string | undefined {
  if (text === '') return 'it is empty';
  if (CONTROL.test(text)) return 'it holds a control character or a line break';
  if (text.startsWith('-')) return 'it begins with a hyphen, so it looks like an option';
  const authority = AUTHORITY.exec(text)?.[1];
  if (authority === undefined) {
    return 'it is not of the form https://host/path or ssh://user@host/path (the short form user@host:path is not accepted)';
  }
  if (/^ssh:/i.test(text)) return sshPath(text, authority);
  if (authority.includes('@'))
    return 'it holds a user name or password; credentials go into the secret that --git-secret names';
  return /^file:/i.test(text) ? filePath(text, authority) : remotePath(text, authority);
}

function sshPath(text: string, authority: string): string | undefined {
  const [user = '', ...host] = authority.split('@');
  if (host.length === 0) return 'it names no user; most servers want git, as in ssh://git@host/path';
  if (user.includes(':'))
    return 'it holds a password; ssh logs in with the key of the secret that --git-secret names';
  if (host.length > 1 || !USER.test(user)) return 'its user name is not valid';
  return remotePath(text, host.join('@'));
}

function filePath(text: string, authority: string): string | undefined {
  if (authority !== '') return 'a file:// address names an absolute path, with three slashes: file:///path';
  return suffix(text);
}

function remotePath(text: string, authority: string): string | undefined {
  if (/[^\p{ASCII}]/u.test(authority)) return 'its host has letters outside ASCII; write it in its xn-- form';
  if (!HOST.test(authority) || !URL.canParse(text)) return 'its host or port is not valid';
  if (/^\/*$/.test(text.slice(text.indexOf(authority) + authority.length)))
    return 'it names a host but no repository';
  return suffix(text);
}

function suffix(text: string): string | undefined {
  if (/[?#]/.test(text))
    return 'it has a query or a fragment, which git servers do not use and which may hold a secret';
  if (/[\s\\]/.test(text)) return 'it holds a space or a backslash';
  return undefined;
}

function refused(mistake: string): SourceError {
  return new SourceError('Refused', `The URL of the git repository is not accepted: ${mistake}.`);
}

/**
 * The fully qualified ref of a branch: short names would make the server list every ref.
 * @throws SourceError (Refused) for a name that git would not take.
 */
export function branchRef(branch: string): string {
  if (isBranchName(branch)) return `refs/heads/${branch}`;
  throw new SourceError('Refused', `${JSON.stringify(branch)} is not the name of a git branch.`);
}

function isBranchName(name: string): boolean {
  if (name === '' || name === '@' || name.length > 250) return false;
  if (name.startsWith('-') || name.startsWith('refs/') || name.endsWith('.')) return false;
  if (/[\p{Cc} ~^:?*[\\]|\.\.|@\{/u.test(name)) return false;
  return name.split('/').every((part) => part !== '' && !part.startsWith('.') && !part.endsWith('.lock'));
}

/**
 * A path inside a repository, without `.` segments and slashes at its ends; empty for the whole repository.
 * @throws SourceError (Refused) for a path that would leave the repository.
 */
export function repositoryPath(text: string): string {
  const refuse = (mistake: string) =>
    new SourceError(
      'Refused',
      `The path ${JSON.stringify(text)} inside the repository is not accepted: ${mistake}.`,
    );
  if (CONTROL.test(text) || text.includes('\\')) throw refuse('it holds a control character or a backslash');
  if (text.startsWith('/')) throw refuse('it is absolute; paths count from the root of the repository');
  const segments = text.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.includes('..')) throw refuse('it leaves the repository');
  return segments.join('/');
}
