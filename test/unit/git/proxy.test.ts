import { describe, expect, it } from 'vitest';
import { accessTo } from '../../../src/adapters/git/credentials.ts';
import { proxyFrom } from '../../../src/adapters/git/proxy.ts';
import { parseGitUrl } from '../../../src/adapters/git/url.ts';

describe('the proxies of our environment', () => {
  it('reach git in small letters, which are all that curl reads for http', () => {
    const { environment } = proxyFrom({
      HTTP_PROXY: 'http://proxy:3128',
      HTTPS_PROXY: 'http://proxy:3129',
      NO_PROXY: 'localhost',
      PATH: '/bin',
    });
    expect(environment).toEqual({
      http_proxy: 'http://proxy:3128',
      https_proxy: 'http://proxy:3129',
      no_proxy: 'localhost',
    });
    const access = accessTo(
      parseGitUrl('https://git.example.com/m.git'),
      {},
      proxyFrom({ HTTPS_PROXY: 'proxy:1' }),
    );
    expect(access.environment).toEqual({ GIT_ALLOW_PROTOCOL: 'https', https_proxy: 'proxy:1' });
  });

  it('are none where the variables are empty', () => {
    expect(proxyFrom({ HTTP_PROXY: '', https_proxy: '' })).toEqual({
      environment: {},
      hosts: [],
      passwords: [],
    });
  });

  it('keep their passwords out of what is told, as they are written and as they are meant', () => {
    const proxy = proxyFrom({ HTTPS_PROXY: 'http://me:p%40ss%2Fword@proxy:3128' });
    expect(proxy.passwords).toEqual(['p%40ss%2Fword', 'p@ss/word']);
    const { scrubber } = accessTo(parseGitUrl('https://git.example.com/m.git'), {}, proxy);
    expect(scrubber.scrub('fatal: p@ss/word or p%40ss%2Fword')).toBe('fatal: [secret] or [secret]');
  });

  it.each([
    ['HTTPS_PROXY', 'gopher://me:s3cret@proxy', /not the address of a proxy/],
    ['http_proxy', 'http://', /not the address of a proxy/],
    ['https_proxy', ':::', /not the address of a proxy/],
    ['HTTP_PROXY', 'http://me@proxy', /a user name and no password/],
  ])('are refused by name and without their value: %s=%s', (variable, value, reason) => {
    const refusal = expect.objectContaining({
      reason: 'Refused',
      message: expect.stringMatching(new RegExp(`^${variable} is not accepted`)),
    });
    expect(() => proxyFrom({ [variable]: value })).toThrow(refusal);
    expect(() => proxyFrom({ [variable]: value })).toThrow(reason);
    expect(() => proxyFrom({ [variable]: value })).not.toThrow(/s3cret/);
  });
});
