/** Others who want something else: an automation, a controller over files, a registry that refuses, a neighbour. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answer, startFaultProxy } from '../../support/fault-proxy.ts';
import { sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { startOpponent } from '../../support/opponent.ts';
import { eventually, startDaemon } from '../../support/program.ts';
import { promotion } from '../e2e/installation.ts';
import { changesOf } from '../weather/world.ts';
import { inProduction, KubeWorld, mlflow, preloaded, production, readyOf } from './world.ts';

const ROUNDS = 5;

let world: KubeWorld;

beforeAll(async () => {
  world = await KubeWorld.open();
});
afterAll(() => world?.[Symbol.asyncDispose]());

const aModel = (): Promise<string> => inProduction('rivals');

interface KubeEvent {
  readonly reason: string;
  readonly note: string;
  readonly series?: { readonly count: number };
  readonly regarding: { readonly name: string };
}

async function eventsOf(key: string, reason: string): Promise<KubeEvent[]> {
  const [namespace = '', name = ''] = key.split('/');
  const argv = ['get', 'events.events.k8s.io', '-n', namespace, '-o', 'json'];
  const { items } = JSON.parse((await world.cluster.kubectl(argv)).stdout) as { items: KubeEvent[] };
  return items.filter((event) => event.regarding.name === name && event.reason === reason);
}

describe('An automation that undoes us', () => {
  it('is met with five repairs, one event and patience; others go on, and a person has the last word', async () => {
    const [model, other] = [await aModel(), await aModel()];
    await using proxy = await startFaultProxy(sharedMlflow());
    const namespace = await world.namespace({ uri: proxy.url, registry: { sweepInterval: '1s' } });
    const [fought, calm] = [`${namespace}/fought`, `${namespace}/calm`];
    const settings = (): string[] =>
      changesOf(proxy, model).filter((change) => change.endsWith('Production'));
    await using operator = await world.operator();
    await world.promote(fought, { model, interval: '1s', ...production('2') });
    await world.settled(fought, 'UpToDate');
    await using opponent = startOpponent(sharedMlflow(), model);

    const stalled = await world.settled(fought, 'Flapping');
    expect(stalled.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Stalled', status: 'True', reason: 'Flapping' }),
    );
    // The promotion itself, and five repairs.
    expect(settings()).toHaveLength(1 + ROUNDS);
    await world.promote(calm, { model: other, ...production('3') });
    await world.settled(calm, 'UpToDate');
    await operator.sweeps(3);
    expect(settings()).toHaveLength(1 + ROUNDS);
    expect(await eventsOf(fought, 'Flapping')).toEqual([
      expect.not.objectContaining({ series: expect.anything() as object }),
    ]);

    await opponent[Symbol.asyncDispose]();
    const asked = { 'modelpromotion.dev/reconcileAt': 'now' };
    await world.promote(fought, { model, interval: '1s', ...production('2') }, asked);
    await world.settled(fought, 'UpToDate');
    expect(await mlflow.state(model)).toMatchObject({ stages: { 2: 'Production' } });
    expect(settings()).toHaveLength(2 + ROUNDS);
  });

  it('has its way when what it wants is declared, and another wish is counted anew', async () => {
    const model = await aModel();
    await using proxy = await startFaultProxy(sharedMlflow());
    const namespace = await world.namespace({ uri: proxy.url, registry: { sweepInterval: '1s' } });
    const fought = `${namespace}/fought`;
    const settings = (): string[] =>
      changesOf(proxy, model).filter((change) => change.endsWith('Production'));
    await using operator = await world.operator();
    await using _ = startOpponent(sharedMlflow(), model);
    await world.promote(fought, { model, interval: '1s', ...production('2') });
    await world.settled(fought, 'Flapping');
    const rounds = settings().length;
    expect(rounds).toBe(1 + ROUNDS);
    await world.promote(fought, { model, interval: '1s', ...production('3') });
    await world.settled(fought, 'Flapping');
    expect(settings()).toHaveLength(2 * rounds);
    await world.promote(fought, { model, interval: '1s', ...production('1') });
    await world.settled(fought, 'UpToDate');
    expect(settings()).toHaveLength(2 * rounds);
    expect((await operator.stop()).code).toBe(0);
  });
});

describe('A controller over files', () => {
  it('that has a target keeps it: the operator says whose it is, and changes nothing', async () => {
    const model = await aModel();
    await using proxy = await startFaultProxy(sharedMlflow());
    const namespace = await world.namespace({ uri: proxy.url });
    const folder = await mkdtemp(join(tmpdir(), 'modelpromotion-rival-'));
    await writeFile(join(folder, 'm.yaml'), promotion('filed', { model, ...production('2') }));
    await using stack = new AsyncDisposableStack();
    stack.defer(() => rm(folder, { recursive: true }));
    const options = ['--source', 'folder', '--path', folder, '--registry-uri', sharedMlflow()];
    const files = stack.use(await startDaemon([...options, '--installation', 'files']));
    await files.settled('default/filed', 'UpToDate');
    await using _ = await world.operator();
    await world.promote(`${namespace}/served`, { model, ...production('3') });
    const conflict = await world.settled(`${namespace}/served`, 'Conflict');
    expect(readyOf(conflict)?.message).toContain('files/default/filed');
    expect(changesOf(proxy, model)).toEqual([]);
    expect(await mlflow.state(model)).toMatchObject({ stages: { 2: 'Production' } });
  });
});

describe('A registry that refuses a release', () => {
  it('is told in an event, and whoever deleted the object gets it away by asking for no release', async () => {
    const model = await aModel();
    await using proxy = await startFaultProxy(sharedMlflow());
    const namespace = await world.namespace({ uri: proxy.url });
    const key = `${namespace}/held`;
    const aliases = [{ name: 'champion', version: '2' }];
    await using operator = await world.operator();
    await world.promote(key, { model, aliases, deletionPolicy: 'Release' });
    await world.settled(key, 'UpToDate');
    const refusal = JSON.stringify({ error_code: 'PERMISSION_DENIED', message: 'MANAGE is needed' });
    proxy.on(
      { method: 'DELETE', path: /registered-models\/alias/ },
      answer(403, refusal, { 'content-type': 'application/json' }),
    );
    await world.cluster.kubectl(['delete', 'mp', '-n', namespace, 'held', '--wait=false']);
    await eventually(async () => {
      const [event] = await eventsOf(key, 'ReleaseRefused');
      expect(event?.note).toContain('MANAGE is needed');
    });
    expect(await world.isThere(key)).toBe(true);
    const patch = JSON.stringify({ spec: { deletionPolicy: 'Orphan' } });
    await world.cluster.kubectl(['patch', 'mp', '-n', namespace, 'held', '--type=merge', '-p', patch]);
    await eventually(async () => expect(await world.isThere(key)).toBe(false));
    expect((await mlflow.state(model)).aliases).toEqual({ champion: '2' });
    expect((await operator.stop()).code).toBe(0);
  });

  it('is given up after some minutes, however often it was tried, with a warning, and the object goes', async () => {
    const model = await aModel();
    await using proxy = await startFaultProxy(sharedMlflow());
    const namespace = await world.namespace({ uri: proxy.url, registry: { sweepInterval: '1s' } });
    const key = `${namespace}/held`;
    await using operator = await world.operator([], preloaded('clock', { JUMPS_MS: '180000' }));
    const aliases = [{ name: 'champion', version: '2' }];
    await world.promote(key, { model, ...production('3'), aliases, deletionPolicy: 'Release' });
    await world.settled(key, 'UpToDate');
    proxy.on({ method: 'DELETE', path: /registered-models\/alias/ }, answer(403, 'no'));
    await world.cluster.kubectl(['delete', 'mp', '-n', namespace, 'held', '--wait=false']);
    const tries = (): number => proxy.seen.filter((one) => /^DELETE .*alias/.test(one)).length;
    /** What is declared anew has it tried again, whatever the delay. */
    const declareAnother = async (): Promise<void> => {
      const before = tries();
      await world.promote(`${namespace}/other-${before}`, {
        model: uniqueModel('nobody'),
        ...production('1'),
      });
      await eventually(async () => expect(tries() > before || !(await world.isThere(key))).toBe(true));
    };
    for (let more = 0; more < 12; more += 1) await declareAnother();
    expect(await world.isThere(key)).toBe(true);
    process.kill(operator.pid, 'SIGUSR2');
    await eventually(async () => {
      await declareAnother();
      expect(await world.isThere(key)).toBe(false);
    });
    await operator.logged('a removed promotion could not be released: its registry refuses it', {
      promotion: key,
    });
    expect(await eventsOf(key, 'ReleaseRefused')).toHaveLength(1);
    expect((await mlflow.state(model)).aliases).toEqual({ champion: '2' });
    expect((await operator.stop()).code).toBe(0);
  });

  it('holds no other promotion up', async () => {
    const [model, other] = [await aModel(), await aModel()];
    await using proxy = await startFaultProxy(sharedMlflow());
    const namespace = await world.namespace({ uri: proxy.url });
    await using _ = await world.operator();
    const aliases = [{ name: 'champion', version: '2' }];
    await world.promote(`${namespace}/held`, { model, aliases, deletionPolicy: 'Release' });
    await world.settled(`${namespace}/held`, 'UpToDate');
    proxy.on({ method: 'DELETE', path: /registered-models\/alias/ }, answer(403, 'no'));
    await world.cluster.kubectl(['delete', 'mp', '-n', namespace, 'held', '--wait=false']);
    await world.promote(`${namespace}/free`, { model: other, aliases, deletionPolicy: 'Release' });
    await world.settled(`${namespace}/free`, 'UpToDate');
    proxy.clear();
    // What was refused before is tried again, and released after all.
    await eventually(async () => expect(await world.isThere(`${namespace}/held`)).toBe(false));
    expect((await mlflow.state(model)).aliases).toEqual({});
  });
});

describe('Operators of one namespace each', () => {
  it('lead side by side, each over its own', async () => {
    const namespaces = [await world.namespace(), await world.namespace()] as const;
    const models = [await aModel(), await aModel()] as const;
    await using one = await world.operator(['--watch-namespace', namespaces[0]]);
    await one.logged('leading');
    await world.promote(`${namespaces[0]}/churn`, { model: models[0], ...production('2') });
    await world.promote(`${namespaces[1]}/churn`, { model: models[1], ...production('2') });
    await world.settled(`${namespaces[0]}/churn`, 'UpToDate');
    expect((await world.get(`${namespaces[1]}/churn`)).status?.observedGeneration).toBe(-1);
    await using two = await world.operator(['--watch-namespace', namespaces[1]]);
    await two.logged('leading');
    await world.settled(`${namespaces[1]}/churn`, 'UpToDate');
    expect((await one.stop()).code).toBe(0);
    expect((await two.stop()).code).toBe(0);
  });
});
