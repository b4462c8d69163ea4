/** Brings statuses to their objects: the last one of each, a few at a time, again and again until it is there. */
import { wordsOf } from '../../runtime/failure.ts';
import { backoff } from '../../runtime/time.ts';
import { type KubeApi, KubeError } from './api.ts';
import { type ObjectRef, type WriteResult, writeStatus } from './status.ts';

/** What is to be written, and what is there. */
export interface Due {
  readonly object: ObjectRef;
  readonly status: unknown;
  /** Whether the server has this very status already. */
  readonly isThere: boolean;
}

export interface StatusWriterLogger {
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
}

export interface KubeStatusWriterOptions {
  readonly api: KubeApi;
  /** As it stands now; undefined when there is nothing to write, or nowhere. */
  readonly dueOf: (key: string) => Due | undefined;
  /** Whether this process may write now: one that may not has nothing to say any more. */
  readonly fence: () => boolean;
  readonly logger: StatusWriterLogger;
  readonly written: (result: 'ok' | 'failed') => void;
}

const AT_ONCE = 8;
const RETRY = { base: 500, max: 60_000 };
/** How soon the watch has told what a write met. */
const CATCH_UP = { base: 100, max: 5_000 };
/** What others write over ours is put right at this pace. */
const RESTORE = 1_000;

export class KubeStatusWriter {
  readonly #options: KubeStatusWriterOptions;
  readonly #due = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #failures = new Map<string, number>();
  /** Keys that are tried again when their time comes. */
  readonly #waiting = new Map<string, NodeJS.Timeout>();
  #stop = new AbortController();
  #failure: string | undefined;

  constructor(options: KubeStatusWriterOptions) {
    this.#options = options;
  }

  /** Why the last write failed; undefined when it did not. */
  get failure(): string | undefined {
    return this.#failure;
  }

  changed(key: string): void {
    clearTimeout(this.#waiting.get(key));
    this.#waiting.delete(key);
    this.#due.add(key);
    this.#serve();
  }

  /** Looks soon whether the server has what it should have. */
  check(key: string): void {
    if (this.#due.has(key) || this.#running.has(key) || this.#waiting.has(key)) return;
    const due = this.#options.dueOf(key);
    if (due === undefined || due.isThere) return;
    this.#later(key, RESTORE);
  }

  /** Resolves when the signal aborts; writes begin with the first `changed`. */
  run(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => resolve(), { once: true });
    return signal.aborted ? Promise.resolve() : promise;
  }

  /** Tries all that is due once more, at once. The last thing that is asked of a writer. */
  async flush(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#stop.abort(), { once: true });
    for (const key of this.#waiting.keys()) this.changed(key);
    while (this.#running.size > 0) await Promise.all(this.#running.values());
    for (const timer of this.#waiting.values()) clearTimeout(timer);
  }

  #serve(): void {
    for (const key of this.#due) {
      if (this.#running.size >= AT_ONCE) return;
      if (this.#running.has(key)) continue;
      this.#due.delete(key);
      const done = this.#bring(key).finally(() => {
        this.#running.delete(key);
        this.#serve();
      });
      this.#running.set(key, done);
    }
  }

  async #bring(key: string): Promise<void> {
    const { dueOf, fence, api, logger, written } = this.#options;
    const { signal } = this.#stop;
    const due = dueOf(key);
    if (due === undefined || due.isThere || signal.aborted || !fence()) {
      this.#failures.delete(key);
      return;
    }
    try {
      const result = await writeStatus(api, due.object, due.status, signal);
      this.#settle(key, result);
      if (result.kind === 'written') written('ok');
      if (this.#failure !== undefined) logger.info({}, 'statuses can be written again');
      this.#failure = undefined;
    } catch (error) {
      if (signal.aborted) return;
      written('failed');
      const detail = wordsOf(error);
      if (this.#failure === undefined)
        logger.warn(
          { object: key, detail, ...(error instanceof KubeError ? {} : { err: error }) },
          'a status cannot be written; promotions go on, and it is tried again',
        );
      this.#failure = detail;
      this.#again(key, RETRY);
    }
  }

  /** What met another object than we know is due again when the watch has told of it. */
  #settle(key: string, result: WriteResult): void {
    if (result.kind === 'conflict') this.#again(key, CATCH_UP);
    else this.#failures.delete(key);
  }

  #again(key: string, pace: { base: number; max: number }): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.#later(key, backoff(failures, pace));
  }

  #later(key: string, ms: number): void {
    this.#waiting.set(
      key,
      setTimeout(() => this.changed(key), ms),
    );
  }
}
