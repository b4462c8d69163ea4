/** The registry as MLflow tells it, over plain REST: the quickstart does not take our own adapter's word for it. */

export interface RegisteredVersion {
  readonly version: string;
  readonly stage: string;
  readonly aliases: readonly string[];
  readonly runId: string;
}

/** Who holds what. Versions in stage None are left out. */
export interface Holdings {
  /** Stage by version. */
  readonly stages: Readonly<Record<string, string>>;
  /** Version by alias. */
  readonly aliases: Readonly<Record<string, string>>;
}

interface VersionAnswer {
  readonly version: string;
  readonly current_stage: string;
  readonly run_id?: string;
}

interface Answer {
  readonly registered_model?: {
    readonly aliases?: readonly { readonly alias: string; readonly version: string }[];
  };
  readonly model_versions?: readonly VersionAnswer[];
  readonly experiments?: readonly { readonly experiment_id: string }[];
  readonly runs?: readonly { readonly info: { readonly run_id: string } }[];
  readonly run?: {
    readonly data: {
      readonly metrics?: readonly { readonly key: string; readonly value: number }[];
      readonly params?: readonly { readonly key: string; readonly value: string }[];
    };
  };
}

export interface RegistryReader {
  /** Every version of the model, from 1 on. */
  versions(model: string): Promise<RegisteredVersion[]>;
  /** The parameters and metrics of a run, as text. */
  run(runId: string): Promise<Readonly<Record<string, string>>>;
  /** The id of the run of this name. */
  findRun(name: string): Promise<string>;
  /** A change that is made in MLflow by hand. */
  transition(model: string, version: string, stage: string): Promise<void>;
}

export function readRegistry(url: string, signal: AbortSignal): RegistryReader {
  const get = (path: string, query: Record<string, string>) =>
    send(`${url}/api/2.0/mlflow/${path}?${new URLSearchParams(query).toString()}`, { signal });
  const post = (path: string, body: object) =>
    send(`${url}/api/2.0/mlflow/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal,
    });

  return {
    async versions(model) {
      const [{ registered_model: found }, { model_versions: versions = [] }] = await Promise.all([
        get('registered-models/get', { name: model }),
        get('model-versions/search', { filter: `name='${model}'` }),
      ]);
      const aliases = found?.aliases ?? [];
      return versions
        .map(({ version, current_stage: stage, run_id: runId = '' }) => ({
          version,
          stage,
          runId,
          aliases: aliases.filter((alias) => alias.version === version).map(({ alias }) => alias),
        }))
        .sort((one, other) => Number(one.version) - Number(other.version));
    },

    async run(runId) {
      const { run } = await get('runs/get', { run_id: runId });
      const metrics = (run?.data.metrics ?? []).map(({ key, value }) => [key, value.toFixed(3)]);
      const params = (run?.data.params ?? []).map(({ key, value }) => [key, value]);
      return Object.fromEntries([...params, ...metrics]);
    },

    async findRun(name) {
      const { experiments = [] } = await post('experiments/search', { max_results: 100 });
      const { runs = [] } = await post('runs/search', {
        experiment_ids: experiments.map(({ experiment_id: id }) => id),
        filter: `attributes.run_name = '${name}'`,
      });
      const [run] = runs;
      if (run === undefined) throw new Error(`MLflow has no run ${name}`);
      return run.info.run_id;
    },

    async transition(name, version, stage) {
      await post('model-versions/transition-stage', {
        name,
        version,
        stage,
        archive_existing_versions: true,
      });
    },
  };
}

async function send(url: string, request: RequestInit): Promise<Answer> {
  const response = await fetch(url, request);
  const text = await response.text();
  if (!response.ok) throw new Error(`MLflow answered ${response.status} to ${url}: ${text}`);
  const answer: Answer = JSON.parse(text);
  return answer;
}

export function holdingsOf(versions: readonly RegisteredVersion[]): Holdings {
  const staged = versions.filter(({ stage }) => stage !== 'None');
  return {
    stages: Object.fromEntries(staged.map(({ version, stage }) => [version, stage])),
    aliases: Object.fromEntries(
      versions.flatMap(({ version, aliases }) => aliases.map((alias) => [alias, version])),
    ),
  };
}

/** Holdings in words, such as `3 in Production, champion on 3`. */
export function describeHoldings({ stages, aliases }: Holdings): string {
  const staged = Object.entries(stages).map(([version, stage]) => `${version} in ${stage}`);
  const named = Object.keys(aliases)
    .toSorted((one, other) => one.localeCompare(other))
    .map((alias) => `${alias} on ${aliases[alias]}`);
  return [...staged, ...named].join(', ') || 'nothing in any stage, no alias';
}
