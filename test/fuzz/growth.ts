/** Hostile shapes of any size, to see that four times as much takes about four times as long. */
import { parseFile } from '../../src/api/documents.ts';

const head = `apiVersion: modelpromotion.dev/v1alpha1
kind: ModelPromotion
metadata: { name: churn }
spec:
  model: churn
`;
const list = 'apiVersion: v1\nkind: List\nitems:\n';
const tiny = (index: number): string =>
  `- {apiVersion: modelpromotion.dev/v1alpha1, kind: ModelPromotion, metadata: {name: a${index}}}\n`;

type Shape = (size: number) => string;

/** The part again and again, between what stands before and after it. */
function fill(part: string, before = '', after = ''): Shape {
  return (size) => before + part.repeat(Math.ceil(size / part.length)) + after;
}

/** As many different parts as fit. */
function each(part: (index: number) => string, before = '', after = ''): Shape {
  return (size) => {
    const parts = [before];
    for (let length = 0, index = 0; length < size; index += 1) {
      const next = part(index);
      parts.push(next);
      length += next.length;
    }
    return parts.join('') + after;
  };
}

/** Half of the one, half of the other: what one of them costs may depend on how much there is of the other. */
function both(first: Shape, second: Shape): Shape {
  return (size) => first(size / 2) + second(size / 2);
}

const shapes: Readonly<Record<string, Shape>> = {
  ...Object.fromEntries(
    [
      '"',
      "''",
      '&a ',
      '!a ',
      '*',
      ']',
      '}',
      '-\n',
      ':\n',
      '?\n',
      '#\n',
      '\n',
      '\r\n',
      '\t\n',
      ' ',
      '---\n',
      '...\n',
      '%YAML 1.2\n',
      '%TAG ! x\n',
      'a ',
      'a\n\n',
      'a: 1\n',
      'yes: 1\n',
      '- yes\n',
      '- a: b\n',
      '- - - a\n',
      '- !x a\n',
      '&a\n',
      '!a\n',
      '&a k: v\n',
      '"k": v\n',
      '? a\n',
      'a: b # c\n',
      '|\n',
      '> ',
      '@',
      '\\',
      '- "\\0"\n',
      '- {a: {a: {a: 1}}}\n',
      '😀',
      '\u{feff}',
      '\0',
    ].map((part) => [JSON.stringify(part), fill(part)]),
  ),
  'a flow sequence of words': fill('a,', '[', ']'),
  'a flow sequence of nothing': fill(',', '[', ']'),
  'a flow sequence of pairs': fill('a: b,', '[', ']'),
  'an open flow sequence': fill('a,\n', '['),
  'a flow map': each((index) => `k${index}: ,`, '{', '}'),
  JSON: fill('{"a":1},', '[', '{}]'),
  'a literal': fill(' x\n', 'a: |\n'),
  'a folded literal': fill(' x\n\n   y\n', 'a: >\n'),
  'empty lines of a literal': fill('\n', 'a: |\n'),
  'a quoted text of lines': fill('x\n ', 'a: "', '"'),
  'a quoted text of blanks': fill(' ', 'a: "', '"'),
  'a quoted text of empty lines': fill('  \n', 'a: "', '"'),
  'a quoted text of escapes': fill('\\u0041', 'a: "', '"'),
  'a quoted text of bad escapes': fill('\\q', 'a: "', '"'),
  'an open quoted text': fill('x\n', 'a: "'),
  'a long key': fill('a', '', ': b'),
  'a long number': fill('1', 'a: '),
  'a number with underscores': fill('1_', 'a: '),
  'a number to the base of 60': fill('1:', 'a: ', '1'),
  'different keys': each((index) => `k${index}: 1\n`),
  'unknown fields': each((index) => `k${index}: 1\n`, head),
  'one field again and again': fill('model: a\n', head),
  'stages without a name': fill('    - x: y\n', `${head}  stages:\n`),
  'stages of one name': fill('    - { name: Staging, version: "1" }\n', `${head}  stages:\n`),
  'a chain of aliases': each(
    (index) => `    - { name: a${index}, versionFrom: { alias: a${index + 1} } }\n`,
    `${head}  aliases:\n`,
  ),
  'aliases after aliases of stages': each(
    (index) => `    - { name: Staging, versionFrom: { alias: a${index} } }\n`,
    `${head}  aliases: [{ name: a0, versionFrom: { alias: a0 } }]\n  stages:\n`,
  ),
  'tag keys': each(
    (index) => `          k${index}?: 1\n`,
    `${head}  stages:\n    - name: Staging\n      tags:\n`,
  ),
  labels: each(
    (index) => `    k${index}: v\n`,
    head.replace('{ name: churn }', '\n    name: churn').replace('spec:\n  model: churn\n', '    labels:\n'),
  ),
  'a long model': fill('a', `${head.replace('churn\n', '')}  model: `, '/'),
  'a long name': fill('a.', head.split('name: churn')[0] + 'name: ', '! }'),
  'a long interval': fill('1h', `${head}  interval: `, 'x'),
  'items of a list': each(tiny, list),
  'items of one name': fill(tiny(0), list),
  'lists in a list': fill('- { apiVersion: v1, kind: List, items: [] }\n', list),
  'items with many mistakes': each(
    (index) =>
      `- {apiVersion: modelpromotion.dev/v1alpha1, kind: ModelPromotion, a${index}: 1, b: yes, c: 1, d: 1}\n`,
    list,
  ),
  'items beside words to quote': both(fill('- yes\n', 'x:\n'), each(tiny, list)),
  'items beside many keys': both(
    each((index) => `k${index}: 1\n`),
    each(tiny, list),
  ),
  'documents of ours': each((index) => `---\n${head.replace('churn', `a${index}`)}`),
};

const SMALL = 110 * 1024;
const TIMES = 4;
/** Quadratic time takes 16 times as long. What is in between is the garbage collector and a busy machine. */
const MOST = 6;

export const shapeNames: readonly string[] = Object.keys(shapes);

/** What is wrong when the time of a shape grows faster than its size. */
export function growthOf(name: string): string | undefined {
  const shape = shapes[name];
  if (shape === undefined) return `there is no shape ${name}`;
  const [small, large] = [SMALL, SMALL * TIMES].map((size) => new TextEncoder().encode(shape(size)));
  let ratio = Infinity;
  for (let attempt = 0; attempt < 4 && ratio > MOST; attempt += 1)
    ratio = Math.min(ratio, cost(large) / cost(small));
  return ratio > MOST ? `${TIMES} times as much takes ${ratio.toFixed(1)} times as long` : undefined;
}

/** Milliseconds of processor time, and one more so that next to nothing has no ratio. */
function cost(bytes: Uint8Array = new Uint8Array()): number {
  const start = process.cpuUsage();
  parseFile('m.yaml', bytes);
  const { user, system } = process.cpuUsage(start);
  return 3 + (user + system) / 1_000;
}
