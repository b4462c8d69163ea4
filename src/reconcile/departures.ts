/** Promotions that are declared no more, until their deletion policy is carried out. */
import type { ModelPromotionStatus } from '../api/generated/types.ts';
import { samePlace, type Entry } from '../domain/catalog.ts';
import type { Promotion } from '../domain/desired.ts';
import { formerKey, isFormerKey } from './former.ts';
import type { Observer } from './ports.ts';
import type { Release } from './release.ts';
import type { Share } from './share.ts';

export interface Leaving {
  readonly entry: Entry;
  readonly status: ModelPromotionStatus | undefined;
  /** Whether it was ours when it left. */
  readonly ours: boolean;
}

/** What a try to carry the deletion policy out came to; `lost` when nobody can any more. */
export type Departure = Release & { readonly lost?: boolean };

type Fate = 'done' | 'again' | 'theirs';

export interface DeparturesOptions {
  readonly observer: Observer;
  /** Whether a promotion of this key is declared now. */
  readonly isDeclared: (key: string) => boolean;
  readonly share: Pick<Share, 'isOurs' | 'isLeaving' | 'statusOf'>;
  readonly carryOut: (leaving: Leaving, signal: AbortSignal) => Promise<Departure>;
  /** Called with the keys whose status document changed or went away. */
  readonly onStatus: (key: string) => void;
  /** For how many milliseconds the registry may refuse a release before that is given up; for ever when there is none. */
  readonly patience: number | undefined;
  readonly now: () => number;
}

export class Departures {
  readonly #options: DeparturesOptions;
  readonly #leaving = new Map<string, Leaving[]>();
  /** Keys under which something is remembered although its name is used again. */
  readonly #former = new Set<string>();
  /** What could not be released so far, and that was said. */
  readonly #held = new WeakSet<Entry>();
  /** Keys of what was ours to release and is done with, until it is gone. */
  readonly #released = new Set<string>();
  /** Since when the registry has refused what is to be released. */
  readonly #refusedSince = new WeakMap<Entry, number>();

  constructor(options: DeparturesOptions) {
    this.#options = options;
  }

  keys(): Iterable<string> {
    return this.#leaving.keys();
  }

  /** What left under this key, in the order of leaving. */
  under(key: string): readonly Leaving[] {
    return this.#leaving.get(key) ?? [];
  }

  /** What is remembered under this key: its own while its name is not used again, else under a former key. */
  rememberedAs(key: string): Leaving | undefined {
    if (!isFormerKey(key)) return this.under(key).at(-1);
    return [...this.#leaving.values()].flat().find(({ entry }) => formerKey(entry.promotion) === key);
  }

  /** Keys of those that a place concerns. */
  keysAt(isThere: (promotion: Promotion) => boolean): string[] {
    return [...this.#leaving].flatMap(([key, leaving]) =>
      leaving.some(({ entry }) => isThere(entry.promotion)) ? [key] : [],
    );
  }

  add(entry: Entry, status: ModelPromotionStatus | undefined): void {
    const { key } = entry.promotion;
    const ours = this.#options.share.isOurs(entry.promotion);
    this.#leaving.set(key, [...this.under(key), { entry, status, ours }]);
    this.#released.delete(key);
  }

  /** Takes back what was remembered under a former key before a restart. */
  restore(entry: Entry, status: ModelPromotionStatus | undefined): void {
    this.add(entry, status);
    this.#former.add(formerKey(entry.promotion));
  }

  /** What left while its pass ran is released with all that was applied. */
  update(promotion: Promotion, status: ModelPromotionStatus): void {
    const { key } = promotion;
    const known = this.under(key).map((one) =>
      samePlace(one.entry.promotion, promotion) ? { ...one, status } : one,
    );
    if (known.length > 0) this.#leaving.set(key, known);
    this.makeWay();
  }

  /** The place where statuses are remembered by name is the successor's now. */
  makeWay(): void {
    for (const { entry } of [...this.#leaving.values()].flat()) {
      if (!this.#options.isDeclared(entry.promotion.key)) continue;
      const key = formerKey(entry.promotion);
      this.#former.add(key);
      this.#options.onStatus(key);
    }
  }

  /** Carries out the deletion policy of what left under this key. False when it must be tried again. */
  async finish(key: string, signal: AbortSignal): Promise<boolean> {
    const fates = new Map<Leaving, Fate>();
    for (const leaving of this.under(key)) fates.set(leaving, await this.#finishOne(leaving, signal));
    // Another one may have left under this key meanwhile.
    const waiting = this.under(key).filter((leaving) => fates.get(leaving) !== 'done');
    if (waiting.length > 0) this.#leaving.set(key, waiting);
    else if (this.#leaving.delete(key)) this.#options.onStatus(key);
    for (const [{ entry }, fate] of fates) {
      const former = formerKey(entry.promotion);
      if (fate === 'done' && this.#former.delete(former)) this.#options.onStatus(former);
    }
    return waiting.every((leaving) => fates.get(leaving) === 'theirs');
  }

  async #finishOne(leaving: Leaving, signal: AbortSignal): Promise<Fate> {
    const { share, carryOut } = this.#options;
    const { promotion } = leaving.entry;
    const isLeaving = share.isLeaving(promotion.key);
    // Of an object that lives on nobody else knows what it was before.
    const isOurs = share.isOurs(promotion) || (leaving.ours && !isLeaving);
    if (!isOurs) return isLeaving ? 'theirs' : 'done';
    // What another process meant to release may have been written by that one since.
    const status = leaving.ours ? leaving.status : (share.statusOf(promotion.key) ?? leaving.status);
    const departure = this.#bounded(leaving, await carryOut({ ...leaving, status }, signal));
    this.#tell(leaving, departure);
    if (departure.done && isLeaving) this.#released.add(promotion.key);
    return departure.done ? 'done' : 'again';
  }

  /** Whether something of this name was ours to release, and nothing is left of it to do. */
  isReleased(key: string): boolean {
    return this.#released.has(key) && this.under(key).length === 0;
  }

  /** Nobody waits for a release of this name any more. */
  gone(key: string): void {
    this.#released.delete(key);
  }

  /** Leaves what is still to be released under this key as it is: its owner asks for no release any more. */
  giveUp(key: string): void {
    const leaving = this.under(key);
    if (leaving.length === 0) return;
    this.#leaving.delete(key);
    const message = 'left as it is: its deletion policy is Orphan now';
    for (const one of leaving) {
      if (!this.#options.share.isOurs(one.entry.promotion)) continue;
      if (this.#options.share.isLeaving(key)) this.#released.add(key);
      this.#tell(one, { done: true, applied: [], message });
    }
    this.#options.onStatus(key);
  }

  /**
   * Where somebody waits for a release, he does not wait for ever for what the registry refuses. By time, for whatever
   * is declared in the source may have it tried again.
   */
  #bounded({ entry }: Leaving, departure: Departure): Departure {
    if (departure.refused !== true) {
      this.#refusedSince.delete(entry);
      return departure;
    }
    const { patience = Infinity, now } = this.#options;
    const since = this.#refusedSince.get(entry) ?? now();
    this.#refusedSince.set(entry, since);
    return now() - since < patience ? departure : { ...departure, done: true, lost: true };
  }

  #tell({ entry }: Leaving, { applied, done, message, lost = false, refused = false }: Departure): void {
    const { observer } = this.#options;
    const { key, model, deletionPolicy: policy } = entry.promotion;
    const fields = { promotion: key, model, policy, detail: message };
    for (const action of applied) observer.applied(action.kind, action.cause);
    if (lost)
      observer.warn(
        fields,
        refused
          ? 'a removed promotion could not be released: its registry refuses it'
          : 'a removed promotion could not be released: its registry is not there for it',
      );
    else if (done) observer.info(fields, 'a promotion was removed');
    else if (!this.#held.has(entry)) {
      observer.warn(fields, 'a removed promotion cannot be released yet; it is tried again');
      this.#held.add(entry);
    }
    if (refused) observer.event(entry.promotion, { type: 'Warning', reason: 'ReleaseRefused', message });
    else if (lost) observer.event(entry.promotion, { type: 'Warning', reason: 'NotReleased', message });
  }
}
