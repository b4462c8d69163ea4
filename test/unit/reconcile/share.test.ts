/** Two engines that share the promotions of one registry: each does its own, and knows the claims of the other. */
import { expect, it } from 'vitest';
import type { ModelPromotion } from '../../../src/api/generated/types.ts';
import { Engine } from '../../../src/reconcile/engine.ts';
import { SILENT } from '../../../src/reconcile/ports.ts';
import type { Share } from '../../../src/reconcile/share.ts';
import { aListing, aManifest, aModel, aProblem, NOW, type ListingSpec } from '../../support/builders.ts';
import { MemoryRegistry, only } from '../../support/memory-registry.ts';

const live = new AbortController().signal;
const production = { Production: '2' };

/** Models that begin with this letter are ours; names of what cannot be read, too. */
type Part = 'a' | 'b';

/** What an API server keeps: the statuses that anybody wrote, and what is being deleted. */
class World {
  readonly registry = new MemoryRegistry(
    ...['apple', 'avocado', 'banana', 'blueberry'].map((name) =>
      aModel({ name, versions: { 1: 'Production', 2: 'None' } }),
    ),
  );
  readonly statuses = new Map<string, NonNullable<ModelPromotion['status']>>();
  readonly leaving = new Set<string>();

  start(part: Part): Engine {
    const share: Share = {
      isOurs: ({ model }) => model.startsWith(part),
      isOursByName: (key) => key.split('/').at(-1)?.startsWith(part) ?? false,
      statusOf: (key) => this.statuses.get(key),
      isLeaving: (key) => this.leaving.has(key),
    };
    const engine: Engine = new Engine({
      installation: 'main',
      allowEmpty: true,
      uidOf: (key) => `uid-of-${key}`,
      registries: only(this.registry),
      observer: SILENT,
      share,
      wake: () => undefined,
      onStatus: (key) => {
        const status = engine.document(key)?.status;
        if (status !== undefined) this.statuses.set(key, status);
      },
      fence: () => true,
      now: () => NOW,
      sleep: () => Promise.resolve(),
    });
    return engine;
  }

  reason(name: string): string | undefined {
    return this.statuses.get(`ml/${name}`)?.summary?.reason;
  }

  /** Stage by version. */
  stagesOf(model: string): Record<string, string> {
    const { versions } = this.registry.get(model);
    return Object.fromEntries([...versions.values()].map(({ version, stage }) => [version, stage]));
  }
}

async function accept(engine: Engine, spec: ListingSpec): Promise<string[]> {
  const keys = await engine.accept(aListing(spec));
  for (const key of keys) {
    let next = await engine.handle(key, live);
    for (let round = 0; next.kind === 'Now' && round < 10; round += 1) next = await engine.handle(key, live);
  }
  return keys;
}

const declared = (...promotions: readonly Parameters<typeof aManifest>[0][]): ListingSpec => ({
  files: { 'all.yaml': promotions.map((promotion) => aManifest(promotion)) },
});

it('each does what is its own and leaves the rest alone', async () => {
  const world = new World();
  const both = declared(
    { name: 'one', model: 'apple', stages: production },
    { name: 'two', model: 'banana', stages: production },
  );
  const [a, b] = [world.start('a'), world.start('b')];
  expect(await accept(a, both)).toEqual(['ml/one']);
  expect([world.stagesOf('apple')['2'], world.stagesOf('banana')['2']]).toEqual(['Production', 'None']);
  expect([a.keys(), a.modelsOf(a.addressOf('ml/one') ?? '')]).toEqual([['ml/one'], new Set(['apple'])]);
  expect(await accept(b, both)).toEqual(['ml/two']);
  expect(world.stagesOf('banana')['2']).toBe('Production');
  expect([world.reason('one'), world.reason('two')]).toEqual(['UpToDate', 'UpToDate']);
});

it('a pass over what is not ours reads and writes nothing', async () => {
  const world = new World();
  const a = world.start('a');
  await accept(a, declared({ name: 'two', model: 'banana', stages: production }));
  await a.handle('ml/two', live);
  expect([world.registry.reads, world.registry.written, [...world.statuses]]).toEqual([0, [], []]);
});

it('a promotion that comes to manage a model of another share is released by the one and promoted by the other', async () => {
  const world = new World();
  const [a, b] = [world.start('a'), world.start('b')];
  const before = declared({
    name: 'one',
    model: 'apple',
    aliases: { champion: '2' },
    deletionPolicy: 'Release',
  });
  const after = declared({
    name: 'one',
    model: 'banana',
    aliases: { champion: '2' },
    deletionPolicy: 'Release',
  });
  for (const engine of [a, b]) await accept(engine, before);
  expect(world.registry.get('apple').aliases.get('champion')).toBe('2');
  for (const engine of [b, a]) await accept(engine, after);
  expect(world.registry.get('apple').aliases.has('champion')).toBe(false);
  expect(world.registry.get('banana').aliases.get('champion')).toBe('2');
  expect([a.keys(), b.keys()]).toEqual([[], ['ml/one']]);
});

it('what becomes ours goes on from the status that the other wrote, so that drift stays drift', async () => {
  const world = new World();
  const [a, b] = [world.start('a'), world.start('b')];
  const good = declared({ name: 'berry', model: 'apple', stages: production });
  const broken: ListingSpec = { problems: [aProblem('all.yaml', 'berry')] };
  for (const engine of [a, b]) await accept(engine, good);
  const applied = world.statuses.get('ml/berry')?.lastAppliedRevision;
  expect(applied).toBeDefined();
  // What cannot be read belongs to whom its name falls on.
  for (const engine of [a, b]) await accept(engine, broken);
  expect([a.keys(), b.keys(), world.reason('berry')]).toEqual([[], ['ml/berry'], 'InvalidSpec']);
  expect(world.statuses.get('ml/berry')?.lastAppliedRevision).toBe(applied);
  for (const engine of [b, a]) await accept(engine, good);
  expect([a.keys(), b.keys(), world.reason('berry')]).toEqual([['ml/berry'], [], 'UpToDate']);
  expect(world.registry.written.filter((line) => line.includes('Production'))).toHaveLength(1);
});

it('a restart leaves the other’s alone', async () => {
  const world = new World();
  const manifests = [
    aManifest({ name: 'one', model: 'apple', stages: production }),
    aManifest({ name: 'two', model: 'banana', stages: production }),
  ];
  const both: ListingSpec = { files: { 'all.yaml': manifests } };
  for (const part of ['a', 'b'] as const) await accept(world.start(part), both);
  const written = [...world.registry.written];
  const again = world.start('a');
  again.restore(
    manifests.flatMap((document) => {
      const status = world.statuses.get(`ml/${document.metadata.name}`);
      return status === undefined ? [] : [{ ...document, status }];
    }),
  );
  await accept(again, both);
  await again.handle('ml/two', live);
  expect([again.keys(), world.registry.written]).toEqual([['ml/one'], written]);
});

it('what another one releases waits here for as long as it is there, and is dropped then', async () => {
  const world = new World();
  const a = world.start('a');
  await accept(
    a,
    declared({ name: 'two', model: 'banana', aliases: { champion: '2' }, deletionPolicy: 'Release' }),
  );
  world.leaving.add('ml/two');
  expect(await accept(a, {})).toEqual(['ml/two']);
  expect(a.document('ml/two')).toBeDefined();
  world.leaving.delete('ml/two');
  expect(await accept(a, {})).toEqual(['ml/two']);
  expect([a.document('ml/two'), world.registry.written]).toEqual([undefined, []]);
});

it('what can be read of nobody is told by one of them alone', async () => {
  const world = new World();
  const [a, b] = [world.start('a'), world.start('b')];
  for (const engine of [a, b]) await accept(engine, { problems: [aProblem('all.yaml', 'bad')] });
  expect([a.document('ml/bad'), b.document('ml/bad')?.status?.summary?.reason]).toEqual([
    undefined,
    'InvalidSpec',
  ]);
});

const release = {
  name: 'berry',
  model: 'apple',
  aliases: { champion: '2' },
  deletionPolicy: 'Release',
} as const;
const mistake = (words: string): ListingSpec => ({ problems: [aProblem('all.yaml', 'berry', words)] });

it('a restart, and one mistake after the other, leave the records that the other one releases by', async () => {
  const world = new World();
  const a = world.start('a');
  let b = world.start('b');
  for (const engine of [a, b]) await accept(engine, declared(release));
  for (const engine of [a, b]) await accept(engine, mistake('one'));
  const status = world.statuses.get('ml/berry');
  expect(status?.targets).toHaveLength(1);
  b = world.start('b');
  const metadata = { namespace: 'ml', name: 'berry', generation: 2 };
  const apiVersion = 'modelpromotion.dev/v1alpha1';
  b.restore([], [], [{ apiVersion, kind: 'ModelPromotion', metadata, status: status ?? {} }]);
  for (const engine of [b, a]) await accept(engine, mistake('two'));
  expect(world.statuses.get('ml/berry')?.targets).toHaveLength(1);
  world.leaving.add('ml/berry');
  for (const engine of [a, b]) await accept(engine, {});
  expect(world.registry.get('apple').aliases.has('champion')).toBe(false);
});

it('only who releases something has a status for it, and says that it is released', async () => {
  const world = new World();
  const [a, b] = [world.start('a'), world.start('b')];
  for (const engine of [a, b]) await accept(engine, declared(release));
  world.registry.down = true;
  world.leaving.add('ml/berry');
  for (const engine of [a, b]) await accept(engine, {});
  expect([a.document('ml/berry')?.status?.targets?.length, b.document('ml/berry')?.status]).toEqual([
    1,
    undefined,
  ]);
  expect([a.isReleased('ml/berry'), b.isReleased('ml/berry')]).toEqual([false, false]);
  world.registry.down = false;
  for (const engine of [a, b]) await engine.handle('ml/berry', live);
  expect([a.isReleased('ml/berry'), b.isReleased('ml/berry')]).toEqual([true, false]);
  for (const engine of [a, b]) engine.gone('ml/berry');
  expect([a.isReleased('ml/berry'), b.isReleased('ml/berry')]).toEqual([false, false]);
});

it('one that knows nothing of what was deleted does not say that it is released', async () => {
  const world = new World();
  const [a, c] = [world.start('a'), world.start('b')];
  await accept(a, declared(release));
  for (const engine of [a, c]) await accept(engine, mistake('one'));
  world.registry.down = true;
  world.leaving.add('ml/berry');
  for (const engine of [a, c]) await accept(engine, {});
  expect([a.document('ml/berry') !== undefined, c.isReleased('ml/berry')]).toEqual([true, false]);
});
