import { describe, expect, it } from 'vitest';
import { accessTo } from '../../../src/adapters/git/credentials.ts';
import { keyscan } from '../../../src/adapters/git/ssh.ts';
import { parseGitUrl } from '../../../src/adapters/git/url.ts';
import { sshKey } from '../../support/ssh-server.ts';

const URL = parseGitUrl('ssh://git@git.example.com:2222/team/models.git');
const identity = sshKey().private;
const knownHosts = 'git.example.com ssh-ed25519 AAAA\n';

describe('a credential for ssh', () => {
  it('allows nothing but ssh, and leaves nothing to what is found on the machine', () => {
    const { environment, config, configFromEnvironment } = accessTo(URL, { identity, knownHosts });
    expect({ config, configFromEnvironment }).toEqual({ config: [], configFromEnvironment: [] });
    expect(environment['GIT_ALLOW_PROTOCOL']).toBe('ssh');
    expect(environment['GIT_SSH_COMMAND']).toMatch(/^ssh -F \/dev\/null (?:-o [A-Za-z]+=[\w/${}\\]+ ?)+$/);
    for (const option of [
      'BatchMode=yes',
      'IdentitiesOnly=yes',
      'IdentityAgent=none',
      'GlobalKnownHostsFile=/dev/null',
      'StrictHostKeyChecking=yes',
      'ForwardAgent=no',
    ]) {
      expect(environment['GIT_SSH_COMMAND']).toContain(`-o ${option} `);
    }
  });

  it.each([
    ['nothing', {}, /has no key identity.*ssh-keygen -t ed25519/],
    ['a password only', { username: 'git', password: 'x' }, /has no key identity/],
    ['no known_hosts', { identity }, /has no key known_hosts.*ssh-keyscan -p 2222 git\.example\.com/],
    ['an empty known_hosts', { identity, knownHosts: ' \n' }, /has no key known_hosts/],
    ['a public key', { identity: sshKey().public, knownHosts }, /it is a public key; the private one/],
    [
      'a key with a passphrase',
      { identity: sshKey('hunter2').private, knownHosts },
      /passphrase.*ssh-keygen -p/,
    ],
    [
      'a key with a passphrase, in PEM',
      { identity: '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n', knownHosts },
      /passphrase/,
    ],
    [
      'a key with a passphrase, in PKCS #8',
      { identity: '-----BEGIN ENCRYPTED PRIVATE KEY-----\n', knownHosts },
      /passphrase/,
    ],
    ["PuTTY's format", { identity: 'PuTTY-User-Key-File-3: ssh-ed25519\n', knownHosts }, /puttygen/],
    ['half a key', { identity: identity.slice(0, 200), knownHosts }, /from its BEGIN to its END line/],
    ['an empty key', { identity: '', knownHosts }, /not a private key/],
  ])('is refused with what to do when it has %s', (_, credentials, reason) => {
    expect(() => accessTo(URL, credentials)).toThrow(reason);
    expect(() => accessTo(URL, credentials)).toThrow(expect.objectContaining({ reason: 'Refused' }));
  });

  it('does not go over https, which is told', () => {
    const https = parseGitUrl('https://git.example.com/m.git');
    expect(() => accessTo(https, { identity, knownHosts })).toThrow(/only an identity, which is for ssh/);
    expect(accessTo(https, { identity, username: 'a', password: 'b' }).authenticated).toBe(true);
  });

  it('may be a key in PEM', () => {
    const pem = '-----BEGIN RSA PRIVATE KEY-----\nMIIEow==\n-----END RSA PRIVATE KEY-----\n';
    expect(accessTo(URL, { identity: pem, knownHosts }).sshFiles).toEqual({ identity: pem, knownHosts });
  });
});

it.each([
  ['ssh://git@git.example.com/m.git', 'ssh-keyscan git.example.com'],
  ['ssh://git@[2001:db8::1]:2222/m.git', 'ssh-keyscan -p 2222 2001:db8::1'],
])('the host key of %s is got with %s', (url, command) => {
  expect(keyscan(parseGitUrl(url))).toBe(command);
});
