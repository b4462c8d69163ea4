/** Parses files away from the event loop, within bounds of time and memory that hold whatever a file does to the parser. */
import { once } from 'node:events';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { FileResult } from '../api/documents.ts';

export interface ManifestFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Why a file is not read. */
export interface Refusal {
  readonly refusal: string;
}

export interface ParserBounds {
  /** Far more than the largest file takes, so that a busy machine refuses nothing. */
  readonly deadlineMs: number;
  readonly heapMiB: number;
}

const BOUNDS: ParserBounds = { deadlineMs: 60_000, heapMiB: 256 };

/** The thread starts with the first file, and anew after a file that went beyond a bound. It ends with this object. */
export class ParserThread implements AsyncDisposable {
  readonly #bounds: ParserBounds;
  #worker: Worker | undefined;

  constructor(bounds = BOUNDS) {
    this.#bounds = bounds;
  }

  /** One file at a time. */
  async parse({ name, bytes }: ManifestFile, signal: AbortSignal): Promise<FileResult | Refusal> {
    const deadline = AbortSignal.timeout(this.#bounds.deadlineMs);
    const worker = (this.#worker ??= start(this.#bounds));
    // A copy: what is sent is the whole buffer behind a view.
    const copy = new Uint8Array(bytes);
    try {
      worker.postMessage({ name, bytes: copy } satisfies ManifestFile, [copy.buffer]);
      const [result] = await once(worker, 'message', { signal: AbortSignal.any([signal, deadline]) });
      return result as FileResult;
    } catch (error) {
      await this.#stop();
      signal.throwIfAborted();
      if (deadline.aborted) return { refusal: 'the file takes too long to read; split it' };
      if (isOutOfMemory(error)) return { refusal: 'the file takes too much memory to read; split it' };
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }

  async #stop(): Promise<void> {
    await this.#worker?.terminate();
    this.#worker = undefined;
  }
}

function start({ heapMiB }: ParserBounds): Worker {
  // The same file name in the sources and in the build, but for its ending.
  const script = new URL(`./parser-worker${extname(import.meta.url)}`, import.meta.url);
  const worker = new Worker(script, { env: {}, resourceLimits: { maxOldGenerationSizeMb: heapMiB } });
  worker.on('error', () => undefined);
  return worker;
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}
