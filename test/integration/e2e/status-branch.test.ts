/** Statuses in git: written seldom, next to what others write, and never in the way of the promotions. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { eventually, modelpromotion, type Daemon } from '../../support/program.ts';
import { install, promotion, STATUS_BRANCH, type Installation } from './installation.ts';

const mlflow = rest(sharedMlflow());
const models = Array.from({ length: 6 }, (_, index) => uniqueModel(`status-${index}`));
const champions = (version: string) =>
  models
    .map((model, index) => promotion(`p${index}`, { model, aliases: [{ name: 'champion', version }] }))
    .join('---\n');

beforeAll(async () => {
  for (const model of models) await mlflow.seed(model, 3);
});

describe('the status branch', () => {
  let place: Installation;
  let daemon: Daemon;
  beforeAll(async () => {
    place = await install();
    await place.repo.commit(
      { 'other/default/p0.yaml': 'theirs: true\n', 'README.md': 'Statuses' },
      { branch: STATUS_BRANCH },
    );
    await place.commit({ 'all.yaml': champions('1') });
    daemon = await place.start();
  });
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await place?.[Symbol.asyncDispose]();
  });

  const allWritten = async (commit: string) => {
    for (const index of models.keys()) await daemon.settled(`default/p${index}`, 'UpToDate', commit);
    await eventually(async () => {
      for (const index of models.keys()) {
        expect(await place.statusFile(`default/p${index}`)).toEqual(
          await daemon.promotion(`default/p${index}`),
        );
      }
    });
  };

  it('gets one commit for a pass over many promotions', async () => {
    await allWritten((await place.repo.tip()) ?? '');
    const before = await place.statusCommits();
    const commit = await place.commit({ 'all.yaml': champions('2') });
    await allWritten(commit);

    expect(await place.statusCommits()).toBe(before + 1);
    const message = await place.repo.git('log', '-1', '--format=%B', STATUS_BRANCH);
    expect(message).toContain('Status of 6 promotions [skip ci]');
    expect(message).toContain(`ModelPromotion-Revision: main@sha1:${commit}`);
    expect(await daemon.metric('modelpromotion_status_writes_total{result="failed"}')).toBe(0);
  });

  it('gets none when nothing changed, however often we look', async () => {
    const before = await place.repo.tip(STATUS_BRANCH);
    await place.commit({ 'README.md': 'A commit that touches no manifest' });
    await daemon.sweeps(3);

    expect(await place.repo.tip(STATUS_BRANCH)).toBe(before);
  });

  it('keeps what another installation writes, even when it writes at the same time', async () => {
    await place.repo.commit({ 'other/default/p1.yaml': 'theirs: too\n' }, { branch: STATUS_BRANCH });
    const commit = await place.commit({ 'all.yaml': champions('3') });
    await allWritten(commit);

    expect(await place.repo.show(STATUS_BRANCH, 'other/default/p0.yaml')).toBe('theirs: true');
    expect(await place.repo.show(STATUS_BRANCH, 'other/default/p1.yaml')).toBe('theirs: too');
    expect(await place.repo.show(STATUS_BRANCH, 'README.md')).toBe('Statuses');
  });

  it('never is the watched branch, and the watched branch holds what people wrote alone', async () => {
    const authors = await place.repo.git('log', '--format=%ae', 'main');
    expect(new Set(authors.split('\n'))).toEqual(new Set(['ada@example.com']));
    const refused = place.start(['--status-branch', 'main']);
    await expect(refused).rejects.toThrow(/main is the watched branch; statuses need a branch of their own/);
  });

  it('is read by another installation that shares the registry, which finds its own folder only', async () => {
    const [model = ''] = models;
    await using second = await place.start(['--installation', 'second']);
    const shown = await second.settled('default/p0', 'Conflict');

    expect(shown.status?.history).toBeUndefined();
    expect(shown.status?.conditions?.[0]?.message).toContain('managed by default/default/p0');
    await eventually(async () => expect(await place.statusFile('default/p0', 'second')).toEqual(shown));
    expect((await mlflow.state(model)).aliases).toEqual({ champion: '3' });
  });
});

describe('a credential that may not push', () => {
  it('costs one warning, and promotions go on', async () => {
    await using place = await install();
    const model = uniqueModel('reader');
    await mlflow.seed(model, 2);
    const champion = (version: string) =>
      promotion('reader', { model, aliases: [{ name: 'champion', version }] });
    await place.commit({ 'reader.yaml': champion('1') });
    await using daemon = await place.start(['--git-secret', 'git-reader']);
    await daemon.settled('default/reader', 'UpToDate');
    const warning =
      'statuses cannot be written to the status branch; promotions go on, and it is tried again';
    await daemon.logged(warning);
    const commit = await place.commit({ 'reader.yaml': champion('2') });
    await daemon.settled('default/reader', 'UpToDate', commit);
    await eventually(async () =>
      expect(
        await daemon.metric('modelpromotion_status_writes_total{result="failed"}'),
      ).toBeGreaterThanOrEqual(2),
    );

    expect((await mlflow.state(model)).aliases).toEqual({ champion: '2' });
    expect(daemon.log().filter(({ msg }) => msg === warning)).toHaveLength(1);
    expect(await place.repo.tip(STATUS_BRANCH)).toBeUndefined();
  });

  it('that may not even read it holds everything back, and that is said of the status branch', async () => {
    await using place = await install();
    const model = uniqueModel('unread');
    await mlflow.seed(model, 1);
    await place.commit({
      'm.yaml': promotion('unread', { model, aliases: [{ name: 'champion', version: '1' }] }),
    });
    await place.writeSecret('wrong', { username: 'bot', password: 'wrong' });
    await using daemon = await place.start(['--status-secret', 'wrong']);
    await daemon.logged(
      'the status branch cannot be read; nothing is done before it is, for it tells drift from promotion',
      { reason: 'AccessDenied' },
    );
    const { source, statusBranch } = await daemon.status();
    expect([source.failure, statusBranch?.failure?.reason]).toEqual([undefined, 'AccessDenied']);
    const { stderr } = await modelpromotion(['status', '--server', daemon.url]);
    expect(stderr).toContain('the status branch cannot be read');
    expect(await (await fetch(`${daemon.url}/readyz`)).text()).toContain('status branch');

    await place.writeSecret('wrong', { username: 'bot', password: place.password });
    await daemon.settled('default/unread', 'UpToDate');
    expect((await daemon.status()).statusBranch).toBeUndefined();
  });

  it('can be helped by a second secret for the status branch alone', async () => {
    await using place = await install();
    const model = uniqueModel('two-secrets');
    await mlflow.seed(model, 1);
    await place.commit({
      'two.yaml': promotion('two', { model, aliases: [{ name: 'champion', version: '1' }] }),
    });
    await using daemon = await place.start(['--git-secret', 'git-reader', '--status-secret', 'git']);
    const shown = await daemon.settled('default/two', 'UpToDate');

    await eventually(async () => expect(await place.statusFile('default/two')).toEqual(shown));
  });
});
