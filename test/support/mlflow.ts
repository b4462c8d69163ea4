/**
 * The real MLflow of the integration tests, spoken to in plain REST: tests seed and read the registry without the
 * code that they test. One server is shared by all, so every test makes models of its own.
 */
import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';

export type Stage = 'None' | 'Staging' | 'Production' | 'Archived';

/** A model version as MLflow gives it; what is empty is left out there. */
export interface RawVersion {
  readonly name: string;
  readonly version: string;
  readonly creation_timestamp: number;
  readonly last_updated_timestamp: number;
  readonly current_stage: Stage;
  readonly status: string;
  readonly source?: string;
  readonly run_id?: string;
  readonly description?: string;
  readonly tags?: readonly { readonly key: string; readonly value?: string }[];
  readonly aliases?: readonly string[];
}

/** A registered model as MLflow gives it. */
export interface RawModel {
  readonly name: string;
  readonly creation_timestamp: number;
  readonly last_updated_timestamp: number;
  readonly description?: string;
  readonly tags?: readonly { readonly key: string; readonly value?: string }[];
  readonly aliases?: readonly { readonly alias: string; readonly version: string }[];
}

/** What MLflow answers, by the call; an empty list is left out. */
export interface Answer {
  readonly registered_model: RawModel;
  readonly model_version: RawVersion;
  readonly model_versions?: readonly RawVersion[];
  readonly [field: string]: unknown;
}

/** What a test usually compares: who holds what. */
export interface RegistryState {
  /** Stage by version; versions in stage None are left out. */
  readonly stages: Readonly<Record<string, Stage>>;
  /** Version by alias. */
  readonly aliases: Readonly<Record<string, string>>;
}

/** The URL of the MLflow that `global-setup.ts` started. */
export function sharedMlflow(): string {
  return inject('mlflowUrl');
}

/** A model name that no other test uses. */
export function uniqueModel(prefix = 'model'): string {
  return `${prefix}-${randomUUID()}`;
}

/** An answer other than 2xx, with its body as text. */
class RestError extends Error {
  readonly status: number;

  constructor(status: number, call: string, body: string) {
    super(`${call} answered ${status}: ${body}`);
    this.status = status;
  }
}

/** Plain calls to one MLflow. Each throws RestError when refused. */
export function rest(url: string, headers: Readonly<Record<string, string>> = {}) {
  const call = (method: string, path: string, body: object) => send(url, headers, method, path, body);

  return {
    /** Any other call, by its path below `/api/2.0/mlflow/`. */
    call,

    async createModel(name: string): Promise<void> {
      await call('POST', 'registered-models/create', { name });
    },

    async deleteModel(name: string): Promise<void> {
      await call('DELETE', 'registered-models/delete', { name });
    },

    /** Resolves with the new version's number. */
    async createVersion(
      name: string,
      fields: {
        readonly source?: string;
        readonly run_id?: string;
        readonly description?: string;
        readonly tags?: Readonly<Record<string, string>>;
      } = {},
    ): Promise<string> {
      const tags = Object.entries(fields.tags ?? {}).map(([key, value]) => ({ key, value }));
      const body = { name, source: `s3://models/${name}`, ...fields, tags };
      return (await call('POST', 'model-versions/create', body)).model_version.version;
    },

    /** Makes a model with this many versions, numbered from 1. */
    async seed(name: string, versions: number): Promise<void> {
      await this.createModel(name);
      for (let made = 0; made < versions; made++) await this.createVersion(name);
    },

    async deleteVersion(name: string, version: string): Promise<void> {
      await call('DELETE', 'model-versions/delete', { name, version });
    },

    /** Other holders of the stage stay, unless `archive` says otherwise. */
    async transition(name: string, version: string, stage: Stage, archive = false): Promise<void> {
      const body = { name, version, stage, archive_existing_versions: archive };
      await call('POST', 'model-versions/transition-stage', body);
    },

    async setAlias(name: string, alias: string, version: string): Promise<void> {
      await call('POST', 'registered-models/alias', { name, alias, version });
    },

    async deleteAlias(name: string, alias: string): Promise<void> {
      await call('DELETE', 'registered-models/alias', { name, alias });
    },

    async setVersionTag(name: string, version: string, key: string, value: string): Promise<void> {
      await call('POST', 'model-versions/set-tag', { name, version, key, value });
    },

    async deleteVersionTag(name: string, version: string, key: string): Promise<void> {
      await call('DELETE', 'model-versions/delete-tag', { name, version, key });
    },

    async describeVersion(name: string, version: string, description: string): Promise<void> {
      await call('PATCH', 'model-versions/update', { name, version, description });
    },

    async version(name: string, version: string): Promise<RawVersion> {
      return (await call('GET', 'model-versions/get', { name, version })).model_version;
    },

    /** The tags of a version as one object. */
    async versionTags(name: string, version: string): Promise<Record<string, string>> {
      const { tags = [] } = await this.version(name, version);
      return Object.fromEntries(tags.map(({ key, value = '' }) => [key, value]));
    },

    async state(name: string): Promise<RegistryState> {
      const { registered_model: model } = await call('GET', 'registered-models/get', { name });
      const search = { filter: `name='${name}'` };
      const { model_versions: versions = [] } = await call('GET', 'model-versions/search', search);
      const staged = versions.filter((version) => version.current_stage !== 'None');
      return {
        stages: Object.fromEntries(staged.map((version) => [version.version, version.current_stage])),
        aliases: Object.fromEntries((model.aliases ?? []).map(({ alias, version }) => [alias, version])),
      };
    },
  };
}

async function send(
  url: string,
  headers: Readonly<Record<string, string>>,
  method: string,
  path: string,
  body: object,
): Promise<Answer> {
  const target = new URL(`${url}/api/2.0/mlflow/${path}`);
  if (method === 'GET') target.search = new URLSearchParams(Object.entries(body)).toString();
  const response = await fetch(target, {
    method,
    headers: { ...headers, 'content-type': 'application/json' },
    ...(method !== 'GET' && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new RestError(response.status, `${method} ${path}`, text);
  const answer: Answer = JSON.parse(text);
  return answer;
}
