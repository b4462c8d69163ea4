/**
 * Killed between any two calls of a promotion. Each point has a promotion of its own that is held there; when all are
 * where they should be, one SIGKILL meets them all, and a restart must lead each to what is declared, nothing twice.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFaultProxy, type FaultProxy } from '../../support/fault-proxy.ts';
import { sharedMlflow } from '../../support/mlflow.ts';
import { eventually, type Daemon } from '../../support/program.ts';
import { install, registry, type Installation } from '../e2e/installation.ts';
import { POINTS } from './points.ts';
import { begin, CHANGES, changesOf, liesDuring, marksOf, missing, type Story } from './world.ts';

let proxy: FaultProxy;
let place: Installation;
let second: Daemon;

/** Room for everybody to wait at once. */
const everybody = { uri: '', sweepInterval: '1s', limits: { concurrency: 64, requestTimeout: '5m' } };
const stories = new Map<string, Story>();
let lies: unknown[] = [];

beforeAll(async () => {
  proxy = await startFaultProxy(sharedMlflow());
  place = await install(undefined);
  const arrived = new Set<string>();
  for (const [point, hold] of POINTS) {
    const story = await begin('killed', { registryRef: { name: 'everybody' } });
    stories.set(point, story);
    hold(proxy, story, () => arrived.add(point));
  }
  const files = [...stories.values()].map(({ files }) => files);
  await place.commit(
    Object.assign({ 'registry.yaml': registry('everybody', { ...everybody, uri: proxy.url }) }, ...files),
  );
  const first = await place.start(['--workers', '64']);
  await eventually(() => {
    const late = POINTS.filter(([point]) => !arrived.has(point)).map(([point]) => point);
    if (late.length > 0) throw new Error(`not there yet: ${late.join(', ')}`);
  });
  await first.stop('SIGKILL');
  proxy.clear();
  second = await place.start(['--workers', '64']);
  lies = await liesDuring(second, [...stories.values()], async () => {
    for (const { key } of stories.values()) await second.settled(key, 'UpToDate');
  });
});
afterAll(async () => {
  await second?.[Symbol.asyncDispose]();
  await place?.[Symbol.asyncDispose]();
  await proxy?.[Symbol.asyncDispose]();
});

describe('a promotion is completed after a restart, with each change made once, when we were killed', () => {
  it.each(POINTS)('%s', async (point) => {
    const story = stories.get(point);
    if (story === undefined) throw new Error('it was not told');
    expect(await missing(story.model)).toBeUndefined();
    expect(changesOf(proxy, story.model)).toEqual(CHANGES);
    const owners = marksOf(proxy, story.model).filter((mark) => mark.includes('/owner/'));
    expect(owners).toHaveLength(new Set(owners).size);
    expect(lies).toEqual([]);
  });
});
