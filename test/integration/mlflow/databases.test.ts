/** What rests on transactions and columns, on each database that teams run MLflow on. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Attempt, Finding } from '../../../src/domain/finding.ts';
import { PROVENANCE_TAG } from '../../../src/domain/provenance.ts';
import { reconcile } from '../../../src/reconcile/pass.ts';
import type { Registry } from '../../../src/reconcile/ports.ts';
import { sleep } from '../../../src/runtime/time.ts';
import { aPromotion } from '../../support/builders.ts';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { startMlflowOnPostgres } from '../../support/mlflow-server.ts';
import { tracking } from '../../support/tracking.ts';
import { findPostgres } from '../../support/postgres.ts';
import { openRegistry, soon, sweptRegistry, write } from './world.ts';

const postgres = await findPostgres();
if (postgres === undefined)
  process.stderr.write('SKIPPED: there is no PostgreSQL on this machine, so MLflow is not tested on it\n');

const stopping = new AbortController();
const started: { stop(): Promise<void> }[] = [];

const DATABASES = [
  { database: 'SQLite', start: () => Promise.resolve(sharedMlflow()), there: true },
  {
    database: 'PostgreSQL',
    async start() {
      const server = await startMlflowOnPostgres(postgres ?? '', { workers: 2, signal: stopping.signal });
      started.push(server);
      return server.url;
    },
    there: postgres !== undefined,
  },
] as const;

afterAll(async () => {
  for (const server of started) await server.stop();
  stopping.abort();
});

/** Version 4 to Production and @champion, by one pass that remembers nothing. */
function promote(model: string, registry: Registry): Promise<Finding> {
  const promotion = aPromotion({ model, stages: { Production: '4' }, aliases: { champion: '4' } });
  const input = {
    promotion,
    memory: {
      records: () => new Map(),
      lastDigest: undefined,
      handledAt: undefined,
      repairs: new Map(),
      generation: undefined,
    },
    registry,
    owner: 'default/ml/churn',
    claimants: () => [],
    elsewhere: () => new Set<string>(),
    mayRegister: true,
    stands: () => true,
  };
  const options = {
    fence: () => true,
    now: Date.now,
    sleep,
    unmarked: (message: string) => expect.fail(message),
  };
  return reconcile(input, options, soon());
}

function attemptOf(finding: Finding): Attempt | undefined {
  return finding.kind === 'Planned' ? finding.attempt : undefined;
}

describe.each(DATABASES.filter(({ there }) => there))('on $database', (on) => {
  let url = '';
  let mlflow = rest(url);
  beforeAll(async () => {
    url = await on.start();
    mlflow = rest(url);
  });

  async function seeded(): Promise<string> {
    const name = uniqueModel();
    await mlflow.seed(name, 4);
    await mlflow.transition(name, '3', 'Production');
    await mlflow.setAlias(name, 'champion', '3');
    return name;
  }
  const promoted = { stages: { 3: 'Archived', 4: 'Production' }, aliases: { champion: '4' } };

  it('a promotion archives the incumbent, moves the alias, leaves its mark, and is then up to date', async () => {
    const name = await seeded();
    const { registry, during } = await sweptRegistry(url, [name]);
    expect(attemptOf(await promote(name, registry))).toMatchObject({ failure: undefined });
    expect(await mlflow.state(name)).toEqual(promoted);
    expect(await mlflow.versionTags(name, '4')).toHaveProperty([PROVENANCE_TAG]);
    expect(await during(() => promote(name, registry))).toEqual([]);
  });

  it('many promotions at once all land, each change once', async () => {
    const names = await Promise.all(Array.from({ length: 20 }, seeded));
    const { registry, during } = await sweptRegistry(url, names);
    const calls = await during(() => Promise.all(names.map((name) => promote(name, registry))));
    for (const name of names) expect(await mlflow.state(name)).toEqual(promoted);
    for (const call of ['transition', 'set-alias', 'set-version-tag']) {
      expect(calls.filter((one) => one === `${call} ok`)).toHaveLength(names.length);
    }
    expect(calls.filter((one) => !one.endsWith(' ok'))).toEqual([]);
  });

  it('versions that others raced into the stage are archived', async () => {
    const name = await seeded();
    await Promise.all(
      ['1', '2', '3', '4'].map((version) => mlflow.transition(name, version, 'Production', true)),
    );
    // Whatever the race left, another version stands beside ours now.
    await mlflow.transition(name, '2', 'Production');
    await mlflow.transition(name, '4', 'Production');
    const { registry } = await sweptRegistry(url, [name]);
    await promote(name, registry);
    const { stages } = await mlflow.state(name);
    expect(Object.entries(stages).filter(([, stage]) => stage === 'Production')).toEqual([
      ['4', 'Production'],
    ]);
  });

  it('first writers of one alias who race each other are told apart from writers who were refused', async () => {
    const name = await seeded();
    const { registry } = openRegistry(url, [name], { concurrency: 12 });
    const writers = ['1', '2', '3', '4', '1', '2', '3', '4', '1', '2', '3', '4'];
    const results = await Promise.allSettled(
      writers.map((version) => registry.write(name, write.setAlias('new', version), soon())),
    );
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    expect(failures.length).toBeLessThan(writers.length);
    for (const failure of failures) {
      expect(failure).toMatchObject({ name: 'WriteError', reason: 'RegistryUnavailable' });
    }
    await registry.write(name, write.setAlias('new', '4'), soon());
    expect((await mlflow.state(name)).aliases).toEqual({ champion: '3', new: '4' });
  });

  it('a change of stage is found by the look for changes', async () => {
    const [name, other] = [await seeded(), await seeded()];
    const { registry } = await sweptRegistry(url, [name, other], { sweepInterval: 0 });
    await mlflow.transition(name, '4', 'Production', true);
    expect(await registry.sweep(soon())).toMatchObject({ kind: 'Changes', changed: [name] });
  });

  it('a description that its column cannot hold is refused for good where the database minds', async () => {
    const name = await seeded();
    const { registry } = await sweptRegistry(url, [name]);
    const written = registry.write(name, write.describe('4', 'x'.repeat(5_001)), soon());
    if (on.database === 'SQLite') await expect(written).resolves.toBeUndefined();
    else await expect(written).rejects.toMatchObject({ name: 'WriteError', reason: 'RegistryRefused' });
  });

  it('runs and logged models are found by their ids, and NaN stays NaN', async () => {
    const make = tracking(mlflow);
    const [experiment, other] = [await make.createExperiment(), await make.createExperiment()];
    const runs = [await make.createRun({ experiment }), await make.createRun({ experiment: other })];
    const models = [
      await make.logModel(experiment, runs[0] ?? ''),
      await make.logModel(other, runs[1] ?? ''),
    ];
    await make.logMetrics(runs[0] ?? '', { loss: [0.5, 'NaN'] }, models[0]);
    await make.logMetrics(runs[1] ?? '', { loss: [0.5, 0] }, models[1]);
    const name = uniqueModel();
    await mlflow.createModel(name);
    for (const id of models)
      await mlflow.call('POST', 'model-versions/create', { name, source: `models:/${id}`, model_id: id });

    const { registry, during } = openRegistry(url, []);
    const fact = await registry.read(name, soon());
    const versions = fact.kind === 'known' ? [...fact.value.versions.values()] : [];
    let losses: unknown[] = [];
    const calls = await during(async () => {
      const evidence = await registry.evidence(versions, soon());
      losses = [...evidence.values()].map((one) => one.kind === 'known' && one.value.metrics.get('loss'));
    });
    expect(losses).toEqual([Number.NaN, 0]);
    expect(calls.toSorted()).toEqual(['search-experiments ok', 'search-logged-models ok', 'search-runs ok']);
    expect([...(await registry.matching([`${name.slice(0, -1)}*`], soon())).keys()]).toEqual([name]);
  });
});
