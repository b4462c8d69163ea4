/**
 * MLflow's filter grammar for model versions (mlflow/utils/search_utils.py, SearchModelVersionUtils): conditions joined
 * by AND, nothing else. A filter is read here before anything is asked of a registry, so that a mistake has its place.
 */
import { quote } from './quote.ts';

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=' | 'LIKE' | 'ILIKE' | 'IN' | 'NOT IN';

export type Attribute = 'name' | 'run_id' | 'source_path' | 'version_number';

/** One condition. Several values only with IN and NOT IN. */
export interface Condition {
  /** An attribute of the version, or one of its tags. */
  readonly of: { readonly attribute: Attribute } | { readonly tag: string };
  readonly comparison: Comparison;
  readonly values: readonly string[];
}

export type Filter = readonly Condition[];

/** A filter that MLflow would refuse or misread. The message is for people. */
export class FilterError extends Error {
  override readonly name = 'FilterError';
}

const TEXT: readonly Comparison[] = ['=', '!=', 'LIKE', 'ILIKE'];
const NUMBER: readonly Comparison[] = ['=', '!=', '<', '<=', '>', '>='];
const COMPARISONS: Readonly<Record<Attribute, readonly Comparison[]>> = {
  name: [...TEXT, 'IN', 'NOT IN'],
  run_id: [...TEXT, 'IN'],
  source_path: TEXT,
  version_number: NUMBER,
};
const EXAMPLE = `tags.validated = 'yes' AND version_number > 3`;

type Token =
  | { readonly kind: 'word' | 'sign' | 'number'; readonly text: string; readonly at: number }
  | { readonly kind: 'text'; readonly text: string; readonly at: number };

/** A quoted text, a name in backticks or with dots, a number, a sign. */
const TOKEN =
  /\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|((?:tags?\.)?`[^`]*`|[\p{L}_][\p{L}\p{N}_.-]*)|(-?\d+(?:\.\d+)?)|(!=|<=|>=|[=<>(),]))/uy;

/** @throws FilterError */
export function parseFilter(text: string): Filter {
  const tokens = new Tokens(text);
  const conditions: Condition[] = [];
  do conditions.push(readCondition(tokens));
  while (tokens.takeWord('AND'));
  const rest = tokens.next();
  if (rest === undefined) return conditions;
  if (isWord(rest, 'OR')) throw new FilterError('MLflow joins conditions with AND only; there is no OR');
  const advice =
    rest.kind === 'text'
      ? 'a text that holds one kind of quote is written in the other kind'
      : 'write AND between conditions';
  throw new FilterError(`${quote(rest.text)} is not expected at character ${rest.at + 1}; ${advice}`);
}

function readCondition(tokens: Tokens): Condition {
  const of = readSubject(tokens);
  const comparison = readComparison(tokens);
  const allowed = 'tag' in of ? TEXT : COMPARISONS[of.attribute];
  const name = 'tag' in of ? 'a tag' : of.attribute;
  if (!allowed.includes(comparison))
    throw new FilterError(`${name} is compared with ${allowed.join(', ')}, not with ${comparison}`);
  const values =
    comparison === 'IN' || comparison === 'NOT IN' ? readList(tokens) : [readValue(tokens, isNumeric(of))];
  return { of, comparison, values };
}

function isNumeric(of: Condition['of']): boolean {
  return 'attribute' in of && of.attribute === 'version_number';
}

function readSubject(tokens: Tokens): Condition['of'] {
  const token = tokens.next();
  if (token?.kind !== 'word')
    throw new FilterError(
      `${found(token)}; a condition begins with an attribute or a tag, such as ${EXAMPLE}`,
    );
  const [, tag] = /^tags?\.(.+)$/s.exec(token.text) ?? [];
  if (tag !== undefined) return { tag: tag.startsWith('`') ? tag.slice(1, -1) : tag };
  const attribute = token.text.replace(/^attributes?\./, '');
  if (Object.hasOwn(COMPARISONS, attribute)) return { attribute: attribute as Attribute };
  throw new FilterError(
    `MLflow cannot filter versions by ${quote(token.text)}; there are ${Object.keys(COMPARISONS).join(', ')} and tags.NAME`,
  );
}

function readComparison(tokens: Tokens): Comparison {
  const token = tokens.next();
  const text = token?.kind === 'word' ? token.text.toUpperCase() : token?.text;
  if (text === 'NOT' && tokens.takeWord('IN')) return 'NOT IN';
  const all: readonly (string | undefined)[] = [...NUMBER, 'LIKE', 'ILIKE', 'IN'];
  if (token?.kind !== 'text' && all.includes(text)) return text as Comparison;
  throw new FilterError(`${found(token)}; a comparison is one of ${all.join(', ')}`);
}

function readValue(tokens: Tokens, isNumber: boolean): string {
  const token = tokens.next();
  if (!isNumber && token?.kind === 'text') return token.text;
  if (isNumber && (token?.kind === 'number' || token?.kind === 'text') && /^\d+$/.test(token.text))
    return token.text;
  throw new FilterError(
    isNumber
      ? `${found(token)}; version_number is compared with a whole number`
      : `${found(token)}; a value stands in quotes, such as 'yes'`,
  );
}

function readList(tokens: Tokens): string[] {
  const values: string[] = [];
  if (!tokens.takeSign('(')) throw new FilterError(`a list is written ('a', 'b')`);
  do values.push(readValue(tokens, false));
  while (tokens.takeSign(','));
  if (!tokens.takeSign(')')) throw new FilterError(`a list is written ('a', 'b')`);
  return values;
}

function found(token: Token | undefined): string {
  return token === undefined ? 'the filter ends too early' : `${quote(token.text)} is not expected`;
}

function isWord(token: Token | undefined, word: string): boolean {
  return token?.kind === 'word' && token.text.toUpperCase() === word;
}

class Tokens {
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(text: string) {
    this.#tokens = [...tokensIn(text)];
  }

  next(): Token | undefined {
    const token = this.#tokens[this.#next];
    this.#next += 1;
    return token;
  }

  takeWord(word: string): boolean {
    return this.#take(isWord(this.#tokens[this.#next], word));
  }

  takeSign(sign: string): boolean {
    const token = this.#tokens[this.#next];
    return this.#take(token?.kind === 'sign' && token.text === sign);
  }

  #take(is: boolean): boolean {
    if (is) this.#next += 1;
    return is;
  }
}

function* tokensIn(text: string): Generator<Token> {
  const end = text.trimEnd().length;
  for (let at = 0; at < end;) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (match === null) {
      const rest = text.slice(at).trimStart();
      throw new FilterError(
        /^['"]/.test(rest)
          ? `the quote at character ${at + 1} is not closed`
          : `${quote(rest.slice(0, 20))} cannot be read`,
      );
    }
    const [all, single, double, word, number, sign] = match;
    const quoted = single ?? double;
    if (quoted !== undefined) yield { kind: 'text', text: unescape(quoted), at };
    else if (word !== undefined) yield { kind: 'word', text: word, at };
    else if (number !== undefined) yield { kind: 'number', text: number, at };
    else yield { kind: 'sign', text: sign ?? '', at };
    at += all.length;
  }
}

/** MLflow keeps a backslash that escapes nothing, and is of two minds about one before a quote: none is allowed. */
function unescape(text: string): string {
  if (/\\['"]/.test(text))
    throw new FilterError(
      'MLflow misreads a quote behind a backslash: put the value in quotes of the other kind',
    );
  return text;
}
