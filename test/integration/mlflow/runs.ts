/** Runs and logged models on the shared MLflow, as its clients leave them. */
import { rest, sharedMlflow } from '../../support/mlflow.ts';

const mlflow = rest(sharedMlflow());

async function post(path: string, body: object): Promise<unknown> {
  return mlflow.call('POST', path, body);
}

/** A run with these metrics. A value may be what JSON has no number for. Resolves with its id. */
export async function aRun(metrics: Readonly<Record<string, number | string>> = {}): Promise<string> {
  const answer = (await post('runs/create', { experiment_id: '0', start_time: 1 })) as {
    run: { info: { run_id: string } };
  };
  const { run_id: id } = answer.run.info;
  for (const [key, value] of Object.entries(metrics))
    await post('runs/log-metric', { run_id: id, key, value, timestamp: 1 });
  return id;
}

/** What MLflow 3's clients leave when they log a model in a run: a logged model that is an output of the run. */
export async function aLoggedModel(runId: string, name = 'model', step = 0): Promise<string> {
  const answer = (await post('logged-models', { experiment_id: '0', name, source_run_id: runId })) as {
    model: { info: { model_id: string } };
  };
  const { model_id: id } = answer.model.info;
  await mlflow.call('PATCH', `logged-models/${id}`, { model_id: id, status: 'LOGGED_MODEL_READY' });
  await post('runs/outputs', { run_id: runId, models: [{ model_id: id, step }] });
  return id;
}
