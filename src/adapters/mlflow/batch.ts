/** Joins live readings that are asked for within a few milliseconds into two requests for all of them. */
import type { Fact, Model } from '../../domain/observed.ts';

/** How long a first asker waits for company. */
const WINDOW = 5;
/** What a server reads in about 0.15 s, so that a reading is fresh when it is used. */
export const CHUNK = 100;

export type Facts = ReadonlyMap<string, Fact<Model>>;

export class ReadBatcher {
  readonly #readMany: (names: readonly string[]) => Promise<Facts>;
  #waiting = new Map<string, PromiseWithResolvers<Fact<Model>>>();

  /** `readMany` answers for every name it is given; it does not reject for a single name. */
  constructor(readMany: (names: readonly string[]) => Promise<Facts>) {
    this.#readMany = readMany;
  }

  read(name: string): Promise<Fact<Model>> {
    let waiter = this.#waiting.get(name);
    if (waiter === undefined) {
      waiter = Promise.withResolvers();
      this.#waiting.set(name, waiter);
      if (this.#waiting.size === 1) setTimeout(() => this.#flush(), WINDOW);
      else if (this.#waiting.size === CHUNK) this.#flush();
    }
    return waiter.promise;
  }

  #flush(): void {
    const batch = this.#waiting;
    this.#waiting = new Map();
    if (batch.size === 0) return;
    this.#readMany([...batch.keys()]).then(
      (facts) => {
        for (const [name, { resolve }] of batch) resolve(facts.get(name) ?? { kind: 'absent' });
      },
      (error: unknown) => {
        for (const { reject } of batch.values()) reject(error);
      },
    );
  }
}
