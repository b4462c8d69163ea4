/** The daemon may end at any moment: its memory is the status branch, and the registry is the truth. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { eventually } from '../../support/program.ts';
import { openGateway } from './gateway.ts';
import { install, promotion } from './installation.ts';

const mlflow = rest(sharedMlflow());

async function seeded(prefix: string, versions: number): Promise<string> {
  const model = uniqueModel(prefix);
  await mlflow.seed(model, versions);
  return model;
}

describe('after a restart', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'by %s history is kept, drift is told from promotion, and nothing is written when nothing changed',
    async (signal) => {
      const model = await seeded('restart', 3);
      const spec = (version: string) => ({
        model,
        drift: 'Report',
        stages: [{ name: 'Production', version }],
        aliases: [{ name: 'champion', version }],
      });
      await using place = await install();
      await place.commit({ 'churn.yaml': promotion('churn', spec('1')) });
      await using first = await place.start();
      await first.settled('default/churn', 'UpToDate');
      const commit = await place.commit({ 'churn.yaml': promotion('churn', spec('2')) });
      const before = await first.settled('default/churn', 'UpToDate', commit);
      await eventually(async () => expect(await place.statusFile('default/churn')).toEqual(before));
      await first.stop(signal);
      const commits = await place.statusCommits();

      await using second = await place.start();
      await second.read(commit);
      await second.sweeps(2);
      expect(await second.promotion('default/churn')).toEqual(before);
      expect(await place.statusCommits()).toBe(commits);
      await second.stop(signal);

      // Changed by hand while nobody looks: with drift: Report only our memory can tell that it is drift.
      await mlflow.setAlias(model, 'champion', '3');
      await using third = await place.start();
      const shown = await third.settled('default/churn', 'DriftReported');
      expect(shown.status?.history).toEqual(before.status?.history);
      expect((await mlflow.state(model)).aliases).toEqual({ champion: '3' });
      await third.stop(signal);

      // A new wish that came while nobody looked is a promotion.
      const wish = await place.commit({ 'churn.yaml': promotion('churn', spec('3')) });
      await using fourth = await place.start();
      const promoted = await fourth.settled('default/churn', 'UpToDate', wish);
      expect(promoted.status?.history).toMatchObject([
        { target: 'stage/Production', from: '2', to: '3', cause: 'Promotion' },
        ...(before.status?.history ?? []),
      ]);
      expect(await mlflow.state(model)).toMatchObject({ stages: { 2: 'Archived', 3: 'Production' } });
    },
  );

  it('a promotion that was removed meanwhile is released, and a mistake made meanwhile keeps its claims', async () => {
    const [gone, broken] = [await seeded('gone', 1), await seeded('broken', 2)];
    const spec = (model: string, version = '1') => ({
      model,
      deletionPolicy: 'Release',
      aliases: [{ name: 'champion', version }],
    });
    await using place = await install();
    await place.commit({
      'gone.yaml': promotion('gone', spec(gone)),
      'z.yaml': promotion('broken', spec(broken)),
    });
    await using first = await place.start();
    await first.settled('default/gone', 'UpToDate');
    await first.settled('default/broken', 'UpToDate');
    await first.stop();

    await place.commit({
      'gone.yaml': null,
      'z.yaml': promotion('broken', spec(broken)).replace('model:', 'modle:'),
      'a.yaml': promotion('thief', spec(broken, '2')),
    });
    await using second = await place.start();
    await second.settled('default/broken', 'InvalidSpec');
    await second.settled('default/thief', 'Conflict');
    await second.logged('a promotion was removed', { promotion: 'default/gone' });

    expect((await mlflow.state(gone)).aliases).toEqual({});
    expect((await mlflow.state(broken)).aliases).toEqual({ champion: '1' });
  });
});

describe('a promotion that is removed while its registry is away', () => {
  it('is released as soon as the registry is back, also after a restart, and until then it is said once', async () => {
    const [one, two, kept] = [await seeded('one', 1), await seeded('two', 1), await seeded('kept', 1)];
    const spec = (model: string) => ({
      model,
      deletionPolicy: 'Release',
      aliases: [{ name: 'champion', version: '1' }],
    });
    const warning = 'a removed promotion cannot be released yet; it is tried again';
    await using gateway = await openGateway();
    await using place = await install(gateway.url);
    await place.commit({
      'one.yaml': promotion('one', spec(one)),
      'two.yaml': promotion('two', spec(two)),
      'kept.yaml': promotion('kept', spec(kept)),
    });
    await using first = await place.start();
    for (const key of ['default/one', 'default/two']) {
      const shown = await first.settled(key, 'UpToDate');
      await eventually(async () => expect(await place.statusFile(key)).toEqual(shown));
    }

    await gateway.down();
    await first.logged('a registry cannot be read');
    await place.commit({ 'one.yaml': null });
    await first.logged(warning, { promotion: 'default/one' });
    // Long enough for the next try on its own time to be seconds away.
    await sleep(4_000);
    await gateway.up();
    const removed = await first.logged('a promotion was removed', { promotion: 'default/one' });
    const recovered = first.log().findLast(({ msg }) => msg === 'a registry was read');
    expect(Date.parse(removed.time) - Date.parse(recovered?.time ?? '')).toBeLessThan(1_000);
    expect((await mlflow.state(one)).aliases).toEqual({});
    expect(first.log().filter(({ msg }) => msg === warning)).toHaveLength(1);

    await gateway.down();
    const commit = await place.commit({ 'two.yaml': null });
    await first.logged(warning, { promotion: 'default/two' });
    await first.stop();
    await using second = await place.start();
    await second.read(commit);
    await gateway.up();
    await second.logged('a promotion was removed', { promotion: 'default/two' });
    expect((await mlflow.state(two)).aliases).toEqual({});
    expect((await mlflow.state(kept)).aliases).toEqual({ champion: '1' });
    await eventually(() => expect(place.statusFile('default/two')).rejects.toThrow());
  });
});

describe('killed in the middle of a promotion', () => {
  it('a restart completes it, and does nothing twice', async () => {
    const aliases = Array.from({ length: 40 }, (_, index) => `alias-${String(index).padStart(2, '0')}`);
    const model = await seeded('killed', 2);
    const spec = {
      model,
      stages: [{ name: 'Production', version: '2' }],
      aliases: aliases.map((name) => ({ name, version: '2' })),
    };
    await using place = await install();
    await place.commit({ 'killed.yaml': promotion('killed', spec) });
    await using first = await place.start();
    await eventually(async () => {
      if (Object.keys((await mlflow.state(model)).aliases).length === 0)
        throw new Error('nothing written yet');
    });
    await first.stop('SIGKILL');
    // What was under way may still arrive.
    await sleep(500);
    const { aliases: atDeath, stages } = await mlflow.state(model);
    const written = Object.keys(atDeath).length;
    expect(written).toBeGreaterThan(0);
    expect(written).toBeLessThan(aliases.length);
    expect(stages).toEqual({ 2: 'Production' });
    const moved = (await mlflow.version(model, '2')).last_updated_timestamp;

    await using second = await place.start();
    const shown = await second.settled('default/killed', 'UpToDate');
    expect((await mlflow.state(model)).aliases).toEqual(
      Object.fromEntries(aliases.map((name) => [name, '2'])),
    );
    const series = 'modelpromotion_actions_total{kind="SetAlias",cause="Promotion"}';
    expect(await second.metric(series)).toBe(aliases.length - written);
    // A second transition would have moved the timestamp.
    expect((await mlflow.version(model, '2')).last_updated_timestamp).toBe(moved);
    expect(shown.status?.history?.map(({ target }) => target)).not.toContain('stage/Production');
  });
});

describe('a removed promotion that cannot be released', () => {
  it('is released when the registry is there again, after any number of restarts', async () => {
    const [model, other] = [await seeded('pending', 1), await seeded('other', 1)];
    await using gateway = await openGateway();
    await using place = await install(gateway.url);
    const spec = (of: string) => ({
      model: of,
      deletionPolicy: 'Release',
      stages: [{ name: 'Production', version: '1' }],
    });
    await place.commit({
      'p.yaml': promotion('pending', spec(model)),
      'o.yaml': promotion('other', spec(other)),
    });
    {
      await using daemon = await place.start();
      await daemon.settled('default/pending', 'UpToDate');
      await eventually(() => place.statusFile('default/pending'));
      await gateway.down();
      await daemon.read(await place.commit({ 'p.yaml': null }));
      await daemon.logged('a removed promotion cannot be released yet; it is tried again');
      await daemon.stop();
    }
    for (let restart = 0; restart < 2; restart += 1) {
      await using daemon = await place.start();
      await daemon.logged('a removed promotion cannot be released yet; it is tried again');
      await daemon.stop();
    }
    await gateway.up();
    await using daemon = await place.start();
    await daemon.logged('a promotion was removed', { promotion: 'default/pending' });
    expect((await mlflow.state(model)).stages).toEqual({ 1: 'Archived' });
    await eventually(() => expect(place.statusFile('default/pending')).rejects.toThrow());
  });
});
