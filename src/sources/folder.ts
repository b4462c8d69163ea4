/** Manifests in files and folders of this machine. */
import { createHash } from 'node:crypto';
import { access, constants, realpath, stat } from 'node:fs/promises';
import { combine, type FileResult } from '../api/documents.ts';
import type { Listing } from '../api/listing.ts';
import { type Source, SourceError } from '../reconcile/ports.ts';
import { FileReader, type Reading, readStream, refused } from './file-reader.ts';
import { parseFiles, unreadable } from './parse.ts';
import type { ManifestFile } from './parser-thread.ts';
import { findManifests, type Found, inWords, type Refused } from './walk.ts';

const STANDARD_INPUT = '-';

/** Looks at the folder, or the single file, anew at each poll, and reads and parses what changed. */
export class FolderSource implements Source {
  readonly description: string;
  readonly #path: string;
  readonly #files = new FileReader();
  #revision: string | undefined;
  /** Of the last revision: an unchanged file is not parsed again. */
  #parsed: ReadonlyMap<string, FileResult> = new Map();

  constructor(path: string) {
    this.#path = path;
    this.description = path;
  }

  async poll(signal: AbortSignal): Promise<Listing | undefined> {
    await access(this.#path, constants.R_OK).catch((error: unknown) => {
      throw new SourceError('Unreachable', `${this.#path}: ${inWords(error)}.`, { cause: error });
    });
    const readings = await readAll([this.#path], nothing(), this.#files, signal);
    const revision = revisionOf(readings);
    if (revision === this.#revision) return undefined;
    this.#parsed = await parse(readings, this.#parsed, signal);
    this.#revision = revision;
    return combine([...this.#parsed.values()], revision);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/**
 * Reads what a command was given: files, folders, and `-` for standard input. What cannot be read, and a path that is
 * not there, are problems of the listing, so that everything wrong is told at once.
 * @throws SourceError (Refused) beyond the limits on number and size.
 */
export async function readPaths(
  paths: readonly string[],
  stdin: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<Listing> {
  const readings = await readAll(paths, stdin, new FileReader(), signal);
  const parsed = await parse(readings, new Map(), signal);
  return combine([...parsed.values()], revisionOf(readings));
}

async function readAll(
  paths: readonly string[],
  stdin: AsyncIterable<Uint8Array>,
  files: FileReader,
  signal: AbortSignal,
): Promise<Reading[]> {
  const readings: Reading[] = [];
  const places = new Map<string, Found>();
  for (const path of new Set(paths)) {
    if (path === STANDARD_INPUT) readings.push(await readStream('<stdin>', stdin));
    else {
      for (const result of await locate(path, signal)) {
        if ('mistake' in result) readings.push(refused(result.name, result.mistake));
        else if (!places.has(result.path)) places.set(result.path, result);
      }
    }
  }
  return [...readings, ...(await files.read([...places.values()], signal))];
}

/** A path that a user named: a folder is searched; anything else is read, whatever it is called, pipes included. */
async function locate(path: string, signal: AbortSignal): Promise<readonly (Found | Refused)[]> {
  try {
    if ((await stat(path)).isDirectory()) return await findManifests(path, signal);
    // The pipes of a shell (`<(…)`) have no path of their own.
    return [{ name: path, path: await realpath(path).catch(() => path), isNamed: true }];
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SourceError) throw error;
    return [{ name: path, mistake: inWords(error) }];
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** By digest; what is in `known` is not parsed again. */
async function parse(
  readings: readonly Reading[],
  known: ReadonlyMap<string, FileResult>,
  signal: AbortSignal,
): Promise<Map<string, FileResult>> {
  const results = new Map<string, FileResult>();
  const added: (ManifestFile & { readonly digest: string })[] = [];
  for (const reading of readings) {
    const { name, digest } = reading;
    const kept = known.get(digest);
    if ('mistake' in reading) results.set(digest, unreadable(name, reading.mistake));
    else if (kept !== undefined) results.set(digest, kept);
    else if (reading.bytes !== undefined) added.push({ name, digest, bytes: reading.bytes });
  }
  for (const [{ digest }, result] of await parseFiles(added, signal)) results.set(digest, result);
  return results;
}

function revisionOf(readings: readonly Reading[]): string {
  const hash = createHash('sha256');
  for (const digest of readings.map(({ digest }) => digest).toSorted()) hash.update(digest);
  return `folder@sha256:${hash.digest('hex')}`;
}
