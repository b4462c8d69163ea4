/** Reads files that are found below a folder, or named, and reads again only what changed since. */
import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { constants, open, stat, type FileHandle } from 'node:fs/promises';
import { TOO_LARGE } from '../api/manifest-files.ts';
import { limits } from '../api/yaml.ts';
import { checkTotal } from './parse.ts';
import { type Found, inWords, NOT_A_FILE, type Refused } from './walk.ts';

/** What stands in a file. */
export interface Content {
  readonly name: string;
  /** Of the name and the bytes. */
  readonly digest: string;
  readonly size: number;
  /** Undefined for what is unchanged since the last look. */
  readonly bytes: Buffer | undefined;
}

export type Reading = Content | (Refused & { readonly digest: string });

interface Known {
  readonly stamp: string;
  readonly digest: string;
  readonly size: number;
}

const FILES_AT_ONCE = 32;
/** A file that changed so recently may change again without another time of change. */
const RACY_MS = 2_000;
const BLOCK = 64 * 1_024;

export class FileReader {
  /** By path and name. */
  #known = new Map<string, Known>();

  /** @throws SourceError (Refused) beyond the limit on their total size */
  async read(places: readonly Found[], signal: AbortSignal): Promise<Reading[]> {
    const known = new Map<string, Known>();
    const readings: Reading[] = [];
    let bytes = 0;
    for (let start = 0; start < places.length; start += FILES_AT_ONCE) {
      const some = places
        .slice(start, start + FILES_AT_ONCE)
        .map((place) => this.#read(place, known, signal));
      for (const reading of await Promise.all(some)) {
        readings.push(reading);
        bytes += 'mistake' in reading ? 0 : reading.size;
      }
      checkTotal(bytes);
    }
    this.#known = known;
    return readings;
  }

  async #read(place: Found, known: Map<string, Known>, signal: AbortSignal): Promise<Reading> {
    const { name, path, isNamed } = place;
    try {
      if (isNamed) return await readNamed(place, signal);
      const began = Date.now();
      const stats = await stat(path, { bigint: true });
      const key = `${path}\0${name}`;
      const before = this.#known.get(key);
      if (before?.stamp === stampOf(stats)) {
        known.set(key, before);
        return { name, digest: before.digest, size: before.size, bytes: undefined };
      }
      const reading = await readRegular(place, signal);
      const settled = began - Number(stats.ctimeMs) > RACY_MS;
      if (settled && !('mistake' in reading)) known.set(key, { ...reading, stamp: stampOf(stats) });
      return reading;
    } catch (error) {
      signal.throwIfAborted();
      return refused(name, inWords(error));
    }
  }
}

/** What a user named is read whatever it is, pipes included. */
async function readNamed({ name, path }: Found, signal: AbortSignal): Promise<Reading> {
  await using file = await open(path, constants.O_RDONLY);
  return await readStream(name, streamOf(file, signal));
}

async function readRegular({ name, path }: Found, signal: AbortSignal): Promise<Reading> {
  // Opening a pipe would wait for somebody to write to it, and could not be given up.
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const stats = await file.stat();
  if (!stats.isFile()) return refused(name, NOT_A_FILE);
  return asReading(name, await readWhole(file, stats.size, signal));
}

/** A stream costs more than most manifests are worth. Reads one byte more than a manifest may have, at most. */
async function readWhole(file: FileHandle, expected: number, signal: AbortSignal): Promise<Buffer> {
  let buffer = Buffer.allocUnsafe(Math.min(expected, limits.bytes) + 1);
  for (let length = 0; ;) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(buffer, length, buffer.length - length);
    length += bytesRead;
    if (bytesRead === 0 || length > limits.bytes) return buffer.subarray(0, length);
    // It has grown since it was looked at, or there may be no more of it.
    if (length === buffer.length) buffer = Buffer.concat([buffer], Math.min(2 * length, limits.bytes + 1));
    else if (length === expected) return buffer.subarray(0, length);
  }
}

function streamOf(file: FileHandle, signal: AbortSignal): AsyncIterable<Uint8Array> {
  return file.createReadStream({ end: limits.bytes, highWaterMark: BLOCK, signal });
}

/** Reads one byte more than a manifest may have, at most. */
export async function readStream(name: string, stream: AsyncIterable<Uint8Array>): Promise<Reading> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > limits.bytes) return refused(name, TOO_LARGE);
  }
  return asReading(name, Buffer.concat(chunks));
}

function asReading(name: string, bytes: Buffer): Reading {
  if (bytes.length > limits.bytes) return refused(name, TOO_LARGE);
  return { name, digest: digestOf(name, bytes), size: bytes.length, bytes };
}

/** A file that is not read, and why. */
export function refused(name: string, mistake: string): Reading {
  return { name, mistake, digest: digestOf(name, mistake) };
}

function digestOf(name: string, content: Buffer | string): string {
  return createHash('sha256').update(name).update('\0').update(content).digest('hex');
}

function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}
