/** A comparison for people and programs: a column for each version. */
import { plural } from '../../api/plural.ts';
import { clip } from '../../api/quote.ts';
import { toYaml } from '../../api/yaml.ts';
import { SECTIONS } from '../../domain/comparison.ts';
import { WORTH_NEEDS } from '../../domain/worth.ts';
import type { CompareReport, RowReport } from '../compare-report.ts';
import type { Format } from './plan.ts';
import { brief, shown } from './search.ts';
import { markdownTable, markdownText, table } from './table.ts';

export function renderComparison(report: CompareReport, format: Format): string {
  switch (format) {
    case 'table':
      return [
        table(headingOf(report), rowsOf(report, '  ')),
        ...legend(report).map((line) => `${line}\n`),
      ].join('');
    case 'json':
      return `${JSON.stringify(report, null, 2)}\n`;
    case 'yaml':
      return toYaml(report);
    case 'markdown':
      return [
        markdownTable(headingOf(report), rowsOf(report)),
        ...legend(report).map((line) => `\n${markdownText(line)}\n`),
      ].join('');
    default:
      return format satisfies never;
  }
}

/** Why there is a question mark. */
export function notRead({ unknown }: CompareReport): string[] {
  return unknown.map(({ version, message }) => `version ${version}: ${message}`);
}

function headingOf({ model, versions }: CompareReport): string[] {
  return [shown(model), ...versions.map(({ version, role }) => (role ? `${version} (${role})` : version))];
}

/** Sections with a line of their own; those that are empty are left out. */
function rowsOf(report: CompareReport, indent = ''): string[][] {
  return SECTIONS.flatMap((section) => {
    const rows = Object.entries(report.sections[section]);
    if (rows.length === 0) return [];
    return [
      [section.toUpperCase(), ...report.versions.map(() => '')],
      ...rows.map(([name, row]) => [
        `${indent}${shown(name)}`,
        ...report.versions.map(({ version }) => cellOf(row, version)),
      ]),
    ];
  });
}

/** What is longer is in the data. */
const LONGEST_CELL = 60;

function cellOf({ values, better = [] }: RowReport, version: string): string {
  const value = values[version];
  if (value === undefined) return '-';
  if (value === null) return '?';
  if (typeof value === 'string') return clip(value, LONGEST_CELL);
  const numbers = Object.values(values).filter((one) => typeof one === 'number');
  return `${precise(value, numbers)}${better.includes(version) ? ' *' : ''}`;
}

/** Few digits, unless two values would look the same that are not. */
function precise(value: number, others: readonly number[]): string {
  const alike = others.some((other) => other !== value && brief(other) === brief(value));
  return alike ? String(value) : brief(value);
}

function effectText({
  metric,
  version,
  against,
  values: [ours, theirs],
  candidates,
  difference,
  margin,
}: CompareReport['effects'][number]): string {
  const pair = `${shown(metric)}: ${version} against ${against}`;
  if (difference === undefined || margin === undefined)
    return `${pair}: ${ours} and ${theirs} values; to tell a difference from chance, ${WORTH_NEEDS}`;
  const verdict = Math.abs(difference) > margin ? 'more than chance' : 'may be chance';
  return `${pair}: ${signed(difference)} ± ${brief(margin)}, ${verdict} (95 % for ${plural(candidates, 'candidate')}; ${ours} and ${theirs} values)`;
}

function signed(value: number): string {
  return value < 0 ? `-${brief(-value)}` : `+${brief(value)}`;
}

function legend({ sections, undirected, unknown, effects }: CompareReport): string[] {
  const metrics = Object.entries(sections.metrics);
  const marked = metrics.some(([, { better = [] }]) => better.length > 0);
  const open = undirected.filter((name) => sections.metrics[name]?.differs === true).map(shown);
  return [
    ...(marked ? ['* the better value'] : []),
    ...effects.map(effectText),
    ...(open.length > 0
      ? [
          `Which values are better is not known of ${open.join(', ')}: say it with --goal METRIC=min or METRIC=max.`,
        ]
      : []),
    ...(unknown.length > 0 || metrics.some(([, { values }]) => Object.values(values).includes(null))
      ? ['? could not be read']
      : []),
  ];
}
