/**
 * Which events are told, after client-go's tools/record/events_cache.go: an object that floods is throttled, many
 * events that differ in words alone become one, and one that comes again becomes a series.
 */

export interface Told {
  /** Whose event it is. */
  readonly uid: string;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly action: string;
  readonly note: string;
}

export type Ruling =
  | { readonly kind: 'drop' }
  /** An event of its own; `id` names it from now on. */
  | { readonly kind: 'create'; readonly id: string; readonly note: string }
  /** It came again: the count of the series that `id` has become. */
  | { readonly kind: 'count'; readonly id: string; readonly count: number; readonly note: string };

const BURST = 25;
/** One more for an object that has used up its burst, in milliseconds. */
const REFILL = 300_000;
const SIMILAR = { most: 10, within: 600_000 };
/** A series that was quiet for so long is over. */
const FINISHED = 360_000;
/** A series that goes on is told of so often at least: the API server forgets events after an hour. */
const REFRESH = 1_800_000;
const MOST_KNOWN = 4_096;

interface Bucket {
  tokens: number;
  at: number;
}

export class EventRules {
  readonly #buckets = new Map<string, Bucket>();
  readonly #similar = new Map<string, { notes: Set<string>; since: number }>();
  readonly #series = new Map<string, { count: number; last: number; toldAt: number }>();

  /** @param now milliseconds of any clock that goes on */
  rule(told: Told, now: number): Ruling {
    if (!this.#hasToken(told.uid, now)) return { kind: 'drop' };
    const { note, isCombined } = this.#combine(told, now);
    const id = [told.uid, told.type, told.reason, told.action, isCombined ? '' : note].join('\n');
    const series = this.#series.get(id);
    if (series === undefined || now - series.last > FINISHED) {
      keep(this.#series, id, { count: 1, last: now, toldAt: now });
      return { kind: 'create', id, note };
    }
    // At the second, the fourth, the eighth time: a series costs few calls however long it is.
    const count = series.count + 1;
    const isTold = (count & (count - 1)) === 0 || now - series.toldAt >= REFRESH;
    keep(this.#series, id, { count, last: now, toldAt: isTold ? now : series.toldAt });
    return isTold ? { kind: 'count', id, count, note } : { kind: 'drop' };
  }

  #hasToken(uid: string, now: number): boolean {
    const { tokens, at } = this.#buckets.get(uid) ?? { tokens: BURST, at: now };
    const filled = Math.min(BURST, tokens + (now - at) / REFILL);
    const has = filled >= 1;
    keep(this.#buckets, uid, { tokens: has ? filled - 1 : filled, at: now });
    return has;
  }

  #combine({ uid, type, reason, action, note }: Told, now: number): { note: string; isCombined: boolean } {
    const key = [uid, type, reason, action].join('\n');
    const known = this.#similar.get(key);
    const current =
      known === undefined || now - known.since > SIMILAR.within
        ? { notes: new Set<string>(), since: now }
        : known;
    current.notes.add(note);
    keep(this.#similar, key, current);
    const isCombined = current.notes.size > SIMILAR.most;
    return { note: isCombined ? `(combined from similar events): ${note}` : note, isCombined };
  }
}

/** The one used longest ago goes first. */
function keep<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MOST_KNOWN && oldest !== undefined) map.delete(oldest);
}
