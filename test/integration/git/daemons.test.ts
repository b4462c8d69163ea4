/** The built program with what goes wrong around its mirror and its status branch. */
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { eventually, modelpromotion } from '../../support/program.ts';
import { sshKey, startSshServer } from '../../support/ssh-server.ts';
import { install, promotion, STATUS_BRANCH, type Installation } from '../e2e/installation.ts';

const CANNOT_READ =
  'the status branch cannot be read; nothing is done before it is, for it tells drift from promotion';

async function declared(place: Installation): Promise<string> {
  const model = uniqueModel('twice');
  await rest(sharedMlflow()).seed(model, 2);
  const stages = [{ name: 'Production', version: '1' }];
  return place.commit({ 'churn.yaml': promotion('churn', { model, stages }) });
}

function cacheOf(place: Installation): string[] {
  return ['--cache-dir', join(place.folder, 'cache')];
}

describe('a second controller on one cache folder', () => {
  it('says who is first and does nothing, until the first has gone; then it remembers what that one did', async () => {
    await using place = await install();
    const commit = await declared(place);
    await using first = await place.start(cacheOf(place));
    await first.settled('default/churn', 'UpToDate', commit);
    await eventually(() => place.statusFile('default/churn'));
    const commits = await place.statusCommits();

    await using second = await place.start(cacheOf(place));
    const line = await second.logged(CANNOT_READ, { reason: 'Refused' });
    expect(line['detail']).toMatch(
      new RegExp(`in use by process ${first.pid} on .*--cache-dir; until then it waits`),
    );
    expect((await fetch(`${second.url}/readyz`)).status).toBe(503);
    expect((await second.status()).statusBranch?.failure?.message).toBe(line['detail']);
    expect((await first.status()).statusBranch).toBeUndefined();
    expect(await place.statusCommits()).toBe(commits);

    const before = await first.promotion('default/churn');
    await first.stop();
    expect(await second.settled('default/churn', 'UpToDate', commit)).toEqual(before);
    expect(await place.statusCommits()).toBe(commits);
    expect(second.log().filter(({ msg }) => msg === CANNOT_READ)).toHaveLength(1);
  });

  it('is not kept waiting by one that was killed', async () => {
    await using place = await install();
    const commit = await declared(place);
    await using first = await place.start(cacheOf(place));
    await first.settled('default/churn', 'UpToDate', commit);
    await first.stop('SIGKILL');
    await using second = await place.start(cacheOf(place));
    await second.settled('default/churn', 'UpToDate', commit);
    expect(second.log().map(({ msg }) => msg)).not.toContain(CANNOT_READ);
  });

  it('is not needed to ask for the status, which has a mirror of its own', async () => {
    await using place = await install();
    const commit = await declared(place);
    await using daemon = await place.start(cacheOf(place));
    await daemon.settled('default/churn', 'UpToDate', commit);
    await eventually(() => place.statusFile('default/churn'));
    const options = [...place.gitOptions(), ...cacheOf(place)];
    const waited = await modelpromotion(['wait', 'churn', ...options, '--timeout', '30s']);
    expect(waited).toMatchObject({ code: 0, stdout: expect.stringContaining('default/churn: UpToDate') });
    expect((await daemon.status()).source.failure).toBeUndefined();
  });
});

describe('a status branch that somebody deleted', () => {
  it('gets the statuses of all promotions again, with their history, when one of them changes', async () => {
    await using place = await install();
    const model = uniqueModel('deleted');
    await rest(sharedMlflow()).seed(model, 3);
    const champion = (version: string) => ({ model, aliases: [{ name: 'champion', version }] });
    const production = (version: string) => ({ model, stages: [{ name: 'Production', version }] });
    await place.commit({
      'a.yaml': promotion('a', champion('1')),
      'b.yaml': promotion('b', production('1')),
    });
    await using daemon = await place.start();
    await daemon.settled('default/a', 'UpToDate');
    await daemon.settled('default/b', 'UpToDate');
    await eventually(async () => {
      await place.statusFile('default/a');
      await place.statusFile('default/b');
    });
    await place.repo.deleteBranch(STATUS_BRANCH);
    const commit = await place.commit({ 'b.yaml': promotion('b', production('2')) });
    const b = await daemon.settled('default/b', 'UpToDate', commit);
    await daemon.logged('the status branch was gone; all statuses are written again');
    const a = await daemon.promotion('default/a');
    expect(a?.status?.history).toHaveLength(1);
    await eventually(async () => {
      expect(await place.statusFile('default/a')).toEqual(a);
      expect(await place.statusFile('default/b')).toEqual(b);
    });
  });
});

describe('a repository over ssh', () => {
  it('is watched, and gets its statuses, with a secret as Kubernetes mounts it', async () => {
    await using place = await install();
    const commit = await declared(place);
    const key = sshKey();
    await using server = await startSshServer({
      root: dirname(place.repo.directory),
      users: [{ key, access: 'write' }],
    });
    await place.writeSecret('deploy-key', { identity: key.private, known_hosts: server.knownHosts });
    const url = `${server.url}/models.git`;
    await using daemon = await place.start(['--git-url', url, '--git-secret', 'deploy-key']);
    await daemon.settled('default/churn', 'UpToDate', commit);
    const before = await daemon.promotion('default/churn');
    await eventually(async () => expect(await place.statusFile('default/churn')).toEqual(before));
    expect((await daemon.status()).source.description).toContain(url);
    expect(daemon.output()).not.toContain(key.private.split('\n')[2]);
    await daemon.stop();

    const options = [...place.gitOptions('deploy-key'), '--git-url', url];
    expect(await modelpromotion(['status', ...options])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('default/churn'),
    });
  });
});
