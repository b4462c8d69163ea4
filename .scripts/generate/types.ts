/** TypeScript types of objects after defaulting: a field with a default is always there. */
import { metadataSchema, type Crd, type Schema } from './crd.ts';

/** Fields whose type deserves a name of its own. Every object inside an array must be here. */
const names: Readonly<Record<string, string>> = {
  'ModelPromotion.spec': 'ModelPromotionSpec',
  'ModelPromotion.spec.registryRef': 'RegistryRef',
  'ModelPromotion.spec.stages[]': 'StageTarget',
  'ModelPromotion.spec.stages[].name': 'Stage',
  'ModelPromotion.spec.stages[].versionFrom': 'VersionFrom',
  'ModelPromotion.spec.stages[].versionFrom.stage': 'Stage',
  'ModelPromotion.spec.stages[].versionFrom.latest': 'LatestRule',
  'ModelPromotion.spec.stages[].versionFrom.best': 'BestRule',
  'ModelPromotion.spec.stages[].pin': 'Pin',
  'ModelPromotion.spec.aliases[]': 'AliasTarget',
  'ModelPromotion.spec.aliases[].versionFrom': 'VersionFrom',
  'ModelPromotion.spec.aliases[].versionFrom.stage': 'Stage',
  'ModelPromotion.spec.aliases[].versionFrom.latest': 'LatestRule',
  'ModelPromotion.spec.aliases[].versionFrom.best': 'BestRule',
  'ModelPromotion.spec.aliases[].pin': 'Pin',
  'ModelPromotion.spec.register': 'Registration',
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

export function typesModule(crds: readonly Crd[]): string {
  const declarations = new Map<string, string>();
  declare('ObjectMeta', objectMetaSchema, 'ObjectMeta', declarations);
  for (const crd of crds) declarations.set(crd.kind, declarationOfKind(crd, declarations));
  return `${banner}\n\n${[...declarations.values()].join('\n\n')}\n`;
}

const objectMetaSchema: Schema = {
  ...metadataSchema,
  properties: {
    ...metadataSchema.properties,
    uid: {
      type: 'string',
      description: 'Set by the API server, or derived from where the manifest is kept.',
    },
    generation: { type: 'integer', description: 'Counts changes of the spec.' },
    creationTimestamp: {
      type: 'string',
      description:
        'When the API server made the object, in UTC to the second. Of two claims the older comes first.',
    },
  },
};

function declarationOfKind(crd: Crd, declarations: Map<string, string>): string {
  const spec = typeOf(crd.spec, `${crd.kind}.spec`, declarations);
  const status = typeOf(crd.status, `${crd.kind}.status`, declarations);
  return `/** ${crd.description} */
export interface ${crd.kind} {
  readonly apiVersion: '${crd.apiVersion}';
  readonly kind: '${crd.kind}';
  readonly metadata: ObjectMeta;
  readonly spec: ${spec};
  readonly status?: ${status};
}`;
}

/** The type of one field. A named one is declared, after the types that it needs, and referred to. */
function typeOf(schema: Schema, path: string, declarations: Map<string, string>): string {
  const name = names[path];
  if (name === undefined) return bareType(schema, path, declarations);
  declare(name, schema, path, declarations);
  return name;
}

function declare(name: string, schema: Schema, path: string, declarations: Map<string, string>): void {
  if (declarations.has(name)) return;
  const type = bareType(schema, path, declarations);
  const declaration = schema.properties
    ? `export interface ${name} ${type}`
    : `export type ${name} = ${type};`;
  declarations.set(name, comment(schema) + declaration);
}

function bareType(schema: Schema, path: string, declarations: Map<string, string>): string {
  if (schema.items) return `readonly ${typeOf(schema.items, `${path}[]`, declarations)}[]`;
  if (schema.additionalProperties) return 'Readonly<Record<string, string>>';
  if (schema.properties) return objectType(schema, path, declarations);
  if (schema.enum) return schema.enum.map((value) => `'${value}'`).join(' | ');
  return schema.type === 'integer' ? 'number' : (schema.type ?? 'unknown');
}

function objectType(schema: Schema, path: string, declarations: Map<string, string>): string {
  const fields = Object.entries(schema.properties ?? {}).map(([key, field]) => {
    const isPresent = schema.required?.includes(key) || field.default !== undefined;
    const type = typeOf(field, `${path}.${key}`, declarations);
    return `${comment(field)}readonly ${key}${isPresent ? '' : '?'}: ${type};`;
  });
  return `{\n${indent(fields.join('\n'))}\n}`;
}

function comment({ description }: Schema): string {
  return description === undefined ? '' : `/** ${description} */\n`;
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
}
