/** Differences, for people and programs. */
import { plural } from '../../api/plural.ts';
import { clip } from '../../api/quote.ts';
import type { Problem } from '../../api/listing.ts';
import { toYaml } from '../../api/yaml.ts';
import { describeTarget } from '../../domain/desired.ts';
import type { Difference, Kind, ManifestDiff } from '../../domain/manifest-diff.ts';
import type { HolderDifference, ModelDifference } from '../../domain/registry-diff.ts';
import { paint, type Style } from '../terminal.ts';
import type { Format } from './plan.ts';
import { problemLines } from './problems.ts';
import { markdownTable } from './table.ts';

export type ManifestDiffReport = ManifestDiff & { readonly problems: readonly Problem[] };

export interface RegistryDiffReport {
  readonly from: string;
  readonly to: string;
  readonly models: readonly ModelDifference[];
}

/** What is said of one object. */
interface Item {
  readonly name: string;
  readonly kind: Kind | 'Unknown';
  readonly lines: readonly Line[];
}

interface Line {
  readonly what: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

const LONGEST = 80;

export function renderManifestDiff(report: ManifestDiffReport, format: Format): string {
  const items = [
    ...report.promotions.map(({ promotion, model, kind, differences }): Item => ({
      name: `${promotion}  model ${clip(model, LONGEST)}`,
      kind,
      lines: differences.filter(kind === 'Changed' ? always : isOfTarget).map(lineOf),
    })),
    ...report.registries.map(({ registry, kind, differences }): Item => ({
      name: `registry ${registry}`,
      kind,
      lines: differences.map(lineOf),
    })),
  ];
  if (format !== 'table') return render(report, items, format);
  const counts = countsOf(report.promotions, 'promotion');
  const more = report.registries.length > 0 ? `, ${countsOf(report.registries, 'registry')}` : '';
  return `${problemLines(report.problems)}${itemsText(items)}${counts}${more}.\n`;
}

export function renderRegistryDiff(report: RegistryDiffReport, format: Format): string {
  const items = report.models.map(({ model, kind, differences, message }): Item => ({
    name: `model ${clip(model, LONGEST)}`,
    kind,
    lines:
      message === undefined ? differences.map(lineOf) : [{ what: message, from: undefined, to: undefined }],
  }));
  if (format !== 'table') return render(report, items, format);
  return `from ${report.from}\nto   ${report.to}\n\n${itemsText(items)}${countsOf(report.models, 'model')}.\n`;
}

function render(report: object, items: readonly Item[], format: Exclude<Format, 'table'>): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(report, null, 2)}\n`;
    case 'yaml':
      return toYaml(JSON.parse(JSON.stringify(report)));
    case 'markdown':
      return markdownTable(
        ['What', 'Change', 'Field', 'From', 'To'],
        items.flatMap(({ name, kind, lines }) =>
          (lines.length === 0 ? [NO_LINE] : lines).map(({ what, from, to }) => [
            name,
            kind,
            what,
            from ?? '-',
            to ?? '-',
          ]),
        ),
      );
    default:
      return format satisfies never;
  }
}

const NO_LINE: Line = { what: '', from: undefined, to: undefined };

/** What a new promotion, or one that is gone, says beside its targets is of no interest. */
function isOfTarget({ target, field }: Difference): boolean {
  return target !== undefined && field !== 'archiveExisting';
}

function always(): boolean {
  return true;
}

function lineOf(difference: Difference | HolderDifference): Line {
  const { target, from, to } = difference;
  const field = 'field' in difference && difference.field !== 'version' ? difference.field : '';
  const what = [target === undefined ? '' : describeTarget(target), field].filter((part) => part !== '');
  return { what: what.join(' '), from: from && clip(from, LONGEST), to: to && clip(to, LONGEST) };
}

const SIGNS: Readonly<Record<Item['kind'], readonly [sign: string, style: Style]>> = {
  Added: ['+', 'green'],
  Removed: ['-', 'red'],
  Changed: ['~', 'yellow'],
  Unknown: ['?', 'red'],
};

function itemsText(items: readonly Item[]): string {
  return items
    .map(({ name, kind, lines }) => {
      const [sign, style] = SIGNS[kind];
      return `${paint(style, sign)} ${paint('bold', name)}\n${lines.map((line) => lineText(line, kind)).join('')}\n`;
    })
    .join('');
}

function lineText({ what, from, to }: Line, kind: Item['kind']): string {
  const value = kind === 'Changed' ? `${from ?? '-'} → ${to ?? '-'}` : (to ?? from ?? '');
  return `    ${what.padEnd(12)} ${value}`.trimEnd().concat('\n');
}

function countsOf(all: readonly { readonly kind: Item['kind'] }[], noun: string): string {
  const count = (kind: Item['kind']): number => all.filter((one) => one.kind === kind).length;
  const unknown = count('Unknown');
  const first = plural(count('Added'), noun).replace(/registrys$/, 'registries');
  return `${first} added, ${count('Removed')} removed, ${count('Changed')} changed${unknown > 0 ? `, ${unknown} not known` : ''}`;
}
