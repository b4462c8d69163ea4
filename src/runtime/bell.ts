/** Waiting that somebody may cut short. */
import { setTimeout as timer } from 'node:timers/promises';

/** The longest delay a timer can hold; longer ones fire at once (Node). */
const LONGEST = 2 ** 31 - 1;

export class Bell {
  #rung = false;
  #waking: AbortController | undefined;

  /** Ends the wait; without one, the next wait ends at once. Rung many times it is rung once. */
  ring(): void {
    this.#rung = true;
    this.#waking?.abort();
  }

  /** Resolves after `most` milliseconds, when it is rung though not before `least`, or when the signal aborts. */
  async wait(most: number, least: number, signal: AbortSignal): Promise<void> {
    const shortest = Math.min(least, most);
    await timer(shortest, undefined, { signal }).catch(() => undefined);
    const waking = new AbortController();
    this.#waking = waking;
    if (!this.#rung && !signal.aborted) {
      const until = AbortSignal.any([signal, waking.signal]);
      await timer(Math.min(most - shortest, LONGEST), undefined, { signal: until }).catch(() => undefined);
    }
    this.#waking = undefined;
    this.#rung = false;
  }
}
