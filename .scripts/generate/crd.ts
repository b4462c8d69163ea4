/** What the generators need of a CustomResourceDefinition. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

/** The parts of a structural OpenAPI v3 schema that our CRDs use. */
export interface Schema {
  type?: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  description?: string;
  default?: unknown;
  const?: unknown;
  enum?: readonly string[];
  format?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  minProperties?: number;
  maxProperties?: number;
  required?: readonly string[];
  properties?: Readonly<Record<string, Schema>>;
  additionalProperties?: Schema | false;
  items?: Schema;
  'x-kubernetes-validations'?: readonly { rule: string; message: string }[];
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: readonly string[];
}

export interface Crd {
  readonly kind: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly version: string;
  readonly apiVersion: string;
  readonly description: string;
  readonly spec: Schema;
  readonly status: Schema;
}

interface CrdDocument {
  spec: {
    group: string;
    names: { kind: string; singular: string; shortNames: string[] };
    versions: { name: string; schema: { openAPIV3Schema: Schema } }[];
  };
}

/** Reads every CRD of the folder, in the order of the file names. */
export function readCrds(folder: string): Crd[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
  return files.sort().map((name) => {
    const document: CrdDocument = parse(readFileSync(join(folder, name), 'utf8'));
    return toCrd(document);
  });
}

function toCrd({ spec: { group, names, versions } }: CrdDocument): Crd {
  const [version] = versions;
  const root = version?.schema.openAPIV3Schema;
  const spec = root?.properties?.['spec'];
  const status = root?.properties?.['status'];
  if (!version || !spec || !status)
    throw new Error(`CRD of ${names.kind}: one version with spec and status is expected`);
  return {
    kind: names.kind,
    singular: names.singular,
    shortNames: names.shortNames,
    version: version.name,
    apiVersion: `${group}/${version.name}`,
    description: root.description ?? '',
    spec,
    status,
  };
}

const labelMap: Schema = { type: 'object', additionalProperties: { type: 'string' } };

/** The metadata that a manifest may carry. A CRD cannot say this: the API server validates metadata itself. */
export const metadataSchema: Schema = {
  type: 'object',
  description: 'Standard object metadata.',
  required: ['name'],
  properties: {
    name: {
      type: 'string',
      description: 'Name of the object, unique in its namespace.',
      minLength: 1,
      maxLength: 253,
      pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
    },
    namespace: {
      type: 'string',
      description: 'Namespace of the object.',
      default: 'default',
      minLength: 1,
      maxLength: 63,
      pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$',
    },
    labels: { ...labelMap, description: 'Labels, as on any Kubernetes object.' },
    annotations: { ...labelMap, description: 'Annotations, as on any Kubernetes object.' },
  },
};

/** The schema of a whole manifest: what a user writes, so without status. */
export function manifestSchema(crd: Crd): Schema {
  return {
    type: 'object',
    description: crd.description,
    required: ['apiVersion', 'kind', 'metadata', 'spec'],
    properties: {
      apiVersion: { type: 'string', const: crd.apiVersion },
      kind: { type: 'string', const: crd.kind },
      metadata: metadataSchema,
      spec: crd.spec,
    },
  };
}
