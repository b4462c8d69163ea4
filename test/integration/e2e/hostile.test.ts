/** What somebody writes who may write somewhere, and means no good: the daemon stays up and touches nothing. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { startFaultProxy } from '../../support/fault-proxy.ts';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { conditionOf, eventually, modelpromotion } from '../../support/program.ts';
import { install, promotion, STATUS_BRANCH } from './installation.ts';

const mlflow = rest(sharedMlflow());

/** A status file that claims to have put version 1 where it is. */
async function forgery(name: string, model: string): Promise<string> {
  const { creation_timestamp: creationTimestamp, source } = (
    await mlflow.call('GET', 'model-versions/get', { name: model, version: '1' })
  )['model_version'] as { creation_timestamp: number; source: string };
  const applied = { version: '1', how: 'Applied', creationTimestamp, source };
  return JSON.stringify({
    apiVersion: 'modelpromotion.dev/v1alpha1',
    kind: 'ModelPromotion',
    metadata: { name, namespace: 'default', generation: 1 },
    spec: {
      model,
      deletionPolicy: 'Release',
      stages: [{ name: 'Production', version: '1' }],
      aliases: [{ name: 'prod', version: '1' }],
    },
    status: {
      observedGeneration: 1,
      targets: [
        { target: 'stage/Production', applied },
        { target: 'alias/prod', applied },
      ],
    },
  });
}

async function held(prefix: string): Promise<string> {
  const model = uniqueModel(prefix);
  await mlflow.seed(model, 2);
  await mlflow.transition(model, '1', 'Production');
  await mlflow.setAlias(model, 'prod', '1');
  return model;
}

describe('a forged status', () => {
  it('releases nothing that the registry does not call ours, whatever its file is called', async () => {
    const [ghost, other] = [await held('ghost'), await held('ghost')];
    await using place = await install();
    await place.repo.commit(
      {
        'default/default/ghost.yaml': await forgery('ghost', ghost),
        'default/default/a.yaml': await forgery('b', other),
      },
      { branch: STATUS_BRANCH },
    );
    const real = uniqueModel('real');
    await mlflow.seed(real, 1);
    await place.commit({
      'm.yaml': promotion('real', { model: real, aliases: [{ name: 'a', version: '1' }] }),
    });
    await using daemon = await place.start();
    await daemon.logged('a promotion was removed', { promotion: 'default/ghost' });
    await daemon.settled('default/real', 'UpToDate');

    const untouched = { stages: { 1: 'Production' }, aliases: { prod: '1' } };
    expect(await mlflow.state(ghost)).toMatchObject(untouched);
    expect(await mlflow.state(other)).toMatchObject(untouched);
    expect(daemon.log().filter(({ promotion }) => promotion === 'default/b')).toEqual([]);
  });

  it('does not stop the daemon with odd names, and what is not a status of ours stays on the branch', async () => {
    const model = uniqueModel('odd');
    await mlflow.seed(model, 1);
    await using place = await install();
    const foreign = {
      'default/default/my notes.yaml': 'mine',
      'default/default/notes.yaml': 'a: 1\n',
      'default/x': 'y',
    };
    await place.repo.commit(foreign, { branch: STATUS_BRANCH });
    await place.commit({ 'm.yaml': promotion('odd', { model, aliases: [{ name: 'a', version: '1' }] }) });
    await using daemon = await place.start();
    await daemon.settled('default/odd', 'UpToDate');
    await eventually(async () => expect((await place.statusFile('default/odd')).metadata.name).toBe('odd'));
    for (const [path, text] of Object.entries(foreign)) {
      expect(await place.repo.show(STATUS_BRANCH, path)).toBe(text.trim());
    }
  });
});

describe('thousands of manifests with a mistake', () => {
  it('hold up nobody else', async () => {
    const model = uniqueModel('many');
    await mlflow.seed(model, 1);
    await using place = await install();
    const wrong = (file: number) =>
      Array.from({ length: 100 }, (_, index) =>
        promotion(`wrong-${file}-${index}`, { model: 'x', stages: [{ name: 'Prod', version: '1' }] }),
      ).join('---\n');
    await place.commit({
      'good.yaml': promotion('good', { model, aliases: [{ name: 'a', version: '1' }] }),
      ...Object.fromEntries(Array.from({ length: 50 }, (_, file) => [`wrong/${file}.yaml`, wrong(file)])),
    });
    await using daemon = await place.start();
    await eventually(async () => expect(await mlflow.state(model)).toMatchObject({ aliases: { a: '1' } }));
    expect(await daemon.metric('modelpromotion_promotions{ready="False"}')).toBe(5_000);
  });
});

describe('a name of 253 letters', () => {
  it('is a name like any other, and its status is written', async () => {
    const model = uniqueModel('long');
    await mlflow.seed(model, 1);
    const name = 'a'.repeat(253);
    await using place = await install();
    await place.commit({ 'm.yaml': promotion(name, { model, aliases: [{ name: 'a', version: '1' }] }) });
    await using daemon = await place.start();
    await daemon.settled(`default/${name}`, 'UpToDate');
    await eventually(async () =>
      expect((await place.statusFile(`default/${name}`)).metadata.name).toBe(name),
    );
  });
});

describe('a source whose manifests are replaced', () => {
  it.each([
    ['a link', { symlink: 'nowhere' }],
    ['a submodule', { submodule: 'a'.repeat(40) }],
  ])('by %s holds none any more, and that changes nothing', async (_, replacement) => {
    const model = uniqueModel('replaced');
    await mlflow.seed(model, 1);
    await using place = await install();
    const spec = { model, deletionPolicy: 'Release', stages: [{ name: 'Production', version: '1' }] };
    await place.commit({ 'm.yaml': promotion('replaced', spec) });
    await using daemon = await place.start();
    await daemon.settled('default/replaced', 'UpToDate');
    await place.commit({ 'm.yaml': null, 'x.yaml': replacement });
    await daemon.logged(
      'the source holds no manifest any more; nothing is changed unless --allow-empty is given',
    );
    await daemon.sweeps(2);
    expect(await mlflow.state(model)).toMatchObject({ stages: { 1: 'Production' } });
  });
});

describe('a gateway that answers with our own request', () => {
  it('puts no credential on the status page, the status branch, or into a plan', async () => {
    const token = `canary-${randomUUID()}`;
    await using gateway = await startFaultProxy(sharedMlflow());
    gateway.on({}, ({ headers, reply }) =>
      reply({ status: 500, headers: {}, body: `authorization: ${headers.authorization}` }),
    );
    await using place = await install(gateway.url);
    const manifest = promotion('echo', { model: 'echo', aliases: [{ name: 'a', version: '1' }] });
    await place.commit({ 'm.yaml': manifest });
    const env = { MLFLOW_TRACKING_TOKEN: token };
    await using daemon = await place.start([], env);
    const shown = await daemon.settled('default/echo', 'RegistryUnavailable');
    expect(conditionOf(shown, 'Ready')?.message).toContain('authorization: Bearer [secret]');
    const file = await eventually(() => place.repo.show(STATUS_BRANCH, 'default/default/echo.yaml'));
    const plan = await modelpromotion(['plan', '-', '--registry-uri', gateway.url], { input: manifest, env });
    expect(plan.stdout).toContain('[secret]');
    const told = [JSON.stringify(await daemon.status()), file, daemon.output(), plan.stdout, plan.stderr];
    expect(told.join('\n')).not.toContain(token);
  });
});

describe('a tag of the registry', () => {
  it('cannot command the terminal of who reads a plan', async () => {
    const model = await held('terminal');
    const owner = '\u001b[2J\u001b]0;pwn\u0007\u009b31m\u202e evil/x/y';
    await mlflow.call('POST', 'registered-models/set-tag', {
      name: model,
      key: 'modelpromotion.dev/owner/stage/Production',
      value: owner,
    });
    await using place = await install();
    await place.commit({
      'm.yaml': promotion('t', { model, stages: [{ name: 'Production', version: '2' }] }),
    });
    const manifest = await place.repo.show('main', 'm.yaml');
    const args = ['plan', '-', '--registry-uri', sharedMlflow()];
    const { code, stdout } = await modelpromotion(args, { input: manifest });
    expect(code).toBe(3);
    expect(stdout).toContain('is managed by');
    expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });
});
