/** How the daemon ends: in the middle of a promotion, in a call that hangs, and when it is asked twice. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { afterwards, startFaultProxy, type FaultProxy } from '../../support/fault-proxy.ts';
import { sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { conditionOf } from '../../support/program.ts';
import { install, promotion, type Installation } from '../e2e/installation.ts';
import { begin, CHANGES, changesOf, missing, mlflow } from './world.ts';

let proxy: FaultProxy;
let place: Installation;

beforeAll(async () => {
  proxy = await startFaultProxy(sharedMlflow());
});
beforeEach(async () => {
  proxy.clear();
  await place?.[Symbol.asyncDispose]();
  place = await install(proxy.url);
});
afterAll(async () => {
  await place?.[Symbol.asyncDispose]();
  await proxy?.[Symbol.asyncDispose]();
});

/** No transition is ever answered. Resolves when the first one came. */
function holdTransition(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  proxy.on({ path: /transition-stage/ }, () => resolve());
  return promise;
}

const ALIASES = Array.from({ length: 20 }, (_, index) => `alias-${index}`);

describe('asked to stop', () => {
  it('in the middle of a promotion, it finishes all of it, writes its status, and exits with 0', async () => {
    const model = uniqueModel('stopped');
    await mlflow.seed(model, 2);
    const aliases = ALIASES.map((name) => ({ name, version: '2' }));
    const started = Promise.withResolvers<void>();
    proxy.on(
      { method: 'POST', path: /registered-models\/alias/, times: 1 },
      afterwards(() => Promise.resolve(started.resolve())),
    );
    await place.commit({
      'm.yaml': promotion('many', { model, stages: [{ name: 'Production', version: '2' }], aliases }),
    });
    await using daemon = await place.start();
    await started.promise;
    const { code } = await daemon.stop('SIGTERM');

    expect(code).toBe(0);
    expect(daemon.log().at(-1)?.msg).toBe('stopped');
    expect((await mlflow.state(model)).aliases).toEqual(
      Object.fromEntries(ALIASES.map((name) => [name, '2'])),
    );
    expect(changesOf(proxy, model)).toEqual(
      [...ALIASES.map((name) => `alias ${name} 2`), 'stage 2 Production'].toSorted(),
    );
    const file = await place.statusFile('default/many');
    expect(conditionOf(file, 'Ready')).toMatchObject({ status: 'True', reason: 'UpToDate' });
    expect(file.status?.targets).toHaveLength(ALIASES.length + 1);
  });

  it('while a write hangs, it ends within the time it has to drain, and the next start completes it once', async () => {
    const story = await begin('hung');
    const arrived = holdTransition();
    await place.commit(story.files);
    await using daemon = await place.start();
    await arrived;
    const { code, milliseconds } = await daemon.stop('SIGTERM');
    expect(code).toBe(0);
    // 20 s are promised; the deadline of the call itself is 30 s.
    expect(milliseconds).toBeLessThan(29_000);

    proxy.clear();
    await using next = await place.start();
    await next.settled(story.key, 'UpToDate');
    expect(await missing(story.model)).toBeUndefined();
    expect(changesOf(proxy, story.model)).toEqual(CHANGES);
  });

  it.each([
    ['SIGTERM', 'SIGTERM'],
    ['SIGTERM', 'SIGINT'],
    ['SIGINT', 'SIGTERM'],
  ] as const)('twice, by %s and then by %s, it ends at once', async (first, second) => {
    const story = await begin('twice');
    const arrived = holdTransition();
    await place.commit(story.files);
    await using daemon = await place.start();
    await arrived;
    process.kill(daemon.pid, first);
    await daemon.logged('stopping: what has begun is finished');
    const { signal, milliseconds } = await daemon.stop(second);
    expect(signal).toBe(second);
    expect(milliseconds).toBeLessThan(5_000);
  });
});
