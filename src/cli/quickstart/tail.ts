import { readFile } from 'node:fs/promises';

/** The last lines of a log, indented. */
export async function readTail(file: string, lines = 15): Promise<string> {
  const text = await readFile(file, 'utf8');
  return indented(text, lines);
}

export function indented(text: string, lines: number): string {
  const last = text.trimEnd().split('\n').slice(-lines);
  return last.map((line) => `  ${line}`).join('\n');
}
