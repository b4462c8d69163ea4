/** Custom resources of an API server, as they are watched. A look costs no call: what is watched is in memory. */
import { isDeepStrictEqual } from 'node:util';
import { isFields, type Fields } from '../api/fields.ts';
import type { ModelPromotion, ModelRegistry } from '../api/generated/types.ts';
import { type Amendment, NOWHERE, type Listing, type Located, type Problem } from '../api/listing.ts';
import type { Reading, ServedObject } from '../api/object.ts';
import { SourceError, type Source } from '../reconcile/ports.ts';

/** One object as it was served last. */
export interface Served<T> {
  readonly object: ServedObject;
  readonly resourceVersion: string;
  readonly finalizers: readonly string[];
  /** Somebody deleted it; it stays until its finalizers are gone. */
  readonly deleting: boolean;
  /** What the object declares, or what is wrong with it. */
  readonly reading: Reading<T>;
}

/** All objects of a kind that are watched. */
export interface Watched<T> {
  get(key: string): Served<T> | undefined;
  values(): Iterable<Served<T>>;
}

export interface KubernetesSourceOptions {
  /** Names the cluster; for logs and `GET /status`. */
  readonly description: string;
  readonly promotions: Watched<ModelPromotion>;
  readonly registries: Watched<ModelRegistry>;
  /** Why not everything is known yet, and what to do; undefined once it is. */
  readonly missing: () => string | undefined;
}

export class KubernetesSource implements Source {
  readonly description: string;
  readonly #promotions: Watched<ModelPromotion>;
  readonly #registries: Watched<ModelRegistry>;
  readonly #missing: () => string | undefined;
  /** How often something happened that a listing shows. */
  #news = 0;
  /** Whether more has changed since the last listing than the promotions that are amended. */
  #isAnew = true;
  readonly #amended = new Set<string>();

  constructor({ description, promotions, registries, missing }: KubernetesSourceOptions) {
    this.description = description;
    this.#promotions = promotions;
    this.#registries = registries;
    this.#missing = missing;
  }

  /** Something happened that a listing, or what is allowed to whom, depends on. */
  changed(): void {
    this.#news += 1;
    this.#isAnew = true;
  }

  /** A promotion says something else than before. */
  promotionChanged(
    key: string,
    before: Served<ModelPromotion> | undefined,
    after: Served<ModelPromotion> | undefined,
  ): void {
    if (!isAmendment(before, after)) {
      this.changed();
      return;
    }
    this.#news += 1;
    this.#amended.add(key);
  }

  /** @throws SourceError (Unreachable) until all kinds were listed */
  poll(): Promise<Listing | Amendment | undefined> {
    const missing = this.#missing();
    if (missing !== undefined) return Promise.reject(new SourceError('Unreachable', missing));
    if (!this.#isAnew && this.#amended.size === 0) return Promise.resolve(undefined);
    const listing = this.#isAnew ? this.#list() : this.#amendment();
    this.#isAnew = false;
    this.#amended.clear();
    return Promise.resolve(listing);
  }

  #amendment(): Amendment {
    const amended = [...this.#amended].flatMap((key) => this.#promotions.get(key) ?? []);
    return { revision: `change ${this.#news}`, amended: declared(amended).objects };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #list(): Listing {
    const promotions = declared(this.#promotions.values());
    const registries = declared(this.#registries.values());
    return {
      revision: `change ${this.#news}`,
      promotions: promotions.objects,
      registries: registries.objects,
      problems: [...promotions.problems, ...registries.problems],
      ignored: 0,
    };
  }
}

/** What is being deleted is declared no more. */
function declared<T>(served: Iterable<Served<T>>): { objects: Located<T>[]; problems: Problem[] } {
  const objects: Located<T>[] = [];
  const problems: Problem[] = [];
  for (const { deleting, reading } of served) {
    if (deleting) continue;
    if (reading.kind === 'valid') objects.push({ object: reading.object, location: NOWHERE });
    else problems.push(...reading.problems);
  }
  return { objects, problems };
}

/** Whether a listing may differ by it: that only the status moved is our own echo. */
export function isNews(before: Served<unknown> | undefined, after: Served<unknown> | undefined): boolean {
  if (before === undefined || after === undefined) return true;
  return (
    before.deleting !== after.deleting || !isDeepStrictEqual(declarationOf(before), declarationOf(after))
  );
}

/** Whether a change leaves everything where it was: only then need nobody else be looked at. */
function isAmendment(
  before: Served<ModelPromotion> | undefined,
  after: Served<ModelPromotion> | undefined,
): boolean {
  const [one, other] = [placeOf(before), placeOf(after)];
  return one !== undefined && isDeepStrictEqual(one, other);
}

function placeOf(served: Served<ModelPromotion> | undefined) {
  if (served === undefined || served.deleting || served.reading.kind === 'invalid') return undefined;
  const { metadata, spec } = served.reading.object;
  return { uid: metadata.uid, registryRef: spec.registryRef, model: spec.model };
}

function declarationOf({ object: { metadata } }: Served<unknown>) {
  const { uid, generation, labels, annotations } = metadata;
  return { uid, generation, labels, annotations };
}

/**
 * An object as the API server sent it.
 * @throws Error when it lacks what every object has
 */
export function toServed<T>(raw: unknown, read: (object: ServedObject) => Reading<T>): Served<T> {
  const { metadata, spec, status } = isFields(raw) ? raw : {};
  if (!isFields(metadata)) throw new Error('it has no metadata');
  const object: ServedObject = {
    metadata: {
      name: textIn(metadata, 'name'),
      namespace: textIn(metadata, 'namespace'),
      uid: textIn(metadata, 'uid'),
      generation: typeof metadata['generation'] === 'number' ? metadata['generation'] : 1,
      creationTimestamp: textIn(metadata, 'creationTimestamp'),
      ...textsIn(metadata, 'labels'),
      ...textsIn(metadata, 'annotations'),
    },
    spec,
    status,
  };
  const reading = read(object);
  const { finalizers } = metadata;
  return {
    // Of a valid object the reading holds all that is asked for.
    object: reading.kind === 'valid' ? { ...object, spec: undefined } : object,
    resourceVersion: textIn(metadata, 'resourceVersion'),
    finalizers: Array.isArray(finalizers) ? finalizers.filter((one) => typeof one === 'string') : [],
    deleting: metadata['deletionTimestamp'] !== undefined,
    reading,
  };
}

function textIn(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw new Error(`its metadata.${name} is no text`);
  return value;
}

/** A copy of the whole object, which kubectl keeps for itself. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

function textsIn<N extends string>(fields: Fields, name: N): Partial<Record<N, Record<string, string>>> {
  const value = fields[name];
  if (!isFields(value)) return {};
  const texts = Object.entries(value).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string' && entry[0] !== LAST_APPLIED,
  );
  return { [name]: Object.fromEntries(texts) } as Partial<Record<N, Record<string, string>>>;
}
