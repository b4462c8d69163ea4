/** Candidate selection: which version a target asks for, given what the registry holds. */
import { clip } from '../api/quote.ts';
import type { Reason } from '../api/reasons.ts';
import { describeTarget, type TargetId, type Want } from './desired.ts';
import type { ResolvedSource } from './grounds.ts';
import { holders, isReady, type DeclarableStage, type Model, type Version } from './observed.ts';

export type Candidate =
  | { readonly kind: 'found'; readonly version: Version }
  | { readonly kind: 'none'; readonly message: string }
  /** It is to be registered first. */
  | { readonly kind: 'unregistered'; readonly source: ResolvedSource }
  | {
      readonly kind: 'unusable';
      readonly reason: Reason;
      readonly message: string;
      /** Since when it is being registered: milliseconds since the epoch. */
      readonly since?: number;
    };

/** How long a version may be registered before a person has to look: twelve times what MLflow's own client waits. */
const REGISTRATION_PATIENCE = 3_600_000;

/** Rules need more than the model: what they select is chosen before (choose.ts), and here there is none. */
export function selectCandidate(want: Want, model: Model): Candidate {
  if (want.kind === 'pinned') {
    const version = model.versions.get(want.version);
    return version === undefined
      ? {
          kind: 'unusable',
          reason: 'VersionNotFound',
          message: `version ${want.version} of ${model.name} does not exist (${existing(model)})`,
        }
      : usable(version);
  }
  if (want.kind !== 'follows') return { kind: 'none', message: 'it is not known what the rule selects' };
  const version = currentHolder(want.source, model);
  return version === undefined
    ? { kind: 'none', message: `nothing holds ${describeTarget(want.source)}` }
    : usable(version);
}

/** The version that holds a target now; the highest number when several hold a stage. */
export function currentHolder(id: TargetId, model: Model): Version | undefined {
  if (id.startsWith('stage/')) return holders(model, id.slice('stage/'.length) as DeclarableStage)[0];
  const version = model.aliases.get(id.slice('alias/'.length));
  return version === undefined ? undefined : model.versions.get(version);
}

/** Whether this version holds the target, be it one of several. */
export function isHeldBy(id: TargetId, { version }: Pick<Version, 'version'>, model: Model): boolean {
  if (id.startsWith('alias/')) return model.aliases.get(id.slice('alias/'.length)) === version;
  return model.versions.get(version)?.stage === id.slice('stage/'.length);
}

const LONGEST_DETAIL = 200;

/** MLflow itself would promote a version that is still being registered, or that failed (docs/mlflow.md). */
export function usable(version: Version): Candidate {
  if (isReady(version)) return { kind: 'found', version };
  const detail = version.statusMessage === '' ? '' : `: ${clip(version.statusMessage, LONGEST_DETAIL)}`;
  return version.status.startsWith('PENDING')
    ? {
        kind: 'unusable',
        reason: 'VersionNotReady',
        message: `version ${version.version} is still being registered (${version.status}${detail})`,
        since: version.creationTimestamp,
      }
    : {
        kind: 'unusable',
        reason: 'VersionFailed',
        message: `version ${version.version} cannot be promoted: its status is ${version.status}${detail}`,
      };
}

/** A registration that takes for ever died with whoever made it. @param now milliseconds since the epoch */
export function outOfPatience(candidate: Candidate, now: number): Candidate {
  if (candidate.kind !== 'unusable' || candidate.since === undefined) return candidate;
  if (now - candidate.since < REGISTRATION_PATIENCE) return candidate;
  const since = new Date(candidate.since).toISOString();
  const message = `${candidate.message} since ${since}: what registered it has probably died; register the model again`;
  return { kind: 'unusable', reason: 'VersionFailed', message };
}

/** The versions that a model has, in words. */
export function existing(model: Model): string {
  const numbers = [...model.versions.keys()].map(Number).sort((a, b) => b - a);
  if (numbers.length === 0) return 'the model has no versions';
  const shown = numbers.slice(0, 5).join(', ');
  return numbers.length > 5 ? `newest are ${shown}` : `there ${numbers.length === 1 ? 'is' : 'are'} ${shown}`;
}
