/** What becomes of the declared objects with the next listing. */
import { describe, expect, it } from 'vitest';
import { advance, EMPTY_CATALOG, remember, type Advance, type Catalog } from '../../../src/domain/catalog.ts';
import {
  aListing,
  aManifest,
  aProblem,
  aRegistry,
  type ListingSpec,
  type PromotionSpec,
} from '../../support/builders.ts';

const a = (rest: PromotionSpec = {}): ReturnType<typeof aManifest> =>
  aManifest({ name: 'a', stages: { Production: '3' }, ...rest });
const b = aManifest({ name: 'b', aliases: { champion: '3' } });

function next(previous: Catalog, spec: ListingSpec, allowEmpty = false): Advance {
  return advance(previous, aListing({ revision: 'main@sha1:2', ...spec }), {
    allowEmpty,
    uidOf: (key) => `uid-of-${key}`,
  });
}

/** After a first listing. */
function listed(spec: ListingSpec): Catalog {
  return next(EMPTY_CATALOG, { revision: 'main@sha1:1', author: 'Ada', ...spec }).catalog;
}

function namesOf(entries: Advance['removed']): string[] {
  return entries.map((entry) => entry.promotion.name);
}

describe('a promotion', () => {
  it('that is new is looked at, with its uid, revision and author', () => {
    const { catalog, changed, removed } = next(EMPTY_CATALOG, { files: { 'a.yaml': a() }, author: 'Ada' });
    expect(changed).toEqual(['ml/a']);
    expect(removed).toEqual([]);
    expect(catalog.entries.get('ml/a')).toMatchObject({
      promotion: { key: 'ml/a', uid: 'uid-of-ml/a', generation: 1, revision: 'main@sha1:2' },
      location: { file: 'a.yaml' },
      author: 'Ada',
      problems: [],
    });
  });

  it('that did not change keeps its generation, revision and author', () => {
    const { catalog, changed } = next(listed({ files: { 'a.yaml': a() } }), {
      files: { 'a.yaml': a() },
      author: 'Grace',
    });
    expect(changed).toEqual([]);
    expect(catalog.entries.get('ml/a')).toMatchObject({
      promotion: { generation: 1, revision: 'main@sha1:1' },
      author: 'Ada',
    });
  });

  it.each([
    ['spec', a({ stages: { Production: '4' } })],
    ['labels', a({ labels: { team: 'churn' } })],
    ['annotations', a({ annotations: { 'modelpromotion.dev/reconcileAt': 'now' } })],
  ])('whose %s changed counts one generation on', (_, manifest) => {
    const { catalog, changed, removed } = next(listed({ files: { 'a.yaml': a() } }), {
      files: { 'a.yaml': manifest },
      author: 'Grace',
    });
    expect(changed).toEqual(['ml/a']);
    expect(removed).toEqual([]);
    expect(catalog.entries.get('ml/a')).toMatchObject({
      promotion: { generation: 2, revision: 'main@sha1:2' },
      author: 'Grace',
    });
  });

  it('that moves to another file is the same one', () => {
    const { catalog, changed, removed } = next(listed({ files: { 'a.yaml': a() } }), {
      files: { 'team/a.yaml': a() },
    });
    expect([changed, removed]).toEqual([[], []]);
    expect(catalog.entries.get('ml/a')).toMatchObject({
      promotion: { generation: 1, uid: 'uid-of-ml/a' },
      location: { file: 'team/a.yaml' },
    });
  });

  it.each([
    ['model', a({ model: 'another' })],
    ['registry', a({ registryRef: { name: 'another' } })],
  ])('with another %s is a removal and an addition', (_, manifest) => {
    const { changed, removed } = next(listed({ files: { 'a.yaml': a() } }), {
      files: { 'a.yaml': manifest },
    });
    expect(changed).toEqual(['ml/a']);
    expect(removed[0]?.promotion).toMatchObject({ key: 'ml/a', model: 'churn', registry: 'ml/default' });
  });

  it('that is gone is removed, with its last good spec', () => {
    const { catalog, removed } = next(listed({ files: { 'a.yaml': a(), 'b.yaml': b } }), {
      files: { 'b.yaml': b },
    });
    expect(namesOf(removed)).toEqual(['a']);
    expect(removed[0]?.document).toEqual(a());
    expect([...catalog.entries.keys()]).toEqual(['ml/b']);
  });

  it('is told apart by namespace', () => {
    const { catalog } = next(EMPTY_CATALOG, { files: { 'a.yaml': [a(), a({ namespace: 'other' })] } });
    expect([...catalog.entries.keys()]).toEqual(['ml/a', 'other/a']);
  });

  it('stands in the order of the listing, which is the order of age', () => {
    const { catalog } = next(listed({ files: { 'b.yaml': b } }), { files: { 'a.yaml': a(), 'b.yaml': b } });
    expect([...catalog.entries.keys()]).toEqual(['ml/a', 'ml/b']);
  });
});

describe('a mistake', () => {
  it('that names an object stalls that object alone, and its last good spec stays', () => {
    const problem = aProblem('all.yaml', 'a');
    const { catalog, changed, removed } = next(listed({ files: { 'all.yaml': [a(), b] } }), {
      files: { 'all.yaml': b },
      problems: [problem],
    });
    expect([changed, removed, catalog.held?.reason]).toEqual([['ml/a'], [], undefined]);
    expect(catalog.entries.get('ml/a')).toMatchObject({
      promotion: { generation: 2, revision: 'main@sha1:1' },
      problems: [problem],
    });
    expect(catalog.entries.get('ml/b')?.problems).toEqual([]);
  });

  it.each([
    ['names the object', aProblem('a.yaml', 'a')],
    ['lets the file not be read', aProblem('a.yaml')],
  ])('that %s leaves the object its place in the order of age', (_, problem) => {
    const { catalog } = next(listed({ files: { 'a.yaml': a(), 'b.yaml': b } }), {
      files: { 'b.yaml': b },
      problems: [problem],
    });
    expect([...catalog.entries.keys()]).toEqual(['ml/a', 'ml/b']);
  });

  it('that names an object does not keep others that are gone', () => {
    const { removed } = next(listed({ files: { 'a.yaml': a(), 'b.yaml': b } }), {
      problems: [aProblem('a.yaml', 'a')],
    });
    expect(namesOf(removed)).toEqual(['b']);
  });

  it('in an object that never was valid adds nothing', () => {
    const { catalog, changed } = next(EMPTY_CATALOG, { problems: [aProblem('a.yaml', 'a')] });
    expect([catalog.entries.size, changed]).toEqual([0, []]);
    expect(catalog.problems).toHaveLength(1);
  });

  it('that lets a file not be read stalls what was last seen in it, and removes nothing anywhere', () => {
    const problem = aProblem('a.yaml');
    const { catalog, changed, removed } = next(listed({ files: { 'a.yaml': a(), 'b.yaml': b } }), {
      problems: [problem],
    });
    expect([removed, catalog.held?.reason]).toEqual([[], 'UnreadableFile']);
    expect(changed).toEqual(['ml/a']);
    expect(catalog.entries.get('ml/a')?.problems).toEqual([problem]);
    expect(catalog.entries.get('ml/b')?.problems).toEqual([]);
  });

  it.each([
    ['model', a({ model: 'another' })],
    ['registry', a({ registryRef: { name: 'another' } })],
  ])(
    'that lets a file not be read leaves an object whose %s changed as it was until it is mended',
    (_, moved) => {
      const files = { 'a.yaml': moved };
      const first = next(listed({ files: { 'a.yaml': a() } }), { files, problems: [aProblem('c.yaml')] });
      expect([first.changed, first.removed, first.catalog.held?.reason]).toEqual([[], [], 'UnreadableFile']);
      expect(first.catalog.entries.get('ml/a')?.document).toEqual(a());
      const mended = next(first.catalog, { files });
      expect([mended.changed, namesOf(mended.removed)]).toEqual([['ml/a'], ['a']]);
      expect(mended.catalog.entries.get('ml/a')?.document).toEqual(moved);
    },
  );

  it('in an unreadable folder stalls what was last seen below it', () => {
    const { catalog } = next(listed({ files: { 'team/a.yaml': a(), 'teams.yaml': b } }), {
      problems: [aProblem('team')],
    });
    expect(catalog.entries.get('ml/a')?.problems).toHaveLength(1);
    expect(catalog.entries.get('ml/b')?.problems).toEqual([]);
  });

  it('about a link, which is never read, casts no doubt on what is gone elsewhere', () => {
    const { catalog, removed } = next(listed({ files: { 'a.yaml': a(), 'b.yaml': b } }), {
      files: { 'b.yaml': b },
      problems: [{ ...aProblem('link.yaml'), neverRead: true }],
    });
    expect([namesOf(removed), catalog.held?.reason]).toEqual([['a'], undefined]);
  });

  it('in one document leaves the others of its file as they are', () => {
    const { catalog, changed } = next(listed({ files: { 'all.yaml': [a(), b] } }), {
      files: { 'all.yaml': [b] },
      problems: [aProblem('all.yaml')],
    });
    expect(changed).toEqual(['ml/a']);
    expect(catalog.entries.get('ml/b')?.problems).toEqual([]);
  });

  it('that is mended is forgotten, and the object is looked at again', () => {
    const broken = next(listed({ files: { 'a.yaml': a() } }), { problems: [aProblem('a.yaml')] }).catalog;
    const { catalog, changed } = next(broken, { files: { 'a.yaml': a() } });
    expect(changed).toEqual(['ml/a']);
    expect(catalog.entries.get('ml/a')).toMatchObject({ promotion: { generation: 3 }, problems: [] });
  });

  it('is a change of the document, and so is its end; another mistake in its place is not', () => {
    const generations = [aProblem('a.yaml', 'a'), aProblem('a.yaml', 'a', 'another'), undefined, undefined];
    let catalog = listed({ files: { 'a.yaml': a() } });
    const seen = generations.map((problem) => {
      const spec = problem === undefined ? { files: { 'a.yaml': a() } } : { problems: [problem] };
      ({ catalog } = next(catalog, spec));
      return catalog.entries.get('ml/a')?.promotion.generation;
    });
    expect(seen).toEqual([2, 2, 3, 3]);
  });

  it('that stays as it was is not news', () => {
    const problems = [aProblem('a.yaml', 'a')];
    const broken = next(listed({ files: { 'a.yaml': a() } }), { problems }).catalog;
    expect(next(broken, { problems }).changed).toEqual([]);
  });

  it('in an object declared twice does not stall the one that counts', () => {
    const { catalog } = next(listed({ files: { 'a.yaml': a() } }), {
      files: { 'a.yaml': a() },
      problems: [aProblem('again.yaml', 'a', 'is declared already')],
    });
    expect(catalog.entries.get('ml/a')?.problems).toEqual([]);
  });
});

describe('an empty source', () => {
  const before = listed({ files: { 'a.yaml': a() }, registries: [aRegistry()] });

  it('changes nothing, and holds the revision that was believed', () => {
    const { catalog, changed, removed } = next(before, { ignored: 2 });
    expect([changed, removed, catalog.held?.reason]).toEqual([[], [], 'EmptySource']);
    expect(catalog).toEqual({ ...before, ignored: 2, held: catalog.held });
  });

  it('is also one whose manifests were replaced by links, which are never read', () => {
    const link = { ...aProblem('a.yaml'), neverRead: true as const };
    const { catalog, removed } = next(before, { problems: [link] });
    expect([removed, catalog.held?.reason, catalog.problems]).toEqual([[], 'EmptySource', [link]]);
  });

  it('is also one whose --path is gone, which is told', () => {
    const gone = { ...aProblem('manifests'), missing: true as const };
    const inFolder = listed({ files: { 'manifests/a.yaml': a() } });
    const { catalog, changed, removed } = next(inFolder, { problems: [gone] });
    expect([changed, removed, catalog.held?.reason, catalog.problems]).toEqual([
      [],
      [],
      'EmptySource',
      [gone],
    ]);
    expect(namesOf(next(inFolder, { problems: [gone] }, true).removed)).toEqual(['a']);
  });

  it('ends what was wrong in files that are gone, and what they declared last goes on', () => {
    const broken = next(before, { problems: [aProblem('a.yaml')] }).catalog;
    const { catalog, changed } = next(broken, {});
    expect([changed, catalog.problems]).toEqual([['ml/a'], []]);
    expect(catalog.entries.get('ml/a')).toMatchObject({ problems: [], attempted: 'main@sha1:1' });
    expect(next(catalog, {}).changed).toEqual([]);
  });

  it('means what it says when that is allowed', () => {
    const { catalog, removed } = next(before, {}, true);
    expect([namesOf(removed), catalog.held?.reason]).toEqual([['a'], undefined]);
    expect([catalog.entries.size, catalog.registries.size]).toEqual([0, 0]);
  });

  it('is nothing special at the start', () => {
    expect(next(EMPTY_CATALOG, {})).toMatchObject({ changed: [], removed: [], catalog: { held: undefined } });
  });

  it('is not empty while a registry is declared', () => {
    const { catalog, removed } = next(before, { registries: [aRegistry()] });
    expect([namesOf(removed), catalog.held?.reason]).toEqual([['a'], undefined]);
  });
});

describe('a promotion remembered from before a restart', () => {
  const entry = remember(a(), { uid: 'uid-of-ml/a', generation: 7, revision: 'main@sha1:0' });
  const remembered: Catalog = { ...EMPTY_CATALOG, entries: new Map([['ml/a', entry]]) };

  it('keeps its generation and revision, and is looked at once', () => {
    const { catalog, changed } = next(remembered, { files: { 'a.yaml': a() } });
    expect(changed).toEqual(['ml/a']);
    expect(catalog.entries.get('ml/a')?.promotion).toMatchObject({ generation: 7, revision: 'main@sha1:0' });
    expect(next(catalog, { files: { 'a.yaml': a() } }).changed).toEqual([]);
  });

  it('that changed meanwhile counts on from there', () => {
    const { catalog } = next(remembered, { files: { 'a.yaml': a({ stages: { Production: '4' } }) } });
    expect(catalog.entries.get('ml/a')?.promotion.generation).toBe(8);
  });

  it.each([
    ['that was refused and still is', 'InvalidSpec', true, 7],
    ['that was refused and was mended meanwhile', 'InvalidSpec', false, 8],
    ['that was good and became bad meanwhile', 'UpToDate', true, 8],
  ])('%s counts what happened meanwhile', (_what, reason, bad, generation) => {
    const document = { ...a(), status: { summary: { reason } } };
    const again = remember(document, { uid: 'u', generation: 7, revision: 'main@sha1:0' });
    const before: Catalog = { ...EMPTY_CATALOG, entries: new Map([['ml/a', again]]) };
    const { catalog } = next(
      before,
      bad ? { problems: [aProblem('a.yaml', 'a')] } : { files: { 'a.yaml': a() } },
    );
    expect(catalog.entries.get('ml/a')?.promotion.generation).toBe(generation);
  });

  it('that was removed meanwhile is removed', () => {
    expect(namesOf(next(remembered, { files: { 'b.yaml': b } }).removed)).toEqual(['a']);
  });

  it('stays while any file cannot be read, since it may be there', () => {
    const { catalog, removed } = next(remembered, {
      files: { 'b.yaml': b },
      problems: [aProblem('somewhere.yaml')],
    });
    expect([removed, catalog.held?.reason]).toEqual([[], 'UnreadableFile']);
    expect(catalog.entries.has('ml/a')).toBe(true);
  });

  it('is stalled while any file cannot be read and the listing does not name it, since it may be there', () => {
    const [somewhere, named] = [aProblem('somewhere.yaml'), aProblem('a.yaml', 'a')];
    const problems = (spec: ListingSpec) => next(remembered, spec).catalog.entries.get('ml/a')?.problems;
    expect(problems({ problems: [somewhere] })).toEqual([somewhere]);
    expect(problems({ problems: [somewhere, named] })).toEqual([named]);
    expect(problems({ problems: [somewhere], files: { 'a.yaml': a() } })).toEqual([]);
  });

  it('is in doubt because of a link, which is never read, only if it was refused before', () => {
    const link = { ...aProblem('a.yaml'), neverRead: true as const };
    const refused: Catalog = { ...EMPTY_CATALOG, entries: new Map([['ml/a', { ...entry, refused: true }]]) };
    const spec = { files: { 'b.yaml': b }, problems: [link] };
    expect(namesOf(next(remembered, spec).removed)).toEqual(['a']);
    expect(next(refused, spec).catalog.entries.get('ml/a')?.problems).toEqual([link]);
  });

  it('is not given up for a source that is empty', () => {
    expect(next(remembered, {})).toMatchObject({ removed: [], catalog: { held: { reason: 'EmptySource' } } });
  });
});

describe('a registry', () => {
  const before = listed({ files: { 'a.yaml': a() }, registries: [aRegistry(), aRegistry('second')] });
  const generations = ({ catalog }: Advance): [string, number][] =>
    [...catalog.registries].map(([key, { generation }]) => [key, generation]);

  it('counts the changes of its spec', () => {
    const moved = aRegistry('second', 'http://elsewhere.test');
    const after = next(before, { files: { 'a.yaml': a() }, registries: [aRegistry(), moved] });
    expect(generations(after)).toEqual([
      ['ml/default', 1],
      ['ml/second', 2],
    ]);
  });

  it('that is gone is gone', () => {
    expect(generations(next(before, { files: { 'a.yaml': a() }, registries: [aRegistry()] }))).toEqual([
      ['ml/default', 1],
    ]);
  });

  it('with a mistake stays as it was', () => {
    const problem = {
      ...aProblem('registry.yaml'),
      object: { kind: 'ModelRegistry', namespace: 'ml', name: 'second' },
    };
    const after = next(before, {
      files: { 'a.yaml': a() },
      registries: [aRegistry()],
      problems: [problem],
    });
    expect(generations(after)).toContainEqual(['ml/second', 1]);
  });

  it('stays while any file cannot be read', () => {
    const after = next(before, { files: { 'a.yaml': a() }, problems: [aProblem('registry.yaml')] });
    expect(generations(after)).toHaveLength(2);
  });
});
