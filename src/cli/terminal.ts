/** Where commands print: results on standard output, progress and mistakes on standard error. */
import { createInterface } from 'node:readline/promises';
import { styleText } from 'node:util';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

export function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}

/**
 * Watches what becomes of what is printed. The result tells, once all of it is out, why it could not be; whoever stops
 * reading, such as a pager that is quit, has enough, and that is no failure.
 */
export function watchOutput(): () => Promise<string | undefined> {
  let failure: string | undefined;
  process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (code !== 'EPIPE' && code !== 'ERR_STREAM_DESTROYED') failure ??= message;
  });
  return async () => {
    await new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
    return failure;
  };
}

export function tell(text: string): void {
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
