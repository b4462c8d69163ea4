/** Where commands print: results on standard output, progress and mistakes on standard error. */
import { fstatSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { styleText } from 'node:util';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** @throws Error when standard output is a file that cannot take it */
export function print(text: string): void {
  const lines = text.endsWith('\n') ? text : `${text}\n`;
  if (isFile(process.stdout.fd)) writeWhole(process.stdout.fd, lines);
  else process.stdout.write(lines);
}

function isFile(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isFile();
  } catch {
    return false;
  }
}

/** Node writes to a file once, and says nothing of what a full disk did not take. */
function writeWhole(descriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  try {
    for (let written = 0; written < bytes.length;) written += writeSync(descriptor, bytes, written);
  } catch (error) {
    throw unwritable(error as NodeJS.ErrnoException);
  }
}

/** For people; a reader that quits is no failure. */
export function unwritable(error: NodeJS.ErrnoException): Error {
  const why = error.code === 'ENOSPC' || error.code === 'EDQUOT' ? 'there is no space left' : error.message;
  return new Error(`the output cannot be written: ${why}`, { cause: error });
}

export function tell(text: string): void {
  if (text === '') return;
  process.stderr.write(text.endsWith('\n') ? text : `${text}\n`);
}

/** Colour on a terminal only, and not with NO_COLOR. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/** Says what is going on when it takes more than a second. Call the result when it is over. */
export function progress(text: string): () => void {
  const timer = setTimeout(() => tell(text), 1_000);
  return () => clearTimeout(timer);
}

/** @returns true for "yes" alone; false when there is nobody to ask */
export async function confirm(question: string, signal: AbortSignal): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await lines.question(question, { signal })).trim().toLowerCase() === 'yes';
  } catch {
    return false;
  } finally {
    lines.close();
  }
}

export function isInteractive(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** A hint for whoever gave the wrong folder. */
export function nothingFound(paths: readonly string[]): string {
  return `no manifest of ours was found in ${paths.join(', ')}; they are files that end in .yaml, .yml or .json`;
}
