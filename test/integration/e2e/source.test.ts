/** What the repository may do to us: mistakes, nothing at all, rewritten history, and being away. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { conditionOf, eventually, modelpromotion, type Daemon } from '../../support/program.ts';
import { install, promotion, type Installation } from './installation.ts';

const mlflow = rest(sharedMlflow());
let place: Installation;
let daemon: Daemon;

const [good, bad] = [uniqueModel('good'), uniqueModel('bad')];
const champion = (name: string, model: string, version: string) =>
  promotion(name, { model, deletionPolicy: 'Release', aliases: [{ name: 'champion', version }] });
const championOf = async (model: string) => (await mlflow.state(model)).aliases['champion'];

beforeAll(async () => {
  place = await install();
  await mlflow.seed(good, 3);
  await mlflow.seed(bad, 3);
  await place.commit({ 'good.yaml': champion('good', good, '1'), 'bad.yaml': champion('bad', bad, '1') });
  daemon = await place.start();
  await daemon.settled('default/good', 'UpToDate');
  await daemon.settled('default/bad', 'UpToDate');
});
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await place?.[Symbol.asyncDispose]();
});

describe('a bad manifest', () => {
  it('is refused with file, line and column, while the others go on and its last good wish still holds', async () => {
    const mistaken = champion('bad', bad, '2').replace('version: "2"', 'version: 2');
    const commit = await place.commit({
      'bad.yaml': mistaken,
      'good.yaml': champion('good', good, '2'),
      'rival.yaml': champion('rival', bad, '3'),
    });

    await daemon.settled('default/good', 'UpToDate', commit);
    const shown = await daemon.settled('default/bad', 'InvalidSpec', commit);
    const line = mistaken.split('\n').findIndex((line) => line.includes('version: 2')) + 1;
    expect(conditionOf(shown, 'Stalled')?.message).toMatch(
      new RegExp(`^bad\\.yaml:${line}:\\d+ spec\\.aliases\\[0\\]\\.version: .*"2"`),
    );
    expect((await daemon.status()).source.problems).toMatchObject([
      { file: 'bad.yaml', line, path: 'spec.aliases[0].version' },
    ]);
    await daemon.settled('default/rival', 'Conflict', commit);
    expect(await championOf(good)).toBe('2');
    expect(await championOf(bad)).toBe('1');
  });

  it('that cannot be read at all holds back every removal, and takes the claims of what it held along', async () => {
    const commit = await place.commit({ 'bad.yaml': 'spec: [', 'good.yaml': null, 'rival.yaml': null });
    await daemon.logged('a file cannot be read, so nothing is removed at this revision', {
      revision: `main@sha1:${commit}`,
    });

    const shown = await daemon.settled('default/bad', 'InvalidSpec', commit);
    expect(conditionOf(shown, 'Ready')?.message).toMatch(/^bad\.yaml:1:\d+/);
    expect(await championOf(good)).toBe('2');
    expect(await daemon.settled('default/good', 'UpToDate')).toBeDefined();
  });

  it('is carried out once it is mended, and what was removed meanwhile goes', async () => {
    const commit = await place.commit({ 'bad.yaml': champion('bad', bad, '2') });
    await daemon.settled('default/bad', 'UpToDate', commit);
    await daemon.logged('a promotion was removed', { promotion: 'default/good' });

    expect(await championOf(bad)).toBe('2');
    expect(await championOf(good)).toBeUndefined();
    expect((await daemon.status()).source.problems).toEqual([]);
  });

  it('that was never valid is stalled, says what is wrong, and changes nothing', async () => {
    const unknown = champion('never', good, '1').replace('aliases:', 'aliasses:');
    const commit = await place.commit({ 'never.yaml': unknown });
    const shown = await daemon.settled('default/never', 'InvalidSpec', commit);
    expect(conditionOf(shown, 'Stalled')?.message).toContain('did you mean "aliases"');
    expect(await modelpromotion(['wait', 'never', '--server', daemon.url])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('default/never: InvalidSpec: never.yaml:'),
    });
    expect(await championOf(good)).toBeUndefined();
    await place.commit({ 'never.yaml': null });
  });
});

describe('a repository', () => {
  it('whose manifests are all gone at once changes nothing, and says so', async () => {
    const commit = await place.commit({ 'README.md': 'Moved' }, { rewrite: true });
    await daemon.logged(
      'the source holds no manifest any more; nothing is changed unless --allow-empty is given',
      {
        revision: `main@sha1:${commit}`,
      },
    );
    await daemon.sweeps(1);

    expect(await championOf(bad)).toBe('2');
    expect(await daemon.settled('default/bad', 'UpToDate')).toBeDefined();
  });

  it('whose history is rewritten is followed, forward and back', async () => {
    const three = await place.commit({ 'bad.yaml': champion('bad', bad, '3') }, { rewrite: true });
    await daemon.settled('default/bad', 'UpToDate', three);
    expect(await championOf(bad)).toBe('3');
    const one = await place.commit({ 'bad.yaml': champion('bad', bad, '1') });
    await daemon.settled('default/bad', 'UpToDate', one);
    expect(await championOf(bad)).toBe('1');

    await place.repo.git('update-ref', 'refs/heads/main', three);
    const shown = await daemon.settled('default/bad', 'UpToDate', three);
    expect(await championOf(bad)).toBe('3');
    expect(shown.status?.history?.slice(0, 2)).toMatchObject([
      { from: '1', to: '3' },
      { from: '3', to: '1' },
    ]);
  });

  it('whose branch is deleted changes nothing, repairs drift still, and is followed again when it is back', async () => {
    const tip = (await place.repo.tip()) ?? '';
    await place.repo.deleteBranch();
    await eventually(async () =>
      expect((await daemon.status()).source).toMatchObject({ failure: { reason: 'BranchNotFound' } }),
    );
    await mlflow.setAlias(bad, 'champion', '2');
    await eventually(async () => expect(await championOf(bad)).toBe('3'));

    await place.repo.git('update-ref', 'refs/heads/main', tip);
    const commit = await place.commit({ 'bad.yaml': champion('bad', bad, '2') });
    await daemon.settled('default/bad', 'UpToDate', commit);
    expect((await daemon.status()).source).not.toHaveProperty('failure');
    expect(await championOf(bad)).toBe('2');
  });

  it('that is away changes nothing, says so once, and is followed again when it is back', async () => {
    const failed = () => daemon.log().filter(({ msg }) => msg.startsWith('the source cannot be read')).length;
    const before = failed();
    const bringBack = await place.hideRepository();
    await eventually(async () => expect((await daemon.status()).source).toHaveProperty('failure'));
    await daemon.sweeps(2);
    expect(failed()).toBe(before + 1);
    expect(await championOf(bad)).toBe('2');

    await bringBack();
    const commit = await place.commit({ 'bad.yaml': champion('bad', bad, '1') });
    await daemon.settled('default/bad', 'UpToDate', commit);
    expect(await championOf(bad)).toBe('1');
  });
});

describe('with --allow-empty', () => {
  it('a repository without manifests means what it says, even when the daemon was away meanwhile', async () => {
    await daemon.stop();
    const commit = await place.commit({ 'README.md': 'Done' }, { rewrite: true });
    await using bold = await place.start(['--allow-empty']);
    await bold.logged('a promotion was removed', { promotion: 'default/bad', policy: 'Release' });

    expect(await championOf(bad)).toBeUndefined();
    const { source, promotions } = await bold.status();
    expect(source.revision).toBe(`main@sha1:${commit}`);
    expect(promotions).toEqual([]);
  });
});
