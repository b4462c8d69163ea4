/** Experiments, runs and logged models of a real MLflow, made in plain REST. */
import { randomUUID } from 'node:crypto';
import type { rest } from './mlflow.ts';

/** NaN and the infinities are texts on the wire. */
type Logged = number | 'NaN' | 'Infinity' | '-Infinity';

export interface RunSpec {
  readonly experiment: string;
  /** The last of several is logged last. */
  readonly metrics?: Readonly<Record<string, Logged | readonly Logged[]>>;
  readonly params?: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
}

interface Named {
  readonly experiment_id: string;
  readonly run: { readonly info: { readonly run_id: string } };
  readonly model: { readonly info: { readonly model_id: string } };
}

/** When the first value of each metric was logged. */
const TIME = Date.UTC(2026, 0, 1);

export function tracking({ call }: Pick<ReturnType<typeof rest>, 'call'>, url = '') {
  const ask = async (path: string, body: object): Promise<Named> =>
    (await call('POST', path, body)) as unknown as Named;

  return {
    async createExperiment(name = `experiment-${randomUUID()}`): Promise<string> {
      return (await ask('experiments/create', { name })).experiment_id;
    },

    /** Resolves with the run's id. */
    async createRun({ experiment, metrics = {}, params = {}, tags = {} }: RunSpec): Promise<string> {
      const { run } = await ask('runs/create', {
        experiment_id: experiment,
        start_time: TIME,
        tags: pairs(tags),
      });
      const { run_id: id } = run.info;
      await this.logMetrics(id, metrics);
      if (Object.keys(params).length > 0) await ask('runs/log-batch', { run_id: id, params: pairs(params) });
      return id;
    },

    async logMetrics(
      run: string,
      metrics: NonNullable<RunSpec['metrics']>,
      model?: string,
      first = 0,
    ): Promise<void> {
      const logged = Object.entries(metrics).flatMap(([key, values]) =>
        [values].flat().map((value, index) => {
          const step = first + index;
          return {
            key,
            value,
            step,
            timestamp: TIME + step,
            ...(model !== undefined && { model_id: model }),
          };
        }),
      );
      if (logged.length > 0) await ask('runs/log-batch', { run_id: run, metrics: logged });
    },

    /** Puts a file beside a model that was logged as artifact of a run; resolves with the source of a version of it. */
    async putModelFile(run: string, text: string, path = 'model'): Promise<string> {
      const { run: found } = (await call('GET', 'runs/get', { run_id: run })) as unknown as {
        readonly run: { readonly info: { readonly artifact_uri: string } };
      };
      const source = `${found.info.artifact_uri}/${path}`;
      const place = source.replace(/^mlflow-artifacts:\/*/, '');
      const target = `${url}/api/2.0/mlflow-artifacts/artifacts/${place}/MLmodel`;
      const response = await fetch(target, { method: 'PUT', body: text });
      if (!response.ok) throw new Error(`PUT ${target} answered ${response.status}`);
      return source;
    },

    /** Resolves with the id of a logged model of that run. */
    async logModel(experiment: string, run: string): Promise<string> {
      const body = { experiment_id: experiment, name: 'model', source_run_id: run };
      const { model } = await ask('logged-models', body);
      return model.info.model_id;
    },
  };
}

function pairs(record: Readonly<Record<string, string>>): { key: string; value: string }[] {
  return Object.entries(record).map(([key, value]) => ({ key, value }));
}
