/** What was last read of each model, whoever read it. */
import { isDeepStrictEqual } from 'node:util';
import type { Fact, Model } from '../../domain/observed.ts';
import { pack, unpack } from './packed.ts';

interface Known {
  /** The packed model, or a fact that tells of none. */
  readonly held: string | Exclude<Fact<Model>, { kind: 'known' }>;
  readonly versions: number;
  /** Milliseconds since the epoch. */
  readonly updated: number | undefined;
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
    const held = this.#known.get(name)?.held;
    return typeof held === 'string' ? { kind: 'known', value: unpack(held) } : held;
  }

  /** When a model was last updated, by the server's clock. */
  updatedAt(name: string): number | undefined {
    return this.#known.get(name)?.updated;
  }

  /** Takes a reading in, unless a later one is there. */
  learn(name: string, fact: Fact<Model>, asOf: number): void {
    const before = this.#known.get(name);
    if (before !== undefined && before.asOf > asOf) return;
    const now = toKnown(fact, asOf);
    this.#count(before, -1);
    this.#count(now, 1);
    this.#known.set(name, now);
    if (before === undefined || !isDeepStrictEqual(before.held, now.held)) this.#changed.add(name);
  }

  forget(name: string): void {
    this.#count(this.#known.get(name), -1);
    this.#known.delete(name);
    this.#changed.delete(name);
  }

  /** The models that differ from what was known when this was last asked, whether a sweep or a live reading found it. */
  takeChanges(): string[] {
    const changed = [...this.#changed];
    this.#changed.clear();
    return changed;
  }

  #count(known: Known | undefined, sign: 1 | -1): void {
    if (typeof known?.held !== 'string') return;
    this.#models += sign;
    this.#versions += sign * known.versions;
  }
}

function toKnown(fact: Fact<Model>, asOf: number): Known {
  if (fact.kind !== 'known') return { held: fact, versions: 0, updated: undefined, asOf };
  const { versions, lastUpdatedTimestamp: updated } = fact.value;
  return { held: pack(fact.value), versions: versions.size, updated, asOf };
}
