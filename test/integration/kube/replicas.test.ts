/**
 * Two replicas, of which the one that leads is killed at any call of a promotion, and the standby must lead it to what is
 * declared, nothing twice. Each point between two writes has a promotion of its own that is held there; when all are where
 * they should be, one SIGKILL meets them all. Reads are no promotion's own, and so each has a pair of replicas.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  afterwards,
  hang,
  meanwhile,
  passOn,
  startFaultProxy,
  type FaultProxy,
} from '../../support/fault-proxy.ts';
import { sharedMlflow } from '../../support/mlflow.ts';
import type { Daemon } from '../../support/program.ts';
import { POINTS, expectDoneOnce, holdEach, type Held } from '../weather/points.ts';
import { begin, CHANGES, changesOf, liesDuring, missing, type Story } from '../weather/world.ts';
import { KubeWorld, STANDS_BY } from './world.ts';

/** Room for everybody to wait at once. */
const REGISTRY = { sweepInterval: '1s', limits: { concurrency: 64, requestTimeout: '5m' } };

let world: KubeWorld;
let proxy: FaultProxy;
let standby: Daemon;
let held: Held;
let namespace: string;
let lies: unknown[] = [];

const keyIn = (of: string, { model }: Story): string => `${of}/${model}`;

beforeAll(async () => {
  world = await KubeWorld.open();
  proxy = await startFaultProxy(sharedMlflow());
  namespace = await world.namespace({ uri: proxy.url, registry: REGISTRY });
  held = await holdEach(proxy, 'failover');
  const stories = [...held.stories.values()].map((story) => ({ ...story, key: keyIn(namespace, story) }));
  const leader = await world.operator(['--workers', '64']);
  await leader.logged('leading');
  standby = await world.operator(['--workers', '64']);
  await standby.logged(STANDS_BY);
  for (const { key, spec } of stories) await world.promote(key, spec);
  await held.reached();
  await leader.stop('SIGKILL');
  proxy.clear();
  lies = await liesDuring(standby, stories, async () => {
    for (const { key } of stories) await world.settled(key, 'UpToDate');
  });
  // Every namespace is served by a pair of its own from now on.
  await standby.stop();
});
afterAll(async () => {
  await standby?.[Symbol.asyncDispose]();
  await proxy?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
});

describe('a promotion is completed by the standby, with each change made once, when the leader was killed', () => {
  it.each(POINTS)('%s', async (point) => {
    const story = await expectDoneOnce(proxy, held.stories.get(point));
    const { status } = await world.get(keyIn(namespace, story));
    expect(status?.targets?.map(({ target, applied }) => `${target} ${applied?.version}`).toSorted()).toEqual(
      ['alias/champion 2', 'stage/Production 2'],
    );
    expect(lies).toEqual([]);
  });
});

/** Reads until a promotion is done, and which one of its kind each is. */
const READS: readonly [string, RegExp, number][] = [
  ['the version of the server', /^\/version/, 1],
  ['whether the server is well', /^\/health/, 1],
  ['the model', /registered-models\/search.*failover/, 1],
  ['its versions', /model-versions\/search.*failover/, 1],
  ['the model after the last write', /registered-models\/search.*failover/, 2],
  ['its versions after the last write', /model-versions\/search.*failover/, 2],
];

describe('a promotion is completed by the standby, with each change made once, when the leader was killed as it read', () => {
  it.concurrent.each(READS)('%s', async (_, path, which) => {
    await using own = await startFaultProxy(sharedMlflow());
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
    let reads = 0;
    own.on({ method: 'GET', path }, (exchange) => {
      reads += 1;
      if (reads < which) return passOn(exchange);
      arrive();
      return hang(exchange);
    });
    const namespace = await world.namespace({ uri: own.url, registry: { limits: { requestTimeout: '5m' } } });
    const story = await begin('failover');
    const key = keyIn(namespace, story);
    await world.promote(key, story.spec);
    await using leader = await world.operator(['--watch-namespace', namespace]);
    await leader.logged('leading');
    await using heir = await world.operator(['--watch-namespace', namespace]);
    await heir.logged(STANDS_BY);
    await arrived;
    await leader.stop('SIGKILL');
    own.clear();
    await world.settled(key, 'UpToDate');
    await heir.logged('leading');
    expect(await missing(story.model)).toBeUndefined();
    expect(changesOf(own, story.model)).toEqual(CHANGES);
  });
});

describe('a rolling update makes each change once, when the old replica is told to go', () => {
  it.each([
    ['before the transition reached the registry', meanwhile],
    ['after the transition landed, before its answer came', afterwards],
  ])('%s', async (_, holding) => {
    await using own = await startFaultProxy(sharedMlflow());
    const [reached, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const hold = holding(() => (reached.resolve(), held.promise));
    own.on({ path: /transition-stage/, times: 1 }, hold);
    const namespace = await world.namespace({ uri: own.url });
    const story = await begin('rolling');
    const key = keyIn(namespace, story);
    await using old = await world.operator(['--watch-namespace', namespace]);
    await old.logged('leading');
    await using next = await world.operator(['--watch-namespace', namespace]);
    await next.logged(STANDS_BY);
    await world.promote(key, story.spec);
    await reached.promise;
    const stopping = old.stop();
    await old.logged('stopping: what has begun is finished');
    // For longer than the lease, which is kept for as long as something is under way.
    await sleep(4_000);
    expect(next.log().map(({ msg }) => msg)).not.toContain('leading');
    held.resolve();
    expect((await stopping).code).toBe(0);
    await next.logged('leading');
    await world.settled(key, 'UpToDate');
    expect(await missing(story.model)).toBeUndefined();
    expect(changesOf(own, story.model)).toEqual(CHANGES);
    expect((await next.stop()).code).toBe(0);
  });
});
