import { describe, expect, it } from 'vitest';
import { parseFile, type FileResult } from '../../../src/api/documents.ts';
import { readStatusFile } from '../../../src/api/status-file.ts';

const mebibyte = 1024 * 1024;

function parse(text: string): FileResult {
  return parseFile('m.yaml', new TextEncoder().encode(text));
}

function fill(part: string): string {
  return part.repeat(Math.floor(mebibyte / part.length));
}

const manifest = `apiVersion: modelpromotion.dev/v1alpha1
kind: ModelPromotion
metadata: { name: churn }
spec:
  model: churn
  stages:
    - name: Staging
      version: &v "4"
    - name: Production
      version: "3"
      tags: { change-request: CHG-1234 }
  aliases:
    - name: champion
      versionFrom: { stage: Production }
`;

describe('a file beyond the limits is refused as a whole, in one problem', () => {
  it.each([
    ['5 MiB', ' '.repeat(5 * mebibyte), '1:1 the file has 5242880 bytes; at most 1 MiB is read'],
    ['100,000 documents', 'a: b\n---\n'.repeat(100_000), '2000:1 more than 1000 documents in one file'],
    ['nested lists', '['.repeat(100_000), '1:65 nested deeper than 64 levels'],
    ['nested maps', '{a: '.repeat(100_000), '1:257 nested deeper than 64 levels'],
    ['nested blocks', '- '.repeat(100_000), '1:129 nested deeper than 64 levels'],
    ['tokens', ':\n'.repeat(250_001), '250000:2 more than 500,000 YAML tokens in one file; split it'],
    ['aliases', `- &a x\n${'- *a\n'.repeat(101)}`, '102:3 more than 100 aliases in one file'],
  ])('%s', { timeout: 60_000 }, (_, text, expected) => {
    const { declarations, problems } = parse(text);
    expect(declarations).toEqual([]);
    expect(problems.map(({ line, column, message }) => `${line}:${column} ${message}`)).toEqual([expected]);
  });
});

it('refuses aliases that multiply', () => {
  const levels = Array.from(
    { length: 9 },
    (_, i) => `  l${i + 1}: &l${i + 1} [${`*l${i}, `.repeat(9)}]\n`,
  ).join('');
  const bomb = `${manifest}x:\n  l0: &l0 [a, b, c]\n${levels}`;
  expect(parse(bomb).problems.map(({ message }) => message)).toEqual([
    'the aliases multiply to more than 10,000 values',
  ]);
});

it('refuses an alias inside of what it stands for', () => {
  expect(parse(`${manifest}x: &x [*x]\n`).problems.map(({ message }) => message)).toContain(
    'the alias "*x" has no anchor before it',
  );
});

it('adds nothing to Object.prototype', () => {
  parse(`${manifest}__proto__: { polluted: yes }\nconstructor: { prototype: { polluted: yes } }\n`);
  expect({}).not.toHaveProperty('polluted');
});

it.each(['{ toString: 1 }', '[[{ toString: 1 }]]', '{ valueOf: 1, toJSON: 1 }', '.nan', '{ length: 9e99 }'])(
  'answers where a word belongs and %s stands, which no text can be made of',
  (odd) => {
    const { problems } = parse(
      manifest.replace('  stages', `  drift: ${odd}\n  stages`).replace('Staging', odd),
    );
    expect(problems.map(({ path }) => path)).toEqual(['spec.drift', 'spec.stages[0].name']);
  },
);

/** That the time grows no faster than the file is for `npm run fuzz` to find out. */
describe('of 1 MiB of a hostile shape, a bounded number of short problems is told', () => {
  it.each([
    ['quotes', fill('"')],
    ['anchors', fill('&a ')],
    ['tags', fill('!a ')],
    ['keys of our kind', manifest + Array.from({ length: 80_000 }, (_, i) => `k${i}: 1\n`).join('')],
    ['one key again and again', manifest + 'a: 1\n'.repeat(200_000)],
    ['stages', `${manifest.split('  stages')[0]}  stages:\n${'    - x: y\n'.repeat(90_000)}`],
    ['closing brackets', fill(']')],
    ['a long model name', manifest.replace('churn\n', `${'a'.repeat(mebibyte - 400)}/\n`)],
    ['a long alias', manifest.replace('champion', `${'a'.repeat(mebibyte - 400)}/`)],
    ['a long duration', `${manifest}  interval: ${'1'.repeat(mebibyte - 400)}`],
    ['a long tag key', manifest.replace('change-request', `"${'a/'.repeat(mebibyte / 2 - 400)}"`)],
    [
      'a long address',
      manifest.replace('Promotion', 'Registry').split('  model')[0] +
        `  uri: http://${'a'.repeat(mebibyte - 400)}`,
    ],
    ['a long unknown field', `${manifest}  ${'a'.repeat(900)}: b\n`],
  ])('%s', { timeout: 60_000 }, (_, text) => {
    const { problems } = parse(text);
    expect(problems.length).toBeLessThanOrEqual(101);
    expect(problems.every(({ message }) => message.length < 400)).toBe(true);
  });
});

it('takes back no status whose name is no text', () => {
  const text = manifest.replace('{ name: churn }', '{ name: churn, namespace: { toString: 1 } }');
  expect(readStatusFile('[object Object]/churn.yaml', text)).toBeUndefined();
});
