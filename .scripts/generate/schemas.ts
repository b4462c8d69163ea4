/** The closed schemas that validators compile: an unknown field is an error, and nothing is there but checks. */
import { manifestSchema, type Crd, type Schema } from './crd.ts';

const banner = '// Generated from crds/ by `npm run generate`. Do not edit.';

export function schemasModule(crds: readonly Crd[]): string {
  const constants = crds.map((crd) => {
    const name = lowerFirst(crd.kind);
    return [
      `/** ${crd.kind}: ${crd.description} */`,
      `export const ${name}Schema = ${json(manifestSchema(crd))};\n`,
      ...(crd.kind === 'ModelPromotion'
        ? [
            `/** Its status, as it is read back. */`,
            `export const ${name}StatusSchema = ${json(crd.status)};\n`,
          ]
        : []),
    ].join('\n');
  });
  return `${banner}\n\n${constants.join('\n')}`;
}

/** The schema as a constant. There is nothing into which a default of the root could be filled. */
function json(schema: Schema): string {
  const { default: _root, ...rest } = closed(schema, false);
  return JSON.stringify(rest, null, 2);
}

/** The schema with every object closed but maps, without what only Kubernetes understands. */
export function closed(schema: Schema, keepDescriptions: boolean): Schema {
  const result: Schema = {};
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword.startsWith('x-kubernetes-') || keyword === 'format') continue;
    if (keyword === 'description' && !keepDescriptions) continue;
    if (keyword === 'maxItems' && isBoundedByItsKey(schema)) continue;
    Object.assign(result, { [keyword]: value });
  }
  if (schema.items) result.items = closed(schema.items, keepDescriptions);
  if (schema.additionalProperties)
    result.additionalProperties = closed(schema.additionalProperties, keepDescriptions);
  if (schema.properties) {
    const fields = Object.entries(schema.properties);
    result.properties = Object.fromEntries(
      fields.map(([key, field]) => [key, closed(field, keepDescriptions)]),
    );
    result.additionalProperties = false;
  }
  return result;
}

/** A list whose entries are told apart by an enum cannot be too long without holding a wrong or repeated key. */
function isBoundedByItsKey({ items, 'x-kubernetes-list-map-keys': keys = [] }: Schema): boolean {
  return keys.some((key) => items?.properties?.[key]?.enum);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
