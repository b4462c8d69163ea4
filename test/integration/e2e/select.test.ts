/** Versions that are selected by rule and registered from runs, on a real server. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { parseFilter } from '../../../src/api/filter.ts';
import { passes } from '../../../src/domain/filter.ts';
import { toVersion, type WireVersion } from '../../../src/adapters/mlflow/wire.ts';
import { temporaryFolder } from '../../support/git-repo.ts';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { modelpromotion } from '../../support/program.ts';
import { aLoggedModel, aRun } from '../mlflow/runs.ts';

const mlflow = rest(sharedMlflow());

async function aVersionOf(
  model: string,
  metrics: Readonly<Record<string, number | string>>,
): Promise<string> {
  return mlflow.createVersion(model, { run_id: await aRun(metrics) });
}

interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

async function run(command: 'plan' | 'apply', spec: object): Promise<Outcome> {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'promotion.yaml');
  const manifest = {
    apiVersion: 'modelpromotion.dev/v1alpha1',
    kind: 'ModelPromotion',
    metadata: { name: 'churn', namespace: 'ml' },
    spec,
  };
  await writeFile(file, stringify(manifest));
  const argv = [command, file, '--registry-uri', sharedMlflow(), ...(command === 'apply' ? ['--yes'] : [])];
  const { code, stdout, stderr } = await modelpromotion(argv);
  return { code, output: stdout + stderr };
}

const production = (versionFrom: object) => ({ stages: [{ name: 'Production', versionFrom }] });

describe('A version that is the best', () => {
  let model: string;
  beforeAll(async () => {
    model = uniqueModel('best');
    await mlflow.createModel(model);
    for (const accuracy of [0.7, 0.93, 'NaN', 0.91, 0.93]) await aVersionOf(model, { accuracy });
    await mlflow.createVersion(model);
  });

  it('takes the stage, and the plan says what it was chosen from', async () => {
    const spec = { model, ...production({ best: { metric: 'accuracy', goal: 'maximize' } }) };
    const planned = await run('plan', spec);
    expect(planned.output).toMatch(/nobody → 5 \(from best accuracy \(maximize\)\)/);
    expect(planned.output).toMatch(
      /5: accuracy=0.93\n +2: accuracy=0.93\n +4: accuracy=0.91\n +1: accuracy=0.7\n/,
    );
    expect(planned.output).toMatch(/4 of 6 versions considered; 2 without a finite value of accuracy/);
    const applied = await run('apply', spec);
    expect([applied.code, (await mlflow.state(model)).stages]).toEqual([0, { 5: 'Production' }]);
    const again = await run('plan', spec);
    expect(again.output).toContain('0 changes to apply');
  });

  it('is looked for among what passes a filter', async () => {
    const best = { metric: 'accuracy', goal: 'minimize', filter: 'version_number > 1' };
    const { output } = await run('plan', { model, ...production({ best }) });
    expect(output).toMatch(/→ 4 \(from best/);
  });
});

describe('With an effect asked for', () => {
  async function aFoldedVersion(model: string, folds: readonly number[]): Promise<void> {
    const run_id = await aRun();
    for (const [step, value] of folds.entries())
      await mlflow.call('POST', 'runs/log-metric', { run_id, key: 'f1', value, step, timestamp: step });
    await mlflow.createVersion(model, { run_id });
  }

  it('a version takes the stage by more than chance, and by nothing less', async () => {
    const model = uniqueModel('effect');
    await mlflow.createModel(model);
    await aFoldedVersion(model, [0.8, 0.82, 0.81, 0.79]);
    await mlflow.transition(model, '1', 'Production');
    await aFoldedVersion(model, [0.7, 0.95, 0.76, 0.9]);
    const best = { metric: 'f1', goal: 'maximize', minEffect: 0.01 };
    const chance = await run('plan', { model, ...production({ best }) });
    expect(chance.output).toMatch(
      /1 stays: 2 is better than 1 by 0\.0225 ± 0\.\d+ \(95 % for 1 candidate; 4 and 4 values of f1\)/,
    );
    await aFoldedVersion(model, [0.9, 0.91, 0.92, 0.91]);
    const real = await run('apply', { model, ...production({ best }) });
    expect([real.code, (await mlflow.state(model)).stages]).toEqual([0, { 1: 'Archived', 3: 'Production' }]);
    const { stdout } = await modelpromotion([
      'compare',
      model,
      '3',
      '2',
      '1',
      '--margin',
      'f1',
      '--registry-uri',
      sharedMlflow(),
    ]);
    expect(stdout).toMatch(
      /^f1: 2 against 3: -0\.0825 ± 0\.\d+, may be chance \(95 % for 2 candidates; 4 and 4 values\)$/m,
    );
    expect(stdout).toMatch(/^f1: 1 against 3: -0\.105 ± 0\.0\d+, more than chance/m);
    expect(real.output).toMatch(/3 is better than 1 by 0\.105 ± 0\.0\d+ \(95 % for 2 candidates;/);
  });
});

describe('What is registered from a run', () => {
  it('is registered once, from the logged model, and promoted', async () => {
    const [model, runId] = [uniqueModel('register'), await aRun()];
    await mlflow.seed(model, 1);
    const modelId = await aLoggedModel(runId);
    const spec = {
      model,
      ...production({ source: `runs:/${runId}/model` }),
      register: { description: 'From the night', tags: { team: 'churn' } },
    };
    const planned = await run('plan', spec);
    expect(planned.output).toMatch(/Production +nobody → new \(from runs:/);
    expect(planned.output).toContain(`… Production moves to the version that is registered from`);
    expect(planned.output).toContain(`+ register a version from runs:/${runId}/model`);
    const applied = await run('apply', spec);
    expect(applied.code, applied.output).toBe(0);
    expect((await mlflow.state(model)).stages).toEqual({ 2: 'Production' });
    expect(await mlflow.version(model, '2')).toMatchObject({
      source: `models:/${modelId}`,
      run_id: runId,
      description: 'From the night',
    });
    expect(await mlflow.versionTags(model, '2')).toMatchObject({ team: 'churn' });
    expect((await run('plan', spec)).output).toContain('0 changes to apply');
    expect((await run('plan', { ...spec, ...production({ runId }) })).output).toContain('0 changes to apply');
    expect(
      (await run('plan', { ...spec, ...production({ source: `models:/${modelId}` }) })).output,
    ).toContain('0 changes to apply');
  });

  it('is found under what a client makes of it', async () => {
    const [model, runId] = [uniqueModel('resolved'), await aRun()];
    const modelId = await aLoggedModel(runId);
    await mlflow.createModel(model);
    await mlflow.call('POST', 'model-versions/create', {
      name: model,
      source: `models:/${modelId}`,
      run_id: runId,
      model_id: modelId,
    });
    const { code, output } = await run('apply', { model, ...production({ source: `runs:/${runId}/model` }) });
    expect([code, output]).toEqual([0, expect.not.stringContaining('register')]);
    expect((await mlflow.state(model)).stages).toEqual({ 1: 'Production' });
  });

  it.each([
    [5, 10],
    [10, 5],
  ])(
    'is the checkpoint of the largest step, as MLflow has it: logged at %i, then at %i',
    async (...steps) => {
      const [model, runId] = [uniqueModel('checkpoint'), await aRun()];
      await mlflow.createModel(model);
      const ids = new Map<number, string>();
      for (const step of steps) ids.set(step, await aLoggedModel(runId, 'model', step));
      const gone = await aLoggedModel(runId, 'scratch', 99);
      await mlflow.call('DELETE', `logged-models/${gone}`, {});
      const spec = { model, ...production({ source: `runs:/${runId}/model` }) };
      const { code, output } = await run('apply', spec);
      expect(code, output).toBe(0);
      expect((await mlflow.version(model, '1')).source).toBe(`models:/${ids.get(10)}`);
    },
  );

  it('is not registered from a run that was deleted', async () => {
    const [model, runId] = [uniqueModel('deleted-run'), await aRun()];
    await mlflow.createModel(model);
    await aLoggedModel(runId);
    const spec = { model, ...production({ source: `runs:/${runId}/model` }) };
    await mlflow.call('POST', 'runs/delete', { run_id: runId });
    const refused = await run('apply', spec);
    expect([refused.code, refused.output]).toEqual([3, expect.stringContaining(`run ${runId} was deleted`)]);
    await mlflow.call('POST', 'runs/restore', { run_id: runId });
    expect((await run('apply', spec)).code).toBe(0);
    await mlflow.call('POST', 'runs/delete', { run_id: runId });
    expect((await run('plan', spec)).output).toContain('0 changes to apply');
  });

  it('makes the model where it is asked to', async () => {
    const [model, runId] = [uniqueModel('create'), await aRun()];
    await aLoggedModel(runId);
    const spec = { model, ...production({ source: `runs:/${runId}/model` }) };
    const refused = await run('apply', spec);
    expect([refused.code, refused.output]).toEqual([3, expect.stringContaining('does not exist')]);
    const register = { createModel: { description: 'Who leaves?', tags: { team: 'churn' } } };
    const made = await run('apply', { ...spec, register });
    expect([made.code, (await mlflow.state(model)).stages]).toEqual([0, { 1: 'Production' }]);
  });

  it('is refused in clear words where there is nothing', async () => {
    const [model, runId] = [uniqueModel('nothing'), await aRun()];
    await mlflow.seed(model, 1);
    for (const source of [`runs:/${runId}/model`, 'runs:/nosuchrun/model', 'models:/m-nosuchmodel']) {
      const { code, output } = await run('plan', { model, ...production({ source }) });
      expect([code, output]).toEqual([3, expect.stringContaining(`there is no model at ${source}`)]);
    }
    expect((await mlflow.state(model)).stages).toEqual({});
  });
});

describe('A filter', () => {
  const filters = [
    "tags.validated = 'yes'",
    "tags.validated != 'yes'",
    "tags.validated LIKE 'Y%'",
    "tags.validated ILIKE 'Y_S'",
    'tags.`a tag` = "it\'s"',
    "tags.größe = 'XL'",
    'version_number > 2',
    "version_number <= '2'",
    "run_id = 'abc'",
    "run_id IN ('abc', 'def')",
    "run_id != 'abc'",
    "source_path LIKE 's3://%'",
    "source_path ILIKE 'S3://%/B'",
    "tags.validated = 'yes' AND version_number > 1 AND run_id != 'x'",
    "name LIKE '%'",
  ];

  it('lets through what MLflow lets through', async () => {
    const model = uniqueModel('filter');
    await mlflow.createModel(model);
    await mlflow.createVersion(model, { source: 's3://x/a', run_id: 'abc', tags: { validated: 'yes' } });
    await mlflow.createVersion(model, { source: 's3://x/b', tags: { validated: 'YES', 'a tag': "it's" } });
    await mlflow.createVersion(model, {
      source: 'dbfs:/x/b',
      run_id: 'def',
      tags: { validated: 'no', größe: 'XL' },
    });
    await mlflow.createVersion(model, { source: 's3://x/B' });
    const search = async (filter: string): Promise<WireVersion[]> => {
      const query = { filter, max_results: 100 };
      return (await mlflow.call('GET', 'model-versions/search', query))
        .model_versions as unknown as WireVersion[];
    };
    const all = await search(`name = '${model}'`);
    for (const filter of filters) {
      const theirs = ((await search(`name = '${model}' AND ${filter}`)) ?? []).map(({ version }) => version);
      const ours = all.filter((one) => passes(parseFilter(filter), toVersion(one), model));
      expect([filter, ours.map(({ version }) => version)]).toEqual([filter, theirs]);
    }
  });
});
