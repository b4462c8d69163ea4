/** Brings statuses to the status branch: all that changed in one pass are one commit, and a refusal is one warning. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { statusPath } from '../../api/status-file.ts';
import { toYaml } from '../../api/yaml.ts';
import { SourceError, type StatusStore } from '../../reconcile/ports.ts';
import { wordsOf } from '../../runtime/failure.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Scrubber } from '../../runtime/secrets.ts';
import { backoff, sleep } from '../../runtime/time.ts';

/** A pass over many promotions is one commit, but nobody waits longer than this for it. */
const LONGEST_WAIT = 2_000;
const SETTLE = 100;
/** How long other work may have to wait for the writing of documents. */
const SLICE = 25;
const RETRY = { base: 2_000, max: 5 * 60_000 };

export interface StatusWriterOptions {
  readonly store: StatusStore;
  /** The document of a key as it stands; undefined when there is none any more. */
  readonly documentOf: (key: string) => unknown;
  /** Of all promotions. */
  readonly keys: () => Iterable<string>;
  readonly scrubber: Scrubber;
  /** Resolves when no promotion is being handled. */
  readonly idle: () => Promise<void>;
  readonly revision: () => string | undefined;
  readonly logger: Logger;
  readonly written: (result: 'ok' | 'failed') => void;
}

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #dirty = new Set<string>();
  /** Whatever was ever due, such as what is still to be released and declared no more. */
  readonly #known = new Set<string>();
  #wake: (() => void) | undefined;
  #failure: string | undefined;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  /** Why the last write failed; undefined when it did not. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** The status of this key is to be written. */
  changed(key: string): void {
    this.#dirty.add(key);
    this.#known.add(key);
    this.#wake?.();
  }

  /** Writes whatever changes, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      if (this.#dirty.size === 0) await this.#nextChange(signal);
      await this.#settled(signal);
      if (signal.aborted) return;
      failures = (await this.flush(signal, failures)) ? 0 : failures + 1;
      if (failures > 0) await sleep(backoff(failures, RETRY), signal);
    }
  }

  /** Writes all that is due in one commit. False when that failed; it is then due still. */
  async flush(signal: AbortSignal, failures = 0): Promise<boolean> {
    const { store, revision, logger, written } = this.#options;
    const keys = [...this.#dirty];
    if (keys.length === 0) return true;
    this.#dirty.clear();
    try {
      const files = await this.#render(keys);
      const outcome = await store.write(files, message(keys, revision()), signal);
      written('ok');
      if (this.#failure !== undefined) logger.info({}, 'statuses can be written again');
      this.#failure = undefined;
      return outcome === 'written' || (await this.#writeAll(signal));
    } catch (error) {
      for (const key of keys) this.#dirty.add(key);
      written('failed');
      const detail = wordsOf(error);
      this.#failure = detail;
      if (failures === 0 && !signal.aborted) {
        logger.warn(
          { detail, ...(error instanceof SourceError ? {} : { err: error }) },
          'statuses cannot be written to the status branch; promotions go on, and it is tried again',
        );
      }
      return false;
    }
  }

  /** What is there no more is written again, with its history. */
  #writeAll(signal: AbortSignal): Promise<boolean> {
    this.#options.logger.warn({}, 'the status branch was gone; all statuses are written again');
    for (const key of [...this.#known, ...this.#options.keys()]) this.#dirty.add(key);
    return this.flush(signal);
  }

  /** Lets other work go first every few milliseconds. What changes meanwhile is due again. */
  async #render(keys: readonly string[]): Promise<Map<string, string | null>> {
    const { documentOf, scrubber } = this.#options;
    const files = new Map<string, string | null>();
    let sliceEnd = performance.now() + SLICE;
    for (const key of keys) {
      if (performance.now() > sliceEnd) {
        await nextTurn();
        sliceEnd = performance.now() + SLICE;
      }
      const document = documentOf(key);
      files.set(statusPath(key), document === undefined ? null : toYaml(scrubber.clean(document)));
    }
    return files;
  }

  async #nextChange(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    this.#wake = undefined;
  }

  /** Until the pass is over, but not for ever. */
  async #settled(signal: AbortSignal): Promise<void> {
    await sleep(SETTLE, signal);
    const patience = new AbortController();
    await Promise.race([
      this.#options.idle(),
      sleep(LONGEST_WAIT, AbortSignal.any([signal, patience.signal])),
    ]);
    patience.abort();
  }
}

function message(keys: readonly string[], revision: string | undefined): string {
  const subject = keys.length === 1 ? `Status of ${keys[0] ?? ''}` : `Status of ${keys.length} promotions`;
  const trailer = revision === undefined ? '' : `\n\nModelPromotion-Revision: ${revision}`;
  return `${subject}${trailer}`;
}
