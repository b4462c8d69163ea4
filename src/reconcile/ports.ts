/** The interfaces through which the engine meets the world. Adapters and sources implement them. */
import type { Listing } from '../api/listing.ts';

/** Where declared objects come from: git, a folder. */
export interface Source {
  /** For logs and `GET /status`; never holds a secret. */
  readonly description: string;
  /**
   * Looks once. Resolves with the listing when it differs from the last one, with undefined when nothing moved.
   * @throws SourceError when the world could not be read; the last listing then still holds.
   */
  poll(signal: AbortSignal): Promise<Listing | undefined>;
  close(): Promise<void>;
}

/** Why a source could not be read. `message` is for people: it says what to do and holds no secret. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
  readonly reason: 'Unreachable' | 'AccessDenied' | 'BranchNotFound' | 'Redirected' | 'Refused';

  constructor(reason: SourceError['reason'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** Small text files that outlive the process, written together: the status branch. */
export interface StatusStore {
  /** Every file below this installation's folder, by its path relative to it. */
  read(signal: AbortSignal): Promise<ReadonlyMap<string, string>>;
  /** Writes (text) and removes (null) all files in one step. Nothing is sent when nothing differs. */
  write(changes: ReadonlyMap<string, string | null>, message: string, signal: AbortSignal): Promise<void>;
}
