/** A commit that comes while the one before it is carried out, or was carried out by half. */
import { describe, expect, it } from 'vitest';
import { answer, startFaultProxy } from '../../support/fault-proxy.ts';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { eventually } from '../../support/program.ts';
import { install, promotion } from './installation.ts';

const mlflow = rest(sharedMlflow());

async function seeded(prefix: string): Promise<string> {
  const model = uniqueModel(prefix);
  await mlflow.seed(model, 4);
  return model;
}

describe('a commit', () => {
  it('that suspends a promotion stops what was declared before, also where a slow reading is under way', async () => {
    const model = await seeded('overtaken');
    const spec = (version: string, rest: object = {}) =>
      promotion('churn', { model, stages: [{ name: 'Production', version }], ...rest });
    await using proxy = await startFaultProxy(sharedMlflow());
    await using place = await install(proxy.url);
    await place.commit({ 'churn.yaml': spec('1') });
    await using daemon = await place.start(['--sweep-interval', '60s']);
    await daemon.settled('default/churn', 'UpToDate');
    let arrived = 0;
    const gate = Promise.withResolvers<void>();
    proxy.on({ path: /model-versions\/search/ }, async ({ forward, reply }) => {
      arrived += 1;
      await gate.promise;
      reply(await forward());
    });
    await place.commit({ 'churn.yaml': spec('4') });
    await eventually(() => expect(arrived).toBeGreaterThan(0));
    const suspended = await place.commit({ 'churn.yaml': spec('1', { suspend: true }) });
    await daemon.read(suspended);
    gate.resolve();

    await daemon.settled('default/churn', 'Suspended', suspended);
    expect((await mlflow.state(model)).stages).toEqual({ 1: 'Production' });
  });

  it('that takes back what was done by half is carried out, although drift is only reported', async () => {
    const model = await seeded('half-done');
    const spec = (version: string) => ({
      model,
      drift: 'Report',
      stages: [{ name: 'Production', version, tags: { change: `CHG-${version}` } }],
    });
    await using proxy = await startFaultProxy(sharedMlflow());
    await using place = await install(proxy.url);
    await place.commit({ 'churn.yaml': promotion('churn', spec('3')) });
    await using daemon = await place.start();
    await daemon.settled('default/churn', 'UpToDate');
    proxy.on(
      { path: /model-versions\/set-tag/ },
      answer(500, '{"error_code":"INTERNAL_ERROR","message":"locked"}'),
    );
    await place.commit({ 'churn.yaml': promotion('churn', spec('4')) });
    await eventually(async () =>
      expect((await mlflow.state(model)).stages).toMatchObject({ 4: 'Production' }),
    );
    const back = await place.commit({ 'churn.yaml': promotion('churn', spec('3')) });
    await daemon.read(back);
    proxy.clear();

    const shown = await daemon.settled('default/churn', 'UpToDate', back);
    expect((await mlflow.state(model)).stages).toMatchObject({ 3: 'Production' });
    expect(shown.status?.history?.[0]).toMatchObject({ to: '3', cause: 'Promotion' });
  });
});
