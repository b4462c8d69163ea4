/**
 * What a source found at one revision: every object it could read, and everything that was wrong.
 * A listing is complete: an object that is neither here nor in a file named by a problem is gone.
 */
import type { ModelPromotion, ModelRegistry } from './generated/types.ts';

/**
 * A place in a manifest. Lines and columns count from 1, columns in UTF-16 code units. An object of an API server
 * stands in no file: its file is empty.
 */
export interface Location {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One mistake in a manifest. `path` is the field, such as `spec.stages[0].version`; empty for the whole file. */
export interface Problem extends Location {
  readonly path: string;
  readonly message: string;
  /** The object the mistake is in, where its kind and name could be read. */
  readonly object?: ObjectIdentity;
  /** A link or a submodule: no manifest is ever read from it, so it casts no doubt on what is gone elsewhere. */
  readonly neverRead?: true;
  /** The place to read is not there: there is no manifest, and the mistake concerns none that was there before. */
  readonly missing?: true;
}

export interface ObjectIdentity {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Of an object of an API server: which one of this name it is, and how often its spec has changed. */
  readonly uid?: string;
  readonly generation?: number;
}

/** Where nothing is written in a file. */
export const NOWHERE: Location = { file: '', line: 0, column: 0 };

/** `models/churn.yaml:3:5`; undefined for what stands in no file. */
export function describeLocation({ file, line, column }: Location): string | undefined {
  return file === '' ? undefined : `${file}:${line}:${column}`;
}

/** A valid object with all defaults filled in, and where it was declared. */
export interface Located<T> {
  readonly object: T;
  readonly location: Location;
}

/**
 * What changed since the last listing, from a source that is told of each change: these promotions say something
 * else, under the same name, for the same model and registry. All others stand, and so does every registry.
 */
export interface Amendment {
  readonly revision: string;
  readonly amended: readonly Located<ModelPromotion>[];
}

export interface Listing {
  /** Flux's form `main@sha1:<hex>` in git; a digest of the content elsewhere. */
  readonly revision: string;
  /** Who made the revision, as the source tells it: the author of the commit. For display only. */
  readonly author?: string;
  /** Of files, in path order, then in the order of the documents: the older of two claims comes first. */
  readonly promotions: readonly Located<ModelPromotion>[];
  readonly registries: readonly Located<ModelRegistry>[];
  readonly problems: readonly Problem[];
  /** YAML documents of other groups, counted and left alone. */
  readonly ignored: number;
}
