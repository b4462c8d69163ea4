/** The small parts: what is remembered, how much is let through, which secrets count. */
import { describe, expect, it } from 'vitest';
import { TokenBucket } from '../../../src/runtime/hooks/bucket.ts';
import { signingSecrets } from '../../../src/runtime/hooks/keys.ts';
import { ReplayMemory } from '../../../src/runtime/hooks/replay.ts';

describe('the memory of deliveries', () => {
  it('forgets the oldest when it is full, and nothing else', () => {
    const memory = new ReplayMemory(2);
    for (const delivery of ['a', 'b', 'b', 'c']) memory.add(delivery);
    expect(['a', 'b', 'c'].map((delivery) => memory.has(delivery))).toEqual([false, true, true]);
  });
});

describe('a token bucket', () => {
  it('gives a burst at once, then what the time brings, and says how long to wait', () => {
    let now = 0;
    const bucket = new TokenBucket({ burst: 2, perSecond: 2 }, () => now);
    expect([bucket.take(), bucket.take(), bucket.take()]).toEqual([0, 0, 500]);
    now = 250;
    expect(bucket.take()).toBe(250);
    now = 500;
    expect([bucket.take(), bucket.take()]).toEqual([0, 500]);
  });

  it('saves up no more than a burst', () => {
    let now = 0;
    const bucket = new TokenBucket({ burst: 2, perSecond: 2 }, () => now);
    now = 3_600_000;
    expect([bucket.take(), bucket.take(), bucket.take()]).toEqual([0, 0, 500]);
  });
});

describe('the secrets of a hook', () => {
  const read = (token: string | undefined) =>
    signingSecrets(new Map(token === undefined ? [] : [['token', token]]), 'hooks');
  const [one, other] = ['0123456789abcdef', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'];

  it.each<[string, string, string[]]>([
    ['one', one, [one]],
    ['two, the new one first', `${other}\n${one}\n`, [other, one]],
    ['lines with blanks around and between', `\r\n  ${one}\t\r\n\n${other}\r\n`, [one, other]],
  ])('are lines: %s', (_, token, secrets) => {
    expect(read(token)).toEqual(secrets);
  });

  it.each<[string, string | undefined, string]>([
    ['there is none', undefined, 'secret hooks has no key token'],
    ['there are only blanks', ' \n\n', 'key token of secret hooks is empty'],
    ['one of them is short', `${one}\ncanary`, 'a line of less than 16 characters; openssl rand -hex 32'],
    ['there are many', `${one}\n`.repeat(9), 'more than 8 lines'],
  ])('are refused when %s, without telling them', (_, token, words) => {
    let message = '';
    try {
      read(token);
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain(words);
    expect(message).not.toContain('canary');
  });
});
