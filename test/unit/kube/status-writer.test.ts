/** How statuses are brought to their objects: over an API server in memory that refuses as it is told. */
import { describe, expect, it } from 'vitest';
import { type KubeApi, KubeError, type KubeRequest } from '../../../src/adapters/kube/api.ts';
import { KubeStatusWriter } from '../../../src/adapters/kube/status-writer.ts';

type Answer = (request: KubeRequest) => Promise<unknown>;

function open(answer: Answer) {
  const statuses = new Map<string, string>();
  const sent: string[] = [];
  const warnings: string[] = [];
  const results: string[] = [];
  const leads = { now: true };
  const api: KubeApi = {
    request: <T>(request: KubeRequest) => {
      const body = request.body as { metadata: { name: string }; status: string };
      sent.push(`${body.metadata.name}=${body.status}`);
      return answer(request) as Promise<T>;
    },
    watch: () => {
      throw new Error('nothing is watched');
    },
  };
  const writer = new KubeStatusWriter({
    fence: () => leads.now,
    api,
    dueOf: (key) => {
      const status = statuses.get(key);
      if (status === undefined) return undefined;
      const object = {
        apiVersion: 'g/v1',
        kind: 'K',
        resource: 'ks',
        namespace: 'ml',
        name: key,
        uid: 'a',
        resourceVersion: '1',
      };
      return { object, status, isThere: status === 'there' };
    },
    logger: { warn: (_, message) => warnings.push(message), info: () => undefined },
    written: (result) => results.push(result),
  });
  const change = (key: string, status: string): void => {
    statuses.set(key, status);
    writer.changed(key);
  };
  return { writer, change, statuses, sent, warnings, results, leads };
}

const patience = AbortSignal.timeout(20_000);
const written = (): Promise<unknown> => Promise.resolve({ metadata: { resourceVersion: '2' } });

describe('A status', () => {
  it('is written once, and not at all where it is already', async () => {
    const { writer, change, sent } = open(written);
    change('a', 'one');
    change('b', 'there');
    await writer.flush(patience);
    expect(sent).toEqual(['a=one']);
  });

  it('that changes while it is written is written again with the last word only', async () => {
    const first = Promise.withResolvers<unknown>();
    const answers = [first.promise];
    const { writer, change, sent } = open(() => answers.shift() ?? written());
    change('a', 'one');
    change('a', 'two');
    change('a', 'three');
    first.resolve({});
    await writer.flush(patience);
    expect(sent).toEqual(['a=one', 'a=three']);
  });

  it.each([
    [409, ['ok']],
    [500, ['failed', 'ok']],
  ])('that is answered by %d is brought again, and counted as %j', async (status, counted) => {
    let refusals = 1;
    const { writer, change, sent, results } = open(() =>
      refusals-- > 0 ? Promise.reject(new KubeError('no', { status })) : written(),
    );
    change('a', 'one');
    await expect.poll(() => sent.length, { timeout: 10_000 }).toBe(2);
    await writer.flush(patience);
    expect(results).toEqual(counted);
  });

  it('is not written by a process that lost the lease, not even as its last word', async () => {
    const { writer, change, sent, leads } = open(() => Promise.reject(new KubeError('no', { status: 409 })));
    change('a', 'one');
    await expect.poll(() => sent.length).toBe(1);
    leads.now = false;
    await writer.flush(patience);
    expect(sent).toEqual(['a=one']);
  });

  it('that somebody wrote over is put right, once for many such writes', async () => {
    const { writer, statuses, sent } = open(written);
    statuses.set('a', 'ours');
    for (let times = 0; times < 20; times += 1) writer.check('a');
    await expect.poll(() => sent, { timeout: 10_000 }).toEqual(['a=ours']);
    statuses.set('a', 'there');
    writer.check('a');
    await writer.flush(patience);
    expect(sent).toEqual(['a=ours']);
  });

  it('of an object that is gone is given up', async () => {
    const { writer, change, sent, warnings } = open(() =>
      Promise.reject(new KubeError('gone', { status: 404, reason: 'NotFound' })),
    );
    change('a', 'one');
    await writer.flush(patience);
    expect([sent.length, warnings.length, writer.failure]).toEqual([1, 0, undefined]);
  });

  it('that cannot be written is told once, whatever others there are', async () => {
    const { writer, change, warnings } = open(() =>
      Promise.reject(new KubeError('forbidden', { status: 403 })),
    );
    for (const key of ['a', 'b', 'c']) change(key, 'one');
    await writer.flush(patience);
    expect([warnings.length, writer.failure]).toEqual([1, 'forbidden']);
  });

  it('is one of a few that are written at a time', async () => {
    let [running, most] = [0, 0];
    const { writer, change } = open(async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running -= 1;
      return {};
    });
    for (let index = 0; index < 50; index += 1) change(`key-${index}`, 'one');
    await writer.flush(patience);
    expect(most).toBe(8);
  });
});
