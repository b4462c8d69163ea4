/** What became of a change of what is declared, for people and programs. */
import { toYaml } from '../../api/yaml.ts';
import type { TargetId } from '../../domain/desired.ts';
import type { Declared } from '../edit/home.ts';
import type { Format } from './plan.ts';
import { markdownText } from './table.ts';

export interface EditReport {
  readonly promotion: string;
  readonly model: string;
  /** Whether anything was written. */
  readonly changed: boolean;
  /** Of a rollback: what went where. */
  readonly returns?: readonly { readonly target: TargetId; readonly from: string; readonly to: string }[];
  /** The fields that changed, a line each. */
  readonly changes: readonly string[];
  /** What goes along, or stays, one sentence each. */
  readonly notes: readonly string[];
  /** What a person should know, one sentence each. */
  readonly warnings: readonly string[];
  /** What was written, and where; or why nothing was. */
  readonly message: string;
}

export type EditOutcome = Pick<EditReport, 'changed' | 'changes' | 'message'> & Partial<EditReport>;

/** @param outcome without what is known of the promotion anyway */
export function renderEdit(
  { key, object, warnings }: Declared,
  outcome: EditOutcome,
  format: Format,
): string {
  const report: EditReport = {
    promotion: key,
    model: object.spec.model,
    notes: [],
    warnings,
    ...outcome,
  };
  switch (format) {
    case 'table':
      return `${report.message}\n`;
    case 'json':
      return `${JSON.stringify(report, null, 2)}\n`;
    case 'yaml':
      return toYaml(JSON.parse(JSON.stringify(report)));
    case 'markdown':
      return [
        `### ${markdownText(report.promotion)}, model ${markdownText(report.model)}`,
        markdownText(report.message),
        ...listOf(report.changes),
        ...listOf(report.notes),
        ...listOf(report.warnings),
      ]
        .map((paragraph) => `${paragraph}\n`)
        .join('\n');
    default:
      return format satisfies never;
  }
}

function listOf(lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [lines.map((line) => `- ${markdownText(line.trim())}`).join('\n')];
}
