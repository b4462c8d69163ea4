/** Joins live readings that are asked for within a few milliseconds into two requests for all of them. */
import type { Fact, Model } from '../../domain/observed.ts';
import { unlessAborted } from './abort.ts';

/** How long a first asker waits for company. */
const WINDOW = 5;
/** What a server reads in about 0.15 s, so that a reading is fresh when it is used. */
export const CHUNK = 100;

/** What was read of each model that was asked for. */
export type Facts = (name: string) => Fact<Model>;

export class ReadBatcher {
  readonly #readMany: (names: readonly string[]) => Promise<Facts>;
  #waiting = new Map<string, PromiseWithResolvers<Fact<Model>>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(readMany: (names: readonly string[]) => Promise<Facts>) {
    this.#readMany = readMany;
  }

  /** A reading that begins after this call. */
  read(name: string, signal: AbortSignal): Promise<Fact<Model>> {
    let waiter = this.#waiting.get(name);
    if (waiter === undefined) {
      waiter = Promise.withResolvers();
      this.#waiting.set(name, waiter);
      if (this.#waiting.size === 1) this.#timer = setTimeout(() => void this.#flush(), WINDOW);
      else if (this.#waiting.size === CHUNK) void this.#flush();
    }
    return unlessAborted(waiter.promise, signal);
  }

  async #flush(): Promise<void> {
    clearTimeout(this.#timer);
    const batch = this.#waiting;
    this.#waiting = new Map();
    try {
      const facts = await this.#readMany([...batch.keys()]);
      for (const [name, { resolve }] of batch) resolve(facts(name));
    } catch (error) {
      for (const { reject } of batch.values()) reject(error);
    }
  }
}
