/** Edits of manifests that people wrote: what is asked for changes, and not a character beside it. */
import { describe, expect, it } from 'vitest';
import { editObject, type FieldEdit } from '../../../src/api/edit/edit.ts';

const CHURN = { kind: 'ModelPromotion', namespace: 'ml', name: 'churn' };
const PRODUCTION: FieldEdit = { path: ['spec', 'stages', 0, 'version'], value: '3' };
const CHAMPION: FieldEdit = { path: ['spec', 'aliases', 0, 'version'], value: '3' };
const SUSPEND: FieldEdit = { path: ['spec', 'suspend'], value: true };
const ANNOTATION: FieldEdit = { path: ['metadata', 'annotations', 'example.com/why'], value: 'bad model' };

const HEAD = `apiVersion: modelpromotion.dev/v1alpha1
kind: ModelPromotion
metadata: { name: churn, namespace: ml }
`;

function edit(text: string, ...edits: FieldEdit[]) {
  return editObject('churn.yaml', new TextEncoder().encode(text), CHURN, edits);
}

/** The lines that differ, as `diff` would show them; fails when the edit is refused. */
function diff(text: string, ...edits: FieldEdit[]): string[] {
  const result = edit(text, ...edits);
  if (result.kind !== 'edited') throw new Error(JSON.stringify(result));
  const [before, after] = [text.split(/\r?\n/), result.text.split(/\r?\n/)];
  while (before.length > 0 && before[0] === after[0]) {
    before.shift();
    after.shift();
  }
  while (before.length > 0 && before.at(-1) === after.at(-1)) {
    before.pop();
    after.pop();
  }
  return [...before.map((line) => `-${line}`), ...after.map((line) => `+${line}`)];
}

function refusal(text: string, ...edits: FieldEdit[]): string {
  const result = edit(text, ...edits);
  if (result.kind !== 'refused') throw new Error(JSON.stringify(result));
  const { file, line, column, message } = result.problem;
  return `${file}:${line}:${column}: ${message}`;
}

const stage = (version: string): string => `${HEAD}spec:\n  model: m\n  stages:\n${version}`;

describe('a version that is changed', () => {
  it.each([
    ['in double quotes', '    - name: Production\n      version: "4"\n', ['-      version: "4"', '+      version: "3"']],
    ['in single quotes', "    - name: Production\n      version: '4'\n", ["-      version: '4'", "+      version: '3'"]],
    ['before a comment', '    - name: Production\n      version:   "4"   # since May\n', ['-      version:   "4"   # since May', '+      version:   "3"   # since May']],
    ['first in its map', '  - version: "4"   \n    name: Production\n', ['-  - version: "4"   ', '+  - version: "3"   ']],
    ['in flow style', '    - { name: Production, version: "4" } # x\n', ['-    - { name: Production, version: "4" } # x', '+    - { name: Production, version: "3" } # x']],
    ['in flow style without spaces', '    [{"name":"Production","version":"4"}]\n', ['-    [{"name":"Production","version":"4"}]', '+    [{"name":"Production","version":"3"}]']],
    ['on a line of its own', '    - name: Production\n      version:\n        "4"\n', ['-        "4"', '+        "3"']],
    ['without a line end', '    - name: Production\n      version: "4"', ['-      version: "4"', '+      version: "3"']],
    ['with odd indentation', '         -    name:   Production\n              version:  "4"\n\n\n', ['-              version:  "4"', '+              version:  "3"']],
    ['with an anchor that nobody uses', '    - name: Production\n      version: &v "4"\n', ['-      version: &v "4"', '+      version: &v "3"']],
    ['below an explicit key', '    - name: Production\n      ? version\n      : "4"\n', ['-      : "4"', '+      : "3"']],
  ] as const)('%s', (_, lines, expected) => {
    expect(diff(stage(lines), PRODUCTION)).toEqual(expected);
  }); // prettier-ignore

  it('keeps the line ends of Windows and the byte-order mark', () => {
    const text = `\uFEFF${stage('    - name: Production # x\n      version: "4"\n')}`.replaceAll(
      '\n',
      '\r\n',
    );
    const result = edit(text, PRODUCTION);
    expect(result).toMatchObject({ kind: 'edited', text: text.replace('"4"', '"3"') });
  });

  it('changes two targets at once, and tells where', () => {
    const text = stage(
      '    - { name: Production, version: "4" }\n  aliases:\n    - { name: champion, version: "4" }\n',
    );
    expect(edit(text, PRODUCTION, CHAMPION)).toMatchObject({
      changes: [
        { file: 'churn.yaml', line: 7, column: 36, path: 'spec.stages[0].version', before: '4', after: '3' },
        { line: 9, path: 'spec.aliases[0].version', before: '4', after: '3' },
      ],
    });
  });

  it('leaves a text alone that says so already', () => {
    expect(edit(stage('    - { name: Production, version: "3" }\n'), PRODUCTION)).toEqual({ kind: 'same' });
  });

  it('finds its document among others, a List, and a broken neighbour', () => {
    const other = stage('    - { name: Production, version: "4" }\n').replace('name: churn', 'name: other');
    const own = stage('    - { name: Production, version: "4" }\n');
    const text = `# all of ours\n${other}---\nkind: ConfigMap\napiVersion: v1\ndata: {a: b}\n---\n${own}...\n---\n${other.replace('other', 'third')}`;
    expect(diff(text, PRODUCTION)).toHaveLength(2);
    expect(edit(text, PRODUCTION)).toMatchObject({ changes: [{ line: 20 }] });

    const item = own.trimEnd().replaceAll('\n', '\n    ');
    const list = `apiVersion: v1\nkind: List\nitems:\n  - ${item.replace('churn', 'other')}\n  - ${item}\n`;
    expect(edit(list, PRODUCTION, SUSPEND)).toMatchObject({ changes: [{ line: 17 }, { after: true }] });
    expect(diff(list, SUSPEND)).toEqual(['+      suspend: true']);

    expect(diff(`a: [1\n---\n${own}`, PRODUCTION)).toHaveLength(2);
  });

  it('changes JSON as JSON', () => {
    const text = JSON.stringify(
      { apiVersion: 'modelpromotion.dev/v1alpha1', kind: 'ModelPromotion', metadata: { name: 'churn', namespace: 'ml' }, spec: { model: 'm', stages: [{ name: 'Production', version: '4' }] } },
      null, 2,
    ); // prettier-ignore
    const result = edit(text, PRODUCTION, SUSPEND, ANNOTATION);
    if (result.kind !== 'edited') throw new Error(JSON.stringify(result));
    expect(JSON.parse(result.text)).toMatchObject({
      metadata: { annotations: { 'example.com/why': 'bad model' } },
      spec: { stages: [{ version: '3' }], suspend: true },
    });
    expect(diff(text, SUSPEND)).toEqual(['-    ]', '+    ],', '+    "suspend": true']);
    const compact = JSON.stringify(JSON.parse(text));
    expect(edit(compact, SUSPEND)).toMatchObject({ text: compact.replace(']}}', '], "suspend": true}}') });
  });
});

describe('a value that aliases share', () => {
  const shared = stage(
    '    - { name: Production, version: &v "4" }\n  aliases:\n    - { name: champion, version: *v }\n    - { name: blue, version: *v }\n',
  );
  const BLUE: FieldEdit = { path: ['spec', 'aliases', 1, 'version'], value: '3' };

  it('is changed where all that share it are to become the same', () => {
    expect(diff(shared, PRODUCTION, CHAMPION, BLUE)).toEqual([
      '-    - { name: Production, version: &v "4" }',
      '+    - { name: Production, version: &v "3" }',
    ]);
  });

  it('is left to a person where one of them is not meant', () => {
    expect(refusal(shared, PRODUCTION)).toBe(
      'churn.yaml:7:39: changing this value would change spec.aliases[0].version as well; edit it by hand',
    );
    expect(refusal(shared, CHAMPION)).toMatch(
      /^churn.yaml:9:34: this value stands elsewhere, at the anchor &v/,
    );
    expect(refusal(shared, PRODUCTION, CHAMPION, { ...BLUE, value: '2' })).toContain('edit it by hand');
  });

  it('is left to a person where it is a whole list', () => {
    const list = `${HEAD}spec:\n  model: m\n  stages: &s [{ name: Production, version: "4" }]\n---\n${HEAD.replace('churn', 'b')}spec:\n  model: n\n  stages: [{ name: Production, version: "4", tags: &t { a: b } }]\n`;
    expect(diff(list, PRODUCTION)).toHaveLength(2);
    const tagged = stage(
      '    - { name: Staging, version: "5", tags: &t { a: b } }\n    - { name: Production, version: "4", tags: *t }\n',
    );
    expect(refusal(tagged, { path: ['spec', 'stages', 1, 'tags', 'a'], value: 'c' })).toContain('&t');
  });
});

describe('a field that is added', () => {
  it.each([
    ['below the others', stage('    - name: Production\n      version: "4"\n'), SUSPEND, ['+  suspend: true']],
    ['before what follows', stage('  - name: Production\n    version: "4"\n---\na: b\n'), SUSPEND, ['+  suspend: true']],
    ['behind the comment of the last line', stage('    - name: Production\n      version: "4" # good\n# end\n'), SUSPEND, ['+  suspend: true']],
    ['behind lines that are commented out', stage('    - name: Production\n      version: "4"\n\n    # - name: Staging\n    #   version: "5"\n  # ours\n'), SUSPEND, ['+  suspend: true']],
    ['without a line end', stage('    - { name: Production, version: "4" }'), SUSPEND, ['+  suspend: true']],
    ['into a flow map', `${HEAD}spec: { model: m, stages: [{ name: Production, version: "4" }] } # x\n`, SUSPEND, [
      '-spec: { model: m, stages: [{ name: Production, version: "4" }] } # x',
      '+spec: { model: m, stages: [{ name: Production, version: "4" }], suspend: true } # x',
    ]],
    ['into a flow map of many lines', `${HEAD}spec: {\n    model: m,\n    stages: [{ name: Production, version: "4" }],\n  }\n`, SUSPEND, [
      '+    suspend: true,',
    ]],
    ['with four spaces', `${HEAD}spec:\n    model: m\n    stages:\n        - name: Production\n          version: "4"\n`, SUSPEND, ['+    suspend: true']],
    ['behind a block of text', stage('    - name: Production\n      version: "4"\n      description: |\n        two\n\n        lines\n'), SUSPEND, ['+  suspend: true']],
    ['with its map, which is missing too', stage('    - { name: Production, version: "4" }\n').replace(/metadata.*/, 'metadata:\n  name: churn\n  namespace: ml'), ANNOTATION, [
      '+  annotations:', '+    example.com/why: "bad model"',
    ]],
    ['in the quotes of the others', stage("    - { name: Production, version: '4' }\n").replace(/metadata.*/, 'metadata:\n  name: churn\n  namespace: ml\n  annotations:\n    a: b'), ANNOTATION, [
      "+    example.com/why: 'bad model'",
    ]],
    ['to a map in flow style', stage('    - { name: Production, version: "4" }\n'), ANNOTATION, [
      '-metadata: { name: churn, namespace: ml }',
      '+metadata: { name: churn, namespace: ml, annotations: { example.com/why: "bad model" } }',
    ]],
  ] as const)('%s', (_, text, added, expected) => {
    expect(diff(text, added)).toEqual(expected);
    const windows = text.replaceAll('\n', '\r\n');
    expect(diff(windows, added)).toEqual(expected);
    const result = edit(windows, added);
    expect(result.kind === 'edited' && /(?<!\r)\n/.test(result.text)).toBe(false);
  }); // prettier-ignore

  it.each([
    ['below block fields', '    - name: Production\n      versionFrom: { latest: {} } # rule\n', ['+      pin: { version: "3", reason: "it\'s: #1", until: "2026-12-01T00:00:00Z" }']],
    ['in flow style', "    - { name: Production, versionFrom: { alias: 'a' } }\n", ["-    - { name: Production, versionFrom: { alias: 'a' } }", `+    - { name: Production, versionFrom: { alias: 'a' }, pin: { version: '3', reason: 'it''s: #1', until: '2026-12-01T00:00:00Z' } }`]],
    ['in JSON', '    [{"name":"Production","versionFrom":{"latest":{}}}]\n', ['-    [{"name":"Production","versionFrom":{"latest":{}}}]', '+    [{"name":"Production","versionFrom":{"latest":{}}, pin: { version: "3", reason: "it\'s: #1", until: "2026-12-01T00:00:00Z" }}]']],
  ])('may be a map of texts: %s', (_, lines, expected) => {
    const value = { version: '3', reason: "it's: #1", until: '2026-12-01T00:00:00Z' };
    expect(diff(stage(lines), { path: ['spec', 'stages', 0, 'pin'], value })).toEqual(expected);
  }); // prettier-ignore

  it('takes the place of the opposite', () => {
    const text = `${HEAD}spec:\n  suspend: false # for now\n  model: m\n  stages: [{ name: Production, version: "4" }]\n`;
    expect(diff(text, SUSPEND)).toEqual(['-  suspend: false # for now', '+  suspend: true # for now']);
  });
});

describe('an edit is refused, and nothing is changed', () => {
  it.each([
    ['of a version in a block', stage('    - name: Production\n      version: |-\n        4\n'), 'churn.yaml:8:16: this value is written in a form that is not edited; edit it by hand'],
    ['of a promotion that is declared twice', `${stage('    - { name: Production, version: "4" }\n')}---\n${stage('    - { name: Production, version: "5" }\n')}`, 'churn.yaml:9:1: ModelPromotion ml/churn is declared twice, the first time in line 1; remove one of the two'],
    ['of a promotion that is not there', stage('    - { name: Production, version: "4" }\n').replace('churn', 'other'), 'churn.yaml:1:1: ModelPromotion ml/churn is not declared here'],
    ['of a promotion with a mistake', stage('    - { name: Production, version: 4 }\n'), 'churn.yaml:7:36: must be a string; quote it: "4"'],
    ['that would be invalid', stage('    - { name: Production, version: "4" }\n    - { name: Staging, version: "3" }\n'), /^churn.yaml:\d+:\d+: .*3/],
  ] as const)('%s', (_, text, message) => {
    expect(refusal(text, PRODUCTION)).toMatch(message);
  }); // prettier-ignore

  it('of a file beyond the limits, or that is no text', () => {
    expect(
      refusal(`${stage('    - { name: Production, version: "4" }\n')}#${'x'.repeat(1_100_000)}`, PRODUCTION),
    ).toContain('1 MiB');
    const bytes = Uint8Array.from([0xff, 0xfe, 0x41]);
    expect(editObject('a.yaml', bytes, CHURN, [PRODUCTION])).toMatchObject({ kind: 'refused' });
  });
});
