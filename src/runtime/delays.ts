/** Keys that become due at a time, each once. One timer serves them all: one for each of ten thousand takes megabytes. */
import { LONGEST_DELAY } from './time.ts';

/** Looking through all keys takes no more than this share of the time. */
const SHARE = 0.02;

export class Delays {
  readonly #fire: (key: string) => void;
  /** When each is due, by the monotonic clock. */
  readonly #due = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires; that may be for nothing. */
  #next = Infinity;

  constructor(fire: (key: string) => void) {
    this.#fire = fire;
  }

  /** Due after `ms`, unless it is due earlier already. */
  add(key: string, ms: number): void {
    const at = performance.now() + Math.min(Math.max(0, ms), LONGEST_DELAY);
    const due = this.#due.get(key);
    if (due !== undefined && due <= at) return;
    this.#due.set(key, at);
    if (at < this.#next) this.#wake(at);
  }

  delete(key: string): void {
    this.#due.delete(key);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#due.clear();
    this.#next = Infinity;
  }

  #wake(at: number): void {
    clearTimeout(this.#timer);
    this.#next = at;
    this.#timer = setTimeout(() => this.#serve(), at - performance.now());
  }

  #serve(): void {
    const started = performance.now();
    const ready: string[] = [];
    let next = Infinity;
    for (const [key, at] of this.#due) {
      if (at <= started) ready.push(key);
      else if (at < next) next = at;
    }
    this.#next = Infinity;
    const now = performance.now();
    if (next < Infinity) this.#wake(Math.max(next, now + (now - started) / SHARE));
    for (const key of ready) {
      this.#due.delete(key);
      this.#fire(key);
    }
  }
}
