/** Others who want something else in the same registry: an automation that undoes us, a second controller, a model made anew. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startFaultProxy, type FaultProxy } from '../../support/fault-proxy.ts';
import { sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { startOpponent } from '../../support/opponent.ts';
import { conditionOf, eventually, type Daemon, type Shown } from '../../support/program.ts';
import { install, promotion, type Installation } from '../e2e/installation.ts';
import { begin, changesOf, mlflow } from './world.ts';

const ROUNDS = 5;

let proxy: FaultProxy;
let place: Installation;

beforeEach(async () => {
  proxy = await startFaultProxy(sharedMlflow());
  place = await install(proxy.url);
});
afterEach(async () => {
  await place?.[Symbol.asyncDispose]();
  await proxy?.[Symbol.asyncDispose]();
});

const spec = (model: string, version = '2', more: object = {}) => ({
  model,
  stages: [{ name: 'Production', version }],
  interval: '1s',
  ...more,
});
const settingsOf = (model: string) =>
  changesOf(proxy, model).filter((change) => change.endsWith('Production'));
const warnings = (daemon: Daemon) =>
  daemon.log().filter(({ level, msg }) => level === 'warn' && msg === 'event');

describe('an automation that undoes us', () => {
  it('is met with five repairs, one warning and patience; a restart, a person and a new wish are understood', async () => {
    const model = uniqueModel('fought');
    await mlflow.seed(model, 3);
    await mlflow.transition(model, '1', 'Production');
    const manifest = promotion('fought', spec(model));
    await place.commit({ 'fought.yaml': manifest });
    await using first = await place.start();
    await first.settled('default/fought', 'UpToDate');
    await using opponent = startOpponent(sharedMlflow(), model);
    const stalled = await first.settled('default/fought', 'Flapping');

    expect(conditionOf(stalled, 'Stalled')).toMatchObject({ status: 'True', reason: 'Flapping' });
    expect(conditionOf(stalled, 'Ready')?.message).toContain('Production');
    // The promotion itself, and five repairs.
    expect(settingsOf(model)).toHaveLength(1 + ROUNDS);
    await first.sweeps(3);
    expect(settingsOf(model)).toHaveLength(1 + ROUNDS);
    expect(warnings(first)).toMatchObject([{ reason: 'Flapping' }]);
    const stands = (shown: Shown | undefined) => shown?.status?.targets?.[0]?.repairs;
    await eventually(async () =>
      expect(stands(await place.statusFile('default/fought'))).toEqual(stands(stalled)),
    );
    await first.stop('SIGKILL');

    await using second = await place.start();
    await second.settled('default/fought', 'Flapping');
    await second.sweeps(2);
    expect(settingsOf(model)).toHaveLength(1 + ROUNDS);
    expect(warnings(second)).toEqual([]);

    await opponent[Symbol.asyncDispose]();
    const annotated = manifest.replace(
      'name: fought',
      'name: fought\n  annotations: { modelpromotion.dev/reconcileAt: now }',
    );
    const asked = await place.commit({ 'fought.yaml': annotated });
    await second.settled('default/fought', 'UpToDate', asked);
    expect((await mlflow.state(model)).stages).toEqual({ 1: 'Archived', 2: 'Production' });
    expect(settingsOf(model)).toHaveLength(2 + ROUNDS);
  });
});

describe('two controllers of one name that want different versions', () => {
  it('come to rest after a few rounds each', async () => {
    const model = uniqueModel('rivals');
    await mlflow.seed(model, 3);
    await using other = await install(proxy.url);
    await place.commit({ 'r.yaml': promotion('rival', spec(model, '2')) });
    await other.commit({ 'r.yaml': promotion('rival', spec(model, '3')) });
    await using one = await place.start();
    await using two = await other.start();
    await eventually(async () => {
      const reasons = await Promise.all([one, two].map((daemon) => daemon.promotion('default/rival')));
      expect(reasons.map((shown) => shown?.status?.summary?.reason)).toContain('Flapping');
    });
    const written = settingsOf(model).length;
    expect(written).toBeLessThanOrEqual(2 * (1 + ROUNDS));
    await Promise.all([one.sweeps(3), two.sweeps(3)]);
    expect(settingsOf(model)).toHaveLength(written);
  });
});

describe('a model that was deleted and made again under its name', () => {
  it('is another one: what stood is promoted anew, not repaired, and the record speaks of the new version', async () => {
    const story = await begin('again', { drift: 'Report' });
    await place.commit(story.files);
    await using daemon = await place.start();
    const before = await daemon.settled(story.key, 'UpToDate');
    await mlflow.deleteModel(story.model);
    await daemon.settled(story.key, 'ModelNotFound');
    await mlflow.seed(story.model, 2);
    const after = await daemon.settled(story.key, 'UpToDate');

    // With drift: Report a repair would not have been made.
    expect((await mlflow.state(story.model)).aliases).toEqual({ champion: '2' });
    expect(after.status?.history?.[0]).toMatchObject({ cause: 'Promotion' });
    const created = ({ status }: Shown) => status?.targets?.[0]?.applied?.creationTimestamp;
    expect(created(after)).toBe((await mlflow.version(story.model, '2')).creation_timestamp);
    expect(created(after)).not.toBe(created(before));
  });
});
