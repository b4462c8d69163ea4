/** Versions that are registered because a promotion asks for what is at a source. */
import { describe, expect, it } from 'vitest';
import { Engine } from '../../../src/reconcile/engine.ts';
import { SILENT, type Registries } from '../../../src/reconcile/ports.ts';
import { aListing, aManifest, aModel, NOW, type PromotionSpec } from '../../support/builders.ts';
import { Killed, MemoryRegistry, only } from '../../support/memory-registry.ts';

const live = new AbortController().signal;
const source = 'runs:/run-9/model';
const resolved = {
  declared: source,
  names: new Set([source, 'models:/m-9']),
  source: 'models:/m-9',
  runId: 'run-9',
  modelId: 'm-9',
};
const wanted: PromotionSpec = {
  stages: { Production: { versionFrom: { source } } },
  aliases: { champion: { versionFrom: { source } } },
  register: { description: 'From the night', tags: { team: 'churn' } },
};

const ANY = { registry: 'ml/default', namespace: 'ml', model: 'churn' };

function start(registry: MemoryRegistry, registries: Registries = only(registry)): Engine {
  return new Engine({
    installation: 'main',
    allowEmpty: true,
    uidOf: (key) => `uid-of-${key}`,
    registries,
    observer: SILENT,
    wake: () => undefined,
    onStatus: () => undefined,
    fence: () => true,
    now: () => NOW,
    sleep: () => Promise.resolve(),
  });
}

async function declare(engine: Engine, spec: PromotionSpec): Promise<string | undefined> {
  const manifests = [aManifest(spec)];
  for (const key of await engine.accept(aListing({ files: { 'all.yaml': manifests } }))) {
    let next = await engine.handle(key, live);
    for (let round = 0; next.kind === 'Now' && round < 10; round += 1) next = await engine.handle(key, live);
  }
  const document = engine.document('ml/churn');
  const ready = document?.status?.conditions?.find(({ type }) => type === 'Ready');
  return ready && `${ready.reason}: ${ready.message}`;
}

function aRegistry(...models: ReturnType<typeof aModel>[]): MemoryRegistry {
  const registry = new MemoryRegistry(...models);
  registry.sources.set(source, resolved);
  return registry;
}

const three = aModel({ versions: { 3: 'Production' } });

describe('a version that is not there yet', () => {
  it('is registered once, with its description and tags, and then takes its targets', async () => {
    const registry = aRegistry(three);
    expect(await declare(start(registry), wanted)).toBe('UpToDate: Production=4, @champion=4');
    expect(registry.written).toEqual([
      `register a version from ${source}`,
      'move version 4 from None to Production, archive 3',
      'set @champion to version 4',
    ]);
    const version = registry.get().versions.get('4');
    expect(version).toMatchObject({ source: 'models:/m-9', runId: 'run-9', description: 'From the night' });
    expect(version?.tags.get('team')).toBe('churn');
  });

  it('is not registered again by a process that knows nothing', async () => {
    const registry = aRegistry(three);
    await declare(start(registry), wanted);
    const before = registry.written.length;
    await declare(start(registry), wanted);
    expect(registry.written.length).toBe(before);
  });

  it('is registered once though its answer is lost', async () => {
    for (const fault of ['lost before', 'lost after'] as const) {
      const registry = aRegistry(three);
      registry.failNext(fault);
      const engine = start(registry);
      await declare(engine, wanted);
      for (let pass = 0; pass < 3; pass += 1) await engine.handle('ml/churn', live);
      const registered = [...registry.get().versions.keys()];
      expect([fault, registered]).toEqual([fault, ['3', '4']]);
      expect(registry.get().aliases.get('champion')).toBe('4');
    }
  });

  it('is registered once wherever the process dies', async () => {
    for (let writes = 1; writes < 9; writes += 1) {
      const registry = aRegistry(three);
      registry.diesAfter = writes;
      await declare(start(registry), wanted).catch((error: unknown) => expect(error).toBeInstanceOf(Killed));
      registry.diesAfter = Infinity;
      expect(await declare(start(registry), wanted)).toBe('UpToDate: Production=4, @champion=4');
      expect([...registry.get().versions.keys()]).toEqual(['3', '4']);
    }
  });

  it('is not registered again when a person deletes it', async () => {
    const registry = aRegistry(three);
    await declare(start(registry), wanted);
    const { versions, ...model } = registry.get();
    registry.change({ ...model, versions: new Map([...versions].filter(([number]) => number !== '4')) });
    expect(await declare(start(registry), wanted)).toMatch(
      /^VersionNotFound: version 4, which was registered from runs:\/run-9\/model, was deleted; .* tag modelpromotion.dev\/registered\//,
    );
    expect([...registry.get().versions.keys()]).toEqual(['3']);
  });

  it('is not registered again under another spelling when a person deletes it', async () => {
    const registry = aRegistry(three);
    registry.sources.set('models:/m-9', { ...resolved, declared: 'models:/m-9' });
    await declare(start(registry), wanted);
    const { versions, ...model } = registry.get();
    registry.change({ ...model, versions: new Map([...versions].filter(([number]) => number !== '4')) });
    const other = { stages: { Production: { versionFrom: { source: 'models:/m-9' } } } };
    expect(await declare(start(registry), other)).toMatch(/^VersionNotFound: version 4, .* was deleted/);
    expect([...registry.get().versions.keys()]).toEqual(['3']);
  });

  it('is not registered, nor its source asked for, where the registry does not allow it', async () => {
    const registry = aRegistry(three);
    const shut = {
      ...only(registry),
      resolve: () => ({ ...only(registry).resolve(ANY), mayRegister: false }),
    };
    expect(await declare(start(registry, shut as Registries), wanted)).toMatch(
      /^NotAllowed: no version is registered from .*spec\.access/,
    );
    expect(registry.written).toEqual([]);
  });

  it('is said to have no source where there is none, and the incumbent stays', async () => {
    const registry = new MemoryRegistry(three);
    expect(await declare(start(registry), wanted)).toBe(`SourceNotFound: there is no model at ${source}`);
    expect(registry.written).toEqual([]);
  });
});

describe('a version that is there already', () => {
  it.each([
    ['under the declared source', { source }],
    ['under what a client makes of it', { source: 'models:/m-9' }],
  ])('%s is taken as it is', async (_how, version) => {
    const registry = aRegistry(aModel({ versions: { 3: 'Production', 5: version } }));
    expect(await declare(start(registry), wanted)).toBe('UpToDate: Production=5, @champion=5');
    expect(registry.written).toEqual([
      'move version 5 from None to Production, archive 3',
      'set @champion to version 5',
    ]);
  });
});

it('a version that somebody else registered is not registered again when a person deletes it', async () => {
  const registry = aRegistry(aModel({ versions: { 3: 'Archived', 5: { source: 'models:/m-9' } } }));
  await declare(start(registry), wanted);
  const { versions, ...model } = registry.get();
  registry.change({ ...model, versions: new Map([...versions].filter(([number]) => number !== '5')) });
  expect(await declare(start(registry), wanted)).toMatch(/^VersionNotFound: version 5, .* was deleted/);
  expect([...registry.get().versions.keys()]).toEqual(['3']);
});

describe('a registered model that is not there', () => {
  const creating: PromotionSpec = {
    ...wanted,
    register: { createModel: { description: 'Who leaves?', tags: { team: 'churn' } } },
  };

  it('is made where the promotion says so', async () => {
    const registry = aRegistry();
    expect(await declare(start(registry), creating)).toBe('UpToDate: Production=1, @champion=1');
    expect(registry.get().tags.get('team')).toBe('churn');
  });

  it('is not made where it does not, or for a source that is not there', async () => {
    expect(await declare(start(aRegistry()), wanted)).toMatch(/^ModelNotFound: .* does not exist$/);
    const registry = new MemoryRegistry();
    expect(await declare(start(registry), creating)).toMatch(/^SourceNotFound: /);
    expect(registry.written).toEqual([]);
  });

  it('is not made again when somebody deletes it', async () => {
    const registry = aRegistry();
    const engine = start(registry);
    await declare(engine, creating);
    registry.remove('churn');
    expect(await declare(engine, { ...creating, interval: '10m' })).toMatch(
      /^ModelNotFound: .* was deleted; it is not made again$/,
    );
  });
});
