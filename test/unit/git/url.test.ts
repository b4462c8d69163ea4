import { describe, expect, it } from 'vitest';
import { branchRef, parseGitUrl, repositoryPath } from '../../../src/adapters/git/url.ts';

describe('the URL of a repository', () => {
  it.each([
    ['https://git.example.com/team/models.git', 'https', true],
    ['https://GIT.Example.com:8443/models', 'https', true],
    ['https://[2001:db8::1]/models', 'https', true],
    ['http://127.0.0.1:3000/models.git', 'http', true],
    ['http://localhost/models.git', 'http', true],
    ['http://[::1]:3000/models.git', 'http', true],
    ['http://git.example.com/models.git', 'http', false],
    ['http://localhost.example.com/models.git', 'http', false],
    ['ssh://git@git.example.com/team/models.git', 'ssh', true],
    ['ssh://deploy_1@[2001:db8::1]:2222/~team/models.git', 'ssh', true],
  ])('%s is accepted over %s; credentials may be sent: %s', (text, protocol, mayCarryCredentials) => {
    expect(parseGitUrl(text)).toMatchObject({ protocol, mayCarryCredentials });
  });

  it('may carry credentials over plain http anywhere when that is allowed', () => {
    expect(parseGitUrl('http://git.example.com/m', { allowHttp: true }).mayCarryCredentials).toBe(true);
  });

  it('may be a file only when that is allowed', () => {
    expect(() => parseGitUrl('file:///srv/models.git')).toThrow(/--git-allow-file/);
    expect(parseGitUrl('file:///srv/models.git', { allowFile: true }).protocol).toBe('file');
    expect(() => parseGitUrl('file://host/models.git', { allowFile: true })).toThrow(/three slashes/);
  });

  it.each([
    ['', /empty/],
    ['--upload-pack=touch /tmp/x', /looks like an option/],
    ['git@github.com:team/models.git', /ssh:\/\/user@host\/path.*short form user@host:path/],
    ['/srv/models.git', /not of the form/],
    ['ssh://example.com/models.git', /names no user.*ssh:\/\/git@host/],
    ['ssh://git:s3cret@example.com/models.git', /holds a password/],
    ['ssh://git@-oProxyCommand=x/models.git', /host or port/],
    ['ssh://-oProxyCommand=x/models.git', /names no user/],
    ['ssh://-l@example.com/models.git', /user name is not valid/],
    ['ssh://git@evil@example.com/models.git', /user name is not valid/],
    ['ssh://$(id)@example.com/models.git', /user name is not valid/],
    ['ssh://git@example.com', /names a host but no repository/],
    ['ssh://git@example.com:port/models.git', /host or port/],
    ['ssh://git@exämple.com/models.git', /outside ASCII/],
    ['ext::sh -c touch%20/tmp/x', /not of the form/],
    ['git://example.com/models.git', /git:\/\/ is not supported/],
    ['https://ada:s3cret@example.com/models.git', /user name or password/],
    ['https://token@example.com/models.git', /user name or password/],
    ['https://example.com', /names a host but no repository/],
    ['https://example.com//', /names a host but no repository/],
    ['https:///models.git', /host or port/],
    ['https://-oProxyCommand=x/models.git', /host or port/],
    ['https://exa mple.com/models.git', /host or port/],
    ['https://example.com:99999/models.git', /host or port/],
    ['https://exämple.com/models.git', /outside ASCII/],
    ['https://ex%C3%A4mple.com/models.git', /host or port/],
    ['https://example.com/mo dels.git', /space or a backslash/],
    ['https://example.com\\@evil.example/models.git', /user name or password|host or port|backslash/],
    ['https://example.com/models.git?token=s3cret', /query or a fragment/],
    ['https://example.com/models.git#main', /query or a fragment/],
    ['https://example.com/models.git\nhttps://evil.example/', /control character/],
    ['https://example.com/\u0000', /control character/],
  ])('%j is refused with a reason', (text, reason) => {
    expect(() => parseGitUrl(text)).toThrow(reason);
    expect(() => parseGitUrl(text)).toThrow(expect.objectContaining({ reason: 'Refused' }));
  });

  it('is not repeated in a refusal, since it may hold a password', () => {
    expect(() => parseGitUrl('https://ada:s3cret@example.com/m')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('s3cret') }),
    );
  });
});

describe('the name of a branch', () => {
  it.each(['main', 'release/2026-11', 'modelpromotion/status', 'größe'])('%s becomes a full ref', (name) => {
    expect(branchRef(name)).toBe(`refs/heads/${name}`);
  });

  it.each([
    '',
    '-d',
    'a..b',
    'a b',
    'a~1',
    'a:b',
    'refs/heads/main',
    '@',
    'a@{1}',
    'a.lock',
    '.a',
    'a/',
    'a//b',
    'a\nb',
    'a*',
  ])('%j is refused', (name) => {
    expect(() => branchRef(name)).toThrow(/is not the name of a git branch/);
  });
});

describe('a path inside a repository', () => {
  it.each([
    ['.', ''],
    ['', ''],
    ['./models/', 'models'],
    ['models//prod', 'models/prod'],
    ['..models', '..models'],
  ])('%j means %j', (text, path) => {
    expect(repositoryPath(text)).toBe(path);
  });

  it.each([
    ['../other', /leaves the repository/],
    ['models/../../other', /leaves the repository/],
    ['models/..', /leaves the repository/],
    ['/etc', /absolute/],
    ['a\\b', /backslash/],
    ['a\nb', /control character/],
  ])('%j is refused', (text, reason) => {
    expect(() => repositoryPath(text)).toThrow(reason);
  });
});
