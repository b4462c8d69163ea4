import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { MlflowRegistryOptions } from '../../../src/adapters/mlflow/registry.ts';
import {
  after,
  answer,
  dropAfter,
  dropBefore,
  hang,
  passOn,
  stale,
  stall,
  startFaultProxy,
  truncate,
  type Fault,
  type FaultProxy,
} from '../../support/fault-proxy.ts';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { openRegistry, plain, soon, sweptRegistry, write, type World } from './world.ts';

const mlflow = rest(sharedMlflow());
const HTML = '<html><head><title>no</title></head><body><h1>Bad gateway</h1></body></html>';
const JSON_TYPE = { 'content-type': 'application/json' };
const VERSIONS = /model-versions\/search/;
const ALIAS = /registered-models\/alias/;

let proxy: FaultProxy;
let name: string;

beforeAll(async () => {
  proxy = await startFaultProxy(sharedMlflow());
  name = uniqueModel();
  await mlflow.seed(name, 2);
});
afterEach(() => proxy.clear());
afterAll(() => proxy[Symbol.asyncDispose]());

/** A registry in good order, before the weather turns. */
function swept(options: Partial<MlflowRegistryOptions> = {}): Promise<World> {
  return sweptRegistry(proxy.url, [name], options);
}

/** How many requests for this reached the proxy during the work. */
async function requestsFor(path: RegExp, work: () => Promise<unknown>): Promise<number> {
  const before = proxy.seen.length;
  await work();
  return proxy.seen.slice(before).filter((call) => path.test(call)).length;
}

interface Weather {
  readonly fault: Fault;
  readonly reason: 'RegistryUnavailable' | 'AccessDenied' | 'RegistryRefused';
  readonly words: string;
  /** How often a read is tried. */
  readonly tries: number;
  /** Whether a write may have been carried out. */
  readonly ambiguous: boolean;
  readonly timeout?: number;
}

const passing = { reason: 'RegistryUnavailable', tries: 3, ambiguous: true } as const;
const lasting = { reason: 'RegistryRefused', tries: 1, ambiguous: false } as const;

const WEATHER: Readonly<Record<string, Weather>> = {
  'a connection closed before the request was read': {
    ...passing,
    fault: dropBefore,
    words: 'no complete answer',
  },
  'a connection closed instead of the reply': { ...passing, fault: dropAfter, words: 'no complete answer' },
  'a 500': { ...passing, fault: answer(500, HTML), words: 'HTTP 500 Bad gateway' },
  'a 502 with a page': { ...passing, fault: answer(502, HTML), words: 'HTTP 502 Bad gateway' },
  'a 503 with a page': { ...passing, fault: answer(503, HTML), words: 'HTTP 503 Bad gateway' },
  'a 503 of a locked database': {
    ...passing,
    fault: answer(503, '{"error_code":"TEMPORARILY_UNAVAILABLE","message":"database is locked"}', JSON_TYPE),
    words: 'database is locked',
  },
  'a page with status 200': {
    ...passing,
    fault: answer(200, HTML),
    words: 'the answer is not JSON (text/html: Bad gateway); is a gateway in between?',
  },
  'JSON of another shape': {
    ...passing,
    fault: answer(200, '[]', JSON_TYPE),
    words: 'the answer has an unexpected shape',
  },
  'a truncated reply': { ...passing, fault: truncate, words: 'the answer is not JSON' },
  'a reply that stalls half-way': {
    ...passing,
    fault: stall,
    timeout: 400,
    tries: 1,
    words: 'no answer within 0.4 s',
  },
  'no reply at all': { ...passing, fault: hang, timeout: 400, tries: 1, words: 'no answer within 0.4 s' },
  'a 429': {
    ...passing,
    fault: answer(429, 'slow down', { 'retry-after': '0' }),
    ambiguous: false,
    words: 'HTTP 429 slow down',
  },
  'a 401': {
    ...lasting,
    fault: answer(401, 'You are not authenticated.'),
    reason: 'AccessDenied',
    words: 'does not accept our credentials (401)',
  },
  'a 403': {
    ...lasting,
    fault: answer(403, 'Permission denied'),
    reason: 'AccessDenied',
    words: 'the registry does not permit this (403): HTTP 403 Permission denied',
  },
  'a redirect': { ...lasting, fault: answer(302, '', { location: 'https://login/' }), words: 'redirect' },
  'a 404 with a page': { ...lasting, fault: answer(404, HTML), words: 'this is not an MLflow server' },
  'a 500 that lasts': {
    ...lasting,
    fault: answer(500, '{"error_code":"FEATURE_DISABLED","message":"no workspaces"}', JSON_TYPE),
    words: 'no workspaces',
  },
};

describe.each(Object.entries(WEATHER))('%s', (_what, { fault, timeout, reason, words, tries, ambiguous }) => {
  const options = timeout === undefined ? {} : { timeout };

  it('makes a reading unknown, never an absence', async () => {
    const { registry } = await swept(options);
    proxy.on({ path: VERSIONS }, fault);
    const sent = await requestsFor(VERSIONS, async () => {
      expect(await registry.read(name, soon())).toEqual({
        kind: 'unknown',
        reason,
        message: expect.stringContaining(words),
      });
    });
    expect(sent).toBe(tries);
    expect(registry.snapshot(name)).toMatchObject({ kind: 'known' });
  });

  it(`makes a write ${ambiguous ? 'one that may have been carried out' : 'one that was not carried out'}, sent once`, async () => {
    const { registry } = await swept(options);
    proxy.on({ path: /transition-stage/ }, fault);
    const sent = await requestsFor(/transition-stage/, async () => {
      await expect(registry.write(name, write.transition('1', 'Staging'), soon())).rejects.toMatchObject({
        name: 'WriteError',
        reason,
        ambiguous,
        message: expect.stringContaining(words),
      });
    });
    expect(sent).toBe(1);
  });
});

describe('a reading', () => {
  it.each([
    ['a lost connection', dropBefore],
    ['a lost reply', dropAfter],
    ['a 502', answer(502, HTML)],
    ['a page with status 200', answer(200, HTML)],
    ['a truncated reply', truncate],
    ['{} for one who is there', answer(200, '{}', JSON_TYPE)],
  ])('succeeds although %s comes in between', async (_what, fault) => {
    const { registry } = await swept();
    proxy.on({ path: VERSIONS, times: 1 }, fault);
    expect(await registry.read(name, soon())).toMatchObject({
      kind: 'known',
      value: { versions: { size: 2 } },
    });
  });

  it('does not take for absent what one search leaves out', async () => {
    const { registry } = await swept();
    proxy.on({ path: /registered-models\/search/ }, answer(200, '{}', JSON_TYPE));
    expect(await registry.read(name, soon())).toMatchObject({ kind: 'known', value: { name } });
  });

  it.each([
    ['a page', answer(200, HTML)],
    ['{}', answer(200, '{}', JSON_TYPE)],
    ['a page with status 404', answer(404, HTML)],
    ['a lost connection', dropBefore],
  ])('does not take for absent what a look by name answers with %s', async (_what, fault) => {
    const { registry } = await swept();
    proxy.on({ path: /registered-models\/(search|get)/ }, fault);
    proxy.on({ path: /registered-models\/search/ }, answer(200, '{}', JSON_TYPE));
    expect(await registry.read(name, soon())).toMatchObject({ kind: 'unknown' });
  });

  it('of many models fails for all of them alike, and nothing is left over', async () => {
    const { registry } = await swept();
    proxy.on({}, answer(502, HTML));
    const facts = await Promise.all(['a', 'b', 'c'].map((one) => registry.read(one, soon())));
    expect(facts.map(({ kind }) => kind)).toEqual(['unknown', 'unknown', 'unknown']);
  });
});

describe('a write', () => {
  it('whose reply was lost is there when it is looked for', async () => {
    const { registry } = await swept();
    proxy.on({ path: ALIAS }, dropAfter);
    await expect(registry.write(name, write.setAlias('lost', '1'), soon())).rejects.toMatchObject({
      ambiguous: true,
    });
    expect(plain(await registry.read(name, soon()))).toMatchObject({ aliases: { lost: '1' } });
  });

  it('that a lagging replica denies is there when it is looked for', async () => {
    const { registry } = await swept();
    const denial = `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"Registered Model with name=${name} not found"}`;
    proxy.on({ path: ALIAS }, async (exchange) => {
      await exchange.forward();
      await answer(404, denial, JSON_TYPE)(exchange);
    });
    await expect(registry.write(name, write.setAlias('denied', '2'), soon())).rejects.toMatchObject({
      ambiguous: true,
    });
    expect(plain(await registry.read(name, soon()))).toMatchObject({ aliases: { denied: '2' } });
  });

  it('does not show on a replica that lags, and does later', async () => {
    const { registry } = await swept();
    await registry.read(name, soon());
    proxy.on({ path: /search/ }, stale);
    await registry.write(name, write.setAlias('late', '1'), soon());
    expect(plain(await registry.read(name, soon()))).not.toHaveProperty('aliases.late');
    proxy.clear();
    expect(plain(await registry.read(name, soon()))).toHaveProperty('aliases.late', '1');
  });

  it('that was answered by another stage than it asked for is not taken for done', async () => {
    const { registry } = await swept();
    const other = JSON.stringify({ model_version: { name, version: '1', current_stage: 'Archived' } });
    proxy.on({ path: /transition-stage/ }, answer(200, other, JSON_TYPE));
    await expect(registry.write(name, write.transition('1', 'Staging'), soon())).rejects.toMatchObject({
      ambiguous: true,
      message: expect.stringContaining('answered stage Archived'),
    });
  });

  it('that lost a race of first writers may be tried again', async () => {
    const { registry } = await swept();
    const body = '{"error_code":"BAD_REQUEST","message":"(sqlite3.IntegrityError) UNIQUE constraint failed"}';
    proxy.on({ path: ALIAS }, answer(400, body, JSON_TYPE));
    for (let attempt = 0; attempt < 6; attempt += 1) {
      await expect(registry.write(name, write.setAlias('a', '1'), soon())).rejects.toMatchObject({
        reason: 'RegistryUnavailable',
        ambiguous: false,
        message: expect.stringContaining('UNIQUE'),
      });
    }
  });
});

describe('a registry that fails again and again', () => {
  it('is left alone, asked once whether it is well, and used again when it is', async () => {
    const { registry } = await swept();
    proxy.on({}, answer(502, HTML));
    await registry.read(name, soon());
    await registry.read(name, soon());
    const sent = await requestsFor(/./, async () => {
      expect(await registry.read(name, soon())).toMatchObject({
        kind: 'unknown',
        message: 'HTTP 502 Bad gateway',
      });
      await expect(registry.write(name, write.setAlias('a', '1'), soon())).rejects.toMatchObject({
        ambiguous: false,
      });
    });
    expect(sent).toBe(0);

    proxy.clear();
    await expect
      .poll(async () => (await registry.read(name, soon())).kind, { timeout: 10_000, interval: 100 })
      .toBe('known');
  });

  it('does not slow another one', async () => {
    const sick = await swept();
    const { registry: sound } = await sweptRegistry(sharedMlflow(), [name]);
    proxy.on({}, hang);
    const patience = new AbortController();
    const reading = Promise.all(Array.from({ length: 20 }, () => sick.registry.read(name, patience.signal)));
    expect(await sound.read(name, soon())).toMatchObject({ kind: 'known' });
    patience.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
  });
});

describe('Retry-After', () => {
  it('pauses every call to the registry, and the reading goes on after it', async () => {
    const { registry } = await swept();
    proxy.on({ path: VERSIONS, times: 1 }, answer(429, '', { 'retry-after': '1' }));
    const reading = registry.read(name, soon());
    await expect.poll(() => proxy.seen.at(-1)).toMatch(VERSIONS);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const sent = await requestsFor(/./, async () => {
      void registry.read('another', soon());
      await new Promise((resolve) => setTimeout(resolve, 400));
    });
    expect(sent).toBe(0);
    expect(await reading).toMatchObject({ kind: 'known' });
  });

  it('of minutes fails calls at once, so that nobody waits who has other registries to serve', async () => {
    const { registry } = await swept();
    proxy.on({ path: VERSIONS, times: 1 }, answer(429, '', { 'retry-after': '120' }));
    expect(await registry.read(name, soon())).toMatchObject({ reason: 'RegistryUnavailable' });
    const sent = await requestsFor(/./, async () => {
      expect(await registry.read(name, soon())).toMatchObject({ message: 'the registry asked us to wait' });
      expect(await registry.sweep(soon())).toBeUndefined();
    });
    expect(sent).toBe(0);
  });
});

describe('a sweep', () => {
  it('that fails leaves what was known, says why, and comes back', async () => {
    const { registry } = await swept();
    const before = registry.snapshot(name);
    proxy.on({}, dropBefore);
    expect(await registry.sweep(soon())).toBeUndefined();
    expect(registry.health.failure).toMatchObject({ reason: 'RegistryUnavailable' });
    expect(registry.snapshot(name)).toEqual(before);
    proxy.clear();
    await expect.poll(() => registry.sweep(soon()), { timeout: 10_000 }).toBeDefined();
    expect(registry.health.failure).toBeUndefined();
  });

  it('that fails half-way takes nothing over', async () => {
    const { registry } = await swept();
    const before = registry.snapshot(name);
    await mlflow.createVersion(name);
    proxy.on({ path: VERSIONS }, answer(403, 'Permission denied'));
    expect(await registry.sweep(soon())).toBeUndefined();
    expect(registry.snapshot(name)).toEqual(before);
    expect(registry.health.failure).toMatchObject({ reason: 'AccessDenied' });
  });

  it('has a longer deadline than a call', async () => {
    const { registry } = await swept({ timeout: 300 });
    proxy.on({ path: VERSIONS }, after(700));
    expect(await registry.sweep(soon())).toMatchObject({ kind: 'Full' });
    expect(await registry.read(name, soon())).toMatchObject({ message: 'no answer within 0.3 s' });
  });

  it('waits for one that runs, and then looks by itself', async () => {
    const { registry } = await swept();
    const sweeps = await Promise.all([
      registry.sweep(soon()),
      registry.sweep(soon()),
      registry.sweep(soon()),
    ]);
    expect(sweeps.map((sweep) => sweep?.requests)).toEqual([2, 2, 2]);
  });

  it('ends at once when it is cancelled, and when the registry is closed', async () => {
    const { registry } = await swept();
    proxy.on({}, hang);
    const stop = new AbortController();
    const cancelled = registry.sweep(stop.signal);
    const closed = registry.sweep(soon());
    await expect.poll(() => proxy.seen.at(-1)).toMatch(/registered-models\/search/);
    stop.abort(new Error('stopping'));
    await expect(cancelled).rejects.toThrow('stopping');
    await registry.close();
    expect(await closed).toBeUndefined();
  });

  it('asks the server again who it is after a failure', async () => {
    const { registry } = await swept();
    proxy.on({ path: /search/ }, answer(403, ''));
    await registry.sweep(soon());
    proxy.clear();
    proxy.on({ path: /version$/ }, answer(200, '3.99.0'));
    await registry.sweep(soon());
    expect(registry.health.capabilities?.version).toBe('3.99.0');
  });
});

describe('at the first look', () => {
  it.each<[string, Fault, string, string]>([
    ['a page for every address', answer(200, HTML), 'RegistryRefused', 'this is not an MLflow server'],
    ['404 for every address', answer(404, HTML), 'RegistryRefused', 'this is not an MLflow server'],
    ['a redirect', answer(301, '', { location: 'https://elsewhere/' }), 'RegistryRefused', 'redirect'],
    [
      'an MLflow without aliases',
      answer(200, '2.2.1\n'),
      'RegistryRefused',
      'MLflow 2.2.1 has no aliases; 2.3 or later',
    ],
    ['a closed door', answer(401, 'no'), 'AccessDenied', 'check the token, or user name and password'],
    ['an outage', answer(503, HTML), 'RegistryUnavailable', 'HTTP 503 Bad gateway'],
    ['no answer', hang, 'RegistryUnavailable', 'no answer within 1 s'],
  ])('%s is told as what it is, to the sweep and to whoever reads', async (_what, fault, reason, words) => {
    proxy.on({}, fault);
    const { registry } = openRegistry(proxy.url, [name], { timeout: 1_000 });
    expect(await registry.sweep(soon())).toBeUndefined();
    const told = { kind: 'unknown', reason, message: expect.stringContaining(words) };
    expect(registry.health.failure).toMatchObject(told);
    expect(await registry.read(name, soon())).toMatchObject(told);
    expect(registry.snapshot(name)).toMatchObject(told);
  });

  it('a host name that MLflow does not know is told with what to start it with', async () => {
    proxy.on({}, async ({ forward, reply }) => reply(await forward({ host: 'mlflow.svc:5000' })));
    const { registry } = openRegistry(proxy.url, [name]);
    await registry.sweep(soon());
    expect(registry.health.failure).toMatchObject({
      reason: 'AccessDenied',
      message: expect.stringContaining('--allowed-hosts'),
    });
  });

  it.each([
    ['a path that MLflow does not serve', () => `${sharedMlflow()}/wrong`, 'its address lacks a path prefix'],
    [
      'a port where nobody listens',
      () => 'http://127.0.0.1:9',
      'connection refused; is MLflow running there?',
    ],
    ['a host that does not exist', () => 'http://mlflow.invalid', 'the host name'],
    [
      'https where http is spoken',
      () => sharedMlflow().replace('http:', 'https:'),
      'does the server speak https',
    ],
  ])('%s is told as what it is', async (_what, uri, words) => {
    const { registry } = openRegistry(uri(), [name]);
    await registry.sweep(soon());
    expect(registry.health.failure?.message).toContain(words);
  });

  it('many who read at once wait for one probe', async () => {
    proxy.on({ path: /version$/ }, passOn);
    const { registry } = openRegistry(proxy.url, [name]);
    const sent = await requestsFor(/version$/, () =>
      Promise.all([registry.sweep(soon()), registry.read(name, soon()), registry.read('other', soon())]),
    );
    expect(sent).toBe(1);
  });
});
