/** Manifests in files and folders of this machine. */
import { createHash } from 'node:crypto';
import { access, constants, open, realpath, stat } from 'node:fs/promises';
import { combine, type FileResult } from '../api/documents.ts';
import type { Listing } from '../api/listing.ts';
import { TOO_LARGE } from '../api/manifest-files.ts';
import { limits } from '../api/yaml.ts';
import { type Source, SourceError } from '../reconcile/ports.ts';
import { checkTotal, parseFiles, unreadable } from './parse.ts';
import { findManifests, type Found, inWords, NOT_A_FILE, type Refused } from './walk.ts';

interface Content {
  readonly name: string;
  readonly bytes: Buffer;
}

type Reading = Content | Refused;

const STANDARD_INPUT = '-';
const FILES_AT_ONCE = 16;

/** Reads the folder, or the single file, anew at each poll, and parses what changed. */
export class FolderSource implements Source {
  readonly description: string;
  readonly #path: string;
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
    const readings = await readAll([this.#path], nothing(), signal);
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
  const readings = await readAll(paths, stdin, signal);
  const parsed = await parse(readings, new Map(), signal);
  return combine([...parsed.values()], revisionOf(readings));
}

async function readAll(
  paths: readonly string[],
  stdin: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<Reading[]> {
  const readings: Reading[] = [];
  const places = new Map<string, Found>();
  for (const path of new Set(paths)) {
    if (path === STANDARD_INPUT) readings.push(await readStream('<stdin>', stdin));
    else {
      for (const result of await locate(path, signal)) {
        if ('mistake' in result) readings.push(result);
        else if (!places.has(result.path)) places.set(result.path, result);
      }
    }
  }
  return [...readings, ...(await readFiles([...places.values()], signal))];
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

async function readFiles(places: readonly Found[], signal: AbortSignal): Promise<Reading[]> {
  const readings: Reading[] = [];
  let bytes = 0;
  for (let start = 0; start < places.length; start += FILES_AT_ONCE) {
    const some = places.slice(start, start + FILES_AT_ONCE).map((place) => readFile(place, signal));
    for (const reading of await Promise.all(some)) {
      readings.push(reading);
      bytes += 'bytes' in reading ? reading.bytes.length : 0;
    }
    checkTotal(bytes);
  }
  return readings;
}

async function readFile({ name, path, isNamed }: Found, signal: AbortSignal): Promise<Reading> {
  try {
    // Opening a pipe would wait for somebody to write to it, and could not be given up.
    const mayWait = isNamed ? 0 : constants.O_NONBLOCK;
    await using file = await open(path, constants.O_RDONLY | mayWait);
    if (!isNamed && !(await file.stat()).isFile()) return { name, mistake: NOT_A_FILE };
    return await readStream(name, file.createReadStream({ end: limits.bytes, signal }));
  } catch (error) {
    signal.throwIfAborted();
    return { name, mistake: inWords(error) };
  }
}

/** Reads one byte more than a manifest may have, at most. */
async function readStream(name: string, stream: AsyncIterable<Uint8Array>): Promise<Reading> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > limits.bytes) return { name, mistake: TOO_LARGE };
  }
  return { name, bytes: Buffer.concat(chunks) };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** By digest; what is in `known` is not parsed again. */
async function parse(
  readings: readonly Reading[],
  known: ReadonlyMap<string, FileResult>,
  signal: AbortSignal,
): Promise<Map<string, FileResult>> {
  const results = new Map<string, FileResult>();
  const added: Content[] = [];
  for (const reading of readings) {
    const digest = digestOf(reading);
    const kept = known.get(digest);
    if ('mistake' in reading) results.set(digest, unreadable(reading.name, reading.mistake));
    else if (kept !== undefined) results.set(digest, kept);
    else added.push(reading);
  }
  for (const [file, result] of await parseFiles(added, signal)) results.set(digestOf(file), result);
  return results;
}

function revisionOf(readings: readonly Reading[]): string {
  const hash = createHash('sha256');
  for (const digest of readings.map(digestOf).toSorted()) hash.update(digest);
  return `folder@sha256:${hash.digest('hex')}`;
}

/** Of the name and the content, or of what is wrong with it. */
function digestOf(reading: Reading): string {
  const content = 'bytes' in reading ? reading.bytes : reading.mistake;
  return createHash('sha256').update(reading.name).update('\0').update(content).digest('hex');
}
