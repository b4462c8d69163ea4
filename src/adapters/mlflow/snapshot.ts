/** What was last read of each model, whoever read it. */
import { isDeepStrictEqual } from 'node:util';
import type { Fact, Model } from '../../domain/observed.ts';

interface Known {
  readonly fact: Fact<Model>;
  /** When the reading began, by `performance.now()`: a later one wins. */
  readonly asOf: number;
}

export class Snapshot {
  readonly #known = new Map<string, Known>();
  readonly #changed = new Set<string>();
  #models = 0;
  #versions = 0;

  /** How many models and versions are known. */
  get counts(): { models: number; versions: number } {
    return { models: this.#models, versions: this.#versions };
  }

  names(): Iterable<string> {
    return this.#known.keys();
  }

  has(name: string): boolean {
    return this.#known.has(name);
  }

  get(name: string): Fact<Model> | undefined {
    return this.#known.get(name)?.fact;
  }

  /** Takes a reading in, unless a later one is there. */
  learn(name: string, fact: Fact<Model>, asOf: number): void {
    const known = this.#known.get(name);
    if (known !== undefined && known.asOf > asOf) return;
    const same = known !== undefined && isDeepStrictEqual(known.fact, fact);
    this.#count(known?.fact, -1);
    this.#count(fact, 1);
    this.#known.set(name, { fact, asOf });
    if (!same) this.#changed.add(name);
  }

  forget(name: string): void {
    this.#count(this.get(name), -1);
    this.#known.delete(name);
    this.#changed.delete(name);
  }

  /** The models that differ from what was known when this was last asked, whether a sweep or a live reading found it. */
  takeChanges(): string[] {
    const changed = [...this.#changed];
    this.#changed.clear();
    return changed;
  }

  #count(fact: Fact<Model> | undefined, sign: 1 | -1): void {
    if (fact?.kind !== 'known') return;
    this.#models += sign;
    this.#versions += sign * fact.value.versions.size;
  }
}
