/** What the runs and logged models of a real MLflow tell of versions, and what it costs to ask. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Evidence } from '../../../src/domain/evidence.ts';
import type { Fact, Version } from '../../../src/domain/observed.ts';
import { answer, startFaultProxy } from '../../support/fault-proxy.ts';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { tracking } from '../../support/tracking.ts';
import { openRegistry, soon, type World } from './world.ts';

const mlflow = rest(sharedMlflow());
const make = tracking(mlflow);
let experiment: string;
beforeAll(async () => {
  experiment = await make.createExperiment();
});

/** A model with a version for each of these. */
async function registered(
  versions: readonly { run_id?: string; source?: string; model_id?: string }[],
): Promise<string> {
  const name = uniqueModel();
  await mlflow.createModel(name);
  for (const version of versions) await mlflow.createVersion(name, version);
  return name;
}

async function versionsOf({ registry }: World, name: string): Promise<Version[]> {
  const fact = await registry.read(name, soon());
  if (fact.kind !== 'known') throw new Error(`${name} is ${fact.kind}`);
  return [...fact.value.versions.values()];
}

/** Evidence by version number, and the calls it took. */
async function read(
  name: string,
  url = sharedMlflow(),
): Promise<{ facts: Record<string, Fact<Evidence> | undefined>; calls: string[] }> {
  const world = openRegistry(url, []);
  const versions = await versionsOf(world, name);
  let facts = {};
  const calls = await world.during(async () => {
    const evidence = await world.registry.evidence(versions, soon());
    facts = Object.fromEntries(versions.map((version) => [version.version, evidence.get(version)]));
  });
  return { facts, calls };
}

function metrics(fact: Fact<Evidence> | undefined): unknown {
  return fact?.kind === 'known' ? Object.fromEntries(fact.value.metrics) : fact?.kind;
}

describe('evidence', () => {
  it('of many versions takes two requests, whatever their experiments', async () => {
    const other = await make.createExperiment();
    const runs = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        make.createRun({
          experiment: index % 2 === 0 ? experiment : other,
          metrics: { accuracy: [0.1, index / 100], loss: index === 3 ? 'NaN' : 1 },
          params: { depth: String(index) },
          tags: { 'mlflow.source.git.commit': 'a'.repeat(40) },
        }),
      ),
    );
    const name = await registered(runs.map((run_id) => ({ run_id })));
    const { facts, calls } = await read(name);
    expect(calls).toEqual(['search-experiments ok', 'search-runs ok']);
    expect(Object.keys(facts)).toHaveLength(20);
    expect(metrics(facts['6'])).toEqual({ accuracy: 0.05, loss: 1 });
    expect(metrics(facts['4'])).toEqual({ accuracy: 0.03, loss: Number.NaN });
    expect(facts['6']).toMatchObject({
      kind: 'known',
      value: { run: runs[5], experiment: other, params: new Map([['depth', '5']]), commit: 'a'.repeat(40) },
    });
  });

  it('of one version takes one', async () => {
    const name = await registered([{ run_id: await make.createRun({ experiment, metrics: { f1: 0.5 } }) }]);
    const { facts, calls } = await read(name);
    expect(calls).toEqual(['get-run ok']);
    expect(metrics(facts['1'])).toEqual({ f1: 0.5 });
  });

  it('of no version that has a run takes none', async () => {
    const { facts, calls } = await read(await registered([{}, {}]));
    expect(calls).toEqual([]);
    expect(facts).toEqual({ 1: { kind: 'absent' }, 2: { kind: 'absent' } });
  });

  it('knows infinity, and metrics of any name', async () => {
    const logged = { 'a/b c.d-e_f:g': 1, up: 'Infinity', down: '-Infinity', no: 'NaN' } as const;
    const name = await registered([{ run_id: await make.createRun({ experiment, metrics: logged }) }]);
    expect(metrics((await read(name)).facts['1'])).toEqual({
      'a/b c.d-e_f:g': 1,
      up: Infinity,
      down: -Infinity,
      no: Number.NaN,
    });
  });

  it('is unknown for the version alone whose run was deleted, or is of nobody', async () => {
    const [deleted, kept] = [await make.createRun({ experiment }), await make.createRun({ experiment })];
    await mlflow.call('POST', 'runs/delete', { run_id: deleted });
    const name = await registered([{ run_id: deleted }, { run_id: 'f'.repeat(32) }, { run_id: kept }]);
    const { facts } = await read(name);
    expect(facts).toMatchObject({
      1: { kind: 'unknown', reason: 'RegistryRefused', message: `run ${deleted} was deleted` },
      2: { kind: 'unknown', reason: 'RegistryRefused', message: expect.stringContaining('may not read it') },
      3: { kind: 'known' },
    });
    const alone = await registered([{ run_id: deleted }]);
    expect((await read(alone)).facts['1']).toMatchObject({ message: `run ${deleted} was deleted` });
    const nobody = await registered([{ run_id: "it's no id" }, { run_id: 'f'.repeat(32) }]);
    const { facts: strangers, calls } = await read(nobody);
    expect(Object.values(strangers).map((fact) => fact?.kind)).toEqual(['unknown', 'unknown']);
    expect(calls).toEqual(['get-run permanent']);
  });

  describe('of logged models', () => {
    it('is what was logged for the model, the last of each metric', async () => {
      const run = await make.createRun({ experiment, metrics: { accuracy: 0.9, only: 1 } });
      const [first, second] = [await make.logModel(experiment, run), await make.logModel(experiment, run)];
      await make.logMetrics(run, { accuracy: [0.2, 0.3] }, first, 10);
      await make.logMetrics(run, { accuracy: [0.8] }, second, 20);
      const name = await registered([first, second].map((id) => ({ source: `models:/${id}`, model_id: id })));
      const { facts, calls } = await read(name);
      expect(metrics(facts['1'])).toEqual({ accuracy: 0.3, only: 1 });
      expect(metrics(facts['2'])).toEqual({ accuracy: 0.8, only: 1 });
      expect(facts['1']).toMatchObject({ value: { loggedModel: first, run } });
      expect(calls.toSorted()).toEqual(['get-run ok', 'search-experiments ok', 'search-logged-models ok']);
    });

    it('never takes a NaN for 0', async () => {
      const run = await make.createRun({ experiment });
      const other = await make.createRun({ experiment });
      const models = await Promise.all([0, 1, 2].map(() => make.logModel(experiment, run)));
      const [nan = '', zero = '', gone = ''] = models;
      // In a run of its own, which evaluated the model later.
      await make.logMetrics(other, { loss: 'NaN' }, nan);
      await make.logMetrics(run, { loss: 0 }, zero);
      await make.logMetrics(run, { error: 'NaN' }, gone);
      await make.logMetrics(run, { error: 0.5 }, undefined, 1);
      const name = await registered(models.map((id) => ({ source: `models:/${id}`, model_id: id })));
      const { facts } = await read(name);
      expect(metrics(facts['1'])).toMatchObject({ loss: Number.NaN });
      expect(metrics(facts['2'])).toMatchObject({ loss: 0 });
      expect(facts['3']).toMatchObject({ kind: 'known', value: { doubtful: new Set(['error']) } });
      expect(metrics(facts['3'])).not.toHaveProperty('error');
    });

    it('is unknown when the logged model was deleted', async () => {
      const run = await make.createRun({ experiment });
      const id = await make.logModel(experiment, run);
      const name = await registered([{ source: `models:/${id}`, model_id: id }]);
      await mlflow.call('DELETE', `logged-models/${id}`, {});
      expect((await read(name)).facts['1']).toMatchObject({ kind: 'unknown', reason: 'RegistryRefused' });
    });
  });

  it('is read in smaller parts where a server finds one too long', async () => {
    const runs = await Promise.all([0, 1, 2, 3].map(() => make.createRun({ experiment })));
    const name = await registered(runs.map((run_id) => ({ run_id })));
    await using proxy = await startFaultProxy(sharedMlflow());
    const refusal = '{"error_code":"INVALID_PARAMETER_VALUE","message":"Error on parsing filter"}';
    proxy.on({ path: /runs\/search/, times: 1 }, answer(400, refusal));
    const { facts, calls } = await read(name, proxy.url);
    expect(Object.values(facts).map((fact) => fact?.kind)).toEqual(['known', 'known', 'known', 'known']);
    expect(calls.filter((call) => call.startsWith('search-runs'))).toHaveLength(3);
  });

  it('is unknown for all when the server is out of order, and says why', async () => {
    const runs = await Promise.all([0, 1].map(() => make.createRun({ experiment })));
    const name = await registered(runs.map((run_id) => ({ run_id })));
    await using proxy = await startFaultProxy(sharedMlflow());
    proxy.on({ path: /runs\/search/ }, answer(503, 'busy'));
    const { facts } = await read(name, proxy.url);
    for (const fact of Object.values(facts))
      expect(fact).toMatchObject({ kind: 'unknown', reason: 'RegistryUnavailable' });
  });

  it('keeps the shape of an answer that nobody expected out', async () => {
    const name = await registered([{ run_id: await make.createRun({ experiment }) }]);
    await using proxy = await startFaultProxy(sharedMlflow());
    proxy.on({ path: /runs\/get/ }, answer(200, '{"run":{"info":{}}}'));
    expect((await read(name, proxy.url)).facts['1']).toMatchObject({
      kind: 'unknown',
      message: expect.stringContaining('unexpected shape'),
    });
  });
});
