import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { MlflowClient } from '../../../src/adapters/mlflow/client.ts';
import { OVERLAP, readChanges } from '../../../src/adapters/mlflow/sweep.ts';
import { Transport } from '../../../src/adapters/mlflow/transport.ts';
import { isPrompt } from '../../../src/domain/observed.ts';
import {
  after,
  answer,
  meanwhile,
  rewrite,
  startFaultProxy,
  type FaultProxy,
} from '../../support/fault-proxy.ts';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { openRegistry, plain, soon, sweptRegistry } from './world.ts';

const mlflow = rest(sharedMlflow());

/** A model in every state there is: three stages, aliases, tags, a description. */
async function richModel(name = uniqueModel()): Promise<string> {
  await mlflow.createModel(name);
  await mlflow.createVersion(name, { tags: { team: 'churn', empty: '' } });
  await mlflow.createVersion(name, { description: 'the second' });
  for (let made = 2; made < 5; made += 1) await mlflow.createVersion(name);
  await mlflow.transition(name, '1', 'Archived');
  await mlflow.transition(name, '2', 'Production');
  await mlflow.transition(name, '3', 'Production');
  await mlflow.transition(name, '4', 'Staging');
  await mlflow.setAlias(name, 'champion', '3');
  await mlflow.setAlias(name, 'Champion', '2');
  return name;
}

/** The same from the server's own GETs, one version at a time. */
async function ownWords(name: string, versions: number): Promise<unknown> {
  const { registered_model: model } = await mlflow.call('GET', 'registered-models/get', { name });
  const numbers = Array.from({ length: versions }, (_, index) => String(index + 1));
  const found = await Promise.all(
    numbers.map(async (number) => {
      const { current_stage: stage, description = '', tags = [] } = await mlflow.version(name, number);
      return [number, { stage, description, tags: fromEntries(tags) }];
    }),
  );
  return {
    name,
    tags: fromEntries(model.tags ?? []),
    aliases: Object.fromEntries((model.aliases ?? []).map(({ alias, version }) => [alias, version])),
    versions: Object.fromEntries(found),
  };
}

function fromEntries(tags: readonly { key: string; value?: string }[]): Record<string, string> {
  return Object.fromEntries(tags.map(({ key, value = '' }) => [key, value]));
}

/** Enough names that narrowing to them would be more work than reading everything. */
const CROWD = Array.from({ length: 401 }, (_, index) => `not-there-${index}`);
const TINY = { models: 3, versions: 4, recent: 5 };

describe('a sweep', () => {
  let [first, second] = ['', ''];
  beforeAll(async () => {
    [first, second] = [await richModel(), await richModel()];
    await mlflow.call('POST', 'registered-models/set-tag', { name: first, key: 'owner', value: 'us' });
  });

  it.each([
    ['of the managed models alone', [], undefined],
    ['of the managed models in tiny pages', [], { models: 1, versions: 2, recent: 1 }],
    ['of the whole registry', CROWD, undefined],
    ['of the whole registry in tiny pages', CROWD, TINY],
  ])('%s sees what the server says of each version', async (_what, crowd, pages) => {
    const options = pages === undefined ? {} : { pages };
    const { registry } = await sweptRegistry(sharedMlflow(), [first, second, ...crowd], options);
    expect(plain(registry.snapshot(first))).toEqual(await ownWords(first, 5));
    expect(plain(registry.snapshot(second))).toEqual(await ownWords(second, 5));
  });

  it('takes two requests for the managed models, and what it found is then free', async () => {
    const { registry, during } = await sweptRegistry(sharedMlflow(), [first, second]);
    const sweep = await registry.sweep(soon());
    expect(sweep).toMatchObject({ kind: 'Full', requests: 2, changed: [] });
    expect(await during(async () => registry.snapshot(first))).toEqual([]);
    expect(registry.health).toMatchObject({
      counts: { models: 2, versions: 10 },
      failure: undefined,
      capabilities: { version: '3.17.2', inOperator: true, workspaces: false },
    });
  });

  it('only says that it saw no such model: a look by name is what proves it', async () => {
    const absent = uniqueModel();
    const { registry, during } = await sweptRegistry(sharedMlflow(), [absent]);
    expect(registry.snapshot(absent)).toEqual({ kind: 'absent' });
    const calls = await during(async () => {
      expect(await registry.read(absent, soon())).toEqual({ kind: 'absent' });
    });
    expect(calls.toSorted()).toEqual(['get-model permanent', 'search-models ok', 'search-versions ok']);
  });

  it('knows nothing of a model that it did not cover', async () => {
    const { registry, managed } = await sweptRegistry(sharedMlflow(), [first]);
    expect(registry.snapshot(second)).toBeUndefined();
    managed.add(second);
    expect(await registry.sweep(soon())).toMatchObject({ kind: 'Full', changed: [second] });
    expect(registry.snapshot(second)).toMatchObject({ kind: 'known' });
  });

  it('forgets a model that is managed no longer, instead of keeping what may be stale', async () => {
    const { registry, managed } = await sweptRegistry(sharedMlflow(), [first, second]);
    managed.delete(second);
    await registry.sweep(soon());
    expect(registry.snapshot(second)).toBeUndefined();
    expect(registry.health.counts).toEqual({ models: 1, versions: 5 });
  });

  it('asks the server who it is where there is no model to read', async () => {
    const { registry, during } = await sweptRegistry(sharedMlflow(), []);
    expect(await during(() => registry.sweep(soon()))).toContain('probe ok');
  });
});

describe('names', () => {
  const ODD = [
    "it's",
    'say "hi"',
    `both ' and "`,
    `q'%_"z`,
    'back\\slash',
    'trailing\\',
    `a\\"b`,
    `a\\'b`,
    'tab\there',
    'new\nline',
    '100%',
    'under_score',
    'semi;colon',
    'dash--dash',
    'comma, name',
    '(name)',
    ' lead and trail ',
    'ünïcödé 模型 😀',
    'e\u0301',
    'a+b&c=d#e?f',
    'x AND y',
    "'",
    '"',
    '`',
  ];
  const names = new Map(ODD.map((odd) => [odd, `${odd}${uniqueModel()}${odd}`]));

  beforeAll(async () => {
    for (const name of names.values()) {
      await mlflow.seed(name, 1);
      await mlflow.setAlias(name, 'champion', '1');
    }
  });

  it('are all found, however odd, by a sweep and by a live reading', async () => {
    const { registry } = await sweptRegistry(sharedMlflow(), [...names.values()]);
    const swept = [...names.values()].map((name) => registry.snapshot(name));
    const live = await Promise.all([...names.values()].map((name) => registry.read(name, soon())));
    const expected = [...names.values()].map((name) => ({
      name,
      tags: {},
      aliases: { champion: '1' },
      versions: { 1: { stage: 'None', description: '', tags: {} } },
    }));
    expect(swept.map(plain)).toEqual(expected);
    expect(live.map(plain)).toEqual(expected);
  });

  it('that differ in case only are different models', async () => {
    const lower = uniqueModel();
    await mlflow.seed(lower, 1);
    await mlflow.seed(lower.toUpperCase(), 2);
    const { registry } = await sweptRegistry(sharedMlflow(), [lower, lower.toUpperCase()]);
    expect(registry.snapshot(lower)).toMatchObject({ value: { name: lower, versions: { size: 1 } } });
    expect(registry.snapshot(lower.toUpperCase())).toMatchObject({ value: { versions: { size: 2 } } });
  });

  it('with a slash cannot be given to a model', async () => {
    await expect(mlflow.createModel(`a/${uniqueModel()}`)).rejects.toMatchObject({ status: 400 });
  });

  it('are found one by one on a server that does not know IN', async () => {
    await using proxy = await startFaultProxy(sharedMlflow());
    const refusal = '{"error_code":"INVALID_PARAMETER_VALUE","message":"Invalid clause(s)"}';
    proxy.on({ path: /name IN/ }, answer(400, refusal, { 'content-type': 'application/json' }));
    const some = ["it's", 'plain'].map((odd) => names.get(odd) ?? '').filter((name) => name !== '');
    const { registry } = await sweptRegistry(proxy.url, some);
    expect(registry.health.capabilities?.inOperator).toBe(false);
    expect(some.map((name) => registry.snapshot(name)?.kind)).toEqual(some.map(() => 'known'));
  });
});

describe('pages', () => {
  let proxy: FaultProxy;
  afterEach(() => proxy[Symbol.asyncDispose]());
  const SECOND_PAGE = /registered-models\/search.*page_token/;

  async function letters(): Promise<string[]> {
    const prefix = uniqueModel();
    const names = ['b', 'c', 'd', 'e', 'f'].map((letter) => `${prefix}-${letter}`);
    for (const name of names) await mlflow.seed(name, 2);
    proxy = await startFaultProxy(sharedMlflow());
    return names;
  }

  it('may shift back while they are read: every model is there, and there once', async () => {
    const names = await letters();
    const [first = ''] = names;
    const before = first.replace(/b$/, 'a');
    proxy.on(
      { path: SECOND_PAGE, times: 1 },
      meanwhile(() => mlflow.seed(before, 1)),
    );
    const { registry } = await sweptRegistry(proxy.url, [...names, before], {
      pages: { ...TINY, models: 2 },
    });
    expect(names.map((name) => plain(registry.snapshot(name)))).toEqual(
      await Promise.all(names.map((name) => ownWords(name, 2))),
    );
  });

  it('may shift forward while they are read: what was left out is still not taken for absent', async () => {
    const names = await letters();
    const [first = '', , third = ''] = names;
    proxy.on(
      { path: SECOND_PAGE, times: 1 },
      meanwhile(() => mlflow.deleteModel(first)),
    );
    const { registry } = await sweptRegistry(proxy.url, names, { pages: { ...TINY, models: 2 } });
    expect(registry.snapshot(third)).toEqual({ kind: 'absent' });
    expect(await registry.read(third, soon())).toMatchObject({ kind: 'known' });
  });

  it('may be empty and still not be the last', async () => {
    const [name = ''] = await letters();
    proxy.on(
      { path: /model-versions\/search/, times: 1 },
      rewrite(({ next_page_token }) => ({ next_page_token })),
    );
    const { registry } = await sweptRegistry(proxy.url, [name], { pages: { ...TINY, versions: 1 } });
    expect(plain(registry.snapshot(name))).toMatchObject({ versions: { 2: { stage: 'None' } } });
  });

  it('that come again and again end in an error, not in an endless loop', async () => {
    const [name = ''] = await letters();
    const { registry } = await sweptRegistry(proxy.url, [name]);
    proxy.on({ path: /model-versions\/search/ }, answer(200, '{"next_page_token":"x"}'));
    expect(await registry.sweep(soon())).toBeUndefined();
    expect(registry.health.failure?.message).toContain('the same page again and again');
    expect(registry.snapshot(name)).toMatchObject({ kind: 'known' });
  });
});

describe('two searches that disagree', () => {
  it('leave a model unknown when a version that it has is not among the versions found', async () => {
    const name = await richModel();
    await using proxy = await startFaultProxy(sharedMlflow());
    const { registry } = await sweptRegistry(proxy.url, [name]);
    proxy.on({ path: /model-versions\/search/ }, answer(200, '{}', { 'content-type': 'application/json' }));
    expect(await registry.read(name, soon())).toEqual({
      kind: 'unknown',
      reason: 'RegistryUnavailable',
      message: expect.stringMatching(/^version \d of model .* is left out when versions are searched/),
    });
    await registry.sweep(soon());
    expect(registry.snapshot(name)).toMatchObject({ kind: 'unknown' });
  });

  it('are asked again by name, which settles a version made in between', async () => {
    const name = await richModel();
    await using proxy = await startFaultProxy(sharedMlflow());
    const { registry } = await sweptRegistry(proxy.url, [name]);
    proxy.on({ path: /model-versions\/search/, times: 1 }, answer(200, '{}'));
    expect(plain(await registry.read(name, soon()))).toEqual(await ownWords(name, 5));
  });

  it('count every model of a gateway that answers {} as not there until a look by name', async () => {
    const name = await richModel();
    await using proxy = await startFaultProxy(sharedMlflow());
    const { registry } = await sweptRegistry(proxy.url, [name]);
    proxy.on({}, answer(200, '{}', { 'content-type': 'application/json' }));
    expect(await registry.read(name, soon())).toMatchObject({
      kind: 'unknown',
      reason: 'RegistryUnavailable',
    });
  });
});

describe('what a registry may hold', () => {
  it('includes prompts, which searches leave out: a look by name finds them and says what they are', async () => {
    const name = uniqueModel('prompt');
    const tags = [{ key: 'mlflow.prompt.is_prompt', value: 'true' }];
    await mlflow.call('POST', 'registered-models/create', { name, tags });
    await mlflow.createVersion(name, { source: 'dummy-source', tags: { 'mlflow.prompt.is_prompt': 'true' } });
    const { registry } = await sweptRegistry(sharedMlflow(), [name]);
    const fact = await registry.read(name, soon());
    expect(fact.kind === 'known' && isPrompt(fact.value)).toBe(true);
  });

  it('includes aliases that point at a version which is gone', async () => {
    const name = await richModel();
    await using proxy = await startFaultProxy(sharedMlflow());
    proxy.on(
      { path: /registered-models\/search.*IN/ },
      rewrite((page) => ({
        registered_models: (page['registered_models'] as { aliases?: object[] }[] | undefined)?.map(
          (model) => ({ ...model, aliases: [...(model.aliases ?? []), { alias: 'gone', version: '99' }] }),
        ),
      })),
    );
    const { registry } = await sweptRegistry(proxy.url, [name]);
    const fact = registry.snapshot(name);
    expect(fact).toMatchObject({ kind: 'known' });
    expect(fact?.kind === 'known' && fact.value.aliases.get('gone')).toBe('99');
    expect(fact?.kind === 'known' && fact.value.versions.has('99')).toBe(false);
  });

  it('loses a deleted version, and its alias with it', async () => {
    const name = await richModel();
    const { registry } = await sweptRegistry(sharedMlflow(), [name]);
    await mlflow.deleteVersion(name, '3');
    expect(await registry.sweep(soon())).toMatchObject({ changed: [name] });
    expect(plain(registry.snapshot(name))).toMatchObject({ aliases: { Champion: '2' } });
    expect(plain(registry.snapshot(name))).not.toHaveProperty('versions.3');
  });

  it('gives a model that was deleted and made again versions of another identity', async () => {
    const name = uniqueModel();
    await mlflow.seed(name, 1);
    const { registry } = await sweptRegistry(sharedMlflow(), [name]);
    const before = registry.snapshot(name);
    await mlflow.deleteModel(name);
    await mlflow.seed(name, 1);
    expect(await registry.sweep(soon())).toMatchObject({ changed: [name] });
    const created = (fact: typeof before) =>
      fact?.kind === 'known' ? fact.value.versions.get('1')?.creationTimestamp : undefined;
    expect(created(registry.snapshot(name))).toBeGreaterThan(created(before) ?? Infinity);
  });
});

describe('the look for changes', () => {
  /** A full read that took long, so that for a while only changes are looked for. */
  async function lookingForChanges(
    managed: readonly string[],
    proxy: FaultProxy,
    crowd: readonly string[] = [],
  ) {
    proxy.on({ path: /registered-models\/search(?!.*modelpromotion-probe)/, times: 1 }, after(1_000));
    const world = await sweptRegistry(proxy.url, [...managed, ...crowd], { sweepInterval: 0 });
    proxy.clear();
    return world;
  }

  it.each([
    ['of few models', []],
    ['of a whole registry', CROWD],
  ])('%s takes one request when nothing changed, and one more for all that did', async (_what, crowd) => {
    await using proxy = await startFaultProxy(sharedMlflow());
    const models = [await richModel(), await richModel(), await richModel()];
    const [moved = '', made = '', deleted = ''] = models;
    const { registry } = await lookingForChanges(models, proxy, crowd);

    await registry.sweep(soon());
    const seen = proxy.seen.length;
    await registry.sweep(soon());
    expect(proxy.seen.slice(seen).every((call) => call.includes('last_updated_timestamp DESC'))).toBe(true);

    await mlflow.transition(moved, '1', 'Staging', true);
    await mlflow.createVersion(made);
    await mlflow.deleteVersion(deleted, '3');
    const sweep = await registry.sweep(soon());
    expect(sweep?.kind).toBe('Changes');
    expect(sweep?.changed).toEqual(expect.arrayContaining(models));
    expect(plain(registry.snapshot(moved))).toEqual(await ownWords(moved, 5));
    expect(plain(registry.snapshot(made))).toEqual(await ownWords(made, 6));
    expect(plain(registry.snapshot(deleted))).not.toHaveProperty('versions.3');
  });

  it('counts one request, then two', async () => {
    await using proxy = await startFaultProxy(sharedMlflow());
    const name = await richModel();
    const { registry } = await lookingForChanges([name], proxy);
    expect(await registry.sweep(soon())).toMatchObject({ kind: 'Changes', requests: 1, changed: [] });
    await mlflow.transition(name, '5', 'Staging');
    expect(await registry.sweep(soon())).toMatchObject({ kind: 'Changes', requests: 2, changed: [name] });
    expect(await registry.sweep(soon())).toMatchObject({ kind: 'Changes', requests: 1, changed: [] });
  });

  it('cannot see an alias that moved, and the next full read does', async () => {
    await using proxy = await startFaultProxy(sharedMlflow());
    const name = await richModel();
    const { registry, managed } = await lookingForChanges([name], proxy);
    await mlflow.setAlias(name, 'champion', '1');
    expect(await registry.sweep(soon())).toMatchObject({ kind: 'Changes', changed: [] });
    managed.add(uniqueModel());
    expect(await registry.sweep(soon())).toMatchObject({ kind: 'Full' });
    expect(plain(registry.snapshot(name))).toMatchObject({ aliases: { champion: '1' } });
  });

  it('gives way to a full read when too much changed that is not ours', async () => {
    await using proxy = await startFaultProxy(sharedMlflow());
    const name = await richModel();
    const { registry } = await lookingForChanges([name], proxy);
    const others = Array.from({ length: 200 }, (_, index) => ({
      name: `other-${index}`,
      last_updated_timestamp: Date.now(),
    }));
    proxy.on(
      { path: /timestamp DESC/ },
      rewrite(() => ({ registered_models: others, next_page_token: 'x' })),
    );
    await mlflow.setAlias(name, 'champion', '1');
    expect(await registry.sweep(soon())).toMatchObject({ kind: 'Full', requests: 3, changed: [name] });
  });

  it('looks back far enough to find what was committed late', async () => {
    const name = await richModel();
    const { registered_model: model } = await mlflow.call('GET', 'registered-models/get', { name });
    const transport = new Transport({
      uri: sharedMlflow(),
      credentials: () => Promise.resolve({ kind: 'none' }),
      tls: () => Promise.resolve({}),
      workspace: undefined,
      concurrency: 4,
      proxy: false,
    });
    const observer = { requested: () => undefined };
    const client = new MlflowClient(transport, { concurrency: 4, timeout: 30_000, observer });
    const look = (watermark: number) =>
      readChanges(
        client,
        {
          known: () => undefined,
          watermark,
          inOperator: true,
          only: { names: new Set([name]), most: 9_999 },
        },
        soon(),
      );
    const updated = model.last_updated_timestamp;
    expect([...(await look(updated + OVERLAP)).facts.keys()]).toEqual([name]);
    expect([...(await look(updated + OVERLAP + 1)).facts.keys()]).toEqual([]);
    await transport.close();
  });
});

describe('live readings', () => {
  const names = Array.from({ length: 250 }, () => uniqueModel('batch'));
  beforeAll(async () => {
    const left = [...names];
    const seed = async (): Promise<void> => {
      for (let name = left.pop(); name !== undefined; name = left.pop()) await mlflow.seed(name, 1);
    };
    await Promise.all([seed(), seed(), seed(), seed()]);
  });

  it.each([
    [50, 2],
    [250, 6],
  ])('of %i models at once take %i requests', async (count, requests) => {
    const { registry, during } = await sweptRegistry(sharedMlflow(), []);
    const some = names.slice(0, count);
    const calls = await during(async () => {
      const facts = await Promise.all(some.map((name) => registry.read(name, soon())));
      expect(facts.map((fact) => (fact.kind === 'known' ? fact.value.name : fact.kind))).toEqual(some);
    });
    expect(calls).toHaveLength(requests);
  });

  it('of one model by many who ask at once are one reading', async () => {
    const { registry, during } = await sweptRegistry(sharedMlflow(), []);
    const [name = ''] = names;
    const calls = await during(() => Promise.all(names.map(() => registry.read(name, soon()))));
    expect(calls).toHaveLength(2);
  });

  it('end for whoever gave up, and go on for the others', async () => {
    const { registry } = await sweptRegistry(sharedMlflow(), []);
    const [name = ''] = names;
    const impatient = new AbortController();
    const given = registry.read(name, impatient.signal);
    const kept = registry.read(name, soon());
    impatient.abort(new Error('enough'));
    await expect(given).rejects.toThrow('enough');
    expect(await kept).toMatchObject({ kind: 'known' });
  });

  it('tell the next sweep what they found, so that others who care for the model are woken', async () => {
    const name = await richModel();
    const { registry } = await sweptRegistry(sharedMlflow(), [name]);
    await mlflow.setAlias(name, 'champion', '1');
    await registry.read(name, soon());
    expect(plain(registry.snapshot(name))).toMatchObject({ aliases: { champion: '1' } });
    expect(await registry.sweep(soon())).toMatchObject({ changed: [name] });
    expect(await registry.sweep(soon())).toMatchObject({ changed: [] });
  });

  it('win over a sweep that began before them', async () => {
    const name = await richModel();
    await using proxy = await startFaultProxy(sharedMlflow());
    const { registry } = await sweptRegistry(proxy.url, [name]);
    proxy.on(
      { path: /model-versions\/search/, times: 1 },
      meanwhile(async () => {
        await mlflow.setAlias(name, 'champion', '1');
        await registry.read(name, soon());
      }),
    );
    await registry.sweep(soon());
    expect(plain(registry.snapshot(name))).toMatchObject({ aliases: { champion: '1' } });
  });

  it('work before the first sweep, and find out by themselves what the server is', async () => {
    const { registry } = openRegistry(sharedMlflow(), []);
    const facts = await Promise.all(names.slice(0, 3).map((name) => registry.read(name, soon())));
    expect(facts.map(({ kind }) => kind)).toEqual(['known', 'known', 'known']);
    expect(registry.health.capabilities?.version).toBe('3.17.2');
  });
});
