import { describe, expect, it } from 'vitest';
import { accessTo } from '../../../src/adapters/git/credentials.ts';
import { parseGitUrl } from '../../../src/adapters/git/url.ts';

const URL = parseGitUrl('https://git.example.com/team/models.git');
const PAIR = { username: 'ada', password: 'p@ss/wörd' };

describe('a credential', () => {
  it('travels in the environment, scoped to its repository', () => {
    const access = accessTo(URL, PAIR);
    expect(access.configFromEnvironment).toEqual([
      'http.https://git.example.com/team/models.git.extraHeader=MODELPROMOTION_GIT_HEADER',
    ]);
    expect(access.environment).toEqual({
      GIT_ALLOW_PROTOCOL: 'https',
      MODELPROMOTION_GIT_HEADER: `Authorization: Basic ${Buffer.from('ada:p@ss/wörd').toString('base64')}`,
    });
    expect(access.config).toEqual([]);
  });

  it('may be a bearer token', () => {
    expect(accessTo(URL, { bearerToken: 't0ken' }).environment).toMatchObject({
      MODELPROMOTION_GIT_HEADER: 'Authorization: Bearer t0ken',
    });
  });

  it('may be absent, and an own authority may come without one', () => {
    const access = accessTo(URL, { caFile: '/secrets/git/ca.crt' });
    expect(access).toMatchObject({ authenticated: false, configFromEnvironment: [] });
    expect(access.config).toEqual(['http.sslCAInfo=/secrets/git/ca.crt']);
  });

  it('is not sent over plain http to another machine', () => {
    const plain = parseGitUrl('http://git.example.com/models.git');
    expect(() => accessTo(plain, PAIR)).toThrow(/would show it to the network.*--git-allow-http/);
    expect(accessTo(plain, {}).authenticated).toBe(false);
  });

  it.each([
    [{ password: 'x' }, /password but no username/],
    [{ username: 'x' }, /username but no password/],
    [{ username: 'a:b', password: 'x' }, /colon in its username/],
    [{ username: 'a', password: 'x\r\nX-Evil: 1' }, /line break/],
    [{ bearerToken: 'x\n' }, /line break/],
    [{ bearerToken: 'x', password: 'y' }, /give one/],
  ])('%j is refused', (credentials, reason) => {
    expect(() => accessTo(URL, credentials)).toThrow(reason);
  });

  it.each([
    ['raw', 'p@ss/wörd'],
    ['URL-encoded', encodeURIComponent('p@ss/wörd')],
    ['base64', Buffer.from('p@ss/wörd').toString('base64')],
    ['a Basic header', Buffer.from('ada:p@ss/wörd').toString('base64')],
  ])('is scrubbed from what git says: %s', (_, form) => {
    const scrubbed = accessTo(URL, PAIR).scrubber.scrub(`fatal: bad ${form} here`);
    expect(scrubbed).not.toContain(form);
    expect(scrubbed).toMatch(/^fatal: bad .* here$/);
  });
});
