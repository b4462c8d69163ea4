/** What becomes of changes that somebody makes by hand in the registry. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { conditionOf, eventually, type Daemon } from '../../support/program.ts';
import { install, promotion, type Installation } from './installation.ts';

const mlflow = rest(sharedMlflow());
let place: Installation;
let daemon: Daemon;

const reverted = uniqueModel('reverted');
const reported = uniqueModel('reported');
const spec = (model: string, drift: 'Revert' | 'Report') => ({
  model,
  drift,
  stages: [{ name: 'Production', version: '2', description: 'Chosen', tags: { ticket: 'T-2' } }],
  aliases: [{ name: 'champion', version: '2' }],
});
const settledState = { stages: { 1: 'Archived', 2: 'Production' }, aliases: { champion: '2' } };

beforeAll(async () => {
  place = await install();
  for (const model of [reverted, reported]) {
    await mlflow.seed(model, 5);
    await mlflow.transition(model, '1', 'Production');
  }
  await place.commit({
    'reverted.yaml': promotion('reverted', spec(reverted, 'Revert')),
    'reported.yaml': promotion('reported', spec(reported, 'Report')),
  });
  daemon = await place.start();
  await daemon.settled('default/reverted', 'UpToDate');
  await daemon.settled('default/reported', 'UpToDate');
});
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await place?.[Symbol.asyncDispose]();
});

describe('a change by hand is put back', () => {
  it('when an alias was moved or removed', async () => {
    await mlflow.setAlias(reverted, 'champion', '1');
    await eventually(async () => expect(await mlflow.state(reverted)).toEqual(settledState));
    await mlflow.deleteAlias(reverted, 'champion');
    await eventually(async () => expect(await mlflow.state(reverted)).toEqual(settledState));

    await daemon.logged('event', { promotion: 'default/reverted', reason: 'DriftReverted' });
    await eventually(async () => {
      const [last] = (await daemon.promotion('default/reverted'))?.status?.history ?? [];
      expect(last).toMatchObject({ target: 'alias/champion', to: '2', cause: 'Drift' });
    });
  });

  it('when a version was taken out of its stage', async () => {
    await mlflow.transition(reverted, '2', 'Archived');
    await eventually(async () => expect(await mlflow.state(reverted)).toEqual(settledState));
  });

  it('when several versions were raced into the stage, and all but ours are archived', async () => {
    await mlflow.transition(reverted, '3', 'Production');
    await mlflow.transition(reverted, '4', 'Production');

    await eventually(async () =>
      expect((await mlflow.state(reverted)).stages).toEqual({
        1: 'Archived',
        2: 'Production',
        3: 'Archived',
        4: 'Archived',
      }),
    );
  });

  it('when a tag or the description was changed or removed', async () => {
    await mlflow.setVersionTag(reverted, '2', 'ticket', 'T-0');
    await eventually(async () =>
      expect(await mlflow.versionTags(reverted, '2')).toMatchObject({ ticket: 'T-2' }),
    );
    await mlflow.deleteVersionTag(reverted, '2', 'ticket');
    await eventually(async () =>
      expect(await mlflow.versionTags(reverted, '2')).toMatchObject({ ticket: 'T-2' }),
    );
    await mlflow.describeVersion(reverted, '2', 'Something else');
    await eventually(async () => expect((await mlflow.version(reverted, '2')).description).toBe('Chosen'));
  });

  it('and what is not declared stays as people left it', async () => {
    await mlflow.setAlias(reverted, 'theirs', '1');
    await mlflow.setVersionTag(reverted, '2', 'note', 'by hand');
    await mlflow.transition(reverted, '5', 'Staging');
    await daemon.sweeps(2);

    expect(await mlflow.state(reverted)).toMatchObject({
      stages: { 2: 'Production', 5: 'Staging' },
      aliases: { champion: '2', theirs: '1' },
    });
    expect(await mlflow.versionTags(reverted, '2')).toMatchObject({ note: 'by hand' });
    expect(await daemon.settled('default/reverted', 'UpToDate')).toBeDefined();
  });

  it('and a version that was deleted while it was in use is asked for, and nothing else is put in its place', async () => {
    await mlflow.deleteVersion(reverted, '2');
    const shown = await daemon.settled('default/reverted', 'VersionNotFound');

    expect(conditionOf(shown, 'Stalled')?.message).toContain('version 2');
    await daemon.sweeps(2);
    const { stages, aliases } = await mlflow.state(reverted);
    expect(Object.values(stages)).not.toContain('Production');
    expect(aliases['champion']).toBeUndefined();

    const commit = await place.commit({
      'reverted.yaml': promotion('reverted', {
        model: reverted,
        stages: [{ name: 'Production', version: '3' }],
        aliases: [{ name: 'champion', version: '3' }],
      }),
    });
    await daemon.settled('default/reverted', 'UpToDate', commit);
    expect(await mlflow.state(reverted)).toMatchObject({
      stages: { 3: 'Production' },
      aliases: { champion: '3' },
    });
  });
});

describe('with drift: Report', () => {
  it('a change by hand is told and left', async () => {
    await mlflow.setAlias(reported, 'champion', '1');
    await mlflow.transition(reported, '3', 'Production');
    await mlflow.setVersionTag(reported, '2', 'ticket', 'T-0');
    const shown = await eventually(async () => {
      const shown = await daemon.settled('default/reported', 'DriftReported');
      expect(conditionOf(shown, 'Drifted')?.message).toMatch(/Production.*champion/);
      return shown;
    });

    expect(conditionOf(shown, 'Ready')).toMatchObject({ status: 'True' });
    expect(conditionOf(shown, 'Drifted')).toMatchObject({ status: 'True', reason: 'DriftReported' });
    await daemon.sweeps(2);
    expect(await mlflow.state(reported)).toEqual({
      stages: { 1: 'Archived', 2: 'Production', 3: 'Production' },
      aliases: { champion: '1' },
    });
    expect(await mlflow.versionTags(reported, '2')).toMatchObject({ ticket: 'T-0' });
  });

  it('the report ends when somebody puts it back', async () => {
    await mlflow.setAlias(reported, 'champion', '2');
    await mlflow.transition(reported, '3', 'Archived');
    await mlflow.setVersionTag(reported, '2', 'ticket', 'T-2');
    const shown = await daemon.settled('default/reported', 'UpToDate');

    expect(conditionOf(shown, 'Drifted')).toBeUndefined();
  });

  it('a new wish is still carried out', async () => {
    const commit = await place.commit({
      'reported.yaml': promotion('reported', {
        ...spec(reported, 'Report'),
        aliases: [{ name: 'champion', version: '4' }],
      }),
    });
    await daemon.settled('default/reported', 'UpToDate', commit);
    expect((await mlflow.state(reported)).aliases).toEqual({ champion: '4' });
  });
});
