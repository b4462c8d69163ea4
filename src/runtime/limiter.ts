/** Limits on how much happens at once. */

export class Limiter {
  readonly #limit: number;
  #running = 0;
  /** In the order of their ranks, and of their coming. */
  readonly #waiting: { readonly rank: number; readonly start: () => void }[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Runs `work` when there is room, before whatever waits with a higher rank. Rejects with the signal's reason if it
   * aborts while waiting.
   */
  async run<T>(work: () => Promise<T>, signal: AbortSignal, rank = 0): Promise<T> {
    await this.#acquire(signal, rank);
    try {
      return await work();
    } finally {
      this.#running -= 1;
      this.#next();
    }
  }

  async #acquire(signal: AbortSignal, rank: number): Promise<void> {
    signal.throwIfAborted();
    if (this.#hasRoom() && this.#waiting.length === 0) {
      this.#running += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const start = (): void => {
        signal.removeEventListener('abort', abort);
        this.#running += 1;
        resolve();
      };
      const abort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(signal.reason as Error);
      };
      const waiter = { rank, start };
      const behind = this.#waiting.findLastIndex((other) => other.rank <= rank);
      this.#waiting.splice(behind + 1, 0, waiter);
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  #hasRoom(): boolean {
    return this.#running < this.#limit;
  }

  #next(): void {
    while (this.#hasRoom() && this.#waiting.length > 0) this.#waiting.shift()?.start();
  }
}

/** One at a time for each key, in the order of asking. */
export class KeyedMutex {
  readonly #tails = new Map<string, Promise<void>>();

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const previous = this.#tails.get(key) ?? Promise.resolve();
    const result = previous.then(work);
    const tail = result.then(
      () => undefined,
      () => undefined,
    );
    this.#tails.set(key, tail);
    try {
      return await result;
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }
}
