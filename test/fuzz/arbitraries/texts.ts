/** Files as bytes: manifests printed in many ways, pieces of YAML put together at random, and what was done to real ones. */
import { readdirSync, readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { isFields } from '../../../src/api/fields.ts';
import { toYaml } from '../../../src/api/yaml.ts';
import { manifest, mutated } from './manifests.ts';

const encoder = new TextEncoder();

/** The ways in which one value may be written. */
type Print = (value: unknown) => string;

const printers: readonly Print[] = [
  toYaml,
  (value) => `${JSON.stringify(value)}\n`,
  (value) => JSON.stringify(value, null, 2) ?? 'null',
  (value) => JSON.stringify(value, null, '\t') ?? 'null',
  (value) => `---\n${toYaml(value)}...\n`,
  (value) => toYaml(value).replaceAll('\n', '\r\n'),
  (value) => `\u{feff}${toYaml(value)}`,
  blockOfFlows,
];

/** The outermost level in block style, all below in flow style. */
function blockOfFlows(value: unknown): string {
  if (!isFields(value)) return JSON.stringify(value) ?? 'null';
  return Object.keys(value)
    .map((key) => `${JSON.stringify(key)}: ${JSON.stringify(value[key]) ?? 'null'}\n`)
    .join('');
}

export const printer = fc.constantFrom(...printers);

const printed = fc.tuple(fc.oneof(manifest, mutated), printer).map(([value, print]) => print(value));

/** Several in one file, or in a List. */
const several = fc.oneof(
  fc.array(printed, { maxLength: 5 }).map((documents) => documents.join('\n---\n')),
  fc
    .tuple(fc.array(fc.oneof(manifest, mutated), { maxLength: 4 }), printer)
    .map(([items, print]) => print({ apiVersion: 'v1', kind: 'List', items })),
);

/** Marks, words and blanks in any order. */
const piece = fc.oneof(
  fc.constantFrom(
    '\n',
    '\n  ',
    '\n    ',
    ' ',
    '\t',
    '- ',
    ': ',
    '? ',
    ', ',
    '[',
    ']',
    '{',
    '}',
    '"',
    "'",
    '&a ',
    '*a',
    '&b ',
    '*b',
    '!t ',
    '!!str ',
    '!<x> ',
    '<<: ',
    '---\n',
    '--- ',
    '...\n',
    '%YAML 1.1\n',
    '%TAG ! x\n',
    '#',
    '|',
    '>-\n',
    '|2\n',
    '\0',
    '\r',
    '\r\n',
    '\u{feff}',
    '\u2028',
    '\u0085',
    '\\x41',
    '\\u12',
    '\\',
    '~',
    '.inf',
    '0o17',
    '1e3',
    '0b1',
    '١',
    '@',
    '`',
    '%',
  ),
  fc.constantFrom(
    'apiVersion: modelpromotion.dev/v1alpha1\n',
    'kind: ModelPromotion\n',
    'kind: ModelRegistry\n',
    'kind: List\n',
    'apiVersion: v1\n',
    'metadata: ',
    'name: churn\n',
    'spec:\n  ',
    'stages:\n',
    'model',
    'items:\n',
    'version',
    'yes',
    'null',
    '"4"',
    '012',
  ),
  fc.string({ unit: 'binary', maxLength: 3 }),
  fc
    .tuple(
      fc.constantFrom('a', '- ', '[', '{a: ', '"', '\n', '? ', ' ', '&a ', '*a ', 'k: v\n', "''"),
      fc.nat(400),
    )
    .map(([part, times]) => part.repeat(times)),
);
const soup = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));

/** Every manifest that the project shows to people. */
const examples = readdirSync(new URL('../../../examples/', import.meta.url), {
  recursive: true,
  encoding: 'utf8',
})
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => readFileSync(new URL(`../../../examples/${name}`, import.meta.url)));

const text = fc.oneof(
  { weight: 4, arbitrary: printed },
  { weight: 2, arbitrary: several },
  { weight: 3, arbitrary: soup },
);

const original: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 3, arbitrary: text.map((one) => encoder.encode(one)) },
  { weight: 1, arbitrary: fc.constantFrom(...examples) },
);

interface Change {
  readonly at: number;
  readonly remove: number;
  readonly insert: Uint8Array;
}

const insert = fc.oneof(
  piece.map((one) => encoder.encode(one)),
  fc.uint8Array({ maxLength: 6 }),
  fc
    .constantFrom(
      [0xff, 0xfe],
      [0xed, 0xa0, 0x80],
      [0xc0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xef, 0xbb, 0xbf],
    )
    .map((bytes) => Uint8Array.from(bytes)),
);

const change: fc.Arbitrary<Change> = fc.record({
  at: fc.nat(4_000),
  remove: fc.oneof(fc.constant(0), fc.nat(30)),
  insert,
});

/** Any file: as it was made, or with bytes changed in it. */
export const bytes: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 2, arbitrary: original },
  {
    weight: 3,
    arbitrary: fc
      .tuple(original, fc.array(change, { minLength: 1, maxLength: 5 }))
      .map(([file, changes]) => changes.reduce(alter, file)),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
);

function alter(file: Uint8Array, { at, remove, insert }: Change): Uint8Array {
  const start = at % (file.length + 1);
  return Buffer.concat([file.subarray(0, start), insert, file.subarray(start + remove)]);
}
