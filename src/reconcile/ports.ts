/** The interfaces through which the engine meets the world. Adapters and sources implement them. */
import type { Amendment, Listing } from '../api/listing.ts';
import type { RegistryEntry } from '../domain/catalog.ts';
import type { Action } from '../domain/action.ts';
import type { Promotion } from '../domain/desired.ts';
import type { Grounds, Question, SampleOf } from '../domain/grounds.ts';
import type { Fact, Model, UnknownReason } from '../domain/observed.ts';
import type { Event } from '../domain/outcome.ts';
import type { Mark } from '../domain/provenance.ts';

/** Where declared objects come from: git, a folder. */
export interface Source {
  /** For logs and `GET /status`; never holds a secret. */
  readonly description: string;
  /**
   * Looks once. Resolves with the listing when it differs from the last one, or with what differs where that is known
   * and little; with undefined when nothing moved.
   * @param moved somebody said that there is something new: worth a dearer look that finds it sooner
   * @throws SourceError when the world could not be read; the last listing then still holds.
   */
  poll(signal: AbortSignal, moved?: boolean): Promise<Listing | Amendment | undefined>;
  close(): Promise<void>;
}

/** Why a source could not be read. `message` is for people: it says what to do and holds no secret. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
  readonly reason:
    'Unreachable' | 'AccessDenied' | 'BranchNotFound' | 'Redirected' | 'Refused' | 'CacheUnusable';

  constructor(reason: SourceError['reason'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** Small text files that outlive the process, written together: the status branch. */
export interface StatusStore {
  /** Every file below this installation's folder, by its path relative to it. */
  read(signal: AbortSignal): Promise<ReadonlyMap<string, string>>;
  /**
   * Writes (text) and removes (null) all files in one step. Nothing is sent when nothing differs.
   * `anew` says that all earlier files were gone, which somebody else must have done.
   */
  write(
    changes: ReadonlyMap<string, string | null>,
    message: string,
    signal: AbortSignal,
  ): Promise<'written' | 'anew'>;
}

/** One model registry, as the engine needs it. Every read that failed is an `unknown` fact, never an absence. */
export interface Registry {
  /**
   * What the last sweep knows of a model; costs no call. Undefined while no sweep has covered the model.
   * An `absent` here is a hint: `read` proves it.
   */
  snapshot(model: string): Fact<Model> | undefined;
  /** A live reading, shared with everybody who asks at the same moment. `absent` is proven by name. */
  read(model: string, signal: AbortSignal): Promise<Fact<Model>>;
  /** What rules go by: what runs measured, and what sources stand for. What cannot be read is an `unknown` fact. */
  grounds(question: Question, signal: AbortSignal): Promise<Omit<Grounds, 'samples'>>;
  /** Every value that runs logged of a metric, by `sampleKey`. */
  samples(of: readonly SampleOf[], signal: AbortSignal): Promise<Grounds['samples']>;
  /**
   * Sends one action. Resolves when the registry said it is done.
   * @throws WriteError otherwise
   */
  write(model: string, action: Action, signal: AbortSignal): Promise<void>;
  /** Leaves a mark of ours on the model or a version. @throws WriteError */
  mark(model: string, mark: Mark, signal: AbortSignal): Promise<void>;
  /** Runs `work` while nobody else of this process writes to the model. */
  exclusive<T>(model: string, work: () => Promise<T>): Promise<T>;
}

/** A write that was not confirmed. */
export class WriteError extends Error {
  override readonly name = 'WriteError';
  readonly reason: UnknownReason;
  /** The write may have been carried out all the same: read before anything else. */
  readonly ambiguous: boolean;

  constructor(reason: UnknownReason, ambiguous: boolean, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
    this.ambiguous = ambiguous;
  }
}

/** Finds the registry that a promotion names, if it may use it. */
export interface Registries {
  /** Takes over what is declared now, before anything is resolved, and the keys of what is declared with mistakes. */
  update(declared: ReadonlyMap<string, RegistryEntry>, broken: ReadonlySet<string>): Promise<void>;
  resolve(reference: RegistryReference): ResolvedRegistry;
}

export interface RegistryReference {
  /** namespace/name of the registry. */
  readonly registry: string;
  /** Namespace of the promotion that asks. */
  readonly namespace: string;
  readonly model: string;
}

export type ResolvedRegistry =
  | {
      readonly kind: 'found';
      readonly registry: Registry;
      /** Tells servers apart: two registries with one address share their models. */
      readonly address: string;
      /** Whether versions may be registered there for the one who asks. */
      readonly mayRegister: boolean;
    }
  | {
      readonly kind: 'refused';
      readonly reason: 'RegistryNotFound' | 'NotAllowed';
      readonly message: string;
      /** It is declared, with mistakes, and was never known without: it is there again once they are mended. */
      readonly broken?: true;
    };

/** What the engine tells of itself, for logs and metrics. Messages are constant; what varies stands in the fields. */
export interface Observer {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  /** What happened to a promotion, for people. */
  event(promotion: Promotion, event: Event): void;
  reconciled(promotion: Promotion, result: 'ready' | 'waiting' | 'stalled', seconds: number): void;
  applied(kind: Action['kind'], cause: Action['cause']): void;
}

/** For whoever wants to hear nothing of it. */
export const SILENT: Observer = {
  info: () => undefined,
  warn: () => undefined,
  event: () => undefined,
  reconciled: () => undefined,
  applied: () => undefined,
};
