/** Taking what is as declared under control: the marks of an apply without its changes. */
import { describe, expect, it } from 'vitest';
import type { Model } from '../../../src/domain/observed.ts';
import { PROVENANCE_TAG, provenanceOf, recordsFromMarks } from '../../../src/domain/provenance.ts';
import { adopt, adoptionOf, type AdoptionAttempt } from '../../../src/reconcile/adopt.ts';
import { planLive, reconcile, type PassInput } from '../../../src/reconcile/pass.ts';
import type { Registry } from '../../../src/reconcile/ports.ts';
import { aModel, aPromotion, NOW, type PromotionSpec } from '../../support/builders.ts';
import { MemoryRegistry } from '../../support/memory-registry.ts';

const owner = 'main/ml/churn';
const spec: PromotionSpec = {
  stages: { Production: '4' },
  aliases: { champion: '4', next: { versionFrom: { stage: 'Production' } } },
};
const asDeclared = aModel({
  versions: { 3: 'Archived', 4: 'Production' },
  aliases: { champion: '4', next: '4' },
});
const never = new AbortController().signal;
const options = { fence: () => true, now: () => NOW, sleep: () => Promise.resolve() };

function inputOf(registry: Registry, promotion: PromotionSpec = spec): PassInput {
  const one = aPromotion(promotion);
  return {
    promotion: one,
    memory: {
      records: (model) => recordsFromMarks(model, `main/${one.key}`),
      lastDigest: undefined,
      generation: undefined,
      handledAt: undefined,
      repairs: new Map(),
    },
    registry,
    owner: `main/${one.key}`,
    claimants: () => [],
    elsewhere: () => new Set(),
    mayRegister: true,
    stands: () => true,
  };
}

const adopted = (registry: MemoryRegistry, promotion?: PromotionSpec): Promise<AdoptionAttempt> =>
  adopt(inputOf(registry, promotion), options, never);

/** Owner tags and, of provenance tags, who and what; the rest depends on the plan. */
function marksOn({ tags, versions }: Model): unknown {
  const marks = [...versions.values()].map((version) => [version.version, provenanceOf(version)] as const);
  return {
    owners: Object.fromEntries(tags),
    versions: marks.flatMap(([version, mark]) => (mark ? [[version, mark.by, mark.targets]] : [])),
  };
}

describe('an adoption', () => {
  it('leaves the marks that an apply would have left, and writes nothing else', async () => {
    const registry = new MemoryRegistry(asDeclared);
    expect(await adopted(registry)).toMatchObject({ left: { length: 4 }, failure: undefined });
    expect(registry.written).toEqual([]);

    const applied = new MemoryRegistry(aModel({ versions: { 3: 'Production', 4: 'None' } }));
    await reconcile(inputOf(applied), { ...options, unmarked: () => undefined }, never);
    await reconcile(inputOf(applied), { ...options, unmarked: () => undefined }, never);
    expect(marksOn(registry.get())).toEqual(marksOn(applied.get()));
  });

  it('makes whatever changes then drift', async () => {
    const registry = new MemoryRegistry(asDeclared);
    await adopted(registry);
    const model = registry.get();
    registry.change({ ...model, aliases: new Map(model.aliases).set('champion', '3') });
    const { plan } = await planLive(inputOf(registry), NOW, never);
    expect(plan).toMatchObject({ kind: 'Apply', actions: [{ kind: 'SetAlias', cause: 'Drift' }] });
  });

  it('has nothing to do the second time', async () => {
    const registry = new MemoryRegistry(asDeclared);
    await adopted(registry);
    const marks = registry.marks.length;
    expect(await adopted(registry)).toMatchObject({ adoption: { kind: 'Adoptable', marks: [] }, left: [] });
    expect(registry.marks).toHaveLength(marks);
  });

  it('settles also where two promotions share a version, which has room for the mark of one', async () => {
    const registry = new MemoryRegistry(asDeclared);
    const both: PromotionSpec[] = [
      { name: 'stage', stages: { Production: '4' } },
      { name: 'alias', aliases: { champion: '4' } },
    ];
    for (const one of both) await adopted(registry, one);
    for (const one of both) expect(await adopted(registry, one)).toMatchObject({ left: [] });
  });

  it.each<[string, PromotionSpec, Model, string]>([
    [
      'another version holds a target',
      spec,
      aModel({ versions: { 3: 'Production', 4: 'None' }, aliases: { champion: '4', next: '4' } }),
      'not as declared: move version 4 from None to Production, archive 3',
    ],
    [
      'several versions share a stage',
      spec,
      aModel({ versions: { 3: 'Production', 4: 'Production' }, aliases: { champion: '4', next: '4' } }),
      'not as declared: move version 3 from Production to Archived',
    ],
    [
      'a tag is missing',
      { stages: { Production: { version: '4', tags: { ticket: 'T-1' } } } },
      asDeclared,
      'not as declared: tag version 4 with ticket="T-1"',
    ],
    [
      'a version is not there',
      { aliases: { champion: '9' } },
      asDeclared,
      'version 9 of churn does not exist',
    ],
  ])('is refused, with nothing written, when %s', async (_, promotion, model, why) => {
    const registry = new MemoryRegistry(model);
    const { adoption, left } = await adopted(registry, promotion);
    expect(adoption).toMatchObject({ kind: 'Refused', obstacle: { message: expect.stringContaining(why) } });
    expect({ left, marks: registry.marks }).toEqual({ left: [], marks: [] });
  });

  it('is refused when the model is not there, or cannot be read', async () => {
    const registry = new MemoryRegistry();
    expect(await adopted(registry)).toMatchObject({
      adoption: { kind: 'Refused', obstacle: { reason: 'ModelNotFound' } },
    });
    registry.down = true;
    expect(await adopted(registry)).toMatchObject({
      adoption: { kind: 'Refused', obstacle: { reason: 'RegistryUnavailable' } },
    });
  });

  it('leaves a suspended promotion alone', async () => {
    const registry = new MemoryRegistry(asDeclared);
    expect(await adopted(registry, { ...spec, suspend: true })).toMatchObject({
      adoption: { kind: 'Suspended' },
    });
    expect(registry.marks).toEqual([]);
  });

  it('fails when a tag is refused, and says which', async () => {
    const registry = new MemoryRegistry(asDeclared);
    registry.marksRefused = true;
    expect(await adopted(registry)).toMatchObject({
      left: [],
      failure: { reason: 'AccessDenied', message: expect.stringContaining(PROVENANCE_TAG) },
    });
  });

  it('reads back until a lagging replica shows the tags', async () => {
    const registry = new MemoryRegistry(asDeclared);
    registry.lagFor(3);
    expect(await adopted(registry)).toMatchObject({ failure: undefined, left: { length: 4 } });
  });

  it('stops at a signal, says so, and is completed by the next', async () => {
    const registry = new MemoryRegistry(asDeclared);
    let writes = 0;
    const fence = () => (writes += 1) <= 2;
    expect(await adopt(inputOf(registry), { ...options, fence }, never)).toMatchObject({
      left: { length: 2 },
      failure: { message: expect.stringContaining('run adopt again') },
    });
    expect(await adopted(registry)).toMatchObject({ left: { length: 2 }, failure: undefined });
  });

  it('counts a target that follows nobody as ours, without a version', async () => {
    const registry = new MemoryRegistry(aModel({ versions: { 4: 'None' }, aliases: { next: '4' } }));
    const input = inputOf(registry, { aliases: { next: { versionFrom: { stage: 'Staging' } } } });
    const adoption = adoptionOf(input, await planLive(input, NOW, never), NOW);
    expect(adoption).toMatchObject({
      kind: 'Adoptable',
      targets: [{ target: 'alias/next', version: '4' }],
      marks: [{ version: undefined, value: owner }],
    });
  });
});
