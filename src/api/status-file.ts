/** A promotion with its status as a YAML file: what the status branch holds, and what is read back from it. */
import { parseFile } from './documents.ts';
import { isFields, type Fields } from './fields.ts';
import type { ModelPromotion, ModelPromotionStatus } from './generated/types.ts';
import { readTree } from './tree.ts';
import { isStatus } from './validate.ts';
import { parseYaml, toYaml } from './yaml.ts';

/** Where the status of a promotion stands, below the installation's folder. */
export function statusPath(key: string): string {
  return `${key}.yaml`;
}

/** What is said of a manifest that was never valid: there is no spec to show. */
export interface RejectedDocument {
  readonly apiVersion: ModelPromotion['apiVersion'];
  readonly kind: 'ModelPromotion';
  readonly metadata: { readonly namespace: string; readonly name: string; readonly generation: number };
  readonly status: ModelPromotionStatus;
}

export interface StatusFile {
  /** namespace/name, and what its writer put behind an underscore. */
  readonly key: string;
  /** Undefined for what is not as we write it any more. */
  readonly document: ModelPromotion | undefined;
  /** Instead of a document, for a manifest that was never valid. */
  readonly rejected: RejectedDocument | undefined;
}

/**
 * What a status file remembers, its spec and status checked as if a stranger had written them. Undefined for a file
 * that is no status of ours, or stands in the place of another one.
 */
export function readStatusFile(path: string, text: string): StatusFile | undefined {
  const stored = toObject(text);
  const metadata = stored?.['metadata'];
  if (stored?.['kind'] !== 'ModelPromotion' || !isFields(metadata)) return undefined;
  const { namespace, name } = metadata;
  if (typeof namespace !== 'string' || typeof name !== 'string') return undefined;
  const [, key = '', place] = /^(([^_]*)(?:_[^_]*)?)\.yaml$/.exec(path) ?? [];
  if (place !== `${namespace}/${name}`) return undefined;
  const isRejected = stored['spec'] === undefined;
  return {
    key,
    document: isRejected ? undefined : toDocument(path, stored, metadata),
    rejected: isRejected ? toRejected(stored, metadata) : undefined,
  };
}

function toRejected({ status }: Fields, metadata: Fields): RejectedDocument | undefined {
  const { namespace, name, generation } = metadata;
  if (!isStatus(status) || !Number.isInteger(generation)) return undefined;
  return {
    apiVersion: 'modelpromotion.dev/v1alpha1',
    kind: 'ModelPromotion',
    metadata: { namespace: String(namespace), name: String(name), generation: generation as number },
    status,
  };
}

function toDocument(path: string, stored: Fields, stamped: Fields): ModelPromotion | undefined {
  const { status, ...manifest } = stored;
  const { uid: _uid, generation, ...metadata } = stamped;
  const bytes = new TextEncoder().encode(toYaml({ ...manifest, metadata }));
  const object = parseFile(path, bytes).declarations[0]?.object;
  if (object?.kind !== 'ModelPromotion' || !isStatus(status) || !Number.isInteger(generation))
    return undefined;
  return {
    ...object,
    metadata: { ...object.metadata, generation: generation as number },
    status,
  };
}

function toObject(text: string): Fields | undefined {
  const [document] = parseYaml(text).documents;
  const value =
    document?.root == null || document.mistake !== undefined ? undefined : readTree(document.root).value;
  return isFields(value) ? value : undefined;
}
