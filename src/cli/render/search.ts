/** What a search found, for people and programs. */
import { plural } from '../../api/plural.ts';
import { toYaml } from '../../api/yaml.ts';
import { clip } from '../../api/quote.ts';
import type { FoundReport, SearchReport } from '../search-report.ts';
import type { Format } from './plan.ts';
import { markdownTable, table } from './table.ts';

/** @param metrics the columns beside the usual ones */
export function renderSearch(report: SearchReport, metrics: readonly string[], format: Format): string {
  switch (format) {
    case 'table':
      return table(headingOf(report, metrics), rowsOf(report, metrics));
    case 'json':
      return `${JSON.stringify(report, null, 2)}\n`;
    case 'yaml':
      return toYaml(report);
    case 'markdown':
      return markdownTable(headingOf(report, metrics), rowsOf(report, metrics));
    default:
      return format satisfies never;
  }
}

const MOST_NAMED = 3;

/** What may be missing among what was found, in words. */
export function leftOut({ unknown, summary }: SearchReport): string[] {
  if (unknown.length === 0)
    return summary.found > 0 ? [] : [`nothing matches, of ${plural(summary.models, 'model')} that were read`];
  const named = unknown.slice(0, MOST_NAMED).map(({ model, version, message }) => {
    const subject = version === undefined ? clip(model) : `${clip(model)} ${version}`;
    return `  ${subject}: ${message}`;
  });
  const more = unknown.length - named.length;
  return [
    `${unknown.length} left out, for they could not be looked at:`,
    ...named,
    ...(more > 0 ? [`  and ${more} more; -o json names them all`] : []),
  ];
}

function headingOf(report: SearchReport, metrics: readonly string[]): string[] {
  const status = hasStatus(report) ? ['STATUS'] : [];
  return ['MODEL', 'VERSION', 'STAGE', 'ALIASES', ...columns(metrics).map(shown), ...status, 'CREATED'];
}

function rowsOf(report: SearchReport, metrics: readonly string[]): string[][] {
  const withStatus = hasStatus(report);
  return report.versions.map((found) => [
    shown(found.model),
    found.version ?? '-',
    found.stage ?? '-',
    found.aliases.map(shown).join(', ') || '-',
    ...columns(metrics).map((metric) => brief(found.metrics[metric])),
    ...(withStatus ? [found.status ?? '-'] : []),
    found.created?.replace('T', ' ').slice(0, 16) ?? '-',
  ]);
}

/** Almost all versions are ready: only where one is not, there is something to say. */
function hasStatus({ versions }: SearchReport): boolean {
  return versions.some(({ status = 'READY' }: FoundReport) => status !== 'READY');
}

/** A metric with two bounds is one column. */
function columns(metrics: readonly string[]): string[] {
  return [...new Set(metrics)];
}

/** Enough digits for a column; data holds all. */
export function brief(value: number | string | undefined): string {
  if (value === undefined) return '-';
  return typeof value === 'number' ? String(Number(value.toPrecision(8))) : value;
}

const LONGEST_NAME = 256;

/** Whole, on one line, and nothing that a terminal would obey. */
export function shown(text: string): string {
  return clip(text, LONGEST_NAME);
}
