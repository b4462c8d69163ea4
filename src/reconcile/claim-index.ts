/** Which promotions have a say on which model, found without asking all of them. */
import type { Entry } from '../domain/catalog.ts';
import type { Registries } from './ports.ts';

type Entries = ReadonlyMap<string, Entry>;

export class ClaimIndex {
  static readonly EMPTY = new ClaimIndex(new Map());

  /** Keys of promotions by registry and model, in the order of age. */
  readonly #keys = new Map<string, string[]>();
  /** Where promotions manage a model of this name. */
  readonly #addresses = new Map<string, Set<string>>();
  /** Where each promotion's registry is, or why it may not use it. */
  readonly #places = new Map<string, string>();

  constructor(entries: Entries, registries?: Pick<Registries, 'resolve'>) {
    for (const [key, { promotion }] of entries) {
      const resolved = registries?.resolve(promotion);
      if (resolved?.kind === 'found') this.#add(resolved.address, promotion.model, key);
      this.#places.set(key, resolved?.kind === 'found' ? resolved.address : (resolved?.reason ?? ''));
    }
  }

  /** Keys of the promotions of these models of a registry; of all its models when none are named. */
  keysOf(address: string, models?: readonly string[]): string[] {
    if (models !== undefined) return models.flatMap((model) => this.#keys.get(claimOn(address, model)) ?? []);
    return [...this.#keys].flatMap(([claim, keys]) => (claim.startsWith(claimOn(address, '')) ? keys : []));
  }

  /** Names of the models of a registry that these promotions manage. */
  modelsOf(address: string, counts: (key: string) => boolean): ReadonlySet<string> {
    const prefix = claimOn(address, '');
    const models = new Set<string>();
    for (const [claim, keys] of this.#keys)
      if (claim.startsWith(prefix) && keys.some(counts)) models.add(claim.slice(prefix.length));
    return models;
  }

  /** Groups of promotions that share a model. */
  rivals(): Iterable<readonly string[]> {
    return this.#keys.values().filter((keys) => keys.length > 1);
  }

  /** Promotions whose registry came, went, or opened or closed to them since the other index was made. */
  movedSince(former: ClaimIndex): string[] {
    return [...this.#places]
      .filter(([key, place]) => former.#places.has(key) && former.#places.get(key) !== place)
      .map(([key]) => key);
  }

  /** Other addresses with a model of this name that promotions manage: they may lead to the same server. */
  addressesBeside(address: string, model: string): string[] {
    return [...(this.#addresses.get(model) ?? [])].filter((other) => other !== address);
  }

  #add(address: string, model: string, key: string): void {
    const claim = claimOn(address, model);
    const addresses = this.#addresses.get(model) ?? new Set();
    this.#addresses.set(model, addresses.add(address));
    const keys = this.#keys.get(claim);
    if (keys === undefined) this.#keys.set(claim, [key]);
    else keys.push(key);
  }
}

/** Whoever shares, or shared, a model with a promotion that changed may win or lose by it. */
export function withRivals(keys: readonly string[], indexes: readonly ClaimIndex[]): string[] {
  const changed = new Set(keys);
  for (const rivals of indexes.flatMap((index) => [...index.rivals()])) {
    if (rivals.some((key) => changed.has(key))) rivals.forEach((key) => changed.add(key));
  }
  return [...changed];
}

function claimOn(address: string, model: string): string {
  return `${address}\n${model}`;
}
