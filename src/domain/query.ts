/** What `search` asks for, and which versions that finds. */
import type { Evidence } from './evidence.ts';
import type { Fact, Model, Stage, Version } from './observed.ts';
import { matchesAny } from './patterns.ts';
import { isMarked } from './provenance.ts';

export type Comparison = '>=' | '<=' | '>' | '<';

export interface Bound {
  readonly metric: string;
  readonly comparison: Comparison;
  readonly value: number;
}

export interface TagWish {
  readonly key: string;
  /** Any when undefined. */
  readonly value: string | undefined;
}

/** All of it must hold; of several stages, and of several aliases, one. */
export interface Query {
  readonly stages: readonly Stage[];
  /** Names in which `*` stands for any characters. */
  readonly aliases: readonly string[];
  /** On the version, or on its model. */
  readonly tags: readonly TagWish[];
  readonly bounds: readonly Bound[];
  /** Milliseconds since the epoch, between which a version was made. */
  readonly madeAfter: number | undefined;
  readonly madeBefore: number | undefined;
  /** Only what carries no mark of ours. */
  readonly unmanaged: boolean;
}

const BOUND =
  /^\s*([^<>=!\s](?:[^<>=!]*[^<>=!\s])?)\s*(>=|<=|>|<)\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*$/;

/** What a bound looks like, in words. */
export const BOUND_FORM = {
  pattern: BOUND,
  words: `METRIC, then >=, <=, > or <, then a number, in quotes because of the shell: --metric 'accuracy>=0.9'`,
} as const;

/** Of a text that `BOUND_FORM` accepts. */
export function parseBound(text: string): Bound {
  const [, metric = '', comparison = '>=', value = ''] = BOUND.exec(text) ?? [];
  return { metric, comparison: comparison as Comparison, value: Number(value) };
}

export function parseTag(text: string): TagWish {
  const at = text.indexOf('=');
  return at < 0 ? { key: text, value: undefined } : { key: text.slice(0, at), value: text.slice(at + 1) };
}

/** Whether a version is one of those looked for, as far as the registry alone tells. */
export function isAskedFor(query: Query, model: Model, version: Version): boolean {
  const { stages, aliases, tags, madeAfter = -Infinity, madeBefore = Infinity, unmanaged } = query;
  return (
    (stages.length === 0 || stages.includes(version.stage)) &&
    (aliases.length === 0 || aliasesOf(model, version).some((alias) => matchesAny(aliases, alias))) &&
    tags.every((wish) => [version, model].some((tagged) => hasTag(tagged.tags, wish))) &&
    version.creationTimestamp >= madeAfter &&
    version.creationTimestamp <= madeBefore &&
    !(unmanaged && isMarked(model, version))
  );
}

/** Whether a model that has no version at all is one of those looked for: it can only be asked for as a model. */
export function isModelAskedFor({ stages, aliases, tags, bounds, ...rest }: Query, model: Model): boolean {
  const ofVersions = stages.length + aliases.length + bounds.length > 0;
  const ofAge = rest.madeAfter !== undefined || rest.madeBefore !== undefined;
  return (
    model.versions.size === 0 &&
    !ofVersions &&
    !ofAge &&
    tags.every((wish) => hasTag(model.tags, wish)) &&
    !(rest.unmanaged && isMarked(model, undefined))
  );
}

/** Whether the evidence keeps all bounds; undefined when that cannot be told. A NaN keeps none. */
export function keepsBounds(bounds: readonly Bound[], evidence: Fact<Evidence>): boolean | undefined {
  if (evidence.kind === 'absent') return bounds.length === 0;
  if (evidence.kind === 'unknown') return undefined;
  const { metrics, doubtful } = evidence.value;
  const told = bounds.map((bound) => {
    if (doubtful.has(bound.metric)) return undefined;
    const value = metrics.get(bound.metric);
    return value !== undefined && keeps(bound, value);
  });
  if (told.includes(false)) return false;
  return told.includes(undefined) ? undefined : true;
}

function keeps({ comparison, value: limit }: Bound, value: number): boolean {
  switch (comparison) {
    case '>=':
      return value >= limit;
    case '<=':
      return value <= limit;
    case '>':
      return value > limit;
    case '<':
      return value < limit;
    default:
      return comparison satisfies never;
  }
}

/** The aliases of a version, in order. */
export function aliasesOf(model: Model, { version }: Pick<Version, 'version'>): string[] {
  return [...model.aliases].flatMap(([alias, holder]) => (holder === version ? [alias] : [])).sort(byText);
}

/** By code unit: the same everywhere. */
export function byText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function hasTag(tags: ReadonlyMap<string, string>, { key, value }: TagWish): boolean {
  return tags.has(key) && (value === undefined || tags.get(key) === value);
}
