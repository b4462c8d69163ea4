/** A registry that is ill for longer, one that dies, and one whose database is locked: on an MLflow of our own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startMlflow, type MlflowServer } from '../../../src/cli/quickstart/mlflow.ts';
import { findPython } from '../../../src/cli/quickstart/python.ts';
import {
  afterwards,
  answer,
  meanwhile,
  startFaultProxy,
  type FaultProxy,
} from '../../support/fault-proxy.ts';
import { temporaryFolder } from '../../support/git-repo.ts';
import { conditionOf, type Daemon } from '../../support/program.ts';
import { install, type Installation } from '../e2e/installation.ts';
import { begin, CHANGES, changesOf, liesDuring, missing, on, type Story } from './world.ts';

const HTML = '<html><body><h1>Internal error</h1></body></html>';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let server: MlflowServer;
let proxy: FaultProxy;
let place: Installation;
let daemon: Daemon;
/** Up to date before anything happens. */
let still: Story;

const port = () => Number(new URL(server.url).port);
const serve = (options: { port?: number } = {}) =>
  startMlflow({
    dir: folder.path,
    signal: new AbortController().signal,
    report: () => undefined,
    ...options,
  });

beforeAll(async () => {
  folder = await temporaryFolder();
  server = await serve();
  proxy = await startFaultProxy(server.url);
  place = await install(proxy.url);
  still = await begin('still', {}, on(server.url));
  await place.commit(still.files);
  daemon = await place.start();
  await daemon.settled(still.key, 'UpToDate');
});
beforeEach(() => proxy.clear());
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await place?.[Symbol.asyncDispose]();
  await proxy?.[Symbol.asyncDispose]();
  await server?.stop();
  await folder?.[Symbol.asyncDispose]();
});

/** As the out-of-memory killer does it: every process whose command line names our database. */
function crash(): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
      if (`${commandLine}${environment}`.includes(join(folder.path, 'mlflow.db')))
        process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
}

/** Holds MLflow's SQLite file as another writer does that takes its time: it can be read, and not written. */
async function lockDatabase(): Promise<() => Promise<void>> {
  const python = await findPython(AbortSignal.timeout(30_000));
  const script = [
    'import sqlite3, sys',
    'db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)',
    'db.execute("BEGIN IMMEDIATE")',
    'print("locked", flush=True)',
    'sys.stdin.read()',
    'db.execute("ROLLBACK")',
  ].join('\n');
  const holder = spawn(python, ['-c', script, join(folder.path, 'mlflow.db')]);
  await once(holder.stdout, 'data');
  return async () => {
    holder.stdin.end();
    await once(holder, 'close');
  };
}

/** Everything of the promise that this file makes. */
async function expectPromoted(story: Story, lies: readonly unknown[]): Promise<void> {
  expect(await missing(story.model, on(server.url))).toBeUndefined();
  expect(changesOf(proxy, story.model)).toEqual(CHANGES);
  expect(lies).toEqual([]);
}

function registryCondition() {
  return daemon.status().then(({ registries }) => registries[0]?.status.conditions?.[0]);
}

describe('a registry that answers 500 to everything', () => {
  it('is asked rarely, is said to be unavailable, changes nothing that is up to date, and recovers by itself', async () => {
    const before = await daemon.promotion(still.key);
    const story = await begin('outage', {}, on(server.url));
    proxy.on({}, answer(500, HTML));
    await daemon.logged('a registry cannot be read', { reason: 'RegistryUnavailable' });
    const commit = await place.commit(story.files);
    const lies = await liesDuring(
      daemon,
      [story],
      async () => {
        const waiting = await daemon.settled(story.key, 'RegistryUnavailable', commit);
        expect(conditionOf(waiting, 'Reconciling')).toMatchObject({ status: 'True' });
        expect(conditionOf(waiting, 'Stalled')).toBeUndefined();
        const asked = proxy.seen.length;
        await sleep(5_000);
        expect(proxy.seen.length - asked).toBeLessThanOrEqual(15);
        expect(await registryCondition()).toMatchObject({ status: 'False', reason: 'RegistryUnavailable' });
        expect(await daemon.promotion(still.key)).toEqual(before);
        proxy.clear();
        await daemon.settled(story.key, 'UpToDate', commit);
      },
      on(server.url),
    );
    await expectPromoted(story, lies);
    expect(await daemon.promotion(still.key)).toEqual(before);
    expect(await registryCondition()).toMatchObject({ status: 'True' });
    expect(daemon.log().filter(({ msg }) => msg === 'a registry cannot be read')).toHaveLength(1);
  });
});

describe('a locked database', () => {
  it('answers 503, and the promotion is made once when the lock is gone', async () => {
    const story = await begin('locked', {}, on(server.url));
    const refused = Promise.withResolvers<void>();
    proxy.on({ path: /transition-stage/, times: 1 }, async ({ forward, reply }) => {
      const answer = await forward();
      if (answer.status === 503 && answer.body.includes('database is locked')) refused.resolve();
      else refused.reject(new Error(`MLflow answers ${answer.status} ${answer.body}`));
      reply(answer);
    });
    const lies = await liesDuring(
      daemon,
      [story],
      async () => {
        const unlock = await lockDatabase();
        const commit = await place.commit(story.files);
        try {
          await refused.promise;
        } finally {
          await unlock();
        }
        await daemon.settled(story.key, 'UpToDate', commit);
      },
      on(server.url),
    );
    await expectPromoted(story, lies);
  });
});

describe('a server that is killed and started again', () => {
  it.each([
    ['in the middle of a sweep', { method: 'GET', path: /model-versions\/search/ }, meanwhile],
    ['after the transition, before its answer', { path: /transition-stage/ }, afterwards],
  ] as const)('%s', async (_what, rule, when) => {
    const story = await begin('crashed', {}, on(server.url));
    const crashed = Promise.withResolvers<void>();
    const lies: unknown[] = [];
    proxy.on(
      { ...rule, times: 1 },
      when(() => {
        crash();
        crashed.resolve();
        return Promise.resolve();
      }),
    );
    const commit = await place.commit(story.files);
    await crashed.promise;
    await server.stop();
    server = await serve({ port: port() });
    await daemon.settled(story.key, 'UpToDate', commit);
    await expectPromoted(story, lies);
  });
});
