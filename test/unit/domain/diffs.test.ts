/** What two sets of manifests, and two registries, say differently. */
import { describe, expect, it } from 'vitest';
import { newVersion } from '../../../src/domain/copy.ts';
import { diffManifests } from '../../../src/domain/manifest-diff.ts';
import { diffRegistries, type ReadRegistry } from '../../../src/domain/registry-diff.ts';
import type { Model } from '../../../src/domain/observed.ts';
import {
  aListing,
  aManifest,
  aModel,
  aRegistry,
  aVersion,
  known,
  unavailable,
  type ModelSpec,
  type PromotionSpec,
} from '../../support/builders.ts';

const listing = (...specs: readonly PromotionSpec[]) =>
  aListing({ files: { 'a.yaml': specs.map((spec) => aManifest(spec)) } });
const between = (before: PromotionSpec, after: PromotionSpec) =>
  diffManifests(listing(before), listing(after)).promotions.map(({ kind, differences }) => [
    kind,
    differences,
  ]);

describe('two sets of manifests', () => {
  it('are the same wherever their documents stand, and in whatever order', () => {
    const [one, two] = [aManifest({ name: 'a' }), aManifest({ name: 'b', aliases: { x: '1', y: '2' } })];
    const other = aManifest({ name: 'b', aliases: { y: '2', x: '1' } });
    expect(
      diffManifests(
        aListing({ files: { 'a.yaml': [one, two] } }),
        aListing({ files: { 'b.yaml': other, 'c.yaml': one } }),
      ),
    ).toEqual({ promotions: [], registries: [] });
  });

  it('differ by promotions that are added and removed', () => {
    const found = diffManifests(
      listing({ name: 'gone', stages: { Production: '3' } }),
      listing({ name: 'new', aliases: { champion: '4' } }),
    );
    expect(found.promotions).toMatchObject([
      { promotion: 'ml/gone', kind: 'Removed' },
      { promotion: 'ml/new', kind: 'Added' },
    ]);
    expect(found.promotions[0]?.differences).toContainEqual({
      target: 'stage/Production',
      field: 'version',
      from: '3',
    });
    expect(found.promotions[1]?.differences).toContainEqual({
      target: 'alias/champion',
      field: 'version',
      to: '4',
    });
  });

  it.each<[string, PromotionSpec, PromotionSpec, object[]]>([
    [
      'the version of a stage',
      { stages: { Production: '3' } },
      { stages: { Production: '4' } },
      [{ target: 'stage/Production', field: 'version', from: '3', to: '4' }],
    ],
    [
      'what an alias follows',
      { aliases: { next: { versionFrom: { stage: 'Staging' } } } },
      { aliases: { next: '5' } },
      [{ target: 'alias/next', field: 'version', from: 'follows Staging', to: '5' }],
    ],
    [
      'a target more and one less',
      { stages: { Staging: '4' } },
      { aliases: { champion: '4' } },
      [
        { target: 'stage/Staging', field: 'version', from: '4' },
        { target: 'stage/Staging', field: 'archiveExisting', from: 'true' },
        { target: 'alias/champion', field: 'version', to: '4' },
      ],
    ],
    [
      'tags, description and who is archived',
      { stages: { Production: { version: '3', tags: { a: '1', b: '1' }, description: 'old' } } },
      { stages: { Production: { version: '3', tags: { a: '2', c: '1' }, archiveExisting: false } } },
      [
        { target: 'stage/Production', field: 'archiveExisting', from: 'true', to: 'false' },
        { target: 'stage/Production', field: 'description', from: 'old' },
        { target: 'stage/Production', field: 'tags.a', from: '1', to: '2' },
        { target: 'stage/Production', field: 'tags.b', from: '1' },
        { target: 'stage/Production', field: 'tags.c', to: '1' },
      ],
    ],
    [
      'the rest of the spec',
      { model: 'churn' },
      { model: 'fraud', drift: 'Report', suspend: true, interval: '1m', registryRef: { name: 'prod' } },
      [
        { field: 'model', from: 'churn', to: 'fraud' },
        { field: 'registryRef', from: 'ml/default', to: 'ml/prod' },
        { field: 'drift', from: 'Revert', to: 'Report' },
        { field: 'suspend', from: 'false', to: 'true' },
        { field: 'interval', from: '300s', to: '60s' },
      ],
    ],
  ])('differ by %s', (_, before, after, differences) => {
    expect(between(before, after)).toEqual([['Changed', expect.arrayContaining(differences)]]);
    expect(between(before, after)[0]?.[1]).toHaveLength(differences.length);
  });

  it('differ by registries', () => {
    const of = (uri: string) => aListing({ registries: [aRegistry('prod', uri)] });
    expect(diffManifests(of('http://a'), of('http://b')).registries).toEqual([
      {
        registry: 'ml/prod',
        kind: 'Changed',
        differences: [{ field: 'uri', from: 'http://a', to: 'http://b' }],
      },
    ]);
  });
});

describe('two registries', () => {
  const [dev, prod] = ['http://dev', 'http://prod'];
  const registry = (uri: string, ...models: readonly (ModelSpec | Model)[]): ReadRegistry => ({
    uri,
    models: new Map(
      models
        .map((model) => (model.versions instanceof Map ? (model as Model) : aModel(model as ModelSpec)))
        .map((model) => [model.name, known(model)]),
    ),
  });

  it('are the same when the same versions hold the same', () => {
    const model: ModelSpec = { versions: { 1: 'Archived', 2: 'Production' }, aliases: { champion: '2' } };
    expect(diffRegistries(registry(dev, model), registry(prod, model))).toEqual([]);
  });

  it('differ by models, and by who holds what', () => {
    const versions = { 1: 'None', 2: 'None' } as const;
    const found = diffRegistries(
      registry(
        dev,
        { name: 'both', versions: { 1: 'Production', 2: 'Staging' }, aliases: { a: '1', b: '1' } },
        { name: 'only-dev', versions },
      ),
      registry(
        prod,
        { name: 'both', versions: { 1: 'Production', 2: 'Production' }, aliases: { a: '1', b: '2', c: '2' } },
        { name: 'only-prod', versions, aliases: { x: '1' } },
      ),
    );
    expect(found).toEqual([
      {
        model: 'both',
        kind: 'Changed',
        differences: [
          { target: 'stage/Production', from: '1', to: '2, 1' },
          { target: 'stage/Staging', from: '2' },
          { target: 'alias/b', from: '1', to: '2' },
          { target: 'alias/c', to: '2' },
        ],
      },
      { model: 'only-dev', kind: 'Removed', differences: [] },
      { model: 'only-prod', kind: 'Added', differences: [{ target: 'alias/x', to: '1' }] },
    ]);
  });

  it('number their versions each for itself: a copy is the same as its original', () => {
    const original = aVersion('7', { stage: 'Production' });
    const { tags } = newVersion(
      { model: 'churn', version: original },
      { model: 'churn', source: 's3://b/7', uri: dev, id: 'sha256:1' },
    );
    const copy = { ...aVersion('1', { stage: 'Production' }), tags };
    const one: Model = { ...aModel(), versions: new Map([['7', original]]) };
    const other: Model = { ...aModel(), versions: new Map([['1', copy]]) };
    expect(diffRegistries(registry(dev, one), registry(prod, other))).toEqual([]);
    expect(diffRegistries(registry(prod, other), registry(dev, one))).toEqual([]);
    expect(diffRegistries(registry('http://elsewhere', one), registry(prod, other))).toMatchObject([
      { differences: [{ target: 'stage/Production', from: '7', to: '1' }] },
    ]);
  });

  it('tell apart what was made from one folder without a run', () => {
    const version = (number: string) =>
      aVersion(number, { stage: 'Production', source: 's3://b/latest', runId: '' });
    const of = (number: string): Model => ({ ...aModel(), versions: new Map([[number, version(number)]]) });
    expect(diffRegistries(registry(dev, of('2')), registry(prod, of('1')))).toMatchObject([
      { differences: [{ target: 'stage/Production', from: '2', to: '1' }] },
    ]);
  });

  it('are not called the same where a model could not be read', () => {
    const broken: ReadRegistry = { uri: prod, models: new Map([['churn', unavailable]]) };
    expect(diffRegistries(registry(dev, {}), broken)).toMatchObject([{ model: 'churn', kind: 'Unknown' }]);
  });
});
