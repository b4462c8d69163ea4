/** Brings a commit to a branch of the server, and never overwrites what somebody else brought there. */
import { SourceError } from '../../reconcile/ports.ts';
import { GitExitError } from './door.ts';
import type { Remote } from './remote.ts';

/** The sha that a commit builds on; null while the branch does not exist. */
export type Base = string | null;

export interface Push {
  readonly remote: Remote;
  /** The mirror that holds the commit. */
  readonly gitDir: string;
  readonly commit: string;
  readonly base: Base;
}

/** Somebody else pushed first, or is pushing. */
const LOST_RACE =
  /fetch first|non-fast-forward|stale info|cannot lock ref|failed to update ref|reference already exists|incorrect old value/;

/**
 * Lands only on the very base; an empty expectation means that the branch must not exist.
 * @throws SourceError
 */
export async function push({ remote, gitDir, commit, base }: Push, signal: AbortSignal): Promise<void> {
  const lease = `--force-with-lease=${remote.ref}:${base ?? ''}`;
  const argv = ['push', '--quiet', '--no-follow-tags', '--recurse-submodules=no', lease];
  await remote.run([...argv, '--end-of-options', 'origin', `${commit}:${remote.ref}`], { gitDir }, signal);
}

export function isLostRace(error: unknown): error is SourceError {
  return (
    error instanceof SourceError && error.cause instanceof GitExitError && LOST_RACE.test(error.cause.stderr)
  );
}

/** A hook or a rule of the server said no, although the credential was good. */
export function asRefusal(error: unknown, { branch, url }: Remote): unknown {
  if (!(error instanceof SourceError) || !(error.cause instanceof GitExitError)) return error;
  const why = /\[remote rejected\][^(]*\(([^\n)]*)\)/.exec(error.cause.stderr)?.[1];
  if (why === undefined) return error;
  const sentence = `${url.href} refuses the push to ${branch}: ${why.replaceAll(/\p{Cc}/gu, ' ')}.`;
  return new SourceError('AccessDenied', sentence, { cause: error.cause });
}
