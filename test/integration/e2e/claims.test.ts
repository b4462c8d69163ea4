/** Several promotions of one model, and promotions that go: one wins, nobody flaps, nothing is lost on the way. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../support/git-repo.ts';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { conditionOf, eventually, modelpromotion, type Daemon } from '../../support/program.ts';
import { install, promotion, registry, type Installation } from './installation.ts';

const mlflow = rest(sharedMlflow());
let place: Installation;
let daemon: Daemon;

beforeAll(async () => {
  place = await install();
  await place.commit({ 'README.md': 'Models of this team' });
  daemon = await place.start();
});
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await place?.[Symbol.asyncDispose]();
});

async function seeded(prefix: string, versions: number): Promise<string> {
  const model = uniqueModel(prefix);
  await mlflow.seed(model, versions);
  return model;
}

const production = (model: string, version: string) => ({ model, stages: [{ name: 'Production', version }] });

describe('two promotions that claim one target', () => {
  it('are told apart by apply as by the controller: the tags of the registry name the holder', async () => {
    const model = await seeded('applied', 2);
    const apply = (...manifests: string[]) =>
      modelpromotion(['apply', '-', '--yes', '--registry-uri', sharedMlflow()], {
        input: manifests.join('---\n'),
      });
    expect(await apply(promotion('holder', production(model, '1')))).toMatchObject({ code: 0 });
    const { code, stdout } = await apply(
      promotion('rival', production(model, '2')),
      promotion('holder', production(model, '1')),
    );
    expect(code).toBe(3);
    expect(stdout).toContain('Production belongs to promotion default/holder');
    expect(await mlflow.state(model)).toMatchObject({ stages: { 1: 'Production' } });
  });

  it('end with one winner, a stalled rival, and no flapping; the rival takes over when the winner goes', async () => {
    const model = await seeded('contested', 2);
    await place.commit({ 'b.yaml': promotion('holder', production(model, '1')) });
    await daemon.settled('default/holder', 'UpToDate');
    // The rival stands first in path order, but the claim on record wins.
    const commit = await place.commit({ 'a.yaml': promotion('rival', production(model, '2')) });
    const rival = await daemon.settled('default/rival', 'Conflict', commit);
    const before = await mlflow.version(model, '1');
    await daemon.sweeps(3);

    expect(conditionOf(rival, 'Stalled')?.message).toBe('Production belongs to promotion default/holder');
    expect(await mlflow.version(model, '1')).toEqual(before);
    expect(await daemon.promotion('default/rival')).toEqual(rival);
    expect(await daemon.settled('default/holder', 'UpToDate')).toBeDefined();

    const removal = await place.commit({ 'b.yaml': null });
    await daemon.settled('default/rival', 'UpToDate', removal);
    expect(await mlflow.state(model)).toMatchObject({ stages: { 1: 'Archived', 2: 'Production' } });
  });

  it('are settled by path order when they come together', async () => {
    const model = await seeded('together', 2);
    await place.commit({
      'm/1.yaml': promotion('first', production(model, '1')),
      'm/2.yaml': promotion('second', production(model, '2')),
    });

    await daemon.settled('default/first', 'UpToDate');
    await daemon.settled('default/second', 'Conflict');
    expect(await mlflow.state(model)).toMatchObject({ stages: { 1: 'Production' } });
    await place.commit({ 'm/1.yaml': null, 'm/2.yaml': null });
  });

  it('conflict over a version as well, since a version has one stage', async () => {
    const model = await seeded('version', 2);
    await place.commit({ 'v/1.yaml': promotion('wants-production', production(model, '1')) });
    await daemon.settled('default/wants-production', 'UpToDate');
    const staging = { model, stages: [{ name: 'Staging', version: '1' }] };
    await place.commit({ 'v/0.yaml': promotion('wants-staging', staging) });
    const shown = await daemon.settled('default/wants-staging', 'Conflict');

    expect(conditionOf(shown, 'Stalled')?.message).toContain('version 1');
    await daemon.sweeps(2);
    expect(await mlflow.state(model)).toMatchObject({ stages: { 1: 'Production' } });
    await place.commit({ 'v/0.yaml': null, 'v/1.yaml': null });
  });
});

describe('a stage that cannot have what it asks for', () => {
  const blocked = { stages: [{ name: 'Production', version: '99' }] };
  const suspended = { stages: [{ name: 'Production', version: '2' }], suspend: true };

  it.each([
    ['VersionNotFound', blocked],
    ['Suspended', suspended],
  ])('keeps its incumbent from the other promotions of the model: %s', async (reason, change) => {
    const model = await seeded('kept', 2);
    await place.commit({ 'k/prod.yaml': promotion('prod', production(model, '1')) });
    await daemon.settled('default/prod', 'UpToDate');
    await daemon.settled(
      'default/prod',
      reason,
      await place.commit({ 'k/prod.yaml': promotion('prod', { model, ...change }) }),
    );
    const staging = { model, stages: [{ name: 'Staging', version: '1' }] };
    await place.commit({ 'k/a.yaml': promotion('takes', staging) });
    const shown = await daemon.settled('default/takes', 'Conflict');

    expect(conditionOf(shown, 'Stalled')?.message).toContain('default/prod (Production)');
    await daemon.sweeps(2);
    expect(await mlflow.state(model)).toMatchObject({ stages: { 1: 'Production' } });
    await place.commit({ 'k/prod.yaml': null, 'k/a.yaml': null });
  });
});

describe('one server under two names', () => {
  it('has one winner for each target, and nobody flaps; calling it by the other name releases nothing', async () => {
    const model = await seeded('names', 2);
    const { port } = new URL(sharedMlflow());
    const on = (name: string, version: string, rest: object = {}) => ({
      ...production(model, version),
      registryRef: { name },
      ...rest,
    });
    await place.commit({
      'n/a.yaml': registry('a', { uri: `http://127.0.0.1:${port}`, sweepInterval: '1s' }),
      'n/b.yaml': registry('b', { uri: `http://localhost:${port}`, sweepInterval: '1s' }),
      'n/pa.yaml': promotion('pa', on('a', '1', { deletionPolicy: 'Release' })),
    });
    await daemon.settled('default/pa', 'UpToDate');
    const rival = await place.commit({ 'n/pb.yaml': promotion('pb', on('b', '2')) });
    await daemon.settled('default/pb', 'Conflict', rival);
    await daemon.sweeps(3);
    expect(await mlflow.state(model)).toMatchObject({ stages: { 1: 'Production' } });

    await place.commit({ 'n/pb.yaml': null });
    const before = await mlflow.version(model, '1');
    const renamed = await place.commit({
      'n/pa.yaml': promotion('pa', on('b', '1', { deletionPolicy: 'Release' })),
    });
    await daemon.settled('default/pa', 'UpToDate', renamed);
    await daemon.logged('a promotion was removed', { promotion: 'default/pa', policy: 'Release' });
    expect(await mlflow.version(model, '1')).toEqual(before);
    await place.commit({ 'n/pa.yaml': null, 'n/a.yaml': null, 'n/b.yaml': null });
  });
});

describe('a promotion that is removed', () => {
  const spec = (model: string, deletionPolicy: 'Orphan' | 'Release') => ({
    model,
    deletionPolicy,
    stages: [{ name: 'Production', version: '2' }],
    aliases: [{ name: 'champion', version: '2' }],
  });

  it('leaves the registry as it is with deletionPolicy Orphan', async () => {
    const model = await seeded('orphan', 2);
    await place.commit({ 'orphan.yaml': promotion('orphan', spec(model, 'Orphan')) });
    await daemon.settled('default/orphan', 'UpToDate');
    const before = await mlflow.state(model);
    await place.commit({ 'orphan.yaml': null });

    await daemon.logged('a promotion was removed', { promotion: 'default/orphan', policy: 'Orphan' });
    expect(await mlflow.state(model)).toEqual(before);
    expect(await daemon.promotion('default/orphan')).toBeUndefined();
    await eventually(() => expect(place.statusFile('default/orphan')).rejects.toThrow());
  });

  it('takes its aliases and what it promoted with it with deletionPolicy Release, and nothing else', async () => {
    const model = await seeded('release', 3);
    await mlflow.setAlias(model, 'theirs', '2');
    await mlflow.transition(model, '3', 'Staging');
    await place.commit({ 'release.yaml': promotion('release', spec(model, 'Release')) });
    await daemon.settled('default/release', 'UpToDate');
    await place.commit({ 'release.yaml': null });

    await daemon.logged('a promotion was removed', { promotion: 'default/release', policy: 'Release' });
    expect(await mlflow.state(model)).toEqual({
      stages: { 2: 'Archived', 3: 'Staging' },
      aliases: { theirs: '2' },
    });
    const { registered_model } = await mlflow.call('GET', 'registered-models/get', { name: model });
    expect(registered_model.tags ?? []).toEqual([]);
  });

  it('hands over without a gap when it is only renamed', async () => {
    const model = await seeded('renamed', 2);
    await place.commit({ 'renamed.yaml': promotion('old-name', spec(model, 'Release')) });
    await daemon.settled('default/old-name', 'UpToDate');
    const before = [await mlflow.version(model, '2'), await mlflow.state(model)];
    const commit = await place.commit({ 'renamed.yaml': promotion('new-name', spec(model, 'Release')) });
    await daemon.settled('default/new-name', 'UpToDate', commit);
    await daemon.logged('a promotion was removed', { promotion: 'default/old-name' });

    // Not even touched: `last_updated_timestamp` would tell.
    expect([await mlflow.version(model, '2'), await mlflow.state(model)]).toEqual(before);
  });

  it('under another name keeps its targets from other installations', async () => {
    const model = await seeded('kept-name', 2);
    await place.commit({ 'kept.yaml': promotion('first-name', spec(model, 'Orphan')) });
    await daemon.settled('default/first-name', 'UpToDate');
    const commit = await place.commit({ 'kept.yaml': promotion('second-name', spec(model, 'Orphan')) });
    await daemon.settled('default/second-name', 'UpToDate', commit);
    await daemon.logged('a promotion was removed', { promotion: 'default/first-name' });
    const before = await mlflow.state(model);

    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, 'thief.yaml'), promotion('thief', production(model, '1')));
    const args = [
      'apply',
      folder.path,
      '--yes',
      '--installation',
      'second',
      '--registry-uri',
      sharedMlflow(),
    ];
    expect((await modelpromotion(args)).code).toBe(3);
    expect(await mlflow.state(model)).toEqual(before);
  });

  it('while it is suspended leaves the registry alone, whatever its policy', async () => {
    const model = await seeded('suspended', 2);
    await place.commit({ 'suspended.yaml': promotion('suspended', spec(model, 'Release')) });
    await daemon.settled('default/suspended', 'UpToDate');
    const suspended = promotion('suspended', { ...spec(model, 'Release'), suspend: true });
    await daemon.settled(
      'default/suspended',
      'Suspended',
      await place.commit({ 'suspended.yaml': suspended }),
    );
    const before = await mlflow.state(model);
    await place.commit({ 'suspended.yaml': null });

    await daemon.logged('a promotion was removed', {
      promotion: 'default/suspended',
      detail: 'left as it is: it was suspended',
    });
    expect(await mlflow.state(model)).toEqual(before);
  });

  it('for another model waits while a file of the revision cannot be read', async () => {
    const [former, next] = [await seeded('doubted', 2), await seeded('doubtful', 2)];
    await place.commit({ 'doubt.yaml': promotion('doubt', spec(former, 'Release')) });
    await daemon.settled('default/doubt', 'UpToDate');
    const moved = promotion('doubt', spec(next, 'Release'));
    await daemon.read(await place.commit({ 'doubt.yaml': moved, 'broken.yaml': '\tx: [' }));
    await daemon.sweeps(2);
    expect((await mlflow.state(former)).stages).toEqual({ 2: 'Production' });

    const mended = await place.commit({ 'broken.yaml': null });
    await daemon.settled('default/doubt', 'UpToDate', mended);
    await eventually(async () => expect((await mlflow.state(former)).stages).toEqual({ 2: 'Archived' }));
    expect((await mlflow.state(next)).stages).toEqual({ 2: 'Production' });
  });

  it('for another model under the same name leaves the former model by its policy', async () => {
    const [former, next] = [await seeded('former', 2), await seeded('next', 2)];
    await place.commit({ 'switch.yaml': promotion('switch', spec(former, 'Release')) });
    await daemon.settled('default/switch', 'UpToDate');
    const commit = await place.commit({ 'switch.yaml': promotion('switch', spec(next, 'Release')) });
    const shown = await daemon.settled('default/switch', 'UpToDate', commit);

    expect(await mlflow.state(former)).toEqual({ stages: { 2: 'Archived' }, aliases: {} });
    expect(await mlflow.state(next)).toEqual({ stages: { 2: 'Production' }, aliases: { champion: '2' } });
    expect(shown.status?.history).toHaveLength(2);
  });
});
