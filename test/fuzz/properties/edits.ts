/** Whatever a manifest looks like, an edit changes what it was asked to and not a character beside it, or nothing. */
import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { parseFile } from '../../../src/api/documents.ts';
import { editObject, type FieldEdit } from '../../../src/api/edit/edit.ts';
import type { ModelPromotion } from '../../../src/api/generated/types.ts';
import { soundPromotion } from '../arbitraries/manifests.ts';
import { bytes, printer } from '../arbitraries/texts.ts';
import { ensure, ensurePrintable, fuzz, type Fuzz } from '../fuzz.ts';

/** What stood in the place of a value at most: ten digits and two quotes. */
const LONGEST_VALUE = 12;
/** A field of ours with its name, its indentation and a line end. */
const LONGEST_FIELD = 300;

const wish = fc.oneof(fc.boolean(), fc.constantFrom('3', '12', '4000000000'));

export const edits: readonly Fuzz[] = [
  fuzz('an edit of a sound manifest changes one field alone, however it is printed', {
    weight: 10,
    short: 150,
    input: fc.tuple(fc.array(fc.tuple(soundPromotion, printer), { minLength: 1, maxLength: 3 }), wish),
    holds: ([documents, value]) => {
      const text = documents.map(([value, print]) => print(value)).join('\n---\n');
      checkEdit(new TextEncoder().encode(text), value);
    },
  }),
  fuzz('an edit of any file does that or nothing', {
    weight: 10,
    short: 150,
    input: fc.tuple(bytes, wish),
    holds: ([file, value]) => checkEdit(file, value),
  }),
];

/** Of the first promotion of the file. */
function checkEdit(file: Uint8Array, value: string | boolean): void {
  const before = objectsOf(file);
  const at = before.findIndex((object) => object?.kind === 'ModelPromotion');
  const promotion = before[at] as ModelPromotion | undefined;
  const path = promotion && pathFor(promotion, value);
  if (promotion === undefined || path === undefined) return;
  const { kind, metadata } = promotion;
  const identity = { kind, namespace: metadata.namespace, name: metadata.name };
  const result = editObject('m.yaml', file, identity, [{ path, value }]);
  if (result.kind === 'refused') {
    ensurePrintable(result.problem.message, 400);
    return;
  }
  const expected = structuredClone(before);
  set(expected[at], path, value);
  if (result.kind === 'same') {
    ensure(isDeepStrictEqual(before, expected), 'it does not say so already');
    return;
  }
  const { text } = result;
  ensure(isDeepStrictEqual(objectsOf(new TextEncoder().encode(text)), expected), 'it declares something else', text); // prettier-ignore
  checkSpan(new TextDecoder('utf-8', { ignoreBOM: true }).decode(file), text);
}

/** All that differs is one place. */
function checkSpan(before: string, after: string): void {
  let [start, end] = [0, 0];
  while (start < before.length && before[start] === after[start]) start += 1;
  while (end < before.length - start && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  const gone = before.length - start - end;
  ensure(gone <= LONGEST_VALUE, 'more is gone than a value', before.slice(start, before.length - end));
  ensure(after.length - before.length <= LONGEST_FIELD, 'more was added than a field', after);
}

function objectsOf(file: Uint8Array) {
  return parseFile('m.yaml', file).declarations.map(({ object }) => object);
}

/** A version has a place only where one is pinned already. */
function pathFor({ spec }: ModelPromotion, value: string | boolean): FieldEdit['path'] | undefined {
  if (typeof value === 'boolean') return ['spec', 'suspend'];
  const list = (['stages', 'aliases'] as const).find((list) => spec[list][0]?.version !== undefined);
  return list && ['spec', list, 0, 'version'];
}

function set(object: unknown, path: FieldEdit['path'], value: unknown): void {
  const [last = '', ...rest] = path.toReversed();
  let at = object as Record<string | number, unknown>;
  for (const segment of rest.toReversed()) at = at[segment] as Record<string | number, unknown>;
  at[last] = value;
}
