/** What the quickstart shows: headings, commands, tables. Colour only on a terminal and without NO_COLOR. */
import type { Writable } from 'node:stream';
import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

const INDENT = '   ';
const FACT_WIDTH = 18;
const TICK_MS = 500;
const ERASE_LINE = '\r\u001b[2K';

export type Output = Writable & { readonly isTTY?: boolean };

export class Screen {
  readonly #out: Output;
  /** Whether the cursor stands behind a line of `busy`, which the next text replaces. */
  #isBusy = false;

  constructor(out: Output) {
    this.#out = out;
  }

  get isTerminal(): boolean {
    return this.#out.isTTY === true;
  }

  heading(text: string): void {
    this.#write(`\n${this.#style('bold', text)}\n`);
  }

  text(text: string): void {
    this.#lines(text);
  }

  blank(): void {
    this.#write('\n');
  }

  /** A command that a user would type; a long one goes on in further lines. */
  command(command: string): void {
    this.blank();
    this.#lines(command.replaceAll(' \\\n', ' \\\n    '), (line, index) =>
      index === 0 ? `${this.#style('dim', '$')} ${this.#style('cyan', line)}` : this.#style('cyan', line),
    );
  }

  /** What a command printed. */
  output(text: string): void {
    if (text !== '') this.#lines(text.trimEnd());
  }

  /** A difference as git prints it. */
  diff(text: string): void {
    this.#lines(text.trimEnd(), (line) => {
      if (line.startsWith('+')) return this.#style('green', line);
      return line.startsWith('-') ? this.#style('red', line) : line;
    });
  }

  aside(text: string): void {
    this.#lines(text, (line) => this.#style('dim', line));
  }

  /** Columns as wide as they need to be; the first row is the head. */
  table(rows: readonly (readonly string[])[]): void {
    this.#lines(aligned(rows).join('\n'), (line, index) => (index === 0 ? this.#style('dim', line) : line));
  }

  fact(name: string, value: string): void {
    this.#lines(`${name.padEnd(FACT_WIDTH)}${value}`);
  }

  /** Says what is being waited for: on a terminal with the seconds, and only until it is done. */
  async busy<T>(what: string, work: Promise<T>): Promise<T> {
    if (!this.isTerminal) return work;
    const started = performance.now();
    const tick = () => {
      const seconds = Math.round((performance.now() - started) / 1_000);
      this.#write(`${INDENT}${this.#style('dim', `${what} … ${seconds} s`)}`);
      this.#isBusy = true;
    };
    const ticking = setInterval(tick, TICK_MS);
    try {
      return await work;
    } finally {
      clearInterval(ticking);
      this.#write('');
    }
  }

  #lines(text: string, decorate: (line: string, index: number) => string = (line) => line): void {
    const lines = text
      .split('\n')
      .map((line, index) => (line === '' ? '' : `${INDENT}${decorate(line, index)}`));
    this.#write(`${lines.join('\n')}\n`);
  }

  #style(style: Style, text: string): string {
    return styleText(style, text, { stream: this.#out });
  }

  #write(text: string): void {
    this.#out.write(this.#isBusy ? `${ERASE_LINE}${text}` : text);
    this.#isBusy = false;
  }
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('   ')
      .trimEnd(),
  );
}
