/** What all sources share: parsing many files without holding up the process, and problems with a whole file. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type FileResult, parseFile } from '../api/documents.ts';
import { MAX_FILES, MAX_TOTAL_BYTES } from '../api/manifest-files.ts';
import { clip } from '../api/quote.ts';
import { SourceError } from '../reconcile/ports.ts';
import { type ManifestFile, ParserThread } from './parser-thread.ts';

/** How long other work may have to wait for the parser. */
const SLICE_MS = 25;

/** The worst 16 KiB take about as long as a slice, the worst 1 MiB takes seconds. */
const LARGE_BYTES = 16 * 1024;

/**
 * Parses in the order given, letting other work go first every few milliseconds. A large file could take longer
 * than that, and goes to a thread of its own.
 */
export async function parseFiles<File extends ManifestFile>(
  files: readonly File[],
  signal: AbortSignal,
): Promise<[File, FileResult][]> {
  const results: [File, FileResult][] = [];
  await using thread = new ParserThread();
  let sliceEnd = performance.now() + SLICE_MS;
  for (const file of files) {
    if (performance.now() > sliceEnd) {
      await nextTurn(undefined, { signal });
      sliceEnd = performance.now() + SLICE_MS;
    }
    results.push([file, await parse(file, thread, signal)]);
  }
  return results;
}

/** A mistake of ours in reading one file must not keep all others from being read. */
async function parse(file: ManifestFile, thread: ParserThread, signal: AbortSignal): Promise<FileResult> {
  try {
    if (file.bytes.length <= LARGE_BYTES) return parseFile(file.name, file.bytes);
    const result = await thread.parse(file, signal);
    return 'refusal' in result ? unreadable(file.name, result.refusal) : result;
  } catch (error) {
    signal.throwIfAborted();
    return unreadable(file.name, `reading it failed; please report this: ${clip(String(error), 200)}`);
  }
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

/** A place that is not there. */
export function missing(file: string, message: string): FileResult {
  const problem = { file, line: 1, column: 1, path: '', message, missing: true } as const;
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
