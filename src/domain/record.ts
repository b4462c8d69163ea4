/**
 * Our memory: for each target, what we last saw in place as declared. It tells drift (somebody changed what
 * stood) from promotion (the wish moved). It lives in the status, because MLflow keeps no history.
 */
import type { TargetId } from './desired.ts';
import type { Version, VersionIdentity } from './observed.ts';

export interface TargetRecord extends VersionIdentity {
  /** Applied by us, or found in place when we first looked. */
  readonly how: 'Applied' | 'Found';
  /** The declared description and tags, as they stood. */
  readonly description: string | undefined;
  readonly tags: ReadonlyMap<string, string>;
}

export type Records = ReadonlyMap<TargetId, TargetRecord>;

export function identityOf({ version, creationTimestamp, source, runId }: Version): VersionIdentity {
  return { version, creationTimestamp, source, runId };
}
