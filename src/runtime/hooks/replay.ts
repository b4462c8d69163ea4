/** Remembers the last deliveries that were accepted, so that a second copy of one does nothing. */

export class ReplayMemory {
  readonly #most: number;
  /** In the order of arrival. */
  readonly #seen = new Set<string>();

  constructor(most: number) {
    this.#most = most;
  }

  has(delivery: string): boolean {
    return this.#seen.has(delivery);
  }

  /** The oldest is forgotten when there are too many. */
  add(delivery: string): void {
    this.#seen.add(delivery);
    for (const oldest of this.#seen) {
      if (this.#seen.size <= this.#most) return;
      this.#seen.delete(oldest);
    }
  }
}
