/**
 * Killed between any two calls of a promotion. Each point has a promotion of its own that is held there; when all are
 * where they should be, one SIGKILL meets them all, and a restart must lead each to what is declared, nothing twice.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFaultProxy, type FaultProxy } from '../../support/fault-proxy.ts';
import { sharedMlflow } from '../../support/mlflow.ts';
import type { Daemon } from '../../support/program.ts';
import { install, registry, type Installation } from '../e2e/installation.ts';
import { POINTS, expectDoneOnce, holdEach, type Held } from './points.ts';
import { liesDuring } from './world.ts';

let proxy: FaultProxy;
let place: Installation;
let second: Daemon;

/** Room for everybody to wait at once. */
const everybody = { uri: '', sweepInterval: '1s', limits: { concurrency: 64, requestTimeout: '5m' } };
let held: Held;
let lies: unknown[] = [];

beforeAll(async () => {
  proxy = await startFaultProxy(sharedMlflow());
  place = await install(undefined);
  held = await holdEach(proxy, 'killed', { registryRef: { name: 'everybody' } });
  const stories = [...held.stories.values()];
  const files = stories.map(({ files }) => files);
  await place.commit(
    Object.assign({ 'registry.yaml': registry('everybody', { ...everybody, uri: proxy.url }) }, ...files),
  );
  const first = await place.start(['--workers', '64']);
  await held.reached();
  await first.stop('SIGKILL');
  proxy.clear();
  second = await place.start(['--workers', '64']);
  lies = await liesDuring(second, stories, async () => {
    for (const { key } of stories) await second.settled(key, 'UpToDate');
  });
});
afterAll(async () => {
  await second?.[Symbol.asyncDispose]();
  await place?.[Symbol.asyncDispose]();
  await proxy?.[Symbol.asyncDispose]();
});

describe('a promotion is completed after a restart, with each change made once, when we were killed', () => {
  it.each(POINTS)('%s', async (point) => {
    await expectDoneOnce(proxy, held.stories.get(point));
    expect(lies).toEqual([]);
  });
});
