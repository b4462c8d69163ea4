import { describe, expect, it } from 'vitest';
import {
  combine,
  mostObjects,
  mostProblems,
  mostProblemsInAll,
  parseFile,
  type FileResult,
} from '../../../src/api/documents.ts';

function parse(text: string, file = 'm.yaml'): FileResult {
  return parseFile(file, new TextEncoder().encode(text));
}

function promotion(name: string, namespace = 'ml'): string {
  return `apiVersion: modelpromotion.dev/v1alpha1
kind: ModelPromotion
metadata: { name: ${name}, namespace: ${namespace} }
spec: { model: churn, aliases: [{ name: champion, version: "3" }] }
`;
}

function listingOf(...files: FileResult[]) {
  return combine(files, 'main@sha1:abc');
}

describe('a file', () => {
  it('gives objects with all defaults, and the place of each', () => {
    const [first, second] = parse(`# ours\n${promotion('a')}---\n${promotion('b')}`).declarations;
    expect(first).toEqual({
      identity: { kind: 'ModelPromotion', namespace: 'ml', name: 'a' },
      location: { file: 'm.yaml', line: 2, column: 1 },
      nameLocation: { file: 'm.yaml', line: 4, column: 19 },
      object: {
        apiVersion: 'modelpromotion.dev/v1alpha1',
        kind: 'ModelPromotion',
        metadata: { name: 'a', namespace: 'ml' },
        spec: {
          registryRef: { name: 'default' },
          model: 'churn',
          stages: [],
          aliases: [{ name: 'champion', version: '3' }],
          drift: 'Revert',
          deletionPolicy: 'Orphan',
          interval: '5m',
          suspend: false,
        },
      },
    });
    expect(second?.location.line).toBe(7);
  });

  it('gives registries with all defaults, in the namespace "default" when none is named', () => {
    const text =
      'apiVersion: modelpromotion.dev/v1alpha1\nkind: ModelRegistry\nmetadata: { name: r }\nspec: { uri: "http://a" }\n';
    expect(parse(text).declarations[0]?.object).toEqual({
      apiVersion: 'modelpromotion.dev/v1alpha1',
      kind: 'ModelRegistry',
      metadata: { name: 'r', namespace: 'default' },
      spec: {
        uri: 'http://a',
        sweepInterval: '60s',
        limits: { concurrency: 4, requestTimeout: '30s' },
        access: [],
      },
    });
  });

  it('counts documents of other groups, whatever they hold, and leaves them alone', () => {
    const text =
      '---\n# nothing\n---\napiVersion: v1\nkind: ConfigMap\ndata: { on: !secret yes, on: 012 }\n---\n- a list\n---\njust text\n';
    expect(parse(text)).toMatchObject({ declarations: [], problems: [], ignored: 3 });
  });

  it.each([
    ['apiVersion: modelpromotion/v1alpha1', 'kind: ModelPromotion', 'ModelPromotion'],
    ['apiVersion: v1alpha1', 'kind: ModelPromotion', 'ModelPromotion'],
    ['apiVersion: example.com/v1', 'kind: ModelPromotion', 'ModelPromotion'],
    ['apiVersion: v1', 'kind: ModelRegistry', 'ModelRegistry'],
    ['ApiVersion: modelpromotion.dev/v1alpha1', 'kind: ModelPromotion', 'ModelPromotion'],
    ['apiVersion: modelpromotion.dev/v1alpha1', 'Kind: ModelPromotion', 'ModelPromotion'],
    ['# no apiVersion', '# no kind', 'ModelPromotion'],
    ['apiVersion: modelpromotion/v1alpha1', 'kind: Modelpromotion', undefined],
  ])('is a mistake where it was meant to be ours: %s, %s', (apiVersion, kind, meant) => {
    const text = `${apiVersion}\n${kind}\nmetadata: { name: a, namespace: ml }\nspec: { model: m, stages: [] }\n`;
    const { declarations, problems, ignored } = parse(text);
    expect([declarations, ignored]).toEqual([[], 0]);
    expect(problems[0]?.object).toEqual(meant && { kind: meant, namespace: 'ml', name: 'a' });
    expect(problems[0]?.message).toMatch(/did you mean|is missing/);
  });

  it.each([
    ['a top-level list', promotion('a').replaceAll(/^/gm, '  ').replace('  ', '- ')],
    ['items without a List', `items:\n${promotion('a').replaceAll(/^/gm, '  ').replace('  ', '- ')}`],
  ])('is a mistake of the whole file when it stands in %s', (_, text) => {
    const { declarations, problems, ignored } = parse(text.trimEnd());
    expect([declarations, ignored]).toEqual([[], 0]);
    expect(problems).toMatchObject([{ message: expect.stringContaining('a list of manifests is not read') }]);
    expect(problems[0]).not.toHaveProperty('object');
  });

  it.each([
    'apiVersion: modelregistry.opendatahub.io/v1alpha1\nkind: ModelRegistry\nmetadata: { name: a }\n',
    'model: m\nstages: [build, test]\n',
    'spec: { model: m }\n',
    'Kind: ConfigMap\nApiVersion: v1\n',
    '- apiVersion: v1\n  kind: ConfigMap\n',
  ])("is left alone when it is somebody else's: %j", (text) => {
    expect(parse(text)).toMatchObject({ declarations: [], problems: [], ignored: 1 });
  });

  it('goes on after a document that is wrong', () => {
    const { declarations, problems } = parse(
      `a: [\n---\n${promotion('a')}---\n${promotion('B')}---\n${promotion('c')}`,
    );
    expect(declarations.map(({ identity }) => identity.name)).toEqual(['a', 'c']);
    expect(problems).toHaveLength(2);
  });

  it('keeps the declaration of an object that is wrong, without the object', () => {
    const [declaration] = parse(promotion('a').replace('"3"', '3')).declarations;
    expect(declaration?.identity.name).toBe('a');
    expect(declaration).not.toHaveProperty('object');
  });

  it('is read when it is JSON', () => {
    const json = JSON.stringify(parse(promotion('a')).declarations[0]?.object, null, '\t');
    expect(parse(json).problems).toEqual([]);
    expect(parse(json).declarations[0]?.object?.metadata.name).toBe('a');
  });

  it('may repeat itself with anchors and aliases', () => {
    const text = promotion('a')
      .replace('[{', '[&c {')
      .replace('}] }', '}], stages: [{ name: Staging, version: &v "3" }], description: *v }');
    expect(parse(text).problems.map(({ message }) => message)).toEqual(['unknown field "description"']);
    const shared = `${promotion('a').slice(0, -2)}, stages: [{ name: Staging, version: &v "3", description: *v }] }\n`;
    expect(parse(shared).declarations[0]?.object).toMatchObject({ spec: { stages: [{ description: '3' }] } });
  });

  it('may hold a List', () => {
    const items = [promotion('a'), 'apiVersion: v1\nkind: Secret\n', promotion('b').replace('"3"', '"0"')];
    const list = items.map((item) => `  - ${item.trimEnd().replaceAll('\n', '\n    ')}\n`).join('');
    const { declarations, problems, ignored } = parse(`apiVersion: v1\nkind: List\nitems:\n${list}`);
    expect(declarations.map(({ identity, object }) => [identity.name, object?.metadata.name])).toEqual([
      ['a', 'a'],
      ['b', undefined],
    ]);
    expect(problems).toMatchObject([{ path: 'items[2].spec.aliases[0].version', line: 13 }]);
    expect(ignored).toBe(1);
  });

  it('tells a bounded number of problems, and how many more there are', () => {
    const aliases = Array.from(
      { length: 400 },
      (_, index) => `    - { name: "a:${index}", version: "1" }\n`,
    ).join('');
    const { problems } = parse(`${promotion('a').split('spec')[0]}spec:\n  model: m\n  aliases:\n${aliases}`);
    expect(problems).toHaveLength(mostProblems + 1);
    expect(problems.at(-1)?.message).toMatch(/^and \d+ more problems from here on$/);
  });
});

describe('a listing', () => {
  it('is in path order, by code units, then in the order of the documents', () => {
    const { promotions } = listingOf(
      parse(promotion('c'), 'a/b.yaml'),
      parse(promotion('a') + '---\n' + promotion('b'), 'Z.yaml'),
      parse(promotion('d'), 'a.yaml'),
    );
    expect(promotions.map(({ object }) => object.metadata.name)).toEqual(['a', 'b', 'd', 'c']);
  });

  it('parts promotions from registries and adds up what was ignored', () => {
    const registry =
      'apiVersion: modelpromotion.dev/v1alpha1\nkind: ModelRegistry\nmetadata: { name: a }\nspec: { uri: "http://a" }\n';
    const listing = listingOf(
      parse(promotion('a') + '---\nx: y\n', 'a'),
      parse(`${registry}---\nx: y\n`, 'b'),
    );
    expect(listing).toMatchObject({ revision: 'main@sha1:abc', problems: [], ignored: 2 });
    expect(listing.promotions).toHaveLength(1);
    expect(listing.registries).toHaveLength(1);
  });

  it('counts only the first of two manifests with one name, and says where the first is', () => {
    const listing = listingOf(
      parse(`# second\n${promotion('a')}`, 'b.yaml'),
      parse(promotion('a'), 'a.yaml'),
      parse(promotion('a', 'other'), 'c.yaml'),
    );
    expect(listing.promotions.map(({ location }) => location.file)).toEqual(['a.yaml', 'c.yaml']);
    expect(listing.problems).toEqual([
      {
        file: 'b.yaml',
        line: 4,
        column: 19,
        path: 'metadata.name',
        message: 'ModelPromotion ml/a is declared at a.yaml:1:1 already; only that one counts',
        object: { kind: 'ModelPromotion', namespace: 'ml', name: 'a' },
      },
    ]);
  });

  it('does not let the second of two take over while the first is wrong', () => {
    const listing = listingOf(parse(promotion('a').replace('"3"', '"0"') + '---\n' + promotion('a')));
    expect(listing.promotions).toEqual([]);
    expect(listing.problems.map(({ line }) => line)).toEqual([4, 8]);
  });
});

describe('a source beyond what one may hold', () => {
  it('keeps the objects that come first, and says where the others begin', () => {
    const [declaration] = parse(promotion('a'), 'a.yaml').declarations;
    if (declaration === undefined) throw new Error('not read');
    const named = (name: string) => ({ ...declaration, identity: { ...declaration.identity, name } });
    const many = Array.from({ length: mostObjects - 1 }, (_, index) => named(`n${index}`));
    const full: FileResult = { file: 'a.yaml', declarations: many, problems: [], ignored: 0 };
    const two = parse(`${promotion('x')}---\n${promotion('z')}`, 'b.yaml');
    const { promotions, problems } = listingOf(two, full);
    expect(promotions.length).toBe(mostObjects);
    expect(promotions.at(-1)?.object.metadata.name).toBe('x');
    expect(problems).toEqual([
      {
        file: 'b.yaml',
        line: 6,
        column: 1,
        path: '',
        message: 'more than 50,000 objects in one source; the rest is not read',
      },
    ]);
  });

  it('tells one problem a file from some number on, and that one casts doubt on all of the file', () => {
    const bad = `${promotion('a')}---\n${promotion('b')}`.replaceAll('model: churn', 'modl: churn');
    const { problems: own } = parse(bad);
    const files = Array.from({ length: mostProblemsInAll / 2 + 1 }, (_, index): FileResult => {
      const file = `f${String(index).padStart(5, '0')}.yaml`;
      return { file, declarations: [], problems: own.map((one) => ({ ...one, file })), ignored: 0 };
    });
    const { problems } = listingOf(...files);
    expect(problems.length).toBe(mostProblemsInAll + 1);
    expect(problems.at(-2)?.object?.name).toBe('b');
    expect(problems.at(-1)).toEqual({
      file: 'f05000.yaml',
      line: 4,
      column: 9,
      path: 'spec.modl',
      message: '2 problems; the first: unknown field "modl"; did you mean "model"?',
    });
  });
});

it('counts the problems of a list that is wrong throughout', () => {
  const items = '- { apiVersion: modelpromotion.dev/v1alpha1, kind: ModelPromotion, a: 1, b: 1 }\n'.repeat(
    2_000,
  );
  const { problems } = parse(`apiVersion: v1\nkind: List\nitems:\n${items}`);
  expect(problems.length).toBe(mostProblems + 1);
  expect(problems.at(-1)?.message).toBe('and 7900 more problems from here on');
});

it('tells of each item of a list what is ambiguous in it, and nothing of the others', () => {
  const item = (name: string, tag: string) =>
    `- apiVersion: modelpromotion.dev/v1alpha1
  kind: ModelPromotion
  metadata: { name: ${name} }
  spec: { model: m, stages: [{ name: Staging, version: "1", tags: { t: ${tag} } }] }
`;
  const text = `apiVersion: v1\nkind: List\nitems:\n${item('a', 'x')}${item('b', 'yes')}${item('c', 'x')}`;
  const { problems, declarations } = parse(text);
  expect(problems.map(({ path, object }) => `${object?.name} ${path}`)).toEqual([
    'b items[1].spec.stages[0].tags.t',
  ]);
  expect(declarations.map(({ object }) => object !== undefined)).toEqual([true, false, true]);
});
