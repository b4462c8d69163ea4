/** TypeScript types of objects after defaulting: a field with a default is always there. */
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import { metadataSchema, type Crd, type Schema } from './crd.ts';

/** Fields whose type deserves a name of its own. Every object inside an array must be here. */
const names: Readonly<Record<string, string>> = {
  'ModelPromotion.spec': 'ModelPromotionSpec',
  'ModelPromotion.spec.registryRef': 'RegistryRef',
  'ModelPromotion.spec.stages[]': 'StageTarget',
  'ModelPromotion.spec.stages[].name': 'Stage',
  'ModelPromotion.spec.stages[].versionFrom': 'VersionFrom',
  'ModelPromotion.spec.stages[].versionFrom.stage': 'Stage',
  'ModelPromotion.spec.aliases[]': 'AliasTarget',
  'ModelPromotion.spec.aliases[].versionFrom': 'VersionFrom',
  'ModelPromotion.spec.aliases[].versionFrom.stage': 'Stage',
  'ModelPromotion.spec.drift': 'DriftPolicy',
  'ModelPromotion.spec.deletionPolicy': 'DeletionPolicy',
  'ModelPromotion.status': 'ModelPromotionStatus',
  'ModelPromotion.status.conditions[]': 'Condition',
  'ModelPromotion.status.summary': 'StatusSummary',
  'ModelPromotion.status.targets[]': 'TargetStatus',
  'ModelPromotion.status.targets[].state': 'TargetState',
  'ModelPromotion.status.targets[].applied': 'AppliedRecord',
  'ModelPromotion.status.plan': 'PlanStatus',
  'ModelPromotion.status.history[]': 'HistoryEntry',
  'ModelPromotion.status.history[].cause': 'ChangeCause',
  'ModelRegistry.spec': 'ModelRegistrySpec',
  'ModelRegistry.spec.auth.secretRef': 'SecretRef',
  'ModelRegistry.spec.tls.caSecretRef': 'SecretRef',
  'ModelRegistry.spec.limits': 'RegistryLimits',
  'ModelRegistry.spec.access[]': 'AccessRule',
  'ModelRegistry.status': 'ModelRegistryStatus',
  'ModelRegistry.status.conditions[]': 'Condition',
  'ModelRegistry.status.supports[]': 'RegistryFeature',
  'ModelRegistry.status.counts': 'RegistryCounts',
  'ModelRegistry.status.lastSweep': 'SweepStatus',
};

const banner = '// Generated from crds/ by `npm run generate`. Do not edit.';

export async function typesModule(crds: readonly Crd[]): Promise<string> {
  const definitions: Record<string, JSONSchema> = {};
  for (const crd of crds) definitions[crd.kind] = objectType(crd, definitions);
  definitions['ObjectMeta'] = objectMetaType(definitions);
  const source = await compile({ definitions, additionalProperties: false }, 'Root', {
    additionalProperties: false,
    unreachableDefinitions: true,
    bannerComment: '',
    style: { singleQuote: true, printWidth: 110 },
  });
  return `${banner}\n\n${tidy(source)}`;
}

function objectType(crd: Crd, definitions: Record<string, JSONSchema>): JSONSchema {
  return {
    type: 'object',
    description: crd.description,
    required: ['apiVersion', 'kind', 'metadata', 'spec'],
    properties: {
      apiVersion: { const: crd.apiVersion },
      kind: { const: crd.kind },
      metadata: { $ref: '#/definitions/ObjectMeta' },
      spec: fieldType(crd.spec, `${crd.kind}.spec`, definitions),
      status: fieldType(crd.status, `${crd.kind}.status`, definitions),
    },
  };
}

function objectMetaType(definitions: Record<string, JSONSchema>): JSONSchema {
  return fieldType(
    {
      ...metadataSchema,
      properties: {
        ...metadataSchema.properties,
        uid: {
          type: 'string',
          description: 'Set by the API server, or derived from where the manifest is kept.',
        },
        generation: { type: 'integer', description: 'Counts changes of the spec.' },
      },
    },
    'ObjectMeta',
    definitions,
  );
}

/** The type of one field; a named one becomes a definition and a reference to it. */
function fieldType(schema: Schema, path: string, definitions: Record<string, JSONSchema>): JSONSchema {
  const name = names[path];
  const type = bareType(schema, path, definitions);
  if (!name) return type;
  definitions[name] ??= type;
  return { $ref: `#/definitions/${name}` };
}

function bareType(schema: Schema, path: string, definitions: Record<string, JSONSchema>): JSONSchema {
  const described = schema.description === undefined ? {} : { description: schema.description };
  if (schema.items) {
    fieldType(schema.items, `${path}[]`, definitions);
    return { ...described, tsType: `readonly ${names[`${path}[]`] ?? schema.items.type}[]` };
  }
  if (schema.additionalProperties) return { ...described, tsType: 'Readonly<Record<string, string>>' };
  if (schema.properties) {
    const fields = Object.entries(schema.properties);
    const defaulted = fields.filter(([, field]) => field.default !== undefined).map(([key]) => key);
    return {
      ...described,
      type: 'object',
      required: [...new Set([...(schema.required ?? []), ...defaulted])],
      properties: Object.fromEntries(
        fields.map(([key, field]) => [key, fieldType(field, `${path}.${key}`, definitions)]),
      ),
    };
  }
  if (schema.enum) return { ...described, enum: [...schema.enum] };
  return { ...described, type: schema.type ?? 'string' };
}

/** Drops what the compiler says about its own workings, and makes every property readonly. */
function tidy(source: string): string {
  return source
    .replace(/export interface Root \{\}\n/, '')
    .replaceAll(/\/\*\*\n \* This interface was referenced by [^]*?\*\/\n/g, '')
    .replaceAll(/ \*\n \* This interface was referenced by [^]*?\*\//g, ' */')
    .replaceAll(/^( +)\/\*\*\n +\* (.*)\n +\*\/$/gm, '$1/** $2 */')
    .replaceAll(/^\/\*\*\n \* (.*)\n \*\/$/gm, '/** $1 */')
    .replaceAll(/^( +)(\w+\??: )/gm, '$1readonly $2')
    .replaceAll(/^(\}|export type .*;)\n+(?=.)/gm, '$1\n\n')
    .trimStart();
}
