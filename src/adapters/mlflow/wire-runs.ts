/** What MLflow's tracking answers of runs and logged models, checked at the edge. Unset fields are omitted on the wire. */
import type { JSONSchemaType } from 'ajv';
import { ajv, checked, nextToken, tags, text, time, type Page, type WireTag } from './wire.ts';

interface WireMetric {
  key: string;
  /** NaN and the infinities are texts; see `toNumber`. */
  value?: unknown;
  timestamp?: number;
  step?: number;
  run_id?: string;
}

export interface WireRun {
  info: { run_id: string; experiment_id?: string; lifecycle_stage?: string; artifact_uri?: string };
  data?: { metrics?: WireMetric[]; params?: WireTag[]; tags?: WireTag[] };
  inputs?: { dataset_inputs?: { dataset?: { name?: string; digest?: string }; tags?: WireTag[] }[] };
  /** Of MLflow 3: the models that were logged in it. */
  outputs?: { model_outputs?: { model_id: string; step?: number }[] };
}

export interface WireLoggedModel {
  info: {
    model_id: string;
    experiment_id?: string;
    source_run_id?: string;
    name?: string;
    artifact_uri?: string;
    creation_timestamp_ms?: number;
  };
  data?: { metrics?: WireMetric[]; params?: WireTag[] };
}

const metrics = {
  type: 'array',
  nullable: true,
  items: {
    type: 'object',
    required: ['key'],
    properties: { key: { type: 'string' }, value: {}, timestamp: time, step: time, run_id: text },
  },
} as const;

const run = {
  type: 'object',
  required: ['info'],
  properties: {
    info: {
      type: 'object',
      required: ['run_id'],
      properties: {
        run_id: { type: 'string' },
        experiment_id: text,
        lifecycle_stage: text,
        artifact_uri: text,
      },
    },
    data: { type: 'object', nullable: true, properties: { metrics, params: tags, tags } },
    inputs: {
      type: 'object',
      nullable: true,
      properties: {
        dataset_inputs: {
          type: 'array',
          nullable: true,
          items: {
            type: 'object',
            properties: {
              dataset: { type: 'object', nullable: true, properties: { name: text, digest: text } },
              tags,
            },
          },
        },
      },
    },
    outputs: {
      type: 'object',
      nullable: true,
      properties: {
        model_outputs: {
          type: 'array',
          nullable: true,
          items: {
            type: 'object',
            required: ['model_id'],
            properties: { model_id: { type: 'string' }, step: time },
          },
        },
      },
    },
  },
} as unknown as JSONSchemaType<WireRun>;

const loggedModel = {
  type: 'object',
  required: ['info'],
  properties: {
    info: {
      type: 'object',
      required: ['model_id'],
      properties: {
        model_id: { type: 'string' },
        experiment_id: text,
        source_run_id: text,
        name: text,
        artifact_uri: text,
        creation_timestamp_ms: time,
      },
    },
    data: { type: 'object', nullable: true, properties: { metrics, params: tags } },
  },
} as unknown as JSONSchemaType<WireLoggedModel>;

const runAnswer = ajv.compile<{ run: WireRun }>({
  type: 'object',
  required: ['run'],
  properties: { run },
});

const runPage = ajv.compile<{ runs?: WireRun[]; next_page_token?: string }>({
  type: 'object',
  properties: { runs: { type: 'array', items: run }, next_page_token: { type: 'string' } },
});

const loggedModelAnswer = ajv.compile<{ model: WireLoggedModel }>({
  type: 'object',
  required: ['model'],
  properties: { model: loggedModel },
});

const loggedModelPage = ajv.compile<{ models?: WireLoggedModel[]; next_page_token?: string }>({
  type: 'object',
  properties: { models: { type: 'array', items: loggedModel }, next_page_token: { type: 'string' } },
});

const experimentPage = ajv.compile<{ experiments?: { experiment_id: string }[]; next_page_token?: string }>({
  type: 'object',
  properties: {
    experiments: {
      type: 'array',
      items: {
        type: 'object',
        required: ['experiment_id'],
        properties: { experiment_id: { type: 'string' } },
      },
    },
    next_page_token: { type: 'string' },
  },
});

const artifactsAnswer = ajv.compile<{ files?: { path: string }[] }>({
  type: 'object',
  properties: {
    files: {
      type: 'array',
      items: { type: 'object', required: ['path'], properties: { path: { type: 'string' } } },
    },
  },
});

export function readArtifacts(answer: unknown): string[] {
  return (checked(artifactsAnswer, answer).files ?? []).map(({ path }) => path);
}

export function readRun(answer: unknown): WireRun {
  return checked(runAnswer, answer).run;
}

export function readRunPage(answer: unknown): Page<WireRun> {
  const page = checked(runPage, answer);
  return { items: page.runs ?? [], next: nextToken(page) };
}

export function readLoggedModel(answer: unknown): WireLoggedModel {
  return checked(loggedModelAnswer, answer).model;
}

export function readLoggedModelPage(answer: unknown): Page<WireLoggedModel> {
  const page = checked(loggedModelPage, answer);
  return { items: page.models ?? [], next: nextToken(page) };
}

const historyPage = ajv.compile<{ metrics?: WireMetric[]; next_page_token?: string }>({
  type: 'object',
  properties: { metrics, next_page_token: { type: 'string' } },
} as unknown as JSONSchemaType<{ metrics?: WireMetric[]; next_page_token?: string }>);

export function readHistoryPage(answer: unknown): Page<number> {
  const page = checked(historyPage, answer);
  return { items: (page.metrics ?? []).map(({ value }) => toNumber(value)), next: nextToken(page) };
}

export function readExperimentPage(answer: unknown): Page<string> {
  const page = checked(experimentPage, answer);
  return { items: (page.experiments ?? []).map((one) => one.experiment_id), next: nextToken(page) };
}

/** A metric's value. MLflow stores the infinities as the largest doubles; what is no number at all is NaN, never 0. */
export function toNumber(value: unknown): number {
  if (typeof value !== 'number' && typeof value !== 'string') return Number.NaN;
  const number = value === '' ? Number.NaN : Number(value);
  return Math.abs(number) === Number.MAX_VALUE ? Math.sign(number) * Infinity : number;
}
