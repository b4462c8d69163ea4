/** The status of a ModelRegistry, from what its adapter knows. */
import type { Condition, ModelRegistryStatus } from '../../api/generated/types.ts';
import type { Reason } from '../../api/reasons.ts';
import { timestamp } from '../../api/timestamp.ts';
import type { Listed } from '../../adapters/mlflow/directory.ts';
import type { WebhookState } from '../../adapters/mlflow/webhook.ts';

export interface RegistryDocument {
  readonly name: string;
  readonly uri: string;
  readonly status: ModelRegistryStatus;
}

/** What others know of a registry. */
interface Known {
  readonly promotions: number;
  /** Milliseconds since the epoch. */
  readonly lastHint: number | undefined;
}

export function registryDocument(
  listed: Listed,
  { promotions, lastHint }: Known,
  now: number,
): RegistryDocument {
  const { capabilities, counts, lastSweep, lastFull, since = now, webhook } = listed.registry.health;
  const status: ModelRegistryStatus = {
    observedGeneration: listed.entry?.generation ?? 1,
    conditions: [
      { type: 'Ready', ...readyState(listed), lastTransitionTime: timestamp(since) },
      ...(webhook === undefined ? [] : [webhookCondition(webhook, listed)]),
    ],
    ...(capabilities === undefined
      ? {}
      : {
          serverVersion: capabilities.version,
          supports: ['Stages', 'Aliases', ...(capabilities.workspaces ? (['Workspaces'] as const) : [])],
        }),
    counts: { ...counts, promotions },
    ...(lastSweep === undefined
      ? {}
      : {
          lastSweep: {
            time: timestamp(lastSweep.time),
            duration: `${Math.round(lastSweep.duration)}ms`,
            requests: lastSweep.requests,
            kind: lastSweep.kind,
            ...(lastFull === undefined ? {} : { lastFull: timestamp(lastFull) }),
          },
        }),
    ...(lastHint === undefined ? {} : { lastHint: timestamp(lastHint) }),
  };
  return { name: listed.key, uri: listed.uri, status };
}

type State = Pick<Condition, 'status' | 'message'> & { readonly reason: Reason };

function readyState({ registry, refusal }: Listed): State {
  if (refusal !== undefined) return { status: 'False', reason: 'NotAllowed', message: refusal };
  const { failure, capabilities, connections } = registry.health;
  if (failure !== undefined) return { status: 'False', reason: failure.reason, message: failure.message };
  if (capabilities === undefined) return UNSEEN;
  return {
    status: 'True',
    reason: 'Reachable',
    message: `MLflow ${capabilities.version}, connections are ${connections === 'fresh' ? 'made anew for each call' : 'kept'}`,
  };
}

const UNSEEN: State = { status: 'Unknown', reason: 'Progressing', message: 'not looked at yet' };

/** Beside Ready, never part of it: without the webhook changes are found by looking, as ever. */
function webhookCondition(webhook: WebhookState, listed: Listed): Condition {
  const lastTransitionTime = timestamp(webhook.since);
  return { type: 'Webhook', ...webhookState(webhook, listed), lastTransitionTime };
}

function webhookState(webhook: WebhookState, { entry }: Listed): State {
  switch (webhook.kind) {
    case 'unknown':
      return UNSEEN;
    case 'kept':
      return {
        status: 'True',
        reason: 'WebhookKept',
        message: `MLflow tells ${entry?.document.spec.webhook?.url ?? 'us'} of changes`,
      };
    case 'refused':
      return { status: 'False', reason: 'WebhookRefused', message: webhook.message };
    case 'undelivered':
      return { status: 'False', reason: 'WebhookUndelivered', message: webhook.message };
    default:
      return webhook satisfies never;
  }
}
