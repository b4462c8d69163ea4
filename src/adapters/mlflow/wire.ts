/** MLflow's answers: checked at the edge, then turned into our own values. Unset fields are omitted on the wire. */
import { Ajv, type JSONSchemaType, type ValidateFunction } from 'ajv';
import type { Model, Stage, Version } from '../../domain/observed.ts';
import { plainText, RegistryError, wordsOf, type Answer } from './errors.ts';

export interface WireTag {
  key: string;
  value?: string;
}

export interface WireVersion {
  name: string;
  version: string;
  creation_timestamp?: number;
  last_updated_timestamp?: number;
  current_stage?: string;
  description?: string;
  source?: string;
  run_id?: string;
  status?: string;
  status_message?: string;
  tags?: WireTag[];
}

export interface WireModel {
  name: string;
  last_updated_timestamp?: number;
  tags?: WireTag[];
  aliases?: { alias: string; version: string }[];
  /** The highest version of each stage. */
  latest_versions?: { version: string }[];
}

export interface WireWebhook {
  webhook_id: string;
  name: string;
  last_updated_timestamp?: number;
}

export interface Page<T> {
  items: T[];
  next: string | undefined;
}

export const text = { type: 'string', nullable: true } as const;
export const time = { type: 'number', nullable: true } as const;

export const tags = {
  type: 'array',
  nullable: true,
  items: { type: 'object', required: ['key'], properties: { key: { type: 'string' }, value: text } },
} as const;

const version: JSONSchemaType<WireVersion> = {
  type: 'object',
  required: ['name', 'version'],
  properties: {
    name: { type: 'string' },
    version: { type: 'string' },
    creation_timestamp: time,
    last_updated_timestamp: time,
    current_stage: text,
    description: text,
    source: text,
    run_id: text,
    status: text,
    status_message: text,
    tags,
  },
};

const model: JSONSchemaType<WireModel> = {
  type: 'object',
  required: ['name'],
  properties: {
    name: { type: 'string' },
    last_updated_timestamp: time,
    tags,
    aliases: {
      type: 'array',
      nullable: true,
      items: {
        type: 'object',
        required: ['alias', 'version'],
        properties: { alias: { type: 'string' }, version: { type: 'string' } },
      },
    },
    latest_versions: {
      type: 'array',
      nullable: true,
      items: { type: 'object', required: ['version'], properties: { version: { type: 'string' } } },
    },
  },
};

const webhook: JSONSchemaType<WireWebhook> = {
  type: 'object',
  required: ['webhook_id', 'name'],
  properties: { webhook_id: { type: 'string' }, name: { type: 'string' }, last_updated_timestamp: time },
};

/** Fields that we do not use are dropped: in bulk they are most of an answer. */
export const ajv = new Ajv({ removeAdditional: 'all' });

const modelAnswer = ajv.compile<{ registered_model: WireModel }>({
  type: 'object',
  required: ['registered_model'],
  properties: { registered_model: model },
});

/** Of one model alone: in bulk, descriptions are of no use and take memory. */
const describedAnswer = ajv.compile<{ registered_model: { description?: string; tags?: WireTag[] } }>({
  type: 'object',
  required: ['registered_model'],
  properties: { registered_model: { type: 'object', properties: { description: text, tags } } },
});

const versionAnswer = ajv.compile<{ model_version: WireVersion }>({
  type: 'object',
  required: ['model_version'],
  properties: { model_version: version },
});

const modelPage = ajv.compile<{ registered_models?: WireModel[]; next_page_token?: string }>({
  type: 'object',
  properties: { registered_models: { type: 'array', items: model }, next_page_token: { type: 'string' } },
});

const versionPage = ajv.compile<{ model_versions?: WireVersion[]; next_page_token?: string }>({
  type: 'object',
  properties: { model_versions: { type: 'array', items: version }, next_page_token: { type: 'string' } },
});

const webhookAnswer = ajv.compile<{ webhook: WireWebhook }>({
  type: 'object',
  required: ['webhook'],
  properties: { webhook },
});

const webhookPage = ajv.compile<{ webhooks?: WireWebhook[]; next_page_token?: string }>({
  type: 'object',
  properties: { webhooks: { type: 'array', items: webhook }, next_page_token: { type: 'string' } },
});

interface WireDelivery {
  success?: boolean;
  response_status?: number;
  error_message?: string;
}

const deliveryAnswer = ajv.compile<{ result: WireDelivery }>({
  type: 'object',
  required: ['result'],
  properties: {
    result: {
      type: 'object',
      properties: {
        success: { type: 'boolean', nullable: true },
        response_status: { type: 'number', nullable: true },
        error_message: text,
      },
    },
  },
});

const locationAnswer = ajv.compile<{ artifact_uri: string }>({
  type: 'object',
  required: ['artifact_uri'],
  properties: { artifact_uri: { type: 'string' } },
});

const serverInfoAnswer = ajv.compile<{ workspaces_enabled?: boolean }>({
  type: 'object',
  properties: { workspaces_enabled: { type: 'boolean', nullable: true } },
});

/** @throws RegistryError when the answer is no JSON: then something in between has answered. */
export function parseJson(answer: Omit<Answer, 'status'>): unknown {
  try {
    return JSON.parse(answer.body) as unknown;
  } catch {
    const words = `${answer.contentType || 'no content type'}: ${wordsOf(answer)}`;
    throw new RegistryError('transient', `the answer is not JSON (${words}); is a gateway in between?`, {
      ambiguous: true,
    });
  }
}

export function readServerVersion(answer: Pick<Answer, 'body' | 'scrub'>): string {
  const version = answer.body.trim();
  if (/^\d+\.\d+[\w.+-]{0,40}$/.test(version)) return version;
  throw new RegistryError(
    'permanent',
    `this is not an MLflow server, or its address lacks a path prefix (GET /version answers: ${wordsOf(answer)})`,
  );
}

export function readModel(answer: unknown): WireModel {
  return checked(modelAnswer, answer).registered_model;
}

/** What people say of a registered model. */
export interface Described {
  readonly description: string;
  readonly tags: ReadonlyMap<string, string>;
}

export function readDescribed(answer: unknown): Described {
  const { description, tags } = checked(describedAnswer, answer).registered_model;
  return { description: description ?? '', tags: toTags(tags) };
}

export function readVersion(answer: unknown): WireVersion {
  return checked(versionAnswer, answer).model_version;
}

export function readLocation(answer: unknown): string {
  return checked(locationAnswer, answer).artifact_uri;
}

export function readModelPage(answer: unknown): Page<WireModel> {
  const page = checked(modelPage, answer);
  return { items: page.registered_models ?? [], next: nextToken(page) };
}

export function readVersionPage(answer: unknown): Page<WireVersion> {
  const page = checked(versionPage, answer);
  return { items: page.model_versions ?? [], next: nextToken(page) };
}

export function readWebhook(answer: unknown): WireWebhook {
  return checked(webhookAnswer, answer).webhook;
}

export function readWebhookPage(answer: unknown): Page<WireWebhook> {
  const page = checked(webhookPage, answer);
  return { items: page.webhooks ?? [], next: nextToken(page) };
}

/** Why a delivery failed; undefined when it did not. */
export function readDelivery(answer: unknown): string | undefined {
  const { success, response_status: status, error_message: message } = checked(deliveryAnswer, answer).result;
  if (success === true) return undefined;
  return status === undefined
    ? plainText(message ?? 'no reason given')
    : `the answer there is HTTP ${status}`;
}

export function readServerInfo(answer: unknown): { workspaces: boolean } {
  return { workspaces: checked(serverInfoAnswer, answer).workspaces_enabled === true };
}

export function nextToken({ next_page_token: token }: { next_page_token?: string }): string | undefined {
  return token === undefined || token === '' ? undefined : token;
}

export function checked<T>(validate: ValidateFunction<T>, answer: unknown): T {
  if (validate(answer)) return answer;
  throw new RegistryError(
    'transient',
    `the answer has an unexpected shape (${ajv.errorsText(validate.errors)}); is a gateway in between?`,
    {
      ambiguous: true,
    },
  );
}

const STAGES = new Set<string>(['None', 'Staging', 'Production', 'Archived'] satisfies Stage[]);

export function toVersion(wire: WireVersion): Version {
  const stage = wire.current_stage ?? 'None';
  return {
    version: wire.version,
    creationTimestamp: wire.creation_timestamp ?? 0,
    stage: STAGES.has(stage) ? (stage as Stage) : 'None',
    status: wire.status ?? 'READY',
    statusMessage: wire.status_message ?? '',
    description: wire.description ?? '',
    source: wire.source ?? '',
    runId: wire.run_id ?? '',
    tags: toTags(wire.tags),
  };
}

export function toModel(wire: WireModel, versions: Iterable<Version>): Model {
  return {
    name: wire.name,
    lastUpdatedTimestamp: wire.last_updated_timestamp ?? 0,
    tags: toTags(wire.tags),
    aliases: new Map((wire.aliases ?? []).map(({ alias, version }) => [alias, version])),
    versions: new Map([...versions].map((one) => [one.version, one])),
  };
}

const NO_TAGS: ReadonlyMap<string, string> = new Map();

export function toTags(wire: readonly WireTag[] | undefined): ReadonlyMap<string, string> {
  // On the wire it may be null, too.
  const tags = wire ?? [];
  return tags.length === 0 ? NO_TAGS : new Map(tags.map(({ key, value }) => [key, value ?? '']));
}

export function toWireTags(tags: ReadonlyMap<string, string>): { key: string; value: string }[] {
  return [...tags].map(([key, value]) => ({ key, value }));
}
