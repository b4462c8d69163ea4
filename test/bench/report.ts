/** What measurements say, as one table each: on the terminal, and in docs/performance.md between markers. */
import { readFile, writeFile } from 'node:fs/promises';

export interface Row {
  readonly what: string;
  readonly ours: string;
  /** What it is held against, measured in the same run. */
  readonly peer?: string;
  readonly ratio?: string;
  readonly goal?: string;
  readonly met?: boolean;
}

export interface Result {
  readonly rows: readonly Row[];
  /** What a reader should know of how these came about. */
  readonly notes: readonly string[];
}

const HEAD = ['measurement', 'ours', 'peer, same run', 'ratio', 'goal', 'met'];

export function renderTable(rows: readonly Row[]): string {
  const cells = rows.map(({ what, ours, peer = '', ratio = '', goal = '', met }) => [
    what,
    ours,
    peer,
    ratio,
    goal,
    met === undefined ? '' : met ? 'yes' : '**no**',
  ]);
  const all = [HEAD, ...cells];
  const widths = HEAD.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(HEAD), line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)].join('\n');
}

export function renderResult({ rows, notes }: Result, when: string): string {
  return [renderTable(rows), '', ...notes.map((note) => `- ${note}`), `- ${when}`].join('\n');
}

/** Replaces what stands between the markers of this measurement. */
export async function publish(page: string, name: string, text: string): Promise<void> {
  const before = await readFile(page, 'utf8');
  const [begin, end] = [`<!-- bench:${name} -->`, `<!-- end of bench:${name} -->`];
  const [from, to] = [before.indexOf(begin), before.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`${page} has no markers ${begin} … ${end}`);
  await writeFile(page, `${before.slice(0, from + begin.length)}\n\n${text}\n\n${before.slice(to)}`);
}
