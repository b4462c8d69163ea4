/** Values that a schema of ours accepts: as much of JSON Schema as the CRDs use. */
import * as fc from 'fast-check';

export interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly not?: { readonly pattern: string };
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly additionalProperties?: boolean | Schema;
}

/** Longer lists and maps say nothing new. */
const MOST = 4;

export function fromSchema(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case 'object':
      return anObject(schema);
    case 'array':
      return fc.array(fromSchema(schema.items ?? {}), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(MOST, schema.maxItems ?? MOST),
      });
    case 'string':
      return aString(schema);
    case 'integer':
      return fc.integer({ min: schema.minimum ?? 0, max: schema.maximum ?? 1_000 });
    case 'number':
      return fc.double({
        min: schema.minimum ?? -1e6,
        max: schema.maximum ?? 1e6,
        noNaN: true,
        noDefaultInfinity: true,
      });
    case 'boolean':
      return fc.boolean();
    case undefined:
    default:
      throw new Error(`no values for ${JSON.stringify(schema)}`);
  }
}

function anObject({ properties = {}, required = [], ...schema }: Schema): fc.Arbitrary<unknown> {
  const { minProperties: least = 0, maxProperties: most = Infinity, additionalProperties: rest } = schema;
  if (typeof rest === 'object')
    return fc.dictionary(aText(40, 1), fromSchema(rest), {
      minKeys: least,
      maxKeys: Math.min(MOST, most),
      noNullPrototype: true,
    });
  const fields = Object.entries(properties).map(([name, field]) => [name, fromSchema(field)] as const);
  if (most === 1) return fc.oneof(...fields.map(([name, value]) => value.map((one) => ({ [name]: one }))));
  return fc.record(Object.fromEntries(fields), { requiredKeys: [...required], noNullPrototype: true });
}

function aString({ pattern, not, minLength = 0, maxLength = 40 }: Schema): fc.Arbitrary<string> {
  if (pattern === undefined) return aText(Math.min(40, maxLength), minLength);
  const refused = not && new RegExp(not.pattern, 'u');
  return fc
    .stringMatching(new RegExp(pattern, 'u'), { maxLength: Math.min(24, maxLength) })
    .filter((text) => text.length >= minLength && text.length <= maxLength && !refused?.test(text));
}

/** What people write, and what they do not. */
function aText(maxLength: number, minLength: number): fc.Arbitrary<string> {
  return fc.oneof(
    fc.stringMatching(/^[a-z][a-z0-9 .-]{0,20}$/),
    fc.string({ unit: 'grapheme', minLength, maxLength }),
    fc.constantFrom('yes', 'null', '012', '1e3', '~', '- a', 'a: b', '# c', 'two\nlines\n', '"', "'", ' x '),
  );
}
