import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Rate } from '../../../src/runtime/hooks/bucket.ts';
import { BodyRefused } from '../../../src/runtime/body.ts';
import { hubSignature256, mlflowSignature } from '../../../src/runtime/hooks/claim.ts';
import { Receiver, type Hint, type Key } from '../../../src/runtime/hooks/receiver.ts';
import { ReplayMemory } from '../../../src/runtime/hooks/replay.ts';
import type { Posted } from '../../../src/runtime/server.ts';

const NOW = 1_795_401_057_000;
const [OLD, NEW] = ['the old secret of this hook', 'the new secret of this hook'];

interface World {
  readonly receiver: Receiver;
  readonly taken: Hint[];
  readonly noted: string[];
}

interface WorldOptions {
  readonly rate?: Rate;
  readonly take?: 'accepted' | 'ignored';
}

function world(
  keys: readonly Key[] = [{ owner: 'us', secret: NEW }],
  { rate = { burst: 10, perSecond: 0.001 }, take = 'accepted' }: WorldOptions = {},
): World {
  const taken: Hint[] = [];
  const noted: string[] = [];
  const receiver = new Receiver({
    schemes: [mlflowSignature, hubSignature256],
    keys: () =>
      keys.length === 0 ? Promise.reject(new Error('canary: no such file')) : Promise.resolve(keys),
    seen: new ReplayMemory(100),
    rate,
    now: () => NOW,
    take: (hint) => {
      taken.push(hint);
      return take;
    },
    note: (result) => noted.push(result),
  });
  return { receiver, taken, noted };
}

function plain(body: string, secret = NEW): Posted {
  const signature = createHmac('sha256', secret).update(body).digest('hex');
  return posted(body, { 'x-hub-signature-256': `sha256=${signature}` });
}

function mlflow(body: string, { id = 'delivery-1', age = 0, secret = NEW } = {}): Posted {
  const timestamp = String(NOW / 1_000 - age);
  const signature = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64');
  return posted(body, {
    'x-mlflow-delivery-id': id,
    'x-mlflow-timestamp': timestamp,
    'x-mlflow-signature': `v1,${signature}`,
  });
}

function posted(body: string, headers: Posted['headers']): Posted {
  return { headers, body: () => Promise.resolve(Buffer.from(body)) };
}

const statuses = async ({ receiver }: World, requests: readonly Posted[]): Promise<number[]> => {
  const seen: number[] = [];
  for (const request of requests) seen.push((await receiver.answer(request)).status);
  return seen;
};

describe('a hint', () => {
  it('that is signed is taken, with the name of whoever signed it', async () => {
    const one = world();
    expect(await statuses(one, [plain('a')])).toEqual([202]);
    expect(one.taken).toMatchObject([{ owners: ['us'], body: Buffer.from('a') }]);
    expect(one.noted).toEqual(['accepted']);
  });

  it('is taken with the old secret and the new one while both are listed', async () => {
    const keys = [NEW, OLD].map((secret) => ({ owner: 'us', secret }));
    expect(await statuses(world(keys), [plain('a', NEW), plain('b', OLD)])).toEqual([202, 202]);
    expect(await statuses(world(), [plain('a', NEW), plain('b', OLD)])).toEqual([202, 401]);
  });

  it('belongs to all who share the secret', async () => {
    const keys = ['a', 'b', 'b', 'c'].map((owner) => ({ owner, secret: owner === 'c' ? OLD : NEW }));
    const one = world(keys);
    await statuses(one, [plain('x')]);
    expect(one.taken[0]?.owners).toEqual(['a', 'b']);
  });

  it('that there is nothing to do about is thanked for', async () => {
    const one = world(undefined, { take: 'ignored' });
    expect(await statuses(one, [plain('ping')])).toEqual([200]);
    expect(one.noted).toEqual(['ignored']);
  });
});

describe('a request that is refused', () => {
  it.each<[string, Posted, number]>([
    ['no signature', posted('x', {}), 401],
    ['a signature of somebody else', plain('x', 'another secret altogether'), 401],
    ['a signature of another body', { ...plain('x'), body: () => Promise.resolve(Buffer.from('y')) }, 401],
    ['an old timestamp', mlflow('x', { age: 301 }), 401],
    ['a timestamp of tomorrow', mlflow('x', { age: -301 }), 401],
    [
      'a large body',
      { ...plain('x'), body: () => Promise.reject(new BodyRefused(413, 'the body is larger')) },
      413,
    ],
    [
      'a body that stays away',
      { ...plain('x'), body: () => Promise.reject(new BodyRefused(408, 'slow')) },
      408,
    ],
    ['a body that ends early', { ...plain('x'), body: () => Promise.reject(new Error('reset')) }, 400],
  ])('because of %s does nothing', async (_, request, status) => {
    const one = world();
    expect(await statuses(one, [request])).toEqual([status]);
    expect(one.taken).toEqual([]);
    expect(one.noted).toEqual(['refused']);
  });

  it('without a signature costs us no body', async () => {
    const never = { headers: {}, body: () => Promise.reject(new Error('it was read')) };
    expect((await world().receiver.answer(never)).status).toBe(401);
  });

  it('for want of our own secret is asked to come again, and told nothing', async () => {
    const one = world([]);
    const answer = await one.receiver.answer(plain('x'));
    expect(answer.status).toBe(503);
    expect(answer.body).not.toContain('canary');
  });

  it('is not told the timestamp is wrong before its signature is right', async () => {
    const answer = await world().receiver.answer(mlflow('x', { age: 9_999, secret: OLD }));
    expect(answer.body).toBe('the signature does not match\n');
  });
});

describe('a copy of a hint', () => {
  it('does nothing, whether its body or its id gives it away', async () => {
    const one = world();
    const requests = [plain('a'), plain('a'), mlflow('b'), mlflow('b'), mlflow('b', { age: 7 }), plain('c')];
    expect(await statuses(one, requests)).toEqual([202, 200, 202, 200, 200, 202]);
    expect(one.taken.length).toBe(3);
    expect(one.noted.filter((result) => result === 'replayed').length).toBe(3);
  });

  it('may come up to five minutes late, as a retry does whose first answer got lost', async () => {
    expect(
      await statuses(world(), [mlflow('b', { age: 300 }), mlflow('c', { id: 'd2', age: -300 })]),
    ).toEqual([202, 202]);
  });
});

describe('too many hints', () => {
  it('are asked to come later, and are no copies when they do', async () => {
    const one = world(undefined, { rate: { burst: 1, perSecond: 20 } });
    expect(await statuses(one, [plain('a'), plain('b')])).toEqual([202, 429]);
    const { headers } = await one.receiver.answer(plain('b'));
    expect(headers).toEqual({ 'retry-after': '1' });
    await expect
      .poll(async () => (await one.receiver.answer(plain('b'))).status, { timeout: 5_000 })
      .toBe(202);
  });

  it('are counted for each sender alone, and neither copies nor forgeries count', async () => {
    const keys = [
      { owner: 'a', secret: OLD },
      { owner: 'b', secret: NEW },
    ];
    const one = world(keys, { rate: { burst: 2, perSecond: 0.001 } });
    const flood = Array.from({ length: 50 }, (_, index) => plain(`${index}`, 'somebody without the secret'));
    const copies = Array.from({ length: 50 }, () => plain('1', OLD));
    await statuses(one, [...flood, plain('1', OLD), ...copies]);
    expect(await statuses(one, [plain('2', OLD), plain('3', OLD), plain('4', NEW)])).toEqual([202, 429, 202]);
  });
});
