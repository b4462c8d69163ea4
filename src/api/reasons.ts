/**
 * Why a condition is what it is: a closed list, documented line by line in docs/conditions.md.
 * A test keeps that page and this list equal.
 */
export const REASONS = {
  UpToDate: 'ready',
  Reachable: 'ready',
  WebhookKept: 'ready',
  NoCandidate: 'waiting',
  Suspended: 'ready',
  DriftReported: 'ready',
  Progressing: 'waiting',
  ProgressingWithRetry: 'waiting',
  WaitingForSource: 'waiting',
  VersionNotReady: 'waiting',
  RegistryUnavailable: 'waiting',
  InvalidSpec: 'stalled',
  Conflict: 'stalled',
  Flapping: 'stalled',
  RegistryNotFound: 'stalled',
  NotAllowed: 'stalled',
  ModelNotFound: 'stalled',
  VersionNotFound: 'stalled',
  VersionFailed: 'stalled',
  SourceNotFound: 'stalled',
  IsPrompt: 'stalled',
  AccessDenied: 'stalled',
  RegistryRefused: 'stalled',
  WebhookRefused: 'stalled',
  WebhookUndelivered: 'stalled',
} as const satisfies Record<string, 'ready' | 'waiting' | 'stalled'>;

export type Reason = keyof typeof REASONS;

/** Stalled: a person must act. Waiting: it may resolve by itself, and we look again. */
export function severity(reason: Reason): 'ready' | 'waiting' | 'stalled' {
  return REASONS[reason];
}
