/** Where a promotion is declared, as a place that a person changes from the prompt. */
import type { FieldEdit } from '../../api/edit/edit.ts';
import type { ModelPromotion, ModelPromotionStatus } from '../../api/generated/types.ts';
import type { Listing } from '../../api/listing.ts';
import type { RegistryAccess } from '../daemon/home.ts';
import type { Wording } from './wording.ts';

/** A promotion as it was found. */
export interface Declared {
  readonly key: string;
  readonly object: ModelPromotion;
  /** What else is declared beside it, its registry above all. */
  readonly listing: Pick<Listing, 'registries' | 'problems'>;
  /** What a person should know before changing it, one sentence each. */
  readonly warnings: readonly string[];
}

/** What the controller remembers of it. */
export interface Memory {
  readonly status: ModelPromotionStatus | undefined;
  /** Why there is none. */
  readonly note?: string;
}

export interface Proposal {
  readonly edits: readonly FieldEdit[];
  readonly wording: Wording;
}

export interface Outcome {
  /** A sentence that says what was written, and where. */
  readonly message: string;
  /** When that will be seen; empty where there is nothing to say. */
  readonly next: string;
}

export type Written =
  | ({ readonly kind: 'written' } & Outcome)
  /** Somebody else was faster: nothing was written. */
  | { readonly kind: 'moved' };

export interface EditHome extends AsyncDisposable {
  /** Looks anew. @throws CommandError when there is no such promotion, or something is wrong with it */
  find(name: string, signal: AbortSignal): Promise<Declared>;
  remember(declared: Declared, signal: AbortSignal): Promise<Memory>;
  /**
   * What a change would look like, a line each; none when it says so already. Nothing is written.
   * @throws CommandError when a person has to make it
   */
  preview(declared: Declared, proposal: Proposal, signal: AbortSignal): Promise<readonly string[]>;
  /** @throws CommandError, SourceError or KubeError; nothing is written then */
  write(declared: Declared, proposal: Proposal, signal: AbortSignal): Promise<Written>;
  /** How registries get their secrets; undefined for the folders and files of the options. */
  readonly access: RegistryAccess | undefined;
}
