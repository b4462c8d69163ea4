/** From what the registry holds to what was looked for: in the order of names, of each the newest version first. */
import type { Evidence, EvidenceOf } from './evidence.ts';
import { byNumber, type Fact, type Model, type UnknownReason, type Version } from './observed.ts';
import { aliasesOf, byText, isAskedFor, isModelAskedFor, keepsBounds, type Query } from './query.ts';

export interface SearchResult {
  readonly items: readonly Found[];
  /** What could not be looked at, and may be missing among the items. */
  readonly unknown: readonly Unread[];
  /** How much was looked at. */
  readonly models: number;
  readonly versions: number;
}

/** A version, or a model without any. */
export interface Found {
  readonly model: string;
  readonly version: Version | undefined;
  readonly aliases: readonly string[];
  /** Those that were asked for, in their order. */
  readonly metrics: ReadonlyMap<string, number>;
}

export interface Unread {
  readonly model: string;
  readonly version: string | undefined;
  readonly reason: UnknownReason;
  readonly message: string;
}

/** All that matches as far as the registry alone tells. */
export function askedFor(query: Query, models: ReadonlyMap<string, Fact<Model>>): SearchResult {
  const items: Found[] = [];
  const unknown: Unread[] = [];
  let versions = 0;
  for (const [name, fact] of [...models].sort(([a], [b]) => byText(a, b))) {
    if (fact.kind === 'unknown')
      unknown.push({ model: name, version: undefined, reason: fact.reason, message: fact.message });
    if (fact.kind !== 'known') continue;
    versions += fact.value.versions.size;
    for (const item of itemsOf(query, fact.value)) items.push(item);
  }
  return { items, unknown, models: models.size, versions };
}

function itemsOf(query: Query, model: Model): Found[] {
  const { name, versions } = model;
  const metrics = new Map<string, number>();
  if (isModelAskedFor(query, model)) return [{ model: name, version: undefined, aliases: [], metrics }];
  return [...versions.values()]
    .filter((version) => isAskedFor(query, model, version))
    .sort(byNumber)
    .map((version) => ({ model: name, version, aliases: aliasesOf(model, version), metrics }));
}

/** Of these, all whose metrics keep their bounds; those whose metrics cannot be told are named apart. */
export function keptOf(query: Query, asked: SearchResult, evidence: EvidenceOf): SearchResult {
  if (query.bounds.length === 0) return asked;
  const items: Found[] = [];
  const unknown = [...asked.unknown];
  for (const item of asked.items) {
    const fact = item.version === undefined ? undefined : evidence.get(item.version);
    if (fact === undefined) continue;
    const kept = keepsBounds(query.bounds, fact);
    if (kept === undefined) unknown.push(unread(item, fact));
    else if (kept && fact.kind === 'known') items.push({ ...item, metrics: boundedOf(query, fact.value) });
  }
  return { ...asked, items, unknown };
}

function boundedOf({ bounds }: Query, { metrics }: Evidence): Map<string, number> {
  return new Map(
    bounds.flatMap(({ metric }) => {
      const value = metrics.get(metric);
      return value === undefined ? [] : [[metric, value] as const];
    }),
  );
}

function unread({ model, version }: Found, fact: Fact<Evidence>): Unread {
  const { reason, message } = fact.kind === 'unknown' ? fact : DOUBTFUL;
  return { model, version: version?.version, reason, message };
}

const DOUBTFUL = {
  reason: 'RegistryRefused',
  message:
    'its logged model has a metric of 0, which MLflow writes for NaN too, and its run does not tell which it is',
} as const;
