/** From the bytes of manifests to a listing: the located, defaulted, validated objects, and everything that is wrong. */
import { Findings, type Finding } from './finding.ts';
import type { ModelPromotion, ModelRegistry } from './generated/types.ts';
import { classify, identify } from './identity.ts';
import type { Listing, Located, Location, ObjectIdentity, Problem } from './listing.ts';
import { formatPath, startsWith, type Path } from './path.ts';
import { checkRules } from './rules.ts';
import { decode } from './text.ts';
import { readTree, type Tree } from './tree.ts';
import { validate, type Kind } from './validate.ts';
import { LineIndex, parseYaml, type YamlDocument, type YamlMistake } from './yaml.ts';

/** What one file holds. */
export interface FileResult {
  readonly file: string;
  /** Every manifest of our kinds whose name could be read, valid or not, in the order of the file. */
  readonly declarations: readonly Declaration[];
  /** Everything wrong, in the order of the file. One without an object says that the file may hold more than was read. */
  readonly problems: readonly Problem[];
  /** Documents of other groups. */
  readonly ignored: number;
}

export interface Declaration {
  readonly identity: ObjectIdentity;
  readonly location: Location;
  /** Where its name is written. */
  readonly nameLocation: Location;
  /** Absent when something is wrong with it. */
  readonly object?: ModelPromotion | ModelRegistry;
}

/** Problems that are told of one file; the rest are counted. */
export const mostProblems = 100;
/** Problems that are looked at before the first ones are told: several may be one mistake, or stand before others. */
const mostKept = 10 * mostProblems;

/**
 * Reads all manifests of a file. Whatever the bytes, it never throws and takes time in proportion to their number.
 * A mistake in one document leaves the others as they are; a file beyond the limits is refused as a whole.
 */
export function parseFile(file: string, bytes: Uint8Array): FileResult {
  const { text, refusal } = decode(bytes);
  const reader = new FileReader(file, text);
  if (refusal) reader.refuse(refusal);
  else reader.readAll(text);
  return reader.result();
}

/** Objects that one source may hold. */
export const mostObjects = 50_000;
/** Problems that are told of one revision in full. From there on, those of a file become one. */
export const mostProblemsInAll = 10_000;

/**
 * Joins the files of a revision, in path order. Of two manifests with one kind, namespace and name only the
 * first counts, even when something is wrong with it; the second becomes a problem.
 */
export function combine(files: readonly FileResult[], revision: string): Listing {
  const inOrder = files.toSorted((a, b) => compare(a.file, b.file));
  const first = new Map<string, Declaration>();
  const objects: Located<ModelPromotion | ModelRegistry>[] = [];
  const problems: Problem[] = [];
  for (const { declarations, problems: own } of inOrder) {
    const repeated: Problem[] = [];
    let beyond: Location | undefined;
    for (const declaration of declarations) {
      const key = keyOf(declaration.identity);
      const earlier = first.get(key);
      if (earlier) repeated.push(declaredTwice(declaration, earlier));
      else {
        first.set(key, declaration);
        if (!declaration.object) continue;
        if (objects.length < mostObjects)
          objects.push({ object: declaration.object, location: declaration.location });
        else beyond ??= declaration.location;
      }
    }
    const told = [...own, ...repeated, ...(beyond ? [tooMany(beyond)] : [])].sort(byPlace);
    problems.push(...(problems.length + told.length > mostProblemsInAll ? inShort(told) : told));
  }
  return {
    revision,
    promotions: objects.filter(
      (located): located is Located<ModelPromotion> => located.object.kind === 'ModelPromotion',
    ),
    registries: objects.filter(
      (located): located is Located<ModelRegistry> => located.object.kind === 'ModelRegistry',
    ),
    problems,
    ignored: inOrder.reduce((sum, { ignored }) => sum + ignored, 0),
  };
}

function tooMany(place: Location): Problem {
  const most = mostObjects.toLocaleString('en');
  return { ...place, path: '', message: `more than ${most} objects in one source; the rest is not read` };
}

/** One problem for all of a file, without an object: it casts doubt on every one that the file may hold. */
function inShort(problems: readonly Problem[]): readonly Problem[] {
  const [first, ...more] = problems;
  if (first === undefined || more.length === 0) return problems;
  const { object: _, ...place } = first;
  return [{ ...place, message: `${problems.length} problems; the first: ${first.message}` }];
}

function declaredTwice({ identity, nameLocation }: Declaration, { location }: Declaration): Problem {
  const { kind, namespace, name } = identity;
  const place = `${location.file}:${location.line}:${location.column}`;
  const message = `${kind} ${namespace}/${name} is declared at ${place} already; only that one counts`;
  return { ...nameLocation, path: 'metadata.name', message, object: identity };
}

/** A document, or an item of a List inside one. */
interface Manifest {
  readonly tree: Tree;
  /** What is wrong with the text of the document, as far as it concerns this manifest. */
  readonly findings: readonly Finding[];
  readonly value: unknown;
  /** Path of the manifest inside its document. */
  readonly base: Path;
}

class FileReader {
  readonly #file: string;
  readonly #lines: LineIndex;
  readonly #declarations: Declaration[] = [];
  readonly #problems: Problem[] = [];
  #untold = 0;
  #ignored = 0;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#lines = new LineIndex(text);
  }

  result(): FileResult {
    const problems = withoutRepetition(this.#problems).sort(byPlace);
    const rest = problems.splice(mostProblems);
    const [next] = rest;
    if (next)
      problems.push({
        ...locationOf(next),
        path: '',
        message: `and ${rest.length + this.#untold} more problems from here on`,
      });
    return { file: this.#file, declarations: this.#declarations, problems, ignored: this.#ignored };
  }

  refuse({ offset, message }: YamlMistake): void {
    this.#problems.push({ ...this.#at(offset), path: '', message });
  }

  readAll(text: string): void {
    const { documents, refusal } = parseYaml(text);
    if (refusal) this.refuse(refusal);
    for (const document of documents) this.#readDocument(document);
  }

  #readDocument({ root, mistake, directive }: YamlDocument): void {
    if (mistake) return this.refuse(mistake);
    if (!root) return;
    const tree = readTree(root);
    if (tree.value === undefined) return this.#report(tree, tree.findings);
    const findings = directive === undefined ? tree.findings : [...tree.findings, noDirectives(directive)];
    this.#readManifest({ tree, findings, value: tree.value, base: [] });
  }

  #readManifest(manifest: Manifest): void {
    const { tree, value, base } = manifest;
    const classification = classify(value);
    switch (classification.is) {
      case 'list':
        return this.#readList(manifest, classification.items);
      case 'ours':
        return this.#readObject(manifest, classification.kind);
      case 'mistaken': {
        const { kind, findings } = classification;
        return this.#report(tree, below(base, findings), kind && identify(kind, value));
      }
      case 'foreign':
        this.#ignored += value === null ? 0 : 1;
        return;
      default:
        classification satisfies never;
    }
  }

  #readList(list: Manifest, items: readonly unknown[]): void {
    const base = [...list.base, 'items'];
    const ofAll = list.findings.filter(({ path }) => path.length === 0);
    const ofEach = Map.groupBy(
      list.findings.filter(({ path }) => startsWith(path, base)),
      ({ path }) => path[base.length],
    );
    items.forEach((value, index) => {
      const findings = [...ofAll, ...(ofEach.get(index) ?? [])];
      this.#readManifest({ ...list, findings, value, base: [...base, index] });
    });
  }

  #readObject({ tree, findings: before, value, base }: Manifest, kind: Kind): void {
    const identity = identify(kind, value);
    const findings = new Findings();
    findings.add(before);
    const validated = validate(kind, value, (path) => tree.sourceOf([...base, ...path]));
    findings.add(below(base, validated.findings));
    findings.add(below(base, checkRules(kind, value)));
    this.#report(tree, findings.all, identity);
    if (!identity) return;
    this.#declarations.push({
      identity,
      location: this.#at(tree.offsetOf(base)),
      nameLocation: this.#at(tree.offsetOf([...base, 'metadata', 'name'])),
      ...(findings.all.length === 0 && validated.object && { object: validated.object }),
    });
  }

  #report(tree: Tree, findings: readonly Finding[], object?: ObjectIdentity): void {
    const room = Math.max(0, mostKept - this.#problems.length);
    this.#untold += Math.max(0, findings.length - room);
    for (const { path, message, at } of findings.slice(0, room)) {
      const place = this.#at(offsetOf(tree, path, at));
      this.#problems.push({ ...place, path: formatPath(path), message, ...(object && { object }) });
    }
  }

  #at(offset: number): Location {
    return { file: this.#file, ...this.#lines.at(offset) };
  }
}

function noDirectives(offset: number): Finding {
  return { path: [], at: offset, message: 'YAML directives are not supported; remove the line' };
}

/** One mistake in a part that several aliases repeat is one problem. */
function withoutRepetition(problems: readonly Problem[]): Problem[] {
  const told = new Set<string>();
  return problems.filter(({ line, column, message }) => {
    const mistake = `${line}:${column} ${message}`;
    const isNew = !told.has(mistake);
    told.add(mistake);
    return isNew;
  });
}

function locationOf({ file, line, column }: Location): Location {
  return { file, line, column };
}

function offsetOf(tree: Tree, path: Path, at: Finding['at'] = 'value'): number {
  if (typeof at === 'number') return at;
  if (at === 'value') return tree.offsetOf(path);
  return tree.offsetOfKey(at === 'key' ? path : path.slice(0, -1));
}

/** The findings of a manifest, with paths that start at the document around it. */
function below(base: Path, findings: readonly Finding[]): readonly Finding[] {
  if (base.length === 0) return findings;
  const rebased = (path: Path): Path => [...base, ...path];
  return findings.map((finding) => ({
    ...finding,
    path: rebased(finding.path),
    ...(finding.explains && { explains: finding.explains.map(rebased) }),
    ...(finding.unless && { unless: finding.unless.map(rebased) }),
  }));
}

function keyOf({ kind, namespace, name }: ObjectIdentity): string {
  return `${kind}/${namespace}/${name}`;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function byPlace(a: Location, b: Location): number {
  return a.line - b.line || a.column - b.column;
}
