/** The one door to the `yaml` package: text to documents with positions, and values to text. */
import { CST, Composer, Lexer, LineCounter, Parser, stringify } from 'yaml';
import type { Document, ParsedNode, Scalar, YAMLError } from 'yaml';
import { clip } from './quote.ts';

export { isAlias, isMap, isScalar, isSeq } from 'yaml';
export type { Alias, ParsedNode, Scalar, YAMLMap } from 'yaml';

/** What a file may hold at most. A file beyond these is refused as a whole. */
export const limits = {
  bytes: 1024 * 1024,
  /** Words, marks and line ends. Each costs time and memory; a file of manifests has a third as many as it has bytes. */
  tokens: 500_000,
  documents: 1_000,
  aliases: 100,
  depth: 64,
} as const;

/** What is wrong at one offset of the text. */
export interface YamlMistake {
  readonly offset: number;
  readonly message: string;
}

export interface YamlDocument {
  /** The outermost node; null for an empty document. */
  readonly root: ParsedNode | null;
  /** The first mistake in the syntax. The nodes of such a document are not to be trusted. */
  readonly mistake?: YamlMistake;
  /** Where the document carries a directive such as `%YAML 1.1`, which changes what its words mean. */
  readonly directive?: number;
}

export interface YamlStream {
  readonly documents: readonly YamlDocument[];
  /** Why the rest of the file is not read: a limit is exceeded. There are no documents then. */
  readonly refusal?: YamlMistake;
}

/**
 * Reads all documents of a text as YAML 1.2, in time proportional to its length, and never throws.
 * Keys stay strings, tags are not applied, duplicate keys and aliases are left for the reader to judge.
 */
export function parseYaml(text: string): YamlStream {
  try {
    return withoutStackTraces(() => ({ documents: composeAll(text) }));
  } catch (error) {
    if (error instanceof LimitExceeded)
      return { documents: [], refusal: { offset: error.offset, message: error.message } };
    return { documents: [], refusal: { offset: 0, message: `not readable as YAML: ${clip(String(error))}` } };
  }
}

/** The text of a key. The parser makes every scalar key a string. */
export function keyText({ value }: Scalar): string {
  return typeof value === 'string' ? value : '';
}

/** Lines and columns of a text, both counted from 1. */
export class LineIndex {
  readonly #lines = new LineCounter();

  constructor(text: string) {
    for (
      let start = 0;
      start !== 0 || this.#lines.lineStarts.length === 0;
      start = text.indexOf('\n', start) + 1
    ) {
      this.#lines.addNewLine(start);
    }
  }

  at(offset: number): { readonly line: number; readonly column: number } {
    const { line, col } = this.#lines.linePos(offset);
    return { line, column: col };
  }
}

/**
 * Writes a value as block-style YAML with the keys in their order. A string that any YAML version or kubectl
 * would read as something else, such as `4`, `on` or a time, is quoted.
 */
export function toYaml(value: unknown): string {
  return stringify(value, { compat: 'yaml-1.1', lineWidth: 0, aliasDuplicateObjects: false });
}

const options = {
  version: '1.2',
  schema: 'core',
  strict: true,
  stringKeys: true,
  merge: false,
  uniqueKeys: false,
  prettyErrors: false,
  logLevel: 'silent',
} as const;

class LimitExceeded extends Error {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

function composeAll(text: string): YamlDocument[] {
  const composer = new Composer(options);
  const composed: Document.Parsed[] = [];
  const directives: (number | undefined)[] = [];
  let directive: number | undefined;
  for (const token of tokens(text)) {
    if (token.type === 'directive') directive ??= token.offset;
    if (token.type === 'document') {
      if (directives.length === limits.documents)
        throw new LimitExceeded(token.offset, `more than ${limits.documents} documents in one file`);
      directives.push(directive);
      directive = undefined;
    }
    composed.push(...composer.next(token));
  }
  composed.push(...composer.end(directive !== undefined, text.length));
  return composed.map((document, index) => toDocument(document, directives[index]));
}

/** The tokens of the text, watched for what would cost too much to go on with. */
function* tokens(text: string): Generator<CST.Token> {
  const parser = new Parser();
  let count = 0;
  let aliases = 0;
  let previous = '';
  for (const lexeme of new Lexer().lex(text)) {
    if (++count > limits.tokens) {
      const most = limits.tokens.toLocaleString('en');
      throw new LimitExceeded(parser.offset, `more than ${most} YAML tokens in one file; split it`);
    }
    if (lexeme.startsWith('*') && previous !== CST.SCALAR && ++aliases > limits.aliases) {
      throw new LimitExceeded(parser.offset, `more than ${limits.aliases} aliases in one file`);
    }
    yield* parser.next(lexeme);
    if (parser.stack.length > limits.depth + 1)
      throw new LimitExceeded(parser.offset - lexeme.length, `nested deeper than ${limits.depth} levels`);
    previous = lexeme;
  }
  yield* parser.end();
}

function toDocument(document: Document.Parsed, directive: number | undefined): YamlDocument {
  const [first] = document.errors.toSorted((a, b) => a.pos[0] - b.pos[0]);
  return {
    root: document.contents,
    ...(first && { mistake: { offset: Math.max(0, first.pos[0]), message: inWords(first) } }),
    ...(directive !== undefined && { directive }),
  };
}

function inWords({ code, message }: YAMLError): string {
  if (code === 'TAB_AS_INDENT') return 'a tab is used as indentation; YAML wants spaces';
  if (code === 'NON_STRING_KEY')
    return 'a key must be plain text; quote it if braces or brackets belong to it';
  return `broken YAML: ${clip(message, 160)}`;
}

/** Runs the parser, which makes an Error object for each of perhaps a million mistakes, without the cost of their stacks. */
function withoutStackTraces<T>(parse: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return parse();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
