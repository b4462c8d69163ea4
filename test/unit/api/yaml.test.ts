import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { otherReading } from '../../../src/api/dialect.ts';
import { readTree } from '../../../src/api/tree.ts';
import { LineIndex, parseYaml, toYaml } from '../../../src/api/yaml.ts';

describe('writing', () => {
  it('gives block style, in the order of the keys, with everything quoted that another reader could mistake', () => {
    const value = {
      version: '4',
      on: ['yes', '012', '1_000', '12:30'],
      since: '2026-01-01T00:00:00Z',
      nested: { text: 'two\nlines\n', plain: 'a b' },
    };
    expect(toYaml(value)).toBe(`version: "4"
"on":
  - "yes"
  - "012"
  - "1_000"
  - "12:30"
since: "2026-01-01T00:00:00Z"
nested:
  text: |
    two
    lines
  plain: a b
`);
  });

  it.each(['.A_', '1_A', 'A_1', '_1', '0x_g'])('leaves %s plain, which everybody reads as a text', (word) => {
    expect(otherReading(word)).toBeUndefined();
    expect(toYaml([word])).toBe(`- ${word}\n`);
  });

  it.each(['1_0', '.5_', '0xA_F', '1_0.5e3'])('quotes %s, which is a number to some', (word) => {
    expect(otherReading(word)).toBe(word.replaceAll('_', ''));
    expect(toYaml([word])).toBe(`- "${word}"\n`);
  });

  it('never folds a line and never writes an alias', () => {
    const shared = { text: 'word '.repeat(50).trim() };
    expect(toYaml([shared, shared])).toBe(`- text: ${shared.text}\n`.repeat(2));
  });

  it('is read back as the same value', () => {
    const text = fc.oneof(
      fc.string(),
      fc.constantFrom('yes', '012', '0x1', '1e3', '~', '', '- a', '#', '1:2'),
    );
    const value = fc.dictionary(
      fc.string({ minLength: 1 }).filter((key) => !['__proto__', 'constructor', 'prototype'].includes(key)),
      fc.oneof(text, fc.boolean(), fc.integer(), fc.array(text)),
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(value, (object) => {
        const [document] = parseYaml(toYaml(object)).documents;
        const tree = document?.root ? readTree(document.root) : undefined;
        expect(tree?.value).toEqual(object);
        expect(tree?.findings).toEqual([]);
      }),
    );
  });
});

describe('lines and columns', () => {
  const lines = new LineIndex('ab\n\r\nc');

  it.each([
    [0, 1, 1],
    [2, 1, 3],
    [3, 2, 1],
    [5, 3, 1],
    [6, 3, 2],
  ])('of offset %i', (offset, line, column) => {
    expect(lines.at(offset)).toEqual({ line, column });
  });

  it('exist in an empty text', () => {
    expect(new LineIndex('').at(0)).toEqual({ line: 1, column: 1 });
  });
});

it.each([
  '4',
  '0',
  '1.5',
  '1e3',
  '0x1f',
  'true',
  'null',
  'word',
  'yesterday',
  '1.2.3',
  '2026-01-01',
  'a_b',
  'http://a:80',
  '089',
  '10:99',
  '_1',
])('finds one meaning in the plain word %s', (word) => {
  expect(otherReading(word)).toBeUndefined();
});
