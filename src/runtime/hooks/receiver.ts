/**
 * Takes in signed hints. Whoever sends one says no more than "look now": it is verified, told from its copies and
 * limited here, and what is done about it is somebody else's.
 */
import { BodyRefused } from '../body.ts';
import { text, type Answer, type Posted } from '../server.ts';
import { claimOf, type Claim, type Headers, type Scheme } from './claim.ts';
import { TokenBucket, type Rate } from './bucket.ts';
import type { ReplayMemory } from './replay.ts';

export type Result = 'accepted' | 'ignored' | 'replayed' | 'refused' | 'limited';

/** A secret, and whose hints it signs. */
export interface Key {
  readonly owner: string;
  readonly secret: string;
}

export interface Hint {
  /** Those whose secret signed it; never empty. */
  readonly owners: readonly string[];
  readonly headers: Headers;
  readonly body: Buffer;
}

export interface ReceiverOptions {
  /** In the order in which they are tried; the first that a request makes use of decides. */
  readonly schemes: readonly Scheme[];
  /** Read for every request. @throws Error that holds no secret */
  readonly keys: () => Promise<readonly Key[]>;
  readonly seen: ReplayMemory;
  /** Of the hints of one owner. */
  readonly rate: Rate;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Acts on a hint, or says that there is nothing to do about it. */
  readonly take: (hint: Hint) => 'accepted' | 'ignored';
  /** Told of everything that came; `why` says what was wrong with it. */
  readonly note: (result: Result, why?: string) => void;
}

/** How far the clock of a sender may be from ours, in seconds. Retries of a delivery keep its timestamp. */
const TOLERANCE = 300;

export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async answer(request: Posted): Promise<Answer> {
    const claim = claimOf(request.headers, this.#options.schemes);
    // Whoever does not even claim to know the secret costs us no body.
    if (claim === undefined) return this.#refuse(401, 'there is no signature that is known here');
    let body: Buffer;
    try {
      body = await request.body();
    } catch (error) {
      if (!(error instanceof BodyRefused)) return this.#refuse(400, 'the body ended early');
      return this.#refuse(error.status, error.message);
    }
    let keys: readonly Key[];
    try {
      keys = await this.#options.keys();
    } catch {
      return this.#refuse(503, 'the secret cannot be read; see the log of the controller');
    }
    return this.#judge(claim, { headers: request.headers, body }, keys);
  }

  #judge(claim: Claim, delivery: Omit<Hint, 'owners'>, keys: readonly Key[]): Answer {
    const { seen, now, take, note } = this.#options;
    const { body } = delivery;
    const matching = keys.filter(({ secret }) => claim.holds(secret, body));
    if (matching.length === 0) return this.#refuse(401, 'the signature does not match');
    if (claim.timestamp !== undefined && Math.abs(now() / 1_000 - claim.timestamp) > TOLERANCE)
      return this.#refuse(401, `the timestamp is more than ${TOLERANCE} seconds away from our clock`);
    const id = claim.delivery(body);
    // Copies are told apart before they are counted: they take nobody's turn.
    if (seen.has(id)) {
      note('replayed');
      return text(200, 'seen already\n');
    }
    const owners = [...new Set(matching.map(({ owner }) => owner))];
    const wait = Math.max(...owners.map((owner) => this.#bucketOf(owner).take()));
    if (wait > 0) {
      note('limited');
      return {
        ...text(429, 'too many hints\n'),
        headers: { 'retry-after': String(Math.ceil(wait / 1_000)) },
      };
    }
    seen.add(id);
    const result = take({ ...delivery, owners });
    note(result);
    return result === 'accepted' ? text(202, 'we look\n') : text(200, 'nothing to do\n');
  }

  #refuse(status: number, why: string): Answer {
    this.#options.note('refused', why);
    return text(status, `${why}\n`);
  }

  #bucketOf(owner: string): TokenBucket {
    const bucket = this.#buckets.get(owner) ?? new TokenBucket(this.#options.rate);
    this.#buckets.set(owner, bucket);
    return bucket;
  }
}
