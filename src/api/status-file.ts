/** A promotion with its status as a YAML file: what the status branch holds, and what is read back from it. */
import { parseFile } from './documents.ts';
import { isFields } from './fields.ts';
import type { ModelPromotion } from './generated/types.ts';
import { readTree } from './tree.ts';
import { isStatus } from './validate.ts';
import { parseYaml, toYaml } from './yaml.ts';

/**
 * The promotion that a status file remembers, its spec and status checked as if a stranger had written them.
 * Undefined when the file is not one, or remembers a manifest that was never valid.
 */
export function readStatusFile(path: string, text: string): ModelPromotion | undefined {
  const stored = toObject(text);
  if (stored === undefined) return undefined;
  const { status, ...manifest } = stored;
  const { uid: _uid, generation, ...metadata } = isFields(stored['metadata']) ? stored['metadata'] : {};
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

function toObject(text: string): Record<string, unknown> | undefined {
  const [document] = parseYaml(text).documents;
  const value =
    document?.root == null || document.mistake !== undefined ? undefined : readTree(document.root).value;
  return isFields(value) ? value : undefined;
}
