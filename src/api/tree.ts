/** From YAML nodes to plain values, and from the path of a value back to its place in the text. */
import { otherReading } from './dialect.ts';
import type { Finding } from './finding.ts';
import type { Path } from './path.ts';
import { codePoint, forbiddenCharacter, quote } from './quote.ts';
import { isAlias, isMap, isScalar, isSeq, keyText, limits } from './yaml.ts';
import type { Alias, ParsedNode, Scalar, YAMLMap } from './yaml.ts';

export interface Tree {
  /** Plain objects, arrays and scalars; undefined when the document is too much to read. */
  readonly value: unknown;
  /** What makes the text ambiguous or dangerous, whatever the schema says. */
  readonly findings: readonly Finding[];
  /** Offset of the value at the path, or of the nearest one around it. */
  offsetOf(path: Path): number;
  /** Offset of the key that the path ends with, where there is one. */
  offsetOfKey(path: Path): number;
  /** The text of a plain scalar as it was typed: `1.10` where the value is 1.1. */
  sourceOf(path: Path): string | undefined;
  /** The innermost node on the way to the path that there is. */
  reach(path: Path): Reached;
}

export interface Reached {
  /** Never an alias, but what it stands for. */
  readonly node: ParsedNode;
  /** The nodes that lead to it, the outermost first. */
  readonly around: readonly ParsedNode[];
  /** How many segments of the path lead to it. */
  readonly depth: number;
  /** The first alias on the way: the node is written elsewhere. */
  readonly alias: Alias.Parsed | undefined;
}

/** Reads a document whose syntax is sound. */
export function readTree(root: ParsedNode): Tree {
  const reader = new Reader();
  let value: unknown;
  try {
    value = reader.read(root, []);
  } catch (error) {
    if (!(error instanceof TooMuch)) throw error;
    reader.findings.push({ path: error.path, message: error.message });
  }
  return {
    value,
    findings: reader.findings,
    offsetOf: (path) => reader.locate(root, path).node.range[0],
    offsetOfKey: (path) => reader.locate(root, path).keyOffset,
    sourceOf: (path) => {
      const { node } = reader.locate(root, path);
      return isScalar(node) && node.type === 'PLAIN' ? node.source : undefined;
    },
    reach: (path) => reader.reach(root, path),
  };
}

/** Values that aliases may add to a document. Ten aliases of ten aliases of ten … grow without an end. */
const mostAliasedValues = 10_000;

const refusedKeys = new Set(['__proto__', 'constructor', 'prototype']);

class TooMuch extends Error {
  readonly path: Path;

  constructor(path: Path, message: string) {
    super(message);
    this.path = path;
  }
}

interface Place {
  readonly node: ParsedNode;
  readonly keyOffset: number;
}

class Reader {
  readonly findings: Finding[] = [];
  readonly #anchored = new Map<string, ParsedNode>();
  readonly #targets = new Map<Alias, ParsedNode>();
  /** Made for the maps that something is looked up in. */
  readonly #pairs = new Map<YAMLMap.Parsed, ReadonlyMap<string, Place>>();
  #aliasDepth = 0;
  #aliasedValues = 0;

  read(node: ParsedNode | null, path: Path): unknown {
    if (path.length > limits.depth) throw new TooMuch(path, `nested deeper than ${limits.depth} levels`);
    if (this.#aliasDepth > 0 && ++this.#aliasedValues > mostAliasedValues) {
      throw new TooMuch(
        path,
        `the aliases multiply to more than ${mostAliasedValues.toLocaleString('en')} values`,
      );
    }
    if (node === null) return null;
    if (isAlias(node)) return this.#readAlias(node, path);
    if (node.tag !== undefined) this.#report(path, `the tag ${quote(node.tag)} is not supported; remove it`);
    const value = this.#readContent(node, path);
    if (node.anchor !== undefined) this.#anchored.set(node.anchor, node);
    return value;
  }

  /** The node at the path, or the innermost one on the way to it that exists. */
  locate(root: ParsedNode, path: Path): Place {
    let place: Place = { node: root, keyOffset: root.range[0] };
    for (const segment of path) {
      const next = this.#child(place.node, segment);
      if (!next) break;
      place = next;
    }
    return place;
  }

  reach(root: ParsedNode, path: Path): Reached {
    const around: ParsedNode[] = [];
    let alias: Alias.Parsed | undefined;
    let node = root;
    for (const segment of path) {
      const next = this.#child(node, segment)?.node;
      if (next === undefined) break;
      around.push(node);
      if (isAlias(next)) alias ??= next;
      node = (isAlias(next) && this.#targets.get(next)) || next;
    }
    return { node, around, depth: around.length, alias };
  }

  #readAlias(alias: Alias, path: Path): unknown {
    const target = this.#anchored.get(alias.source);
    if (!target) {
      this.#report(path, `the alias ${quote(`*${alias.source}`)} has no anchor before it`);
      return null;
    }
    this.#targets.set(alias, target);
    this.#aliasDepth++;
    const value = this.read(target, path);
    this.#aliasDepth--;
    return value;
  }

  #readContent(node: Exclude<ParsedNode, Alias.Parsed>, path: Path): unknown {
    if (isScalar(node)) return this.#readScalar(node, path);
    if (isSeq(node)) return node.items.map((item, index) => this.read(item, [...path, index]));
    return this.#readMap(node, path);
  }

  #readMap(map: YAMLMap.Parsed, path: Path): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    for (const { key, value } of map.items) {
      const name = this.#readKey(key, path);
      if (name === undefined) continue;
      const keyPath = [...path, name];
      if (Object.hasOwn(object, name)) this.#report(keyPath, `the key ${quote(name)} is given twice`, key);
      else object[name] = this.read(value, keyPath);
    }
    return object;
  }

  /** The name of a key, or undefined when nothing may be stored under it. */
  #readKey(key: ParsedNode, path: Path): string | undefined {
    if (isAlias(key)) {
      this.#report(path, 'an alias cannot be a key', key);
      return undefined;
    }
    const name = isScalar(key) ? keyText(key) : '';
    const refusal = isScalar(key) ? refusalOfKey(key, name) : undefined;
    if (refusal === undefined) return name;
    this.#report([...path, name], refusal, key);
    return refusedKeys.has(name) ? undefined : name;
  }

  #readScalar(scalar: Scalar.Parsed, path: Path): unknown {
    const { value, type, source } = scalar;
    if (type === 'PLAIN') {
      const reading = otherReading(source);
      if (reading)
        this.#report(path, `quote this value: kubectl and YAML 1.1 read the plain ${source} as ${reading}`);
    }
    if (type === 'QUOTE_DOUBLE' && typeof value === 'string') {
      const refusal = refusalOfText(value);
      if (refusal) this.#report(path, refusal);
    }
    return value;
  }

  #child(node: ParsedNode, segment: string | number): Place | undefined {
    const container = isAlias(node) ? this.#targets.get(node) : node;
    if (isSeq(container)) {
      const item = container.items[Number(segment)];
      return item && { node: item, keyOffset: item.range[0] };
    }
    if (!isMap(container)) return undefined;
    return this.#pairsOf(container).get(String(segment));
  }

  /** Of two pairs with one key, the first. */
  #pairsOf(map: YAMLMap.Parsed): ReadonlyMap<string, Place> {
    const known = this.#pairs.get(map);
    if (known) return known;
    const pairs = map.items.flatMap(({ key, value }) =>
      isScalar(key) ? [[keyText(key), { node: value ?? key, keyOffset: key.range[0] }] as const] : [],
    );
    const made = new Map(pairs.toReversed());
    this.#pairs.set(map, made);
    return made;
  }

  #report(path: Path, message: string, node?: ParsedNode): void {
    this.findings.push({ path, message, ...(node && { at: node.range[0] }) });
  }
}

function refusalOfKey(key: Scalar.Parsed, name: string): string | undefined {
  if (key.tag !== undefined) return `the tag ${quote(key.tag)} is not supported; remove it`;
  if (refusedKeys.has(name)) return `the key ${quote(name)} is not allowed`;
  if (key.type === 'QUOTE_DOUBLE') return refusalOfText(name);
  if (key.type !== 'PLAIN') return undefined;
  if (name === '<<') return 'merge keys (<<) are not supported; repeat the fields';
  const reading = otherReading(name);
  return reading && `quote this key: kubectl and YAML 1.1 read the plain ${name} as ${reading}`;
}

/** An escape such as "\0" brings in what the text of the file itself may not hold. */
function refusalOfText(text: string): string | undefined {
  const [character] = forbiddenCharacter.exec(text) ?? [];
  if (character !== undefined) return `the escaped character ${codePoint(character)} is not allowed`;
  return text.isWellFormed() ? undefined : 'half a surrogate pair is escaped here';
}
