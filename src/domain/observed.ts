/** What the registry holds for one model. */

/** A reading of the world. `absent` is proven; `unknown` stops the pass: a 503 must never look like "no alias". */
export type Fact<T> =
  | { readonly kind: 'known'; readonly value: T }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly reason: UnknownReason; readonly message: string };

export type UnknownReason = 'RegistryUnavailable' | 'AccessDenied' | 'RegistryRefused';

export type Stage = 'None' | 'Staging' | 'Production' | 'Archived';
export type DeclarableStage = 'Staging' | 'Production';

/**
 * One model version. MLflow reuses numbers when a model is deleted and made again, so a version's identity is
 * its number together with creation time, source and run (see `sameVersion`).
 */
export interface Version {
  /** A decimal number without leading zeros. */
  readonly version: string;
  /** Milliseconds since the epoch, by the server's clock. */
  readonly creationTimestamp: number;
  readonly stage: Stage;
  /** READY, PENDING_REGISTRATION, FAILED_REGISTRATION or what a later MLflow adds. */
  readonly status: string;
  readonly statusMessage: string;
  /** Empty when there is none, as for source and runId: MLflow does not tell "" from absent. */
  readonly description: string;
  readonly source: string;
  readonly runId: string;
  readonly tags: ReadonlyMap<string, string>;
}

export interface Model {
  readonly name: string;
  /** Milliseconds since the epoch. Aliases and tags do not move it. */
  readonly lastUpdatedTimestamp: number;
  readonly tags: ReadonlyMap<string, string>;
  /** Alias to version; the version may not exist (a dangling alias). */
  readonly aliases: ReadonlyMap<string, string>;
  readonly versions: ReadonlyMap<string, Version>;
  /** It is not there, and is about to be made. */
  readonly isMissing?: true;
}

export type VersionIdentity = Pick<Version, 'version' | 'creationTimestamp' | 'source' | 'runId'>;

export function sameVersion(a: VersionIdentity, b: VersionIdentity): boolean {
  return (
    a.version === b.version &&
    a.creationTimestamp === b.creationTimestamp &&
    a.source === b.source &&
    a.runId === b.runId
  );
}

/** MLflow keeps prompts in the same tables as models, marked by this tag (docs/mlflow.md). */
export function isPrompt(model: Model): boolean {
  return model.tags.get('mlflow.prompt.is_prompt') === 'true';
}

/** The versions that hold a stage, highest number first. */
export function holders(model: Model, stage: Stage): Version[] {
  return [...model.versions.values()].filter((version) => version.stage === stage).sort(byNumber);
}

/** MLflow itself would promote what is not READY (docs/mlflow.md). */
export function isReady({ status }: Pick<Version, 'status'>): boolean {
  return status === 'READY';
}

/** Highest number first. */
export function readyVersions({ versions }: Pick<Model, 'versions'>): Version[] {
  return [...versions.values()].filter(isReady).sort(byNumber);
}

/** The newest first. */
export function byNumber(a: Pick<Version, 'version'>, b: Pick<Version, 'version'>): number {
  return Number(b.version) - Number(a.version);
}
