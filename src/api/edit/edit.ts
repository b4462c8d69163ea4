/**
 * Changes single fields of one object in a file that people wrote: the smallest span of their text, with comments,
 * order, indentation, quotes and line ends kept. That nothing else has changed is proven by reading the result again.
 */
import { parseFile } from '../documents.ts';
import { classify, identify } from '../identity.ts';
import type { Location, ObjectIdentity, Problem } from '../listing.ts';
import { formatPath, type Path } from '../path.ts';
import { decode } from '../text.ts';
import { readTree, type Tree } from '../tree.ts';
import { LineIndex, parseYaml } from '../yaml.ts';
import { fieldOf, firstDifference, withField } from './differences.ts';
import { spliceFor, type EditValue, type FieldEdit, type Splice } from './splice.ts';

export type { FieldEdit } from './splice.ts';

/** What was changed, and where it stands now. */
export interface Change extends Location {
  /** Such as `spec.suspend`. */
  readonly path: string;
  /** Undefined for what was added. */
  readonly before: string | boolean | undefined;
  readonly after: EditValue;
}

export type EditResult =
  | { readonly kind: 'edited'; readonly text: string; readonly changes: readonly Change[] }
  /** The fields have these values already. */
  | { readonly kind: 'same' }
  /** Nothing is changed: a person has to edit the place that is named. */
  | { readonly kind: 'refused'; readonly problem: Problem };

/** The file with the fields changed. Never throws; for one object and different fields. */
export function editObject(
  file: string,
  bytes: Uint8Array,
  identity: ObjectIdentity,
  edits: readonly FieldEdit[],
): EditResult {
  return new Editing(file, bytes, identity).edit(edits);
}

/** A document, or an item of a List, that declares the object. */
interface Declared {
  readonly tree: Tree;
  /** Of the document in the file. */
  readonly index: number;
  /** Path of the object inside its document. */
  readonly base: Path;
}

const BYTE_ORDER_MARK = '\uFEFF';

class Editing {
  readonly #file: string;
  readonly #bytes: Uint8Array;
  readonly #text: string;
  readonly #identity: ObjectIdentity;
  readonly #lines: LineIndex;

  constructor(file: string, bytes: Uint8Array, identity: ObjectIdentity) {
    this.#file = file;
    this.#bytes = bytes;
    this.#text = decode(bytes).text;
    this.#identity = identity;
    this.#lines = new LineIndex(this.#text);
  }

  edit(all: readonly FieldEdit[]): EditResult {
    const mistake = this.#mistakeIn(this.#bytes);
    if (mistake !== undefined) return { kind: 'refused', problem: mistake };
    const [declared, second] = this.#declarations();
    if (declared === undefined) return this.#refuse(0, [], `${this.#name()} is not declared here`);
    if (second !== undefined) return this.#refuseTwice(declared, second);
    const edits = all
      .map(({ path, value }) => ({ path: [...declared.base, ...path], value }))
      .filter(({ path, value }) => fieldOf(declared.tree.value, path) !== value);
    return edits.length === 0 ? { kind: 'same' } : this.#splice(declared, edits);
  }

  #splice(declared: Declared, edits: readonly FieldEdit[]): EditResult {
    const { tree, base } = declared;
    const splices: Splice[] = [];
    for (const edit of edits) {
      const made = spliceFor(this.#text, tree, edit);
      if ('obstacle' in made) return this.#refuse(made.obstacle.offset, edit.path, made.obstacle.message);
      const isMade = splices.some((other) => isSame(other, made.splice));
      // Two aliases of one value are changed together, as long as they are to become the same.
      if (!(made.shared && isMade)) splices.push(made.splice);
    }
    const text = spliced(this.#text, splices);
    if (text === undefined) return this.#refuseShared(tree, edits, undefined);
    const difference = this.#unexpected(declared, edits, text);
    if (difference !== undefined) return this.#refuseShared(tree, edits, difference);
    const result = `${this.#mark()}${text}`;
    const mistake = this.#mistakeIn(new TextEncoder().encode(result));
    if (mistake !== undefined) return { kind: 'refused', problem: mistake };
    const after = new Editing(this.#file, new TextEncoder().encode(result), this.#identity);
    const changes = edits.map(({ path, value }): Change => ({
      ...after.#place(path),
      path: formatPath(path.slice(base.length)),
      before: scalarOf(fieldOf(tree.value, path)),
      after: value,
    }));
    return { kind: 'edited', text: result, changes };
  }

  #place(path: Path): Location {
    return this.#at(this.#declarations()[0]?.tree.offsetOf(path) ?? 0);
  }

  /** What is in the new text beside the edits, or lacks; undefined when it is just as it should be. */
  #unexpected({ index }: Declared, edits: readonly FieldEdit[], text: string): Path | undefined {
    const expected = valuesOf(this.#text).map((value, at) =>
      at === index ? edits.reduce((result, { path, value }) => withField(result, path, value), value) : value,
    );
    return firstDifference(expected, valuesOf(text));
  }

  #declarations(): Declared[] {
    return parseYaml(this.#text).documents.flatMap(({ root, mistake }, index) => {
      if (root === null || mistake !== undefined) return [];
      const tree = readTree(root);
      return this.#within(tree.value, []).map((base) => ({ tree, index, base }));
    });
  }

  /** Where in a value, a List maybe, the object is. */
  #within(value: unknown, base: Path): Path[] {
    const classification = classify(value);
    if (classification.is === 'list')
      return classification.items.flatMap((item, index) => this.#within(item, [...base, 'items', index]));
    if (classification.is !== 'ours') return [];
    const { kind, namespace, name } = identify(classification.kind, value) ?? {};
    const wanted = this.#identity;
    return kind === wanted.kind && namespace === wanted.namespace && name === wanted.name ? [base] : [];
  }

  /** What is wrong with the object, so that nobody can say what it declares. */
  #mistakeIn(bytes: Uint8Array): Problem | undefined {
    const { kind, namespace, name } = this.#identity;
    const { declarations, problems } = parseFile(this.#file, bytes);
    const ours = ({ identity }: { identity: ObjectIdentity }): boolean =>
      identity.kind === kind && identity.namespace === namespace && identity.name === name;
    if (declarations.filter(ours).every(({ object }) => object !== undefined)) {
      return declarations.some(ours) ? undefined : problems.find(({ object }) => object === undefined);
    }
    return problems.find(({ object }) => object !== undefined && ours({ identity: object }));
  }

  #refuseTwice(one: Declared, other: Declared): EditResult {
    const [first, second] = [one, other].map(({ tree, base }) => this.#at(tree.offsetOf(base)));
    const message = `${this.#name()} is declared twice, the first time in line ${first?.line ?? 0}; remove one of the two`;
    return { kind: 'refused', problem: { ...(second ?? this.#at(0)), path: '', message } };
  }

  /** The text of one value is that of another one too. */
  #refuseShared(tree: Tree, edits: readonly FieldEdit[], difference: Path | undefined): EditResult {
    const shared = edits.find(({ path }) => tree.reach(path).alias !== undefined) ?? edits[0];
    const path = shared?.path ?? [];
    const { alias, node } = tree.reach(path);
    // The first segment is the number of the document.
    const other = difference === undefined ? '' : formatPath(difference.slice(1));
    const message =
      alias === undefined
        ? `changing this value would change ${other === '' ? 'another one' : other} as well; edit it by hand`
        : `this value stands elsewhere, at the anchor &${alias.source}, and others share it; edit it by hand`;
    return this.#refuse(alias?.range[0] ?? node.range[0], path, message);
  }

  #refuse(offset: number, path: Path, message: string): EditResult {
    return { kind: 'refused', problem: { ...this.#at(offset), path: formatPath(path), message } };
  }

  #name(): string {
    const { kind, namespace, name } = this.#identity;
    return `${kind} ${namespace}/${name}`;
  }

  /** Decoding drops it; the file keeps it. */
  #mark(): string {
    return this.#bytes[0] === 0xef && this.#bytes[1] === 0xbb && this.#bytes[2] === 0xbf
      ? BYTE_ORDER_MARK
      : '';
  }

  #at(offset: number): Location {
    return { file: this.#file, ...this.#lines.at(offset) };
  }
}

/** The values of all documents; a broken one shows what is wrong with it. */
function valuesOf(text: string): unknown[] {
  return parseYaml(text).documents.map(({ root, mistake }) => {
    if (mistake !== undefined) return mistake.message;
    return root === null ? null : readTree(root).value;
  });
}

function isSame(one: Splice, other: Splice): boolean {
  return one.start === other.start && one.end === other.end && one.text === other.text;
}

/** The text with all of them; undefined when two would change one place. */
function spliced(text: string, splices: readonly Splice[]): string | undefined {
  const inOrder = splices.toSorted((a, b) => a.start - b.start || a.end - b.end);
  let result = '';
  let at = 0;
  for (const { start, end, text: added } of inOrder) {
    if (start < at) return undefined;
    result += text.slice(at, start) + added;
    at = end;
  }
  return result + text.slice(at);
}

function scalarOf(value: unknown): string | boolean | undefined {
  return typeof value === 'string' || typeof value === 'boolean' ? value : undefined;
}
