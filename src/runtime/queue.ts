/**
 * A work queue of keys, after client-go's: a key waits once, never runs twice at the same time, and runs again
 * when it is added while it runs. Of the keys of a lane, those that somebody waits for come first. What a key means is
 * looked up when it runs: level, not edge.
 */
import { Delays } from './delays.ts';
import { Lanes, type Rank } from './lanes.ts';
import { backoff } from './time.ts';

const RETRY = { base: 750, max: 15 * 60_000 };

export interface WorkQueueOptions {
  /** What the key has to share its workers with; asked when the key becomes ready. */
  readonly laneOf: (key: string) => string;
  /** How many keys of one lane run at once. */
  readonly width: number;
  readonly observer?: QueueObserver | undefined;
}

export interface QueueObserver {
  added(): void;
  retried(): void;
  /** A key runs that waited for so many seconds. */
  taken(seconds: number): void;
}

export class WorkQueue {
  readonly #laneOf: (key: string) => string;
  readonly #lanes: Lanes;
  readonly #observer: QueueObserver | undefined;
  /** With the lane that each waits in, and the time since when, in milliseconds. */
  readonly #ready = new Map<string, { lane: string; since: number }>();
  /** With the lane that each runs in. */
  readonly #running = new Map<string, string>();
  readonly #again = new Map<string, Rank>();
  readonly #delays = new Delays((key) => this.add(key, 'routine'));
  readonly #failures = new Map<string, number>();
  readonly #idle: (() => void)[] = [];
  #takers: ((key: string | undefined) => void)[] = [];
  #closed = false;

  constructor({ laneOf, width, observer }: WorkQueueOptions) {
    this.#laneOf = laneOf;
    this.#observer = observer;
    this.#lanes = new Lanes(width);
  }

  /** Runs soon. A delayed run of the same key is no longer needed. */
  add(key: string, rank: Rank = 'urgent'): void {
    if (this.#closed) return;
    this.#delays.delete(key);
    if (this.#running.has(key)) {
      if (this.#again.get(key) !== 'urgent') this.#again.set(key, rank);
      return;
    }
    const ready = this.#ready.get(key);
    if (ready !== undefined) {
      if (rank === 'urgent') this.#lanes.hurry(key, ready.lane);
      return;
    }
    const lane = this.#laneOf(key);
    this.#ready.set(key, { lane, since: performance.now() });
    this.#observer?.added();
    this.#lanes.add(key, lane, rank);
    this.#serve();
  }

  /** Runs after `ms`, unless something earlier is due already. */
  addAfter(key: string, ms: number): void {
    if (!this.#closed) this.#delays.add(key, ms);
  }

  /** Runs again after a delay that doubles with every failure in a row. Returns that delay. */
  retry(key: string): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const delay = backoff(failures, RETRY);
    this.#observer?.retried();
    this.addAfter(key, delay);
    return delay;
  }

  /** Forgets the failures of a key. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next key whose lane has room, which is then running until `done`; undefined once the queue is closed. */
  take(): Promise<string | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#takers.push(resolve);
      this.#serve();
    });
  }

  done(key: string): void {
    const lane = this.#running.get(key);
    if (lane === undefined) return;
    this.#running.delete(key);
    this.#lanes.done(lane);
    const again = this.#again.get(key);
    this.#again.delete(key);
    if (again !== undefined) this.add(key, again);
    this.#serve();
    this.#tellIdle();
  }

  /** Resolves when nothing runs and nothing is ready; delayed keys do not count. */
  idle(): Promise<void> {
    if (this.#running.size === 0 && this.#ready.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Takes in nothing more; what runs may finish. */
  close(): void {
    this.#closed = true;
    this.#delays.clear();
    this.#ready.clear();
    this.#lanes.clear();
    this.#again.clear();
    this.#takers.splice(0).forEach((taker) => taker(undefined));
    this.#tellIdle();
  }

  get depth(): number {
    return this.#ready.size;
  }

  #tellIdle(): void {
    if (this.#running.size > 0 || this.#ready.size > 0) return;
    this.#idle.splice(0).forEach((resolve) => resolve());
  }

  /** Gives takers what may run now. */
  #serve(): void {
    while (this.#takers.length > 0) {
      const next = this.#lanes.next();
      if (next === undefined) return;
      const since = this.#ready.get(next.key)?.since ?? performance.now();
      this.#ready.delete(next.key);
      this.#observer?.taken((performance.now() - since) / 1_000);
      this.#running.set(next.key, next.lane);
      this.#takers.shift()?.(next.key);
    }
  }
}
