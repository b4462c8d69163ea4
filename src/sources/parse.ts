/** What all sources share: parsing many files without holding up the process, and problems with a whole file. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type FileResult, parseFile } from '../api/documents.ts';
import { MAX_FILES, MAX_TOTAL_BYTES } from '../api/manifest-files.ts';
import { SourceError } from '../reconcile/ports.ts';

export interface ManifestFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** How long other work may have to wait for the parser. */
const SLICE_MS = 25;

/** Parses in the order given, letting other work go first every few milliseconds. */
export async function parseFiles<File extends ManifestFile>(
  files: readonly File[],
  signal: AbortSignal,
): Promise<[File, FileResult][]> {
  const results: [File, FileResult][] = [];
  let sliceEnd = performance.now() + SLICE_MS;
  for (const file of files) {
    if (performance.now() > sliceEnd) {
      await nextTurn(undefined, { signal });
      sliceEnd = performance.now() + SLICE_MS;
    }
    results.push([file, parseFile(file.name, file.bytes)]);
  }
  return results;
}

/** A file of which nothing could be read, and why. */
export function unreadable(file: string, message: string): FileResult {
  const problem = { file, line: 1, column: 1, path: '', message };
  return { file, declarations: [], problems: [problem], ignored: 0 };
}

/** A link or a submodule: whatever it holds was never part of the source. */
export function neverRead(file: string, message: string): FileResult {
  const problem = { file, line: 1, column: 1, path: '', message, neverRead: true } as const;
  return { file, declarations: [], problems: [problem], ignored: 0 };
}

/** @throws SourceError (Refused) for more manifests than one source may hold. */
export function checkCount(files: number): void {
  if (files <= MAX_FILES) return;
  throw new SourceError(
    'Refused',
    `There are ${files.toLocaleString('en')} manifests, and at most ${MAX_FILES.toLocaleString('en')} are read; narrow --path.`,
  );
}

/** @throws SourceError (Refused) for more bytes of manifests than one source may hold. */
export function checkTotal(bytes: number): void {
  if (bytes <= MAX_TOTAL_BYTES) return;
  throw new SourceError(
    'Refused',
    `The manifests take more than ${MAX_TOTAL_BYTES / 1024 / 1024} MiB together; narrow --path.`,
  );
}
