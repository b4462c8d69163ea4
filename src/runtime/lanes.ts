/**
 * Keys that need the same thing, such as one server, share a lane. A lane lets a bounded number of keys run at once,
 * so that what hangs in one holds up no other; lanes take turns.
 */
interface Lane {
  /** In this order: what somebody waits for, then everything else. */
  readonly ready: readonly [urgent: Set<string>, routine: Set<string>];
  running: number;
}

/** Whether somebody waits for a key, or it is only its time. */
export type Rank = 'urgent' | 'routine';

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

  add(key: string, name: string, rank: Rank): void {
    const lane = this.#lanes.get(name) ?? { ready: [new Set(), new Set()], running: 0 };
    lane.ready[rank === 'urgent' ? 0 : 1].add(key);
    this.#lanes.set(name, lane);
    this.#size += 1;
  }

  /** Somebody waits for a key that is ready already. */
  hurry(key: string, name: string): void {
    const [urgent, routine] = this.#lanes.get(name)?.ready ?? [];
    if (routine?.delete(key) === true) urgent?.add(key);
  }

  /** The key that may run now, with its lane; it runs until `done`. */
  next(): { key: string; lane: string } | undefined {
    for (const [name, lane] of this.#lanes) {
      const from = lane.ready.find(({ size }) => size > 0);
      const [key] = from ?? [];
      if (key === undefined || lane.running >= this.#width) continue;
      from?.delete(key);
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
    if (lane.running === 0 && lane.ready.every(({ size }) => size === 0)) this.#lanes.delete(name);
  }

  /** Forgets what is ready. */
  clear(): void {
    for (const { ready } of this.#lanes.values()) ready.forEach((keys) => keys.clear());
    this.#size = 0;
  }
}
