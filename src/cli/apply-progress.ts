/** How far the apply of one promotion has come, told on the way and kept whatever ends it. */
import { describeAction, type Action } from '../domain/action.ts';
import type { Obstacle } from '../domain/plan.ts';
import type { PassOptions } from '../reconcile/pass.ts';
import { wordsOf } from '../runtime/failure.ts';
import type { Scrubber } from '../runtime/secrets.ts';
import { sleep } from '../runtime/time.ts';
import { reportAction, type ActionReport } from './report.ts';
import { tell } from './terminal.ts';

/** What became of one promotion. */
export interface Applied {
  readonly promotion: string;
  readonly actions: readonly ActionReport[];
  readonly obstacle: Obstacle | undefined;
}

export class ApplyProgress {
  readonly #promotion: string;
  readonly #scrubber: Scrubber;
  readonly #done: Action[] = [];
  /** Sent, and not confirmed so far. */
  #sent: Action | undefined;

  constructor(promotion: string, scrubber: Scrubber) {
    this.#promotion = promotion;
    this.#scrubber = scrubber;
  }

  passOptions(signal: AbortSignal): PassOptions {
    return {
      fence: () => !signal.aborted,
      now: Date.now,
      sleep,
      progress: (action) => {
        this.#sent = action;
        tell(`${this.#promotion}: ${describeAction(action)}…`);
      },
      done: (action) => {
        this.#done.push(action);
        this.#sent = undefined;
      },
      unmarked: (message) => tell(this.#scrubber.scrub(`${this.#promotion}: warning: ${message}`)),
    };
  }

  ended(obstacle: Obstacle | undefined): Applied {
    return { promotion: this.#promotion, actions: this.#done.map(reportAction), obstacle };
  }

  /** Ended by Ctrl-C, or by what nobody thought of. */
  broken(error: unknown): Applied {
    const why = wordsOf(error);
    const open =
      this.#sent === undefined
        ? 'before all was done'
        : `and whether this was done is not known: ${describeAction(this.#sent)}`;
    return this.ended({ reason: 'ProgressingWithRetry', message: `${why}, ${open}; run apply again` });
  }
}
