/**
 * What is declared, as the source last said it, and what becomes of it with the next listing: added, changed,
 * removed or held. Nothing is removed on the word of a listing that could not be read whole.
 */
import type { Amendment, Listing, Location, Problem } from '../api/listing.ts';
import type { ModelPromotion, ModelRegistry } from '../api/generated/types.ts';
import { toPromotion, type Promotion, type Provenance } from './desired.ts';
import { canonicalJson } from './digest.ts';

/** A promotion and its last good document. */
export interface Entry {
  readonly promotion: Promotion;
  readonly document: ModelPromotion;
  /** Undefined for what is only remembered from a status, until the source is read. */
  readonly location: Location | undefined;
  /** Who made the revision that last changed the document. */
  readonly author: string | undefined;
  /** Mistakes in the document as it stands now; the last good one still holds the claims. */
  readonly problems: readonly Problem[];
  /** Whether the document as it stood was refused. Becoming so, or good again, is a change like any other: a generation. */
  readonly refused: boolean;
  /** The revision at which the document as it stands was first seen, good or not. */
  readonly attempted: string;
}

export interface RegistryEntry {
  readonly document: ModelRegistry;
  readonly location: Location;
  readonly generation: number;
}

export interface Catalog {
  readonly revision: string | undefined;
  /** In the order of age: what stands first was declared first. */
  readonly entries: ReadonlyMap<string, Entry>;
  readonly registries: ReadonlyMap<string, RegistryEntry>;
  /** Everything wrong in the source as it stands. */
  readonly problems: readonly Problem[];
  readonly ignored: number;
  /** Why a revision was not believed where it removes things; undefined when there was no doubt. */
  readonly held: Held | undefined;
}

/** One whose entries are nobody else's, so that what changes a little can be changed in it. */
export interface OwnCatalog extends Catalog {
  readonly entries: Map<string, Entry>;
}

export interface Held {
  readonly reason: 'EmptySource' | 'UnreadableFile';
  readonly revision: string;
}

export const EMPTY_CATALOG: Catalog = {
  revision: undefined,
  entries: new Map(),
  registries: new Map(),
  problems: [],
  ignored: 0,
  held: undefined,
};

export interface Advance {
  /** With a map of its own. */
  readonly catalog: OwnCatalog;
  /** Keys of promotions to look at. */
  readonly changed: readonly string[];
  /** What is declared no more, or declared for another model. */
  readonly removed: readonly Entry[];
}

export interface AdvanceOptions {
  readonly allowEmpty: boolean;
  /** A stable identity for an object that has none of its own. */
  readonly uidOf: (key: string) => string;
  /** The generation at which a manifest was that was never valid so far. */
  readonly generationOf?: (key: string) => number | undefined;
}

export function advance(previous: Catalog, listing: Listing, options: AdvanceOptions): Advance {
  if (isEmpty(listing) && previous.entries.size > 0 && !options.allowEmpty) {
    return holdEmpty(previous, listing);
  }
  const unreadable = listing.problems.some(isUnreadable);
  const problemsOf = problemFinder(listing.problems);
  const entries = new Map<string, Entry>();
  for (const located of listing.promotions) {
    const entry = nextEntry(previous, located, listing, options);
    entries.set(entry.promotion.key, entry);
  }
  const removed: Entry[] = [];
  let doubted = false;
  for (const [key, entry] of previous.entries) {
    const successor = entries.get(key);
    if (successor !== undefined) {
      if (samePlace(entry.promotion, successor.promotion)) continue;
      if (!unreadable) removed.push(entry);
      else entries.set(key, entry);
      doubted ||= unreadable;
      continue;
    }
    const problems = problemsOf(key, entry);
    if (isAnother(problems, entry) || (problems.length === 0 && !unreadable)) removed.push(entry);
    else entries.set(key, withProblems(entry, problems, listing.revision));
    doubted ||= unreadable && (problems.length === 0 || entry.location === undefined);
  }
  return {
    catalog: {
      revision: listing.revision,
      entries: new Map([...entries].sort(([, a], [, b]) => compareAge(a, b))),
      registries: nextRegistries(previous, listing, unreadable),
      problems: listing.problems,
      ignored: listing.ignored,
      held: doubted ? { reason: 'UnreadableFile', revision: listing.revision } : undefined,
    },
    changed: changedKeys(previous, entries),
    removed,
  };
}

/** What a few that changed are now, each of which stays where it was, and the keys of those to look at. */
export function amend(
  previous: Catalog,
  { revision, amended }: Amendment,
  options: AdvanceOptions,
): { readonly entries: readonly Entry[]; readonly changed: readonly string[] } {
  const entries = amended.map((located) => nextEntry(previous, located, { revision }, options));
  const changed = entries.filter((entry) => differs(previous.entries.get(entry.promotion.key), entry));
  return { entries, changed: changed.map(({ promotion }) => promotion.key) };
}

/** An empty source changes nothing of what was declared last; what was wrong in its files is wrong no more. */
function holdEmpty(previous: Catalog, { revision, problems, ignored }: Listing): Advance {
  const problemsOf = problemFinder(problems);
  const entries = new Map(
    [...previous.entries].map(([key, entry]) => [key, withProblems(entry, problemsOf(key, entry), revision)]),
  );
  const held: Held = { reason: 'EmptySource', revision };
  return {
    catalog: { ...previous, entries, problems, ignored, held },
    changed: changedKeys(previous, entries),
    removed: [],
  };
}

function changedKeys({ entries: before }: Catalog, entries: Catalog['entries']): string[] {
  const changed: string[] = [];
  for (const [key, entry] of entries) if (differs(before.get(key), entry)) changed.push(key);
  return changed;
}

/** What one status remembers of a promotion, taken back into the catalog at start. */
export function remember(
  document: ModelPromotion,
  provenance: { uid: string; generation: number; revision: string },
): Entry {
  return {
    promotion: toPromotion(document, provenance),
    document,
    location: undefined,
    author: undefined,
    problems: [],
    refused: document.status?.summary?.reason === 'InvalidSpec',
    attempted: provenance.revision,
  };
}

function withProblems(entry: Entry, problems: readonly Problem[], revision: string): Entry {
  const { promotion } = entry;
  const refused = problems.length > 0;
  const own = problems.map(({ object }) => ownProvenance(object)).find((one) => one !== undefined);
  const sameGeneration =
    own === undefined ? refused === entry.refused : own.generation === promotion.generation;
  const same = canonicalJson(entry.problems) === canonicalJson(problems);
  if (same && refused === entry.refused && sameGeneration) return entry;
  return {
    ...entry,
    promotion: sameGeneration ? promotion : nextGeneration(promotion, own?.generation),
    problems,
    refused,
    attempted: refused ? (own?.revision ?? revision) : promotion.revision,
  };
}

function nextGeneration(promotion: Promotion, given = promotion.generation + 1): Promotion {
  return { ...promotion, generation: given };
}

/** Mistakes in an object that took the name of the one that is known. */
function isAnother(problems: readonly Problem[], { promotion }: Entry): boolean {
  return problems.some(({ object }) => object?.uid !== undefined && object.uid !== promotion.uid);
}

/** What an object of an API server brings with it; undefined for a manifest in a file. */
export function ownProvenance(of: { uid?: string; generation?: number } | undefined): Provenance | undefined {
  if (of?.uid === undefined || of.generation === undefined) return undefined;
  return { uid: of.uid, generation: of.generation, revision: `${of.uid}@${of.generation}` };
}

/**
 * Older is what an API server made first, and of manifests what stands first in path order, also while it cannot be
 * read; what is only remembered comes before.
 */
function compareAge(
  { location: a, document: first }: Entry,
  { location: b, document: second }: Entry,
): number {
  const [one, other] = [bornAs(first), bornAs(second)];
  if (one !== undefined && other !== undefined) return one < other ? -1 : Number(one > other);
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}

/** Creation time, namespace and name: the order that all controllers of one cluster agree on. */
function bornAs({ metadata: { creationTimestamp, namespace, name } }: ModelPromotion): string | undefined {
  return creationTimestamp === undefined ? undefined : `${creationTimestamp} ${namespace}/${name}`;
}

/** A link or submodule that is never read holds no manifest, and neither does a path that is not there. */
function isEmpty({ promotions, registries, problems }: Listing): boolean {
  return promotions.length + registries.length === 0 && problems.every(holdsNothing);
}

/** A mistake whose object cannot be told may hide any object that was in this file before. */
function isUnreadable(problem: Problem): boolean {
  return problem.object === undefined && !holdsNothing(problem);
}

function holdsNothing({ neverRead, missing }: Problem): boolean {
  return neverRead === true || missing === true;
}

function nextEntry(
  { entries }: Catalog,
  { object, location }: Listing['promotions'][number],
  { revision, author }: Pick<Listing, 'revision' | 'author'>,
  { uidOf, generationOf }: AdvanceOptions,
): Entry {
  const key = keyOf(object.metadata);
  const before = entries.get(key);
  if (before !== undefined && isUntouched(before, object, location)) return before;
  const own = ownProvenance(object.metadata);
  if (before !== undefined && isAt(before.promotion, own) && sameContent(before.document, object)) {
    const isNext = before.refused && own === undefined;
    const promotion = isNext ? nextGeneration(before.promotion) : before.promotion;
    const { revision: attempted } = promotion;
    return { ...before, promotion, document: object, location, problems: [], refused: false, attempted };
  }
  const generation = (before?.promotion.generation ?? generationOf?.(key) ?? 0) + 1;
  return {
    promotion: toPromotion(object, own ?? { uid: uidOf(key), generation, revision }),
    document: object,
    location,
    author,
    problems: [],
    refused: false,
    attempted: own?.revision ?? revision,
  };
}

/** Sources give the same object again for what did not change: nothing is to be made anew then. */
function isUntouched(
  { document, location: before, problems, refused }: Entry,
  object: ModelPromotion,
  location: Location,
): boolean {
  return document === object && isSamePlace(before, location) && problems.length === 0 && !refused;
}

function isSamePlace(a: Location | undefined, b: Location): boolean {
  return a === b || (a?.file === b.file && a.line === b.line && a.column === b.column);
}

/** Whether a promotion is the one that an API server tells of; a manifest in a file tells nothing. */
function isAt({ uid, generation }: Promotion, own: Provenance | undefined): boolean {
  return own === undefined || (own.uid === uid && own.generation === generation);
}

function nextRegistries(previous: Catalog, listing: Listing, doubtful: boolean): Map<string, RegistryEntry> {
  const registries = new Map<string, RegistryEntry>(doubtful ? previous.registries : []);
  const broken = brokenRegistries(listing);
  for (const { object, location } of listing.registries) {
    const key = `${object.metadata.namespace}/${object.metadata.name}`;
    const before = previous.registries.get(key);
    const same = before !== undefined && canonicalJson(before.document.spec) === canonicalJson(object.spec);
    registries.set(key, {
      document: object,
      location,
      generation: object.metadata.generation ?? (before?.generation ?? 0) + (same ? 0 : 1),
    });
  }
  for (const [key, entry] of previous.registries) {
    if (broken.has(key)) registries.set(key, entry);
  }
  return registries;
}

/** Keys of the registries that are declared with mistakes. */
export function brokenRegistries({ problems }: Pick<Catalog, 'problems'>): Set<string> {
  return new Set(problems.flatMap(({ object }) => (object?.kind === 'ModelRegistry' ? [keyOf(object)] : [])));
}

/**
 * Finds the mistakes that concern a promotion: those that name it, and those of the file it was last seen in, or of a
 * folder around it. What is only remembered may have been in any file that cannot be read, and if it was refused
 * already, behind any link. Thousands of promotions may be looked for among thousands of problems.
 */
function problemFinder(
  problems: readonly Problem[],
): (key: string, entry: Pick<Entry, 'location' | 'refused'>) => readonly Problem[] {
  const named = Map.groupBy(
    problems.filter(({ object }) => object?.kind === 'ModelPromotion'),
    ({ object }) => keyOf(object ?? { namespace: '', name: '' }),
  );
  const nameless = problems.filter(({ object, missing }) => object === undefined && missing !== true);
  const unreadable = nameless.filter(isUnreadable);
  const ofPlaces = Map.groupBy(nameless, ({ file }) => file);
  return (key, { location, refused }) => {
    const own = named.get(key) ?? [];
    if (location !== undefined)
      return [...own, ...placesAround(location.file).flatMap((place) => ofPlaces.get(place) ?? [])];
    if (own.length > 0) return own;
    return refused ? nameless : unreadable;
  };
}

/** The file and all folders around it, the outermost first. */
function placesAround(file: string): string[] {
  const parts = file.split('/');
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

function keyOf({ namespace, name }: { namespace: string; name: string }): string {
  return `${namespace}/${name}`;
}

/** Another model or registry under the same name, or an object that was made again, is a removal and an addition. */
export function samePlace(a: Promotion, b: Promotion): boolean {
  return a.uid === b.uid && a.model === b.model && a.registry === b.registry;
}

/** Sources give the same object again for a file that did not change, so most comparisons cost nothing. */
function sameContent(a: ModelPromotion, b: ModelPromotion): boolean {
  return a === b || canonicalJson(contentOf(a)) === canonicalJson(contentOf(b));
}

function contentOf({ metadata, spec }: ModelPromotion): unknown {
  return { labels: metadata.labels, annotations: metadata.annotations, spec };
}

function differs(before: Entry | undefined, now: Entry): boolean {
  if (before === now && now.location !== undefined) return false;
  return (
    before === undefined ||
    before.promotion !== now.promotion ||
    before.location === undefined ||
    canonicalJson(before.problems) !== canonicalJson(now.problems)
  );
}
