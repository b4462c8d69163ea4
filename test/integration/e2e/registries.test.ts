/** Registries that are wrong, away, or somebody else's; and secrets, which go where their owner allows and nowhere else. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hang, startFaultProxy } from '../../support/fault-proxy.ts';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { conditionOf, eventually } from '../../support/program.ts';
import { openGateway, openStranger } from './gateway.ts';
import { install, promotion, registry, STATUS_BRANCH } from './installation.ts';

const mlflow = rest(sharedMlflow());

async function seeded(prefix: string, versions = 2): Promise<string> {
  const model = uniqueModel(prefix);
  await mlflow.seed(model, versions);
  return model;
}

const champion = (model: string, version: string, more: object = {}) => ({
  model,
  aliases: [{ name: 'champion', version }],
  ...more,
});

describe('a registry that goes away and comes back', () => {
  it('leaves what is up to date Ready, holds back what has work, and is caught up with', async () => {
    const [still, moving] = [await seeded('still'), await seeded('moving')];
    await using gateway = await openGateway();
    await using place = await install(gateway.url);
    await place.commit({
      'still.yaml': promotion('still', champion(still, '1')),
      'moving.yaml': promotion('moving', champion(moving, '1')),
    });
    await using daemon = await place.start();
    const before = await daemon.settled('default/still', 'UpToDate');
    await daemon.settled('default/moving', 'UpToDate');

    await gateway.down();
    await daemon.logged('a registry cannot be read', { registry: 'default', reason: 'RegistryUnavailable' });
    const commit = await place.commit({ 'moving.yaml': promotion('moving', champion(moving, '2')) });
    const waiting = await daemon.settled('default/moving', 'RegistryUnavailable', commit);
    expect(conditionOf(waiting, 'Ready')).toMatchObject({ status: 'False' });
    expect(conditionOf(waiting, 'Reconciling')).toMatchObject({ status: 'True' });
    expect(await daemon.promotion('default/still')).toEqual(before);
    expect((await daemon.status()).registries).toMatchObject([
      { status: { conditions: [{ type: 'Ready', status: 'False', reason: 'RegistryUnavailable' }] } },
    ]);
    expect(await daemon.metric('modelpromotion_registry_ready{registry="default"}')).toBe(0);

    await gateway.up();
    await daemon.settled('default/moving', 'UpToDate', commit);
    expect((await mlflow.state(moving)).aliases).toEqual({ champion: '2' });
    expect(await daemon.promotion('default/still')).toEqual(before);
    expect(await daemon.metric('modelpromotion_registry_ready{registry="default"}')).toBe(1);
  });

  it('may be away when we start', async () => {
    const model = await seeded('later');
    await using gateway = await openGateway();
    await gateway.down();
    await using place = await install(gateway.url);
    await place.commit({ 'later.yaml': promotion('later', champion(model, '1')) });
    await using daemon = await place.start();
    await daemon.settled('default/later', 'RegistryUnavailable');

    await gateway.up();
    await daemon.settled('default/later', 'UpToDate');
    expect((await mlflow.state(model)).aliases).toEqual({ champion: '1' });
  });
});

describe('a registry that no longer answers', () => {
  it('keeps its own promotions waiting, and nobody else', async () => {
    const model = await seeded('elsewhere');
    await using sick = await startFaultProxy(sharedMlflow());
    await using place = await install();
    const waiting = (label: string) =>
      Array.from({ length: 100 }, (_, index) =>
        promotion(
          `waiting-${index}`,
          champion(`absent-${label}-${index}`, '1', { registryRef: { name: 'sick' } }),
        ),
      ).join('---\n');
    await place.commit({
      'sick.yaml': registry('sick', { uri: sick.url, sweepInterval: '10m' }),
      'waiting.yaml': waiting('a'),
      'elsewhere.yaml': promotion('elsewhere', champion(model, '1')),
    });
    await using daemon = await place.start();
    await daemon.settled('default/waiting-99', 'ModelNotFound');
    await daemon.settled('default/elsewhere', 'UpToDate');

    sick.on({}, hang);
    const commit = await place.commit({
      'waiting.yaml': waiting('b'),
      'elsewhere.yaml': promotion('elsewhere', champion(model, '2')),
    });
    await daemon.settled('default/elsewhere', 'UpToDate', commit);
    expect((await mlflow.state(model)).aliases).toEqual({ champion: '2' });
    // Its promotions for other models were not looked at yet.
    expect((await daemon.promotion('default/waiting-99'))?.status).toBeUndefined();
  });
});

describe('an address that is wrong', () => {
  it('because no MLflow is there is said so, and promotions of other registries go on', async () => {
    const model = await seeded('not-mlflow');
    await using stranger = await openStranger();
    await using place = await install();
    await place.commit({
      'wrong.yaml': [
        registry('stranger', { uri: stranger.url, sweepInterval: '1s' }),
        promotion('wrong', champion(model, '2', { registryRef: { name: 'stranger' } })),
      ].join('---\n'),
      'right.yaml': promotion('right', champion(model, '1')),
    });
    await using daemon = await place.start();
    await daemon.settled('default/right', 'UpToDate');
    const shown = await eventually(async () => {
      const shown = await daemon.promotion('default/wrong');
      expect(conditionOf(shown, 'Ready')).toMatchObject({ status: 'False' });
      return shown;
    });

    expect(conditionOf(shown, 'Ready')?.message).toMatch(/MLflow/);
    expect(conditionOf(shown, 'Ready')?.message).not.toContain('<html>');
    expect((await mlflow.state(model)).aliases).toEqual({ champion: '1' });
  });

  it('because no such registry is declared names what to do', async () => {
    const model = await seeded('undeclared');
    await using place = await install();
    await place.commit({
      'u.yaml': promotion('undeclared', champion(model, '1', { registryRef: { name: 'nowhere' } })),
    });
    await using daemon = await place.start();
    const shown = await daemon.settled('default/undeclared', 'RegistryNotFound');

    expect(conditionOf(shown, 'Stalled')?.message).toContain('no ModelRegistry default/nowhere is declared');
  });
});

describe('a wrong password', () => {
  it('for git is said without the password, nothing is ready, and it is mended without a restart', async () => {
    const model = await seeded('password');
    const wrong = `canary-${randomUUID()}`;
    await using place = await install();
    await place.writeSecret('git', { password: wrong });
    await place.commit({ 'p.yaml': promotion('password', champion(model, '1')) });
    await using daemon = await place.start();
    const line = await daemon.logged(
      'the status branch cannot be read; nothing is done before it is, for it tells drift from promotion',
      {
        reason: 'AccessDenied',
      },
    );
    expect((await fetch(`${daemon.url}/readyz`)).status).toBe(503);
    expect((await fetch(`${daemon.url}/healthz`)).status).toBe(200);
    expect(JSON.stringify(line)).not.toContain(wrong);

    await place.writeSecret('git', { password: place.password });
    await daemon.settled('default/password', 'UpToDate');
    expect((await fetch(`${daemon.url}/readyz`)).status).toBe(200);
    expect(daemon.output()).not.toContain(wrong);
  });

  it('for a registry stalls its promotions, and is mended without a restart', async () => {
    const model = await seeded('token');
    const [token, wrong] = [`canary-${randomUUID()}`, `canary-${randomUUID()}`];
    await using gateway = await openGateway({ token });
    await using place = await install();
    await place.writeSecret('mlflow', { token: wrong, origins: gateway.url });
    await place.commit({
      'all.yaml': [
        registry('guarded', {
          uri: gateway.url,
          auth: { secretRef: { name: 'mlflow' } },
          sweepInterval: '1s',
        }),
        promotion('token', champion(model, '1', { registryRef: { name: 'guarded' }, interval: '1s' })),
      ].join('---\n'),
    });
    await using daemon = await place.start();
    const shown = await daemon.settled('default/token', 'AccessDenied');
    expect(conditionOf(shown, 'Stalled')).toMatchObject({ status: 'True' });

    await place.writeSecret('mlflow', { token });
    await daemon.settled('default/token', 'UpToDate');
    expect((await mlflow.state(model)).aliases).toEqual({ champion: '1' });
    expect(daemon.output()).not.toMatch(/canary-/);
  });
});

describe('a secret that a manifest names', () => {
  it('is never sent to an origin that it does not list, nor is the secret of git', async () => {
    const [model, other, third, open] = [
      await seeded('canary'),
      await seeded('other'),
      await seeded('third'),
      await seeded('open'),
    ];
    const token = `canary-${randomUUID()}`;
    await using gateway = await openGateway({ token });
    await using canary = await openGateway();
    await using place = await install();
    await place.writeSecret('mlflow', { token, origins: `https://mlflow.example.com\n${gateway.url}\n` });
    const guarded = (name: string, model: string, uri: string, secret: string) =>
      [
        registry(name, { uri, auth: { secretRef: { name: secret } }, sweepInterval: '1s' }),
        promotion(name, champion(model, '1', { registryRef: { name } })),
      ].join('---\n');
    await place.commit({
      'all.yaml': [
        guarded('guarded', model, gateway.url, 'mlflow'),
        guarded('thief', other, canary.url, 'mlflow'),
        guarded('git-thief', third, `${canary.url}/`, 'git'),
        guarded('climber', third, canary.url, '../secrets/mlflow'),
        registry('open', { uri: canary.url, sweepInterval: '1s' }),
        promotion('open', champion(open, '1', { registryRef: { name: 'open' } })),
      ].join('---\n'),
    });
    await using daemon = await place.start();
    await daemon.settled('default/guarded', 'UpToDate');
    await daemon.settled('default/open', 'UpToDate');
    await daemon.settled('default/climber', 'RegistryNotFound');
    const [thief, gitThief] = [
      await daemon.settled('default/thief', 'AccessDenied'),
      await daemon.settled('default/git-thief', 'AccessDenied'),
    ];
    await daemon.sweeps(2);

    expect(conditionOf(thief, 'Ready')?.message).toContain(`secret mlflow is not for ${canary.url}`);
    expect(conditionOf(gitThief, 'Ready')?.message).toContain("secret git is git's");
    expect(gateway.authorizations).toContain(`Bearer ${token}`);
    expect(canary.authorizations.length).toBeGreaterThan(0);
    expect(canary.authorizations.filter((sent) => sent !== '')).toEqual([]);
    expect((await daemon.status()).source.problems).toMatchObject([
      { path: 'spec.auth.secretRef.name', object: { kind: 'ModelRegistry', name: 'climber' } },
    ]);
  });

  it('appears nowhere: not in logs, statuses, git, metrics or the command lines of the program', async () => {
    const model = await seeded('nowhere');
    const token = `canary-${randomUUID()}`;
    await using gateway = await openGateway({ token });
    await using place = await install();
    await place.writeSecret('mlflow', { token, origins: gateway.url });
    await place.commit({
      'all.yaml': [
        registry('guarded', {
          uri: gateway.url,
          auth: { secretRef: { name: 'mlflow' } },
          sweepInterval: '1s',
        }),
        promotion('quiet', champion(model, '1', { registryRef: { name: 'guarded' } })),
      ].join('---\n'),
    });
    const seen = new Set<string>();
    await using daemon = await place.start(['--log-level', 'debug']);
    const watching = setInterval(() => commandLines(daemon.pid, seen), 1);
    const shown = await daemon.settled('default/quiet', 'UpToDate');
    await eventually(async () => expect(await place.statusFile('default/quiet')).toEqual(shown));
    await gateway.down();
    await place.writeSecret('git', { password: 'no longer' });
    await place.commit({ 'README.md': 'x' });
    await daemon.logged('a registry cannot be read');
    await daemon.logged('the source cannot be read; what was declared last still holds');
    clearInterval(watching);

    const basic = Buffer.from(`bot:${place.password}`).toString('base64');
    const everything = [
      daemon.output(),
      JSON.stringify(await daemon.status()),
      await (await fetch(`${daemon.url}/metrics`)).text(),
      await place.repo.git('log', '-p', STATUS_BRANCH),
      ...seen,
    ].join('\n');
    expect([...seen].some((line) => line.includes('git-remote-http'))).toBe(true);
    for (const secret of [token, place.password, basic]) expect(everything).not.toContain(secret);
  });
});

describe('a registry of another namespace', () => {
  it('is refused without access, and used where its access and the labels allow', async () => {
    const [allowed, denied] = [await seeded('churn-allowed'), await seeded('fraud-denied')];
    await using place = await install(undefined);
    const labels = join(place.folder, 'labels.yaml');
    await writeFile(labels, 'team-a:\n  team: churn\nteam-b:\n  team: fraud\n');
    const ref = { registryRef: { name: 'mlflow', namespace: 'platform' } };
    await place.commit({
      'registry.yaml': registry('platform/mlflow', {
        uri: sharedMlflow(),
        sweepInterval: '1s',
        access: [{ namespaces: { matchLabels: { team: 'churn' } }, models: ['churn-*'] }],
      }),
      'promotions.yaml': [
        promotion('team-a/welcome', champion(allowed, '1', ref)),
        promotion('team-a/other-model', champion(denied, '1', ref)),
        promotion('team-b/other-team', champion(allowed, '2', ref)),
        promotion('team-c/unlabelled', champion(allowed, '2', ref)),
      ].join('---\n'),
    });
    await using daemon = await place.start(['--namespace-labels', labels]);

    await daemon.settled('team-a/welcome', 'UpToDate');
    for (const key of ['team-a/other-model', 'team-b/other-team', 'team-c/unlabelled']) {
      const shown = await daemon.settled(key, 'NotAllowed');
      expect(conditionOf(shown, 'Stalled')?.message).not.toContain(sharedMlflow());
    }
    expect((await mlflow.state(allowed)).aliases).toEqual({ champion: '1' });
    expect((await mlflow.state(denied)).aliases).toEqual({});
  });
});

/** The command lines of a process and of everything that it has started, as far as they can be read. */
function commandLines(pid: number | string, seen: Set<string>): void {
  try {
    seen.add(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '));
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
    for (const child of children.filter((child) => child !== '')) commandLines(child, seen);
  } catch {
    // It ended meanwhile.
  }
}
