/** What a search found as data: what every output format shows. */
import { withoutUser } from '../api/quote.ts';
import type { Found, SearchResult, Unread } from '../domain/search.ts';

export interface SearchReport {
  readonly versions: readonly FoundReport[];
  readonly unknown: readonly Unread[];
  readonly summary: { readonly found: number; readonly models: number; readonly versions: number };
}

export interface FoundReport {
  readonly model: string;
  /** This and what belongs to it is missing for a model without versions. */
  readonly version?: string;
  readonly stage?: string;
  readonly aliases: readonly string[];
  readonly status?: string;
  /** RFC 3339. */
  readonly created?: string;
  readonly source?: string;
  readonly run?: string;
  readonly description?: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly metrics: Readonly<Record<string, Shown>>;
}

/** A number, or what JSON has none for. */
export type Shown = number | 'NaN' | 'Infinity' | '-Infinity';

export function reportSearch({ items, unknown, models, versions }: SearchResult): SearchReport {
  return { versions: items.map(reportFound), unknown, summary: { found: items.length, models, versions } };
}

function reportFound({ model, version, aliases, metrics }: Found): FoundReport {
  const shown = Object.fromEntries([...metrics].map(([metric, value]) => [metric, showNumber(value)]));
  if (version === undefined) return { model, aliases, tags: {}, metrics: shown };
  return {
    model,
    version: version.version,
    stage: version.stage,
    aliases,
    status: version.status,
    created: timeOf(version.creationTimestamp),
    ...(version.source === '' ? {} : { source: withoutUser(version.source) }),
    ...(version.runId === '' ? {} : { run: version.runId }),
    ...(version.description === '' ? {} : { description: version.description }),
    tags: Object.fromEntries(version.tags),
    metrics: shown,
  };
}

/** JSON knows neither NaN nor infinity; they are texts, as MLflow writes them. */
export function showNumber(value: number): Shown {
  return Number.isFinite(value) ? value : (String(value) as Shown);
}

/** A server may tell any number as a time. */
export function timeOf(milliseconds: number): string {
  const time = new Date(milliseconds);
  return Number.isNaN(time.getTime()) ? String(milliseconds) : time.toISOString();
}
