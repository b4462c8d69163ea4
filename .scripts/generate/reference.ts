/** The reference page: every field with its type, default, meaning and rules. */
import { patternInWords } from '../../src/api/patterns.ts';
import { metadataSchema, type Crd, type Schema } from './crd.ts';

export function referencePage(crds: readonly Crd[]): string {
  const [first] = crds;
  return (
    [
      '<!-- Generated from crds/ by `npm run generate`. Do not edit. -->',
      '# Reference',
      `Every field of every kind, as declared in [crds/](../crds). All kinds have \`apiVersion: ${first?.apiVersion}\`. Unknown fields are refused. ` +
        'Editors check manifests with the [JSON Schemas](schemas/): put `# yaml-language-server: $schema=<path or URL>` on the first line.',
      ...crds.map(chapter),
    ].join('\n\n') + '\n'
  );
}

function chapter(crd: Crd): string {
  const parts = [`## ${crd.kind}`, `${crd.description} Short name \`${crd.shortNames.join('`, `')}\`.`];
  parts.push('### Metadata', table(metadataSchema, 'metadata'));
  parts.push('### Spec', table(crd.spec, 'spec'), ...betweenFields(crd.spec));
  parts.push(
    '### Status',
    crd.status.description ?? 'Written by the controller only.',
    table(crd.status, 'status'),
  );
  return parts.join('\n\n');
}

function table(schema: Schema, path: string): string {
  const rows = fieldsBelow(schema, path).map((field) => `| ${cells(field).map(escapeCell).join(' | ')} |`);
  return ['| field | type | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

interface Field {
  readonly path: string;
  readonly schema: Schema;
  readonly required: boolean;
}

function fieldsBelow(schema: Schema, path: string): Field[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, field]) => {
    const own = { path: `${path}.${key}`, schema: field, required: schema.required?.includes(key) ?? false };
    return [
      own,
      ...fieldsBelow(field, own.path),
      ...(field.items ? fieldsBelow(field.items, `${own.path}[]`) : []),
    ];
  });
}

function cells({ path, schema, required }: Field): string[] {
  const meaning = [schema.description, ...rulesOf(schema)].filter(Boolean).join(' ');
  return [`\`${path}\``, typeInWords(schema), required ? 'required' : defaultInWords(schema), meaning];
}

function typeInWords(schema: Schema): string {
  if (schema.items) return `list of ${schema.items.properties ? 'objects' : `${schema.items.type}s`}`;
  if (schema.additionalProperties) return 'map of strings';
  if (schema.format === 'date-time') return 'time (RFC 3339)';
  return schema.type ?? '';
}

function defaultInWords(schema: Schema): string {
  return schema.default === undefined ? '' : `\`${JSON.stringify(schema.default)}\``;
}

function rulesOf(schema: Schema): string[] {
  return [
    ...oneOf(schema.enum ?? schema.items?.enum),
    ...lengths(schema),
    ...(schema.pattern ? [sentence(describePattern(schema.pattern))] : []),
    ...[schema, schema.items, schema.additionalProperties || undefined].flatMap(celMessages),
  ];
}

function oneOf(values: readonly string[] | undefined): string[] {
  return values ? [`One of ${values.map((value) => `\`${value}\``).join(', ')}.`] : [];
}

function lengths({
  type,
  minLength,
  maxLength,
  minimum,
  maximum,
  maxItems,
  minProperties,
  maxProperties,
}: Schema): string[] {
  if (type === 'string' && maxLength !== undefined)
    return [`${minLength ? `${minLength} to` : 'At most'} ${maxLength} characters.`];
  if (minimum !== undefined)
    return [maximum === undefined ? `At least ${minimum}.` : `${minimum} to ${maximum}.`];
  if (maxItems !== undefined) return [`At most ${maxItems} entries.`];
  if (maxProperties !== undefined && maxProperties !== minProperties)
    return [`At most ${maxProperties} entries.`];
  return [];
}

function celMessages(schema: Schema | undefined): string[] {
  return (schema?.['x-kubernetes-validations'] ?? [])
    .filter(({ rule }) => !rule.includes('oldSelf'))
    .map(({ message }) => sentence(message));
}

function betweenFields(spec: Schema): string[] {
  const rules = (spec['x-kubernetes-validations'] ?? []).map(({ message }) => `- ${sentence(message)}`);
  return rules.length === 0 ? [] : ['Rules between fields:', rules.join('\n')];
}

function describePattern(pattern: string): string {
  const words = patternInWords(pattern);
  if (words === undefined) throw new Error(`src/api/patterns.ts has no words for the pattern ${pattern}`);
  return words;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
