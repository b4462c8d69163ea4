/**
 * A circuit breaker: after several failures in a row nothing is sent for a while, then one call may try.
 * A server that is down is asked about four times a minute, not by every promotion.
 */
import { backoff } from './time.ts';

const FAILURES_TO_OPEN = 5;
const COOLING = { base: 1_000, max: 15_000 };

export class CircuitBreaker {
  #failures = 0;
  #openings = 0;
  #openUntil = 0;
  #probing = false;

  /** Milliseconds until a call may try; 0 when it may now. A call that may must report back. */
  admit(): number {
    const wait = this.#openUntil - performance.now();
    if (wait > 0) return wait;
    if (this.#failures < FAILURES_TO_OPEN) return 0;
    if (this.#probing) return 1_000;
    this.#probing = true;
    return 0;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#openings = 0;
    this.#openUntil = 0;
    this.#probing = false;
  }

  failed(): void {
    // Calls that were under way when it opened tell nothing new.
    if (this.open && !this.#probing) return;
    this.#probing = false;
    this.#failures += 1;
    if (this.#failures < FAILURES_TO_OPEN) return;
    this.#openUntil = performance.now() + backoff(this.#openings, COOLING);
    this.#openings += 1;
  }

  /** The call ended without an answer about the server's health: it was cancelled. */
  cancelled(): void {
    this.#probing = false;
  }

  get open(): boolean {
    return this.#failures >= FAILURES_TO_OPEN;
  }
}
