/** Reads what strangers send: bounded in size, in time, and in how many do so at once. */
import type { IncomingMessage } from 'node:http';

export interface BodyLimits {
  /** Bytes. */
  readonly size: number;
  /** Milliseconds until all of it must be here. */
  readonly time: number;
  readonly atOnce: number;
}

/** A body that was not read to its end; `status` is the HTTP status that says so. */
export class BodyRefused extends Error {
  override readonly name = 'BodyRefused';
  readonly status: 408 | 413 | 503;

  constructor(status: BodyRefused['status'], message: string) {
    super(message);
    this.status = status;
  }
}

export class BodyReader {
  readonly #limits: BodyLimits;
  /** How to end those that are being read, in the order of their beginning. */
  readonly #reading = new Set<(refusal: BodyRefused) => void>();

  constructor(limits: BodyLimits) {
    this.#limits = limits;
  }

  /**
   * When too many are read at once, the one that began first gives way: whoever sends slowly, or many bodies, keeps
   * nobody out who sends one quickly.
   * @throws BodyRefused, and Error when the sender went away
   */
  async read(request: IncomingMessage): Promise<Buffer> {
    const { size, time, atOnce } = this.#limits;
    const tooLarge = new BodyRefused(413, `the body is larger than ${size} bytes`);
    if (Number(request.headers['content-length'] ?? 0) > size) throw tooLarge;
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const timer = setTimeout(() => reject(new BodyRefused(408, 'the body took too long')), time);
    const chunks: Buffer[] = [];
    let length = 0;
    const take = (chunk: Buffer): void => {
      length += chunk.length;
      if (length > size) reject(tooLarge);
      else chunks.push(chunk);
    };
    request.on('data', take);
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', reject);
    request.once('close', () => reject(new Error('the sender went away')));
    this.#reading.add(reject);
    const [first] = this.#reading;
    if (this.#reading.size > atOnce) first?.(new BodyRefused(503, 'too many bodies are sent at once'));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#reading.delete(reject);
      request.off('data', take);
      chunks.length = 0;
    }
  }
}
