/** Access to the watched repository and to the status branch, from the options. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { cacheObstacle } from '../adapters/git/cache-folder.ts';
import type { GitCredentials, ReadCredentials } from '../adapters/git/credentials.ts';
import { type Proxy, proxyFrom } from '../adapters/git/proxy.ts';
import { Remote } from '../adapters/git/remote.ts';
import { StatusBranch } from '../adapters/git/status-branch.ts';
import { parseGitUrl, type GitUrl } from '../adapters/git/url.ts';
import { SecretFolder } from '../adapters/secrets/folder.ts';
import { ConfigError, environment, type Config, type OptionName } from '../config.ts';
import { SourceError, type StatusStore } from '../reconcile/ports.ts';
import { wordsOf } from '../runtime/failure.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Scrubber } from '../runtime/secrets.ts';

export const GIT_OPTIONS = [
  'git-url',
  'git-branch',
  'git-secret',
  'git-allow-http',
  'git-allow-file',
  'status-branch',
  'status-secret',
  'cache-dir',
] as const satisfies readonly OptionName[];

/** What an adapter refuses when it is made is a mistake in the options. */
export function usable<T>(make: () => T, option = ''): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    throw new ConfigError([`${option}${error.message}`]);
  }
}

export interface GitAccess {
  readonly url: GitUrl;
  readonly readCredentials: ReadCredentials;
  readonly cacheDir: string;
  readonly proxy: Proxy;
  readonly logger: Logger;
}

type GitConfig = Config<(typeof GIT_OPTIONS)[number] | 'secrets-dir' | 'installation'>;

/** @throws ConfigError */
export function openGit(config: GitConfig, scrubber: Scrubber, logger: Logger): GitAccess {
  const given = config['git-url'];
  if (given === undefined) throw new ConfigError(['--git-url: needed to read from git']);
  const rules = { allowHttp: config['git-allow-http'], allowFile: config['git-allow-file'] };
  const url = usable(() => parseGitUrl(given, rules), '--git-url: ');
  if (url.protocol === 'ssh' && config['git-secret'] === undefined) {
    throw new ConfigError([
      '--git-secret: needed for ssh, the name of a secret of --secrets-dir with the keys identity and known_hosts',
    ]);
  }
  const proxy = usable(() => proxyFrom(environment()));
  for (const password of proxy.passwords) scrubber.add(password);
  return {
    url,
    proxy,
    readCredentials: credentialsReader(config, config['git-secret'], scrubber),
    cacheDir: resolve(config['cache-dir'] ?? join(homedir(), '.cache', 'modelpromotion')),
    logger,
  };
}

/** What can never be written to is a mistake in the options. @throws ConfigError */
export async function checkCache({ cacheDir }: Pick<GitAccess, 'cacheDir'>): Promise<void> {
  const obstacle = await cacheObstacle(cacheDir);
  if (obstacle !== undefined)
    throw new ConfigError([
      `--cache-dir: ${cacheDir} cannot be used: ${obstacle}; name a folder that we may write to`,
    ]);
}

/** Undefined when statuses stay in memory. */
export function openStatusBranch(
  config: GitConfig,
  git: GitAccess,
  scrubber: Scrubber,
): StatusStore | undefined {
  if (config['status-branch'] === '') return undefined;
  const secret = config['status-secret'] ?? config['git-secret'];
  const remote = new Remote({
    ...git,
    branch: config['status-branch'],
    readCredentials: credentialsReader(config, secret, scrubber),
  });
  return new StatusBranch({
    remote,
    watchedBranch: config['git-branch'],
    installation: config.installation,
    cacheDir: git.cacheDir,
    logger: git.logger,
  });
}

function credentialsReader(
  config: GitConfig,
  secret: string | undefined,
  scrubber: Scrubber,
): ReadCredentials {
  const folder = new SecretFolder(config['secrets-dir'], (value) => scrubber.add(value));
  return async (): Promise<GitCredentials> => {
    if (secret === undefined) return {};
    const keys = await folder.read(secret).catch((error: unknown) => {
      throw new SourceError('AccessDenied', wordsOf(error), {
        cause: error,
      });
    });
    const [username, password] = [keys.get('username'), keys.get('password')];
    if (username !== undefined && password !== undefined) scrubber.addBasic(username, password);
    const credentials = {
      username,
      password,
      bearerToken: keys.get('bearerToken'),
      caFile: keys.has('ca.crt') ? folder.path(secret, 'ca.crt') : undefined,
      identity: keys.get('identity'),
      knownHosts: keys.get('known_hosts'),
    };
    return Object.fromEntries(Object.entries(credentials).filter(([, value]) => value !== undefined));
  };
}
