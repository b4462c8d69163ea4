/** The built program, started twice on one cache folder. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { eventually, modelpromotion } from '../../support/program.ts';
import { install, promotion, type Installation } from '../e2e/installation.ts';

const CANNOT_READ = 'the source cannot be read; what was declared last still holds';

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
    expect((await second.status()).source.failure?.message).toBe(line['detail']);
    expect((await first.status()).source.failure).toBeUndefined();
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
