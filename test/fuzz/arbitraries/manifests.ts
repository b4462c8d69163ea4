/** Manifests as values: sound ones, and ones with something wrong in them. */
import * as fc from 'fast-check';
import { isFields, type Fields } from '../../../src/api/fields.ts';
import { modelPromotionSchema, modelRegistrySchema } from '../../../src/api/generated/schemas.ts';
import { fromSchema } from './from-schema.ts';

const duration = fc.constantFrom('1s', '30s', '5m', '1h30m', '1.5h', '576h', '250ms', '577h', '0s');

/** What the schemas accept; the rules between fields may refuse it. */
export const promotion: fc.Arbitrary<Fields> = fromSchema(modelPromotionSchema) as fc.Arbitrary<Fields>;
const registry: fc.Arbitrary<Fields> = fromSchema(modelRegistrySchema) as fc.Arbitrary<Fields>;

/** The same, brought nearer to what the rules ask for. */
export const soundPromotion: fc.Arbitrary<Fields> = fc
  .tuple(promotion, duration)
  .map(([manifest, interval]) => {
    const spec = manifest['spec'] as Fields;
    const stages = targets(spec['stages']);
    const aliases = targets(spec['aliases']);
    return {
      ...manifest,
      spec: { ...spec, stages, aliases: stages.length + aliases.length > 0 ? aliases : [anAlias], interval },
    };
  });

const anAlias = { name: 'champion', version: '1' };

/** One entry a name, each with one way to find its version. */
function targets(entries: unknown): readonly Fields[] {
  const list: readonly Fields[] = Array.isArray(entries) ? entries : [];
  const byName = new Map(list.map((entry) => [entry['name'], entry]));
  return [...byName.values()].map(({ version, versionFrom, pin, ...rest }, index) =>
    versionFrom === undefined
      ? { ...rest, version: version ?? String(index + 1) }
      : { ...rest, versionFrom: withFilter(versionFrom, index), ...(pin !== undefined && { pin }) },
  );
}

const FILTERS = ["tags.a = 'b'", 'version_number > 1 AND run_id != ""', "tags.`x y` ILIKE '%_'", 'nonsense'];

/** Words at random are no filter. */
function withFilter(versionFrom: unknown, index: number): unknown {
  if (!isFields(versionFrom)) return versionFrom;
  return Object.fromEntries(
    Object.entries(versionFrom).map(([rule, fields]) => [
      rule,
      isFields(fields) && fields['filter'] !== undefined
        ? { ...fields, filter: FILTERS[index % FILTERS.length] }
        : fields,
    ]),
  );
}

export const manifest = fc.oneof(
  { weight: 4, arbitrary: soundPromotion },
  { weight: 1, arbitrary: promotion },
  { weight: 1, arbitrary: registry },
);

const oddKey = fc.oneof(
  fc.constantFrom(
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'spec',
    'name',
    '',
    '<<',
    '0',
    'length',
    'verison',
    'y',
    'null',
    'ſpec',
    'k\u{202e}ey',
  ),
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom(64, 251, 1_100).map((length) => 'k'.repeat(length)),
);

const oddScalar: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    '',
    '4',
    4,
    -1,
    0.1,
    1e21,
    1e-7,
    -0,
    NaN,
    Infinity,
    '0x1f',
    '1_000',
    '12:30:00',
    '.inf',
    '.nan',
    '+1',
    '2026-01-01',
    '\0',
    '\ud800',
    '\u{feff}x',
    '\u2028',
    '\r',
    '<script>',
    '../..',
    'v1',
    'latest',
  ),
  fc.bigInt().map(String),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom(64, 260, 1_000, 5_001).map((length) => 'x'.repeat(length)),
);

const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  oddScalar,
  fc.constantFrom<unknown>(
    {},
    [],
    { toString: null },
    [{ toString: 1 }],
    { length: -1 },
    { valueOf: 0, toJSON: 0 },
  ),
  fc.array(oddScalar, { maxLength: 4 }),
  fc.dictionary(oddKey, oddScalar, { maxKeys: 3 }),
  fc.integer({ min: 1, max: 120 }).map(deep),
  fc.constant(Array.from({ length: 60 }, (_, index) => ({ name: `a${index}`, version: '1' }))),
);

function deep(levels: number): unknown {
  let value: unknown = 'x';
  for (let level = 0; level < levels; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

export interface Edit {
  readonly at: number;
  readonly kind: 'replace' | 'remove' | 'rename' | 'add' | 'repeat';
  readonly key: string;
  readonly value: unknown;
}

const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat(60),
  kind: fc.constantFrom('replace', 'remove', 'rename', 'add', 'repeat'),
  key: oddKey,
  value: oddValue,
});

export const edits = fc.array(edit, { minLength: 1, maxLength: 4 });

/** The value, in which some fields were swapped, renamed, repeated, taken out or put in. */
export function withEdits(value: unknown, edits: readonly Edit[]): unknown {
  return edits.reduce(mutate, value);
}

export const mutated = fc.tuple(manifest, edits).map(([value, edits]) => withEdits(value, edits));

/** Applies the edit to the n-th container of the value, counted from outside. */
function mutate(value: unknown, { at, kind, key, value: odd }: Edit): unknown {
  const copy = structuredCloneLoosely(value);
  const containers = containersOf(copy);
  const container = containers[at % Math.max(1, containers.length)];
  if (container === undefined) return odd;
  const keys = Object.keys(container);
  const chosen = keys[at % Math.max(1, keys.length)] ?? key;
  if (!Object.hasOwn(container, chosen)) put(container, key, odd);
  else if (kind === 'remove') Reflect.deleteProperty(container, chosen);
  else if (kind === 'rename') put(container, key, (container as Fields)[chosen]);
  else if (kind === 'repeat' && Array.isArray(container)) container.push(...container);
  else put(container, kind === 'add' ? key : chosen, odd);
  return copy;
}

/** `__proto__` is a key like any other here. */
function put(container: object, key: string, value: unknown): void {
  if (Array.isArray(container)) container.push(value);
  else Object.defineProperty(container, key, { value, enumerable: true, configurable: true, writable: true });
}

function structuredCloneLoosely(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(structuredCloneLoosely);
  if (!isFields(value)) return value;
  const copy = {};
  for (const key of Object.keys(value)) put(copy, key, structuredCloneLoosely(value[key]));
  return copy;
}

function containersOf(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return [];
  return [value, ...Object.values(value).flatMap(containersOf)];
}
