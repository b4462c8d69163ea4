/** From the new value of one field to the one place of the text that has to change for it. */
import type { Path } from '../path.ts';
import type { Reached, Tree } from '../tree.ts';
import { isMap, isScalar, isSeq, toYaml, type ParsedNode, type Scalar, type YAMLMap } from '../yaml.ts';

/** A map of texts can be added, and takes the place of nothing. */
export type EditValue = string | boolean | Readonly<Record<string, string>>;

/** A value that is given to one field of an object. Where there is none yet it is added. */
export interface FieldEdit {
  /** From the root of the object. */
  readonly path: Path;
  readonly value: EditValue;
}

/** Text that takes the place of what stands between two offsets. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Why a place has to be edited by a person. */
export interface Obstacle {
  readonly offset: number;
  readonly message: string;
}

/** @param path from the root of the document */
export function spliceFor(
  text: string,
  tree: Tree,
  { path, value }: FieldEdit,
): { readonly splice: Splice; readonly shared: boolean } | { readonly obstacle: Obstacle } {
  const reached = tree.reach(path);
  const { node, depth, alias } = reached;
  const splice =
    depth === path.length ? replace(node, value) : add(text, tree, reached, path.slice(depth), value);
  if (splice !== undefined) return { splice, shared: alias !== undefined || isAnchored(reached) };
  const what =
    depth === path.length ? 'this value is written in a form' : 'a field is missing here in a form';
  return { obstacle: { offset: node.range[0], message: `${what} that is not edited; edit it by hand` } };
}

function isAnchored({ node, around }: Reached): boolean {
  return [node, ...around].some((one) => 'anchor' in one && one.anchor !== undefined);
}

function replace(node: ParsedNode, value: EditValue): Splice | undefined {
  if (!isScalar(node) || typeof value === 'object') return undefined;
  const { type, range } = node;
  const isInLine = type === 'PLAIN' || type === 'QUOTE_SINGLE' || type === 'QUOTE_DOUBLE';
  if (!isInLine || range[0] === range[1]) return undefined;
  return { start: range[0], end: range[1], text: render(value, type) };
}

function add(
  text: string,
  tree: Tree,
  { node, around }: Reached,
  keys: Path,
  value: EditValue,
): Splice | undefined {
  if (!isMap(node) || keys.some((key) => typeof key === 'number')) return undefined;
  const quotes = quotesOf(around[0] ?? node);
  const rendered = typeof value === 'object' ? renderMap(value, quotes) : render(value, quotes.values);
  const names = keys.map((key) => renderKey(String(key), quotes));
  if (node.flow === true) return addToFlow(text, node, names, rendered);
  const [before] = around.filter((outer): outer is YAMLMap.Parsed => isMap(outer)).slice(-1);
  return addToBlock(text, { map: node, outer: before, offset: tree.offsetOf([]) }, names, rendered);
}

/** Behind the last field: a line of its own where the others have one. */
function addToFlow(
  text: string,
  map: YAMLMap.Parsed,
  names: readonly string[],
  value: string,
): Splice | undefined {
  const field = names.reduceRight((inner, name, depth) => {
    return depth === names.length - 1 ? `${name}: ${inner}` : `${name}: { ${inner} }`;
  }, value);
  const last = map.items.at(-1);
  if (last === undefined) {
    const [start, end] = [map.range[0] + 1, map.range[1] - 1];
    return text.slice(start, end).trim() === '' ? { start, end, text: ` ${field} ` } : undefined;
  }
  const at = endOf(last.value ?? last.key);
  const margin = text.slice(lineStart(text, last.key.range[0]), last.key.range[0]);
  const separator = margin.trim() === '' ? `,${eolBefore(text, last.key.range[0])}${margin}` : ', ';
  return { start: at, end: at, text: `${separator}${field}` };
}

interface Block {
  readonly map: YAMLMap.Parsed;
  /** The map around it. */
  readonly outer: YAMLMap.Parsed | undefined;
}

/** On lines below the last field, and below the comments that belong to it. */
function addToBlock(
  text: string,
  { map, outer }: Block & { readonly offset: number },
  names: readonly string[],
  value: string,
): Splice | undefined {
  const last = map.items.at(-1);
  if (last === undefined) return undefined;
  const indent = columnOf(text, map);
  const step = outer === undefined || outer.flow === true ? 2 : Math.max(1, indent - columnOf(text, outer));
  const at = belowBlock(text, lineBelow(text, lastLeaf(last)), indent);
  const eol = eolBefore(text, at);
  const lines = names.map((name, depth) => {
    const isLast = depth === names.length - 1;
    return `${' '.repeat(indent + depth * step)}${name}:${isLast ? ` ${value}` : ''}`;
  });
  // A file may end without a line end, and then goes on doing so.
  const isOpen = at > 0 && text[at - 1] !== '\n';
  const added = lines.join(eol);
  return { start: at, end: at, text: isOpen ? `${eol}${added}` : `${added}${eol}` };
}

/** Where the first key of a block map stands: all others stand below it. */
function columnOf(text: string, { items, range }: YAMLMap.Parsed): number {
  const start = items[0]?.key.range[0] ?? range[0];
  return start - lineStart(text, start);
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1;
}

interface Leaf {
  readonly end: number;
  /** A block scalar ends with its last line. */
  readonly isBlock: boolean;
}

function lastLeaf({ key, value }: YAMLMap.Parsed['items'][number]): Leaf {
  if (value === null) return { end: endOf(key), isBlock: false };
  if (isMap(value) && value.flow !== true) {
    const last = value.items.at(-1);
    if (last !== undefined) return lastLeaf(last);
  }
  if (isSeq(value) && value.flow !== true) {
    const last = value.items.at(-1);
    if (last !== undefined) return lastLeaf({ key, value: last } as YAMLMap.Parsed['items'][number]);
  }
  if (!isScalar(value)) return { end: endOf(value), isBlock: false };
  const isBlock = value.type === 'BLOCK_LITERAL' || value.type === 'BLOCK_FOLDED';
  // Where nothing stands behind a key, its own line counts, not that of a comment below.
  return { end: value.range[0] === value.range[1] ? endOf(key) : endOf(value), isBlock };
}

function endOf(node: ParsedNode): number {
  return node.range[1];
}

function lineBelow(text: string, { end, isBlock }: Leaf): number {
  if (isBlock && (text[end - 1] === '\n' || end === text.length)) return end;
  const newline = text.indexOf('\n', end);
  return newline === -1 ? text.length : newline + 1;
}

/** Comments that are indented deeper than the map's own fields belong to what stands above them. */
function belowBlock(text: string, start: number, indent: number): number {
  const deeper = new RegExp(String.raw`(?:[ \t]*\r?\n)* {${indent + 1},}#[^\n]*(?:\n|$)`, 'y');
  let at = start;
  for (deeper.lastIndex = at; deeper.test(text); deeper.lastIndex = at) at = deeper.lastIndex;
  return at;
}

/** The line end of the line before: files of Windows keep theirs. */
function eolBefore(text: string, offset: number): '\r\n' | '\n' {
  const newline = text.lastIndexOf('\n', offset - 1);
  return newline > 0 && text[newline - 1] === '\r' ? '\r\n' : '\n';
}

type Style = 'PLAIN' | 'QUOTE_SINGLE' | 'QUOTE_DOUBLE';

/** In the style, where that says the same. */
function render(value: string | boolean, style: Style): string {
  if (typeof value === 'boolean') return String(value);
  if (style === 'PLAIN' && /^[A-Za-z][\w./-]*$/.test(value) && toYaml(value).trimEnd() === value)
    return value;
  const isPrintable = !/\p{Cc}/u.test(value);
  return style === 'QUOTE_SINGLE' && isPrintable ? `'${value.replaceAll("'", "''")}'` : JSON.stringify(value);
}

interface Quotes {
  readonly values: Style;
  readonly keys: boolean;
}

function renderKey(key: string, { keys }: Quotes): string {
  return render(key, keys ? 'QUOTE_DOUBLE' : 'PLAIN');
}

/** In flow style, which fits into a map of either style. */
function renderMap(map: Readonly<Record<string, string>>, quotes: Quotes): string {
  const fields = Object.entries(map).map(
    ([key, text]) => `${renderKey(key, quotes)}: ${render(text, quotes.values)}`,
  );
  return `{ ${fields.join(', ')} }`;
}

/** As the rest of the document has it. */
function quotesOf(root: ParsedNode): Quotes {
  const first = isMap(root) ? root.items[0]?.key : undefined;
  const keys = isScalar(first) && first.type === 'QUOTE_DOUBLE';
  const quoted = keys ? undefined : firstQuoted(root);
  return { keys, values: quoted?.type === 'QUOTE_SINGLE' ? 'QUOTE_SINGLE' : 'QUOTE_DOUBLE' };
}

function firstQuoted(node: ParsedNode | null): Scalar.Parsed | undefined {
  if (isScalar(node)) return node.type?.startsWith('QUOTE') === true ? node : undefined;
  if (isSeq(node)) return firstOf(node.items);
  return isMap(node) ? firstOf(node.items.map(({ value }) => value)) : undefined;
}

function firstOf(nodes: readonly (ParsedNode | null)[]): Scalar.Parsed | undefined {
  for (const node of nodes) {
    const found = firstQuoted(node);
    if (found !== undefined) return found;
  }
  return undefined;
}
