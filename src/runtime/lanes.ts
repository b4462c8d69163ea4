/**
 * Keys that need the same thing, such as one server, share a lane. A lane lets a bounded number of keys run at once,
 * so that what hangs in one holds up no other; lanes take turns.
 */
interface Lane {
  readonly ready: Set<string>;
  running: number;
}

export class Lanes {
  readonly #width: number;
  /** In the order of their turns: one that was served goes to the end. */
  readonly #lanes = new Map<string, Lane>();
  #size = 0;

  /** @param width how many keys of one lane run at once */
  constructor(width: number) {
    this.#width = width;
  }

  /** How many keys are ready. */
  get size(): number {
    return this.#size;
  }

  add(key: string, name: string): void {
    const lane = this.#lanes.get(name) ?? { ready: new Set(), running: 0 };
    lane.ready.add(key);
    this.#lanes.set(name, lane);
    this.#size += 1;
  }

  /** The key that may run now, with its lane; it runs until `done`. */
  next(): { key: string; lane: string } | undefined {
    for (const [name, lane] of this.#lanes) {
      const [key] = lane.ready;
      if (key === undefined || lane.running >= this.#width) continue;
      lane.ready.delete(key);
      lane.running += 1;
      this.#size -= 1;
      this.#lanes.delete(name);
      this.#lanes.set(name, lane);
      return { key, lane: name };
    }
    return undefined;
  }

  /** A key of this lane runs no more. */
  done(name: string): void {
    const lane = this.#lanes.get(name);
    if (lane === undefined) return;
    lane.running -= 1;
    if (lane.running === 0 && lane.ready.size === 0) this.#lanes.delete(name);
  }

  /** Forgets what is ready. */
  clear(): void {
    for (const lane of this.#lanes.values()) lane.ready.clear();
    this.#size = 0;
  }
}
