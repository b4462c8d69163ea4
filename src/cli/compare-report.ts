/** A comparison as data: what every output format shows. */
import type { Chosen, Role } from '../domain/chosen.ts';
import { SECTIONS, type Cell, type Comparison, type Row, type Section } from '../domain/comparison.ts';
import type { Goal } from '../domain/direction.ts';
import type { Effect } from '../domain/effects.ts';
import { withoutUser } from '../api/quote.ts';
import { showNumber, timeOf } from './search-report.ts';

export interface CompareReport {
  readonly model: string;
  readonly versions: readonly { readonly version: string; readonly role?: Role }[];
  readonly sections: Readonly<Record<Section, Readonly<Record<string, RowReport>>>>;
  /** Metrics of which it is not known which values are the better ones. */
  readonly undirected: readonly string[];
  /** What the differences that were asked for are worth. */
  readonly effects: readonly EffectReport[];
  readonly unknown: readonly { readonly version: string; readonly message: string }[];
}

export interface EffectReport {
  readonly metric: string;
  readonly version: string;
  readonly against: string;
  /** How many values each logged. */
  readonly values: readonly [number, number];
  readonly candidates: number;
  /** Of the means; left out with its margin where there are too few values. */
  readonly difference?: number;
  /** At 95 %, for all candidates together. */
  readonly margin?: number;
}

export interface RowReport {
  readonly differs: boolean;
  readonly goal?: Goal;
  /** By version. It is left out where there is none; null where it could not be read. */
  readonly values: Readonly<Record<string, number | string | null>>;
  /** The versions that have the best value. */
  readonly better?: readonly string[];
}

export function reportComparison(
  comparison: Comparison,
  effects: readonly Effect[],
  onlyDifferences: boolean,
): CompareReport {
  const { model, versions, unread } = comparison;
  const rows = comparison.rows.filter(({ differs }) => differs || !onlyDifferences);
  const ofSection = (section: Section): Readonly<Record<string, RowReport>> =>
    Object.fromEntries(
      rows.filter((row) => row.section === section).map((row) => [row.name, reportRow(row, versions)]),
    );
  return {
    model,
    versions: versions.map(({ version: { version }, role }) => ({ version, ...(role && { role }) })),
    sections: Object.fromEntries(
      SECTIONS.map((section) => [section, ofSection(section)]),
    ) as CompareReport['sections'],
    undirected: rows.flatMap(({ section, goal, name }) =>
      section === 'metrics' && goal === undefined ? [name] : [],
    ),
    effects: effects.map(({ worth, ...effect }) => ({ ...effect, ...worth })),
    unknown: [...unread].map(([version, { message }]) => ({ version, message })),
  };
}

function reportRow({ cells, differs, goal }: Row, versions: readonly Chosen[]): RowReport {
  const byVersion = cells.map((cell, index) => [versions[index]?.version.version ?? '', cell] as const);
  return {
    differs,
    ...(goal && { goal }),
    values: Object.fromEntries(
      byVersion.flatMap(([version, cell]) => {
        const value = valueOf(cell);
        return value === undefined ? [] : [[version, value]];
      }),
    ),
    ...(goal && {
      better: byVersion.flatMap(([version, cell]) =>
        cell.kind === 'number' && cell.better ? [version] : [],
      ),
    }),
  };
}

function valueOf(cell: Cell): number | string | null | undefined {
  switch (cell.kind) {
    case 'none':
      return undefined;
    case 'unknown':
      return null;
    case 'text':
      return withoutUser(cell.text);
    case 'time':
      return timeOf(cell.milliseconds);
    case 'number':
      return showNumber(cell.number);
    default:
      return cell satisfies never;
  }
}
