/** A rollback for people, before it is made: what goes where, what is undone by it, and what is known of the versions. */
import { clip } from '../../api/quote.ts';
import { describeTarget } from '../../domain/desired.ts';
import type { Return, Rollback } from '../../domain/rollback.ts';
import type { Check } from '../edit/candidates.ts';
import type { Declared, Memory } from '../edit/home.ts';
import { paint } from '../terminal.ts';
import { table } from './table.ts';

export type Returns = Extract<Rollback, { kind: 'returns' }>;

export interface ShownRollback {
  readonly declared: Declared;
  readonly memory: Memory;
  readonly plan: Returns;
  /** What would change, a line each. */
  readonly places: readonly string[];
  readonly check: Check;
}

export function renderRollback({ declared, memory, plan, places, check }: ShownRollback): string {
  const { key, object } = declared;
  const { returns, notes, undone } = plan;
  const rows = returns.map((one) => [
    `  ${describeTarget(one.target)}`,
    `${one.from} → ${one.to}`,
    onceIn(one, memory),
  ]);
  const by = undone?.by === undefined ? '' : ` by ${printable(undone.by)}`;
  const revision = undone?.revision === undefined ? '' : ` (${printable(undone.revision)})`;
  return [
    paint('bold', `${key} goes back, model ${object.spec.model}:`),
    table(['  TARGET', 'VERSION', 'HISTORY'], rows).trimEnd(),
    ...notes.map((note) => `  ${note}`),
    ...(undone === undefined ? [] : [`Undoes the change of ${printable(undone.time)}${by}${revision}.`]),
    ...(check.kind === 'unknown' ? [] : [`In the registry: ${check.message}.`]),
    ...warningsOf({ declared, memory, check }).map((warning) => paint('yellow', `Warning: ${warning}.`)),
    ...places,
    '',
  ].join('\n');
}

/** What a person should know before it is made, a sentence each. */
export function warningsOf({
  declared: { object, warnings },
  memory,
  check,
}: Pick<ShownRollback, 'declared' | 'memory' | 'check'>): string[] {
  return [
    ...(memory.note === undefined ? [] : [`the history is not known: ${memory.note}`]),
    ...(check.kind === 'unknown' ? [`the versions were not checked: ${check.message}`] : []),
    ...warnings,
    ...(object.spec.suspend ? ['it is suspended: nothing is carried out before it is resumed'] : []),
  ];
}

/** What stands on a status branch may be written by others. */
function printable(text: string): string {
  return clip(text, 200);
}

/** Whether that version once held the target, as far as is remembered. */
function onceIn({ from, to, once, pending, target }: Return, { note }: Memory): string {
  if (pending) return `${from} never took ${describeTarget(target)}`;
  if (once?.from === to) return `${to} held it until ${printable(once.time)}`;
  if (once !== undefined) return `${to} took it at ${printable(once.time)}`;
  return note === undefined ? `no record that ${to} ever held it` : '?';
}
