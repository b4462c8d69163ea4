/**
 * Joins live readings into two requests for all of them: those that are asked for within a few milliseconds, and all
 * that come while a reading is being made, or while the registry has writes enough to do: they would only have waited.
 */
import type { Fact, Model } from '../../domain/observed.ts';
import { unlessAborted } from './abort.ts';

/** Milliseconds that a first asker waits for company. */
const WINDOW = 5;
/** And at the longest, however busy the registry is. */
const LONGEST_WINDOW = 10_000;
/** What a server reads in about 0.15 s, so that a reading is fresh when it is used. */
export const CHUNK = 100;

/** What was read of each model that was asked for. */
export type Facts = (name: string) => Fact<Model>;

export interface BatcherOptions {
  readonly readMany: (names: readonly string[]) => Promise<Facts>;
  /** Whether the registry has so much to do that a reading may as well wait for more to join it. */
  readonly busy: () => boolean;
}

export class ReadBatcher {
  readonly #options: BatcherOptions;
  #waiting = new Map<string, PromiseWithResolvers<Fact<Model>>>();
  #timer: NodeJS.Timeout | undefined;
  /** Readings that are being made: what is asked for meanwhile goes together into the next. */
  #underWay = 0;

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  /** A reading that begins after this call. */
  read(name: string, signal: AbortSignal): Promise<Fact<Model>> {
    let waiter = this.#waiting.get(name);
    if (waiter === undefined) {
      waiter = Promise.withResolvers();
      this.#waiting.set(name, waiter);
      if (this.#waiting.size === 1) this.#await(performance.now() + LONGEST_WINDOW);
      else if (this.#waiting.size === CHUNK) void this.#flush();
    }
    return unlessAborted(waiter.promise, signal);
  }

  #await(latest: number): void {
    this.#timer = setTimeout(() => {
      const mayWait = this.#underWay > 0 || this.#options.busy();
      if (mayWait && performance.now() < latest) this.#await(latest);
      else void this.#flush();
    }, WINDOW);
  }

  async #flush(): Promise<void> {
    clearTimeout(this.#timer);
    const batch = this.#waiting;
    this.#waiting = new Map();
    this.#underWay += 1;
    try {
      const facts = await this.#options.readMany([...batch.keys()]);
      for (const [name, { resolve }] of batch) resolve(facts(name));
    } catch (error) {
      for (const { reject } of batch.values()) reject(error);
    } finally {
      this.#underWay -= 1;
    }
  }
}
