import { describe, expect, it } from 'vitest';
import { Scrubber } from '../../../src/runtime/secrets.ts';

function scrubbed(text: string, ...secrets: readonly string[]): string {
  const scrubber = new Scrubber();
  for (const secret of secrets) scrubber.add(secret);
  return scrubber.scrub(text);
}

const hard = 'p"ä ss/w+r<d&';

describe('a scrubber', () => {
  it.each([
    ['as it is', `the ${hard}.`, 'the [secret].'],
    ['inside JSON', JSON.stringify({ key: hard }), '{"key":"[secret]"}'],
    ['in a URL', `/?token=${encodeURIComponent(hard)}`, '/?token=[secret]'],
    [
      'in a URL of another spelling',
      `?t=${encodeURIComponent(hard).replaceAll(/%../g, (byte) => byte.toLowerCase())}`,
      '?t=[secret]',
    ],
    ['in a form', `token=${encodeURIComponent(hard).replaceAll('%20', '+')}`, 'token=[secret]'],
    ['in HTML', 'p&quot;ä ss/w+r&lt;d&amp;', '[secret]'],
    ['in HTML of another spelling', 'p&#34;ä ss/w+r&lt;d&amp;', '[secret]'],
    ['in base64', Buffer.from(hard).toString('base64'), '[secret]'],
    ['in base64 without its end', Buffer.from(hard).toString('base64').replace(/=+$/, ''), '[secret]'],
    ['in base64 for URLs', Buffer.from(hard).toString('base64url'), '[secret]'],
  ])('takes a secret out %s', (_, text, clean) => {
    expect(scrubbed(text, hard)).toBe(clean);
  });

  it('takes all of a secret out that begins like another one', () => {
    expect(scrubbed('token abcd-efgh-ijkl', 'abcd', 'abcd-efgh-ijkl')).toBe('token [secret]');
  });

  it('takes the header of a user and password out', () => {
    const scrubber = new Scrubber();
    scrubber.addBasic('ada', 'lovelace');
    const header = `Basic ${Buffer.from('ada:lovelace').toString('base64')}`;
    expect(scrubber.scrub(`${header} lovelace`)).toBe('Basic [secret] [secret]');
  });

  it('takes secrets out of the messages of a document, and leaves its names alone', () => {
    const scrubber = new Scrubber();
    scrubber.add('mlflow');
    const document = { name: 'mlflow', conditions: [{ type: 'Ready', message: 'mlflow says mlflow' }] };
    expect(scrubber.clean(document)).toEqual({
      name: 'mlflow',
      conditions: [{ type: 'Ready', message: '[secret] says [secret]' }],
    });
  });

  it.each([
    ['https://ada:lovelace@host/path', 'https://[secret]@host/path'],
    ['fetching ssh://git@host:22/repo', 'fetching ssh://[secret]@host:22/repo'],
    ['"http://t0ken@host"', '"http://[secret]@host"'],
    ['https://host/a@b', 'https://host/a@b'],
    ['mail ada@host', 'mail ada@host'],
  ])('takes credentials out of URLs that nobody told it of: %s', (text, clean) => {
    expect(scrubbed(text)).toBe(clean);
  });

  it('leaves short values alone, which would blot out ordinary words', () => {
    expect(scrubbed('the cat sat', 'cat')).toBe('the cat sat');
  });
});

it('a scrubber takes twenty thousand secrets without a pause that anybody would notice', () => {
  const scrubber = new Scrubber();
  for (let index = 0; index < 20_000; index += 1) scrubber.add(`secret-value-${index}`);
  expect(scrubber.scrub('has secret-value-19999 in it')).toBe('has [secret] in it');
});
