/** A change of a promotion in the file that declares it. */
import { editObject, type Change } from '../../api/edit/edit.ts';
import type { ModelPromotion } from '../../api/generated/types.ts';
import type { Listing, Located } from '../../api/listing.ts';
import { CommandError, EXIT } from '../exit.ts';
import { problemLine } from '../render/problems.ts';
import type { Declared, Proposal } from './home.ts';

/** One that stands in a file. */
export interface InFile extends Declared {
  readonly file: string;
}

export interface Edited {
  readonly text: string;
  readonly changes: readonly Change[];
}

export function inFile({ object, location }: Located<ModelPromotion>, listing: Listing): InFile {
  const key = `${object.metadata.namespace}/${object.metadata.name}`;
  return { key, object, listing, warnings: [], file: location.file };
}

/** Undefined when the file says so already. @throws CommandError when a person has to edit it */
export function editManifest(
  { file, object: { kind, metadata } }: InFile,
  bytes: Uint8Array,
  { edits }: Proposal,
): Edited | undefined {
  const { namespace, name } = metadata;
  const result = editObject(file, bytes, { kind, namespace, name }, edits);
  if (result.kind === 'refused') throw new CommandError(EXIT.invalid, problemLine(result.problem));
  return result.kind === 'same' ? undefined : result;
}

export function changeLine({ file, line, column, path, before, after }: Change): string {
  const old = before === undefined ? '' : `${JSON.stringify(before)} → `;
  return `${file}:${line}:${column}: ${path}: ${old}${JSON.stringify(after)}`;
}
