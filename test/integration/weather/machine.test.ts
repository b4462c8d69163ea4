/** What the machine does to us: no room on the disk, a clock that jumps, and a process that stands still. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mountDisk, type Disk } from '../../support/disk.ts';
import { afterwards, answer, startFaultProxy, type FaultProxy } from '../../support/fault-proxy.ts';
import { temporaryFolder } from '../../support/git-repo.ts';
import { sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { conditionOf, eventually, type Daemon } from '../../support/program.ts';
import { install, promotion, type Installation } from '../e2e/installation.ts';
import { begin, CHANGES, changesOf, liesDuring, missing, mlflow } from './world.ts';

let proxy: FaultProxy;
let place: Installation;

beforeAll(async () => {
  proxy = await startFaultProxy(sharedMlflow());
});
beforeEach(async () => {
  proxy.clear();
  place = await install(proxy.url);
});
afterEach(() => place[Symbol.asyncDispose]());
afterAll(() => proxy?.[Symbol.asyncDispose]());

const champion = (model: string, version: string) =>
  promotion('clock', { model, aliases: [{ name: 'champion', version }], interval: '1s' });

const folder = await temporaryFolder();
const disk: Disk | undefined = await mountDisk(join(folder.path, 'disk'), '1m');
afterAll(async () => {
  await disk?.[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

describe.skipIf(disk === undefined)('a full disk (skipped where a test may not mount one)', () => {
  it('is said; what was declared last goes on, and all is made up for when there is room', async () => {
    const model = uniqueModel('disk');
    await mlflow.seed(model, 3);
    await place.commit({ 'm.yaml': champion(model, '2') });
    await using daemon = await place.start(['--cache-dir', disk?.path ?? '']);
    const before = await daemon.settled('default/clock', 'UpToDate');
    await eventually(async () => expect(await place.statusFile('default/clock')).toEqual(before));
    await disk?.fill();
    const large = Object.fromEntries([1, 2, 3].map((n) => [`large-${n}.bin`, randomBytes(900_000)]));
    const commit = await place.commit({ 'm.yaml': champion(model, '3'), ...large });

    const line = await daemon.logged('the source cannot be read; what was declared last still holds', {
      reason: 'CacheUnusable',
    });
    expect(line['detail']).toContain('disk that holds --cache-dir is full');
    expect((await daemon.status()).source.failure).toMatchObject({ reason: 'CacheUnusable' });
    await mlflow.setAlias(model, 'champion', '1');
    await eventually(async () => expect((await mlflow.state(model)).aliases).toEqual({ champion: '2' }));
    const unwritten = await daemon.logged(
      'statuses cannot be written to the status branch; promotions go on, and it is tried again',
    );
    expect(unwritten['detail']).toContain('disk that holds --cache-dir is full');

    await disk?.grow();
    const after = await daemon.settled('default/clock', 'UpToDate', commit);
    expect((await mlflow.state(model)).aliases).toEqual({ champion: '3' });
    await eventually(async () => expect(await place.statusFile('default/clock')).toEqual(after));
    expect(daemon.log().filter(({ level }) => level === 'error')).toEqual([]);
  });
});

/** A clock that a test moves: `Date` and nothing else, as when somebody sets the time of the machine. */
async function movableClock() {
  const [code, file] = [join(place.folder, 'clock.mjs'), join(place.folder, 'clock')];
  await writeFile(
    code,
    `import { readFileSync } from 'node:fs';
     const Real = Date;
     let offset = 0;
     process.on('SIGUSR2', () => { offset = Number(readFileSync(${JSON.stringify(file)}, 'utf8')); });
     globalThis.Date = class extends Real {
       constructor(...given) { if (given.length === 0) super(Real.now() + offset); else super(...given); }
       static now() { return Real.now() + offset; }
     };`,
  );
  return {
    env: { NODE_OPTIONS: `--import=${pathToFileURL(code).href}` },
    async move(daemon: Daemon, minutes: number) {
      await writeFile(file, String(minutes * 60_000));
      process.kill(daemon.pid, 'SIGUSR2');
      await eventually(async () => {
        const read = Date.parse((await daemon.status()).source.lastRead ?? '');
        expect(Math.abs(read - Date.now() - minutes * 60_000)).toBeLessThan(60_000);
      });
    },
  };
}

const DAY = 24 * 60;

/** How often something was put back, as the status tells. */
async function repairsOf(daemon: Daemon): Promise<number> {
  const { status } = (await daemon.promotion('default/clock')) ?? {};
  return (status?.history ?? []).filter(({ cause }) => cause === 'Drift').length;
}

describe('a clock that jumps', () => {
  it('back or forth stops no sweep, no repair, no promotion, no recovery, and no time in a status', async () => {
    const model = uniqueModel('clock');
    await mlflow.seed(model, 3);
    const clock = await movableClock();
    await place.commit({ 'm.yaml': champion(model, '1') });
    await using daemon = await place.start([], clock.env);
    const since = conditionOf(await daemon.settled('default/clock', 'UpToDate'), 'Ready')?.lastTransitionTime;
    for (const [minutes, version] of [
      [-DAY, '2'],
      [2 * DAY, '3'],
    ] as const) {
      proxy.on({}, answer(502, 'bad gateway'));
      await eventually(async () =>
        expect(await daemon.metric('modelpromotion_registry_ready{registry="default"}')).toBe(0),
      );
      await clock.move(daemon, minutes);
      proxy.clear();
      await daemon.sweeps(2);
      const commit = await place.commit({ 'm.yaml': champion(model, version) });
      await daemon.settled('default/clock', 'UpToDate', commit);
      const before = await repairsOf(daemon);
      await mlflow.setAlias(model, 'champion', '1');
      await eventually(async () => expect(await repairsOf(daemon)).toBe(before + 1));
      expect((await mlflow.state(model)).aliases).toEqual({ champion: version });
    }
    const ready = conditionOf(await daemon.settled('default/clock', 'UpToDate'), 'Ready');
    expect(ready?.lastTransitionTime).toBe(since);
  });

  it('shows what half an hour does to a fight: one try, then peace', async () => {
    const model = uniqueModel('fight');
    await mlflow.seed(model, 2);
    const clock = await movableClock();
    const stages = [{ name: 'Production', version: '2' }];
    await place.commit({ 'm.yaml': promotion('clock', { model, stages, interval: '1s' }) });
    await using daemon = await place.start([], clock.env);
    await daemon.settled('default/clock', 'UpToDate');
    const undo = () => mlflow.transition(model, '1', 'Production', true);
    const isPutBack = (times: number) => eventually(async () => expect(await repairsOf(daemon)).toBe(times));
    for (let round = 1; round <= 5; round += 1) {
      await undo();
      await isPutBack(round);
    }
    await undo();
    await daemon.settled('default/clock', 'Flapping');

    await clock.move(daemon, 31);
    await isPutBack(6);
    await daemon.settled('default/clock', 'Flapping');
    expect((await mlflow.state(model)).stages).toMatchObject({ 1: 'Archived', 2: 'Production' });
    await clock.move(daemon, 62);
    await daemon.settled('default/clock', 'UpToDate');
    const told = daemon
      .log()
      .filter(({ msg, reason }) => msg === 'event' && reason !== 'DriftReverted' && reason !== 'Promoted');
    expect(told.map(({ level, reason }) => `${level} ${String(reason)}`)).toEqual([
      'info UpToDate',
      'warn Flapping',
      'info UpToDate',
    ]);
  });
});

describe('a process that stands still for ten seconds', () => {
  it('in the middle of a promotion goes on as if nothing had been, writes nothing twice and tells no lie', async () => {
    const story = await begin('frozen');
    await place.commit({ 'README.md': 'Models' });
    await using daemon = await place.start([], { MLFLOW_HTTP_REQUEST_TIMEOUT: '3' });
    const frozen = Promise.withResolvers<void>();
    proxy.on(
      { path: /transition-stage/, times: 1 },
      afterwards(() => {
        process.kill(daemon.pid, 'SIGSTOP');
        frozen.resolve();
        return Promise.resolve();
      }),
    );
    const commit = await place.commit(story.files);
    await frozen.promise;
    // Deadlines pass, and the servers close what was idle.
    await sleep(10_000);
    process.kill(daemon.pid, 'SIGCONT');
    const lies = await liesDuring(daemon, [story], () => daemon.settled(story.key, 'UpToDate', commit));

    expect(await missing(story.model)).toBeUndefined();
    expect(changesOf(proxy, story.model)).toEqual(CHANGES);
    expect(lies).toEqual([]);
    expect(daemon.log().filter(({ level }) => level === 'error')).toEqual([]);
  });
});
