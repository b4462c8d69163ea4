import { describe, expect, it } from 'vitest';
import type { Evidence } from '../../../src/domain/evidence.ts';
import {
  BOUND_FORM,
  isAskedFor,
  isModelAskedFor,
  keepsBounds,
  parseBound,
  parseTag,
  type Query,
} from '../../../src/domain/query.ts';
import { askedFor, keptOf } from '../../../src/domain/search.ts';
import { aModel, anEvidence, known, unavailable, type ModelSpec } from '../../support/builders.ts';

const ANYTHING: Query = {
  stages: [],
  aliases: [],
  tags: [],
  bounds: [],
  madeAfter: undefined,
  madeBefore: undefined,
  unmanaged: false,
};

describe('a bound', () => {
  it.each([
    ['accuracy>=0.9', { metric: 'accuracy', comparison: '>=', value: 0.9 }],
    ['accuracy <= 1', { metric: 'accuracy', comparison: '<=', value: 1 }],
    [' val loss<-.5 ', { metric: 'val loss', comparison: '<', value: -0.5 }],
    ['a/b.c-d:e>1e-3', { metric: 'a/b.c-d:e', comparison: '>', value: 0.001 }],
    ['f1>=+2.', { metric: 'f1', comparison: '>=', value: 2 }],
  ])('reads %j', (text, bound) => {
    expect(BOUND_FORM.pattern.test(text)).toBe(true);
    expect(parseBound(text)).toEqual(bound);
  });

  it.each([
    'accuracy',
    'accuracy=0.9',
    'accuracy==0.9',
    'accuracy!=0.9',
    '>=0.9',
    'accuracy>=',
    'accuracy>=high',
    'accuracy>=NaN',
    'accuracy>=0x10',
    'accuracy>=1,5',
    "accuracy>=0.9 OR name='x'",
    "a>1' OR '1'>'0",
    '0.9<=accuracy<=1',
    '',
  ])('refuses %j', (text) => {
    expect(BOUND_FORM.pattern.test(text)).toBe(false);
  });

  it.each([' a', ' ', 'a ', '1', '.'])('is refused in little time, however often it says %j', (part) => {
    const before = performance.now();
    expect(BOUND_FORM.pattern.test(`${part.repeat(50_000)}>`)).toBe(false);
    expect(BOUND_FORM.pattern.test(`a>${part.repeat(50_000)}x`)).toBe(false);
    expect(performance.now() - before).toBeLessThan(2_000);
  });
});

it.each([
  ['team', { key: 'team', value: undefined }],
  ['team=', { key: 'team', value: '' }],
  ['team=churn', { key: 'team', value: 'churn' }],
  ['query=a=b', { key: 'query', value: 'a=b' }],
])('the tag %j is one by its key and its value', (text, wish) => {
  expect(parseTag(text)).toEqual(wish);
});

describe('a version', () => {
  const spec: ModelSpec = {
    versions: {
      1: { stage: 'Archived', creationTimestamp: 1_000 },
      2: { stage: 'Production', creationTimestamp: 2_000, tags: { team: 'churn', empty: '' } },
    },
    aliases: { champion: '2', 'team-a': '2', old: '1' },
    tags: { domain: 'sales' },
  };
  const found = (query: Partial<Query>, model = aModel(spec)): string[] =>
    [...model.versions.values()]
      .filter((version) => isAskedFor({ ...ANYTHING, ...query }, model, version))
      .map(({ version }) => version);

  it.each<[string, Partial<Query>, string[]]>([
    ['anything', {}, ['1', '2']],
    ['a stage', { stages: ['Production'] }, ['2']],
    ['one of two stages', { stages: ['Production', 'Archived'] }, ['1', '2']],
    ['a stage nobody has', { stages: ['Staging'] }, []],
    ['an alias', { aliases: ['champion'] }, ['2']],
    ['an alias in other letters', { aliases: ['Champion'] }, []],
    ['a pattern of aliases', { aliases: ['team-*'] }, ['2']],
    ['any alias', { aliases: ['*'] }, ['1', '2']],
    ['a tag', { tags: [{ key: 'team', value: 'churn' }] }, ['2']],
    ['a tag with another value', { tags: [{ key: 'team', value: 'fraud' }] }, []],
    ['a tag with any value', { tags: [{ key: 'empty', value: undefined }] }, ['2']],
    ['a tag that is empty', { tags: [{ key: 'empty', value: '' }] }, ['2']],
    ['a tag of the model', { tags: [{ key: 'domain', value: 'sales' }] }, ['1', '2']],
    [
      'two tags',
      {
        tags: [
          { key: 'domain', value: 'sales' },
          { key: 'team', value: 'churn' },
        ],
      },
      ['2'],
    ],
    ['what was made since then', { madeAfter: 2_000 }, ['2']],
    ['what was made before', { madeBefore: 1_500 }, ['1']],
    ['what carries no mark', { unmanaged: true }, ['1', '2']],
    ['all of it together', { stages: ['Production'], aliases: ['old'] }, []],
  ])('is found by %s', (_, query, versions) => {
    expect(found(query)).toEqual(versions);
  });

  it('is managed when its model carries an owner tag, or it our mark', () => {
    const owned = aModel({ ...spec, tags: { 'modelpromotion.dev/owner/stage/Production': 'main/ml/churn' } });
    expect(found({ unmanaged: true }, owned)).toEqual([]);
    const marked = aModel({ versions: { 1: {}, 2: { tags: { 'modelpromotion.dev/applied': '{}' } } } });
    expect(found({ unmanaged: true }, marked)).toEqual(['1']);
  });

  it('need not be there for a model to be found, where the question is not one of versions', () => {
    const empty = aModel({ tags: { domain: 'sales' } });
    const asked = (query: Partial<Query>): boolean => isModelAskedFor({ ...ANYTHING, ...query }, empty);
    expect(asked({})).toBe(true);
    expect(asked({ unmanaged: true })).toBe(true);
    expect(asked({ tags: [{ key: 'domain', value: 'sales' }] })).toBe(true);
    expect(asked({ tags: [{ key: 'team', value: undefined }] })).toBe(false);
    for (const query of [{ stages: ['None'] }, { aliases: ['*'] }, { madeAfter: 0 }] as const)
      expect(asked(query)).toBe(false);
    expect(isModelAskedFor(ANYTHING, aModel(spec))).toBe(false);
  });
});

describe('bounds', () => {
  const evidence = (metrics: Readonly<Record<string, number>>, doubtful: string[] = []) =>
    known<Evidence>(anEvidence({ metrics, doubtful }));

  it.each([
    [['a>=1'], { a: 1 }, true],
    [['a>1'], { a: 1 }, false],
    [['a<=1'], { a: 1 }, true],
    [['a<1'], { a: 1 }, false],
    [['a>=0', 'a<1'], { a: 0.5 }, true],
    [['a>=0', 'b>=0'], { a: 1 }, false],
    [['a<1'], { a: NaN }, false],
    [['a>=0'], { a: NaN }, false],
    [['a>1'], { a: Infinity }, true],
    [['a<1'], { a: -Infinity }, true],
    [['a>=0'], {}, false],
  ])('%j for %j: %j', (bounds, metrics, kept) => {
    expect(keepsBounds(bounds.map(parseBound), evidence(metrics))).toBe(kept);
  });

  it('cannot be told of what was not read, nor of a value in doubt, unless another bound is broken', () => {
    expect(keepsBounds([parseBound('a>0')], unavailable)).toBeUndefined();
    expect(keepsBounds([parseBound('a>0')], evidence({}, ['a']))).toBeUndefined();
    expect(keepsBounds([parseBound('a>0'), parseBound('b>0')], evidence({ b: 0 }, ['a']))).toBe(false);
    expect(keepsBounds([parseBound('a>0')], { kind: 'absent' })).toBe(false);
  });
});

describe('a search', () => {
  const models = new Map([
    ['b', known(aModel({ name: 'b', versions: { 1: {}, 10: {}, 9: {} } }))],
    ['a', known(aModel({ name: 'a', versions: { 2: {} } }))],
    ['B', known(aModel({ name: 'B' }))],
    ['c', unavailable],
  ]);

  it('is in the order of names, the newest version first, and says what it could not look at', () => {
    const { items, unknown, ...counts } = askedFor(ANYTHING, models);
    expect(items.map(({ model, version }) => `${model} ${version?.version ?? '-'}`)).toEqual([
      'B -',
      'a 2',
      'b 10',
      'b 9',
      'b 1',
    ]);
    expect(unknown).toMatchObject([{ model: 'c', version: undefined, reason: 'RegistryUnavailable' }]);
    expect(counts).toEqual({ models: 4, versions: 4 });
  });

  it('keeps what keeps the bounds, and names apart what cannot be told', () => {
    const query = { ...ANYTHING, bounds: [parseBound('a>=1'), parseBound('a<3')] };
    const asked = askedFor(query, models);
    const [two, ten, nine, one] = asked.items.map(({ version }) => version);
    if (!two || !ten || !nine || !one) throw new Error('four versions are asked for');
    const { items, unknown } = keptOf(
      query,
      asked,
      new Map([
        [two, known(anEvidence({ metrics: { a: 2, b: 7 } }))],
        [ten, known(anEvidence({ metrics: { a: 3 } }))],
        [nine, { kind: 'unknown', reason: 'RegistryRefused', message: 'run r was deleted' }],
        [one, known(anEvidence({ doubtful: ['a'] }))],
      ]),
    );
    expect(items.map(({ model, metrics }) => [model, Object.fromEntries(metrics)])).toEqual([
      ['a', { a: 2 }],
    ]);
    expect(unknown).toMatchObject([
      { model: 'c' },
      { model: 'b', version: '9', message: 'run r was deleted' },
      { model: 'b', version: '1', message: expect.stringContaining('NaN') },
    ]);
  });
});
