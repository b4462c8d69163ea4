/** What is to be done about our webhook in MLflow, decided from what the server lists. */
import { createHash } from 'node:crypto';
import type { WireWebhook } from './wire.ts';

/** The webhook as it should be; its secret is never shown by MLflow. */
export interface WantedWebhook {
  readonly url: string;
  readonly secret: string;
}

/** What we last wrote, as MLflow confirmed it. */
export interface WrittenWebhook {
  readonly id: string;
  readonly updated: number | undefined;
  readonly secret: string;
}

export type WebhookStep =
  | { readonly kind: 'Create' }
  | { readonly kind: 'Update'; readonly id: string }
  | { readonly kind: 'Delete'; readonly id: string };

/** MLflow has no event for a stage, for a description, or for anything that is deleted. */
export const EVENTS = [
  { entity: 'REGISTERED_MODEL', action: 'CREATED' },
  { entity: 'MODEL_VERSION', action: 'CREATED' },
  { entity: 'MODEL_VERSION_TAG', action: 'SET' },
  { entity: 'MODEL_VERSION_TAG', action: 'DELETED' },
  { entity: 'MODEL_VERSION_ALIAS', action: 'CREATED' },
  { entity: 'MODEL_VERSION_ALIAS', action: 'DELETED' },
] as const;

/** MLflow takes 62 characters. */
const LONGEST_NAME = 62;

/** Names are not unique in MLflow, so ours ends with a digest: it can be meant by nobody else. */
export function webhookName(installation: string, registry: string): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([installation, registry]))
    .digest('hex');
  const words = `modelpromotion.${installation}.${registry.replace('/', '.')}`.toLowerCase();
  const suffix = `-${digest.slice(0, 8)}`;
  return `${words.replaceAll(/[^a-z0-9._-]/g, '-').slice(0, LONGEST_NAME - suffix.length)}${suffix}`;
}

/**
 * @param found those of the server that bear our name
 * @param wanted undefined when there is to be none
 * @param written undefined when we have not written it since we started: then it is written whole, once, because
 * nobody can see which secret it has
 */
export function planWebhook(
  found: readonly WireWebhook[],
  wanted: WantedWebhook | undefined,
  written: WrittenWebhook | undefined,
): WebhookStep[] {
  if (wanted === undefined) return found.map(({ webhook_id: id }) => ({ kind: 'Delete', id }));
  const kept = found.find(({ webhook_id: id }) => id === written?.id) ?? found.at(-1);
  if (kept === undefined) return [{ kind: 'Create' }];
  const surplus = found.filter((one) => one !== kept);
  const id = kept.webhook_id;
  // Every change that anybody makes moves the timestamp.
  const same =
    written?.id === id && written.updated === kept.last_updated_timestamp && written.secret === wanted.secret;
  return [
    ...(same ? [] : [{ kind: 'Update', id } as const]),
    ...surplus.map(({ webhook_id }) => ({ kind: 'Delete', id: webhook_id }) as const),
  ];
}
