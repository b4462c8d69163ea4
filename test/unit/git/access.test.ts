/** From the options and the environment to what the adapters of git need. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { GIT_OPTIONS, openGit } from '../../../src/cli/git-access.ts';
import { resolveOptions } from '../../../src/config.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { Scrubber } from '../../../src/runtime/secrets.ts';
import { temporaryFolder } from '../../support/git-repo.ts';

const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];

afterEach(() => {
  vi.unstubAllEnvs();
});

function open(flags: Readonly<Record<string, string>>, env: Readonly<Record<string, string>> = {}) {
  for (const name of PROXIES) vi.stubEnv(name, env[name]);
  const config = resolveOptions([...GIT_OPTIONS, 'secrets-dir', 'installation'], flags, {});
  const scrubber = new Scrubber();
  const logger = createLogger({ level: 'silent', format: 'json', scrubber });
  return { scrubber, git: openGit(config, scrubber, logger) };
}

const OVER_SSH = 'ssh://git@git.example.com/models.git';

describe('access to git over ssh', () => {
  it('needs a secret, which is told at start', () => {
    expect(() => open({ 'git-url': OVER_SSH })).toThrow(
      '--git-secret: needed for ssh, the name of a secret of --secrets-dir with the keys identity and known_hosts',
    );
  });

  it('finds the keys under the names of Flux, and reads them anew each time', async () => {
    await using folder = await temporaryFolder();
    await mkdir(join(folder.path, 'git'));
    const write = (key: string, text: string) => writeFile(join(folder.path, 'git', key), text);
    await write('identity', 'private key\n');
    await write('identity.pub', 'public key\n');
    await write('known_hosts', 'git.example.com ssh-ed25519 AAAA\n');
    const flags = { 'git-url': OVER_SSH, 'git-secret': 'git', 'secrets-dir': folder.path };
    const { git, scrubber } = open(flags);
    expect(await git.readCredentials()).toEqual({
      identity: 'private key',
      knownHosts: 'git.example.com ssh-ed25519 AAAA',
    });
    expect(scrubber.scrub('fatal: private key')).toBe('fatal: [secret]');
    await write('identity', 'another key\n');
    expect(await git.readCredentials()).toMatchObject({ identity: 'another key' });
  });
});

describe('a proxy of the environment', () => {
  it('is taken over, and its password kept out of everything', () => {
    const { git, scrubber } = open(
      { 'git-url': 'https://git.example.com/models.git' },
      { HTTPS_PROXY: 'http://me:pr0xy-secret@proxy:3128' },
    );
    expect(git.proxy.environment).toEqual({ https_proxy: 'http://me:pr0xy-secret@proxy:3128' });
    expect(scrubber.scrub('it is pr0xy-secret')).toBe('it is [secret]');
  });

  it('that is none is a mistake in the options, told without its value', () => {
    const mistake = () =>
      open({ 'git-url': 'https://git.example.com/models.git' }, { https_proxy: 'gopher://me:s3cret@proxy' });
    expect(mistake).toThrow('https_proxy is not accepted: it is not the address of a proxy');
    expect(mistake).not.toThrow(/s3cret/);
  });
});
