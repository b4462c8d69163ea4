/**
 * One row a fault, and the same promise for all of them: the registry ends as declared, each change landed once,
 * and the status never said ready before. The built program, with a proxy between it and the real MLflow.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  after,
  answer,
  answerAfter,
  dropAfter,
  dropBefore,
  hang,
  hangAfter,
  afterwards,
  meanwhile,
  passOn,
  resetAfter,
  resetBefore,
  rewrite,
  slowBody,
  stale,
  stall,
  startFaultProxy,
  truncate,
  type Fault,
  type FaultProxy,
  type Rule,
} from '../../support/fault-proxy.ts';
import { sharedMlflow } from '../../support/mlflow.ts';
import type { Daemon } from '../../support/program.ts';
import { install, type Installation } from '../e2e/installation.ts';
import {
  begin,
  CHANGES,
  changesOf,
  liesDuring,
  marksOf,
  missing,
  mlflow,
  provenance,
  type Story,
} from './world.ts';

const HTML = '<html><head><title>no</title></head><body><h1>Bad gateway</h1></body></html>';
const JSON_TYPE: IncomingHttpHeaders = { 'content-type': 'application/json' };
const LOCKED = '{"error_code":"TEMPORARILY_UNAVAILABLE","message":"database is locked"}';
const RACED_AFTER = 'others race a version into Production right after us';
const NO_MODEL = '{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"Registered Model not found"}';

let proxy: FaultProxy;
let place: Installation;
let daemon: Daemon;

beforeAll(async () => {
  proxy = await startFaultProxy(sharedMlflow());
  place = await install(proxy.url);
  await place.commit({ 'README.md': 'Models' });
  daemon = await place.start([], { MLFLOW_HTTP_REQUEST_TIMEOUT: '3' });
});
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await place?.[Symbol.asyncDispose]();
  await proxy?.[Symbol.asyncDispose]();
});

/** The writes of one promotion. */
const CALLS = {
  'the transition': { path: /transition-stage/ },
  'the alias': { method: 'POST', path: /registered-models\/alias/ },
  'the tag': { path: /model-versions\/set-tag/, body: /"ticket"/ },
  'the description': { method: 'PATCH', path: /model-versions\/update/ },
  'the provenance mark': { path: /model-versions\/set-tag/, body: /modelpromotion.dev/ },
  'the owner mark': { path: /registered-models\/set-tag/ },
} as const satisfies Readonly<Record<string, Rule>>;
type Call = keyof typeof CALLS;

type Weather = (story: Story) => void;

/** The first request of this kind, of this model alone. */
const at =
  (call: Call, fault: Fault): Weather =>
  ({ model }) => {
    const rule: Rule = CALLS[call];
    const body = new RegExp(`(?=.*${model})(?=.*${rule.body?.source ?? ''})`);
    proxy.on({ ...rule, body, times: 1 }, fault);
  };
const every =
  (fault: Fault): Weather =>
  (story) => {
    for (const call of Object.keys(CALLS) as Call[]) at(call, fault)(story);
  };

/** What happens to writes; the whole table at once, since each row concerns one model. */
const AT_WRITES: readonly [string, Weather][] = [
  ...(Object.keys(CALLS) as Call[]).flatMap((call): [string, Weather][] => [
    [`${call} is lost`, at(call, dropBefore)],
    [`the answer to ${call} is lost`, at(call, dropAfter)],
  ]),
  ['the connection is reset before the transition', at('the transition', resetBefore)],
  ['the connection is reset after the transition', at('the transition', resetAfter)],
  ['nobody answers a transition that did not arrive', at('the transition', hang)],
  ['nobody answers a transition that was carried out', at('the transition', hangAfter)],
  ['nobody answers the alias that was set', at('the alias', hangAfter)],
  ['the answer to the transition stalls half-way', at('the transition', stall)],
  ['the answer to the transition comes slowly', at('the transition', slowBody(1_000))],
  ['the answer to the transition is truncated', at('the transition', truncate)],
  ['a 500 comes instead of the transition', at('the transition', answer(500, HTML))],
  ['a 500 comes after the transition', at('the transition', answerAfter(500, HTML))],
  ['a 502 page comes instead of the alias', at('the alias', answer(502, HTML))],
  ['a 502 page comes after the alias', at('the alias', answerAfter(502, HTML))],
  ['a page with 200 comes instead of the transition', at('the transition', answer(200, HTML))],
  ['a page with 200 comes after the tag', at('the tag', answerAfter(200, HTML))],
  ['the database is locked for the description', at('the description', answer(503, LOCKED, JSON_TYPE))],
  ['we are asked to wait for a second', at('the alias', answer(429, 'slow down', { 'retry-after': '1' }))],
  ['a read replica denies the alias that was set', at('the alias', answerAfter(404, NO_MODEL, JSON_TYPE))],
  ['a read replica denies the tag that was set', at('the tag', answerAfter(404, NO_MODEL, JSON_TYPE))],
  ['each write fails once', every(dropBefore)],
  ['each answer to a write is lost once', every(dropAfter)],
  ['others race a version into Production right before us', raced(meanwhile)],
  [RACED_AFTER, raced(afterwards)],
]; // prettier-ignore

/** Version 1 is put into Production again around our transition: it is archived in the end. */
function raced(around: (act: () => Promise<unknown>) => Fault): Weather {
  return (story) =>
    at(
      'the transition',
      around(() => mlflow.transition(story.model, '1', 'Production')),
    )(story);
}

const SEARCH: Rule = { path: /\/search/ };

/** What happens to reads, which promotions share: one row after the other. */
const AT_READS: readonly [string, Weather][] = [
  ['connections are reset', () => proxy.on({ ...SEARCH, times: 2 }, resetBefore)],
  ['nobody answers', () => proxy.on({ path: /model-versions\/search/, times: 1 }, hang)],
  ['answers stall half-way', () => proxy.on({ path: /model-versions\/search/, times: 1 }, stall)],
  ['answers are truncated for a moment', () => proxy.on({ ...SEARCH, times: 4 }, truncate)],
  ['a page with 200 comes for a moment', () => proxy.on({ ...SEARCH, times: 6 }, answer(200, HTML))],
  ['a replica lags behind our writes', replicaThatLags],
  ['answers come slowly', () => proxy.on(SEARCH, slowBody(300))],
  ['every request takes 300 ms', () => proxy.on({}, after(300))],
  ['a search leaves out the model', ({ model }) => proxy.on({ path: /registered-models\/search/ }, without(model))],
]; // prettier-ignore

/** Searches answer what they answered before the promotion began, until the last write is 300 ms old. */
function replicaThatLags(): void {
  let lastWrite = -Infinity;
  proxy.on(SEARCH, (exchange) => (performance.now() - lastWrite < 300 ? stale : passOn)(exchange));
  for (const method of ['POST', 'PATCH']) {
    proxy.on({ method }, async (exchange) => {
      lastWrite = performance.now();
      await passOn(exchange);
    });
  }
}

/** What a search finds, but for what we may not read. */
function without(model: string): Fault {
  return rewrite((page) => {
    const models = (page['registered_models'] ?? []) as { name: string }[];
    return { ...page, registered_models: models.filter(({ name }) => name !== model) };
  });
}

async function promote(stories: readonly Story[]): Promise<unknown[]> {
  return liesDuring(daemon, stories, async () => {
    const commit = await place.commit(Object.assign({}, ...stories.map(({ files }) => files)));
    for (const { key } of stories) await daemon.settled(key, 'UpToDate', commit);
  });
}

describe('the registry ends as declared, each change landed once, and the status told no lie, although', () => {
  const stories = new Map<string, Story>();
  let lies: unknown[] = [];

  beforeAll(async () => {
    for (const [what, weather] of AT_WRITES) {
      const story = await begin('write');
      stories.set(what, story);
      weather(story);
    }
    lies = await promote([...stories.values()]);
    proxy.clear();
  });

  it.each(AT_WRITES)('%s', async (what) => {
    const story = stories.get(what);
    if (story === undefined) throw new Error('it was not told');
    expect(await missing(story.model)).toBeUndefined();
    const undone = what === RACED_AFTER ? ['stage 1 Archived'] : [];
    expect(changesOf(proxy, story.model)).toEqual([...CHANGES, ...undone].toSorted());
    expect(lies).toEqual([]);
    const owners = marksOf(proxy, story.model).filter((mark) => mark.includes('/owner/'));
    expect(owners).toHaveLength(new Set(owners).size);
    const lost = what === 'the provenance mark is lost' || what === 'each write fails once';
    if (!lost)
      expect((await provenance(story.model)).toSorted()).toEqual(['alias/champion', 'stage/Production']);
  });
});

describe('the same holds while reads are disturbed:', () => {
  it.each(AT_READS)('%s', async (_what, weather) => {
    const story = await begin('read');
    weather(story);
    const lies = await promote([story]);
    proxy.clear();
    expect(await missing(story.model)).toBeUndefined();
    expect(changesOf(proxy, story.model)).toEqual(CHANGES);
    expect(lies).toEqual([]);
  });
});
