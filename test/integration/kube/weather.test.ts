/** What may become of an operator and its API server, and what holds all the same. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startFaultProxy } from '../../support/fault-proxy.ts';
import { sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { type Daemon, eventually, startDaemon } from '../../support/program.ts';
import {
  inProduction,
  KubeWorld,
  LOST,
  mlflow,
  production,
  readyOf,
  STANDS_BY,
  transitionsOf,
} from './world.ts';

const CRD = join(import.meta.dirname, '../../../crds/modelpromotion.dev_modelpromotions.yaml');

let world: KubeWorld;

beforeAll(async () => {
  world = await KubeWorld.open();
});
afterAll(() => world?.[Symbol.asyncDispose]());

const aModel = (): Promise<string> => inProduction('weather', 5);

/** It is said of namespaces too, and in any order. */
async function cannotWatchOurKinds(operator: Daemon, detail: RegExp) {
  const said = { msg: 'objects cannot be watched; it is tried again', detail: expect.stringMatching(detail) };
  await eventually(() => expect(operator.log()).toContainEqual(expect.objectContaining(said)));
}

describe('An API server', () => {
  it('that is killed and comes back finds the operator alive, and what changed meanwhile is done', async () => {
    const [namespace, model] = [await world.namespace(), await aModel()];
    await using operator = await world.operator();
    await world.promote(`${namespace}/churn`, { model, ...production('2') });
    await world.settled(`${namespace}/churn`, 'UpToDate');
    await world.cluster.apiserver.kill();
    await mlflow.transition(model, '3', 'Production', true);
    await sleep(1_000);
    await world.cluster.apiserver.start();
    await world.promote(`${namespace}/churn`, { model, ...production('4') });
    await world.settled(`${namespace}/churn`, 'UpToDate');
    expect(await mlflow.state(model)).toMatchObject({ stages: { 4: 'Production' } });
    expect((await operator.stop()).code).toBe(0);
  });

  it('whose etcd is killed and comes back finds the operator alive', async () => {
    const [namespace, model] = [await world.namespace(), await aModel()];
    await using operator = await world.operator();
    await world.promote(`${namespace}/churn`, { model, ...production('2') });
    await world.settled(`${namespace}/churn`, 'UpToDate');
    await world.cluster.etcd.kill();
    await sleep(1_000);
    await world.cluster.etcd.start();
    await eventually(() => world.promote(`${namespace}/churn`, { model, ...production('3') }));
    await world.settled(`${namespace}/churn`, 'UpToDate');
    expect((await operator.stop()).code).toBe(0);
  });

  it('that forgets old revisions while it is away is listed anew, and deletions are seen', async () => {
    const [namespace, model] = [await world.namespace(), await aModel()];
    await using operator = await world.operator();
    await world.promote(`${namespace}/goes`, { model, ...production('2') });
    await world.settled(`${namespace}/goes`, 'UpToDate');
    process.kill(operator.pid, 'SIGSTOP');
    await world.cluster.kubectl(['delete', 'mp', '-n', namespace, 'goes']);
    await world.promote(`${namespace}/comes`, { model, ...production('3') });
    await world.cluster.compact();
    await world.cluster.apiserver.kill();
    await world.cluster.apiserver.start();
    process.kill(operator.pid, 'SIGCONT');
    await world.settled(`${namespace}/comes`, 'UpToDate');
    expect((await operator.status()).promotions.map(({ metadata }) => metadata.name)).not.toContain('goes');
  });

  it('that is not there at the start is waited for, and said to be missing', async () => {
    const [namespace, model] = [await world.namespace(), await aModel()];
    await world.promote(`${namespace}/churn`, { model, ...production('2') });
    await world.cluster.apiserver.kill();
    await using operator = await world.operator();
    await cannotWatchOurKinds(
      operator,
      /^cannot watch \w+\.modelpromotion\.dev: https:\/\/127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\)/,
    );
    expect((await fetch(`${operator.url}/readyz`)).status).toBe(503);
    await world.cluster.apiserver.start();
    await world.settled(`${namespace}/churn`, 'UpToDate');
  });
});

describe('An operator', () => {
  it('that is killed right after each of its writes is followed by one that does nothing twice', async () => {
    const model = await aModel();
    await using proxy = await startFaultProxy(sharedMlflow());
    const namespace = await world.namespace({ uri: proxy.url });
    await world.promote(`${namespace}/churn`, {
      model,
      ...production('2'),
      aliases: [{ name: 'champion', version: '2' }],
    });
    const isSettled = async (): Promise<boolean> =>
      readyOf(await world.get(`${namespace}/churn`))?.reason === 'UpToDate';
    for (let lives = 0; lives < 8 && !(await isSettled()); lives += 1) {
      await using operator = await world.operator();
      const before = proxy.landed.length;
      await eventually(async () => expect(proxy.landed.length > before || (await isSettled())).toBe(true));
      await operator.stop('SIGKILL');
    }
    await using last = await world.operator();
    await world.settled(`${namespace}/churn`, 'UpToDate');
    expect(await mlflow.state(model)).toEqual({
      stages: { 1: 'Archived', 2: 'Production' },
      aliases: { champion: '2' },
    });
    expect(transitionsOf(proxy, model)).toEqual(['2']);
    expect((await last.stop()).code).toBe(0);
  });

  it('stands by while another one leads, is ready, and takes over at once when that one is stopped', async () => {
    const [namespace, model] = [await world.namespace(), await aModel()];
    await using replicas = await world.replicas();
    const { leader, standby } = replicas;
    await eventually(async () => expect((await fetch(`${standby.url}/readyz`)).status).toBe(200));
    await world.promote(`${namespace}/churn`, { model, ...production('2') });
    await world.settled(`${namespace}/churn`, 'UpToDate');
    expect((await leader.stop()).code).toBe(0);
    await standby.logged('leading');
    await world.promote(`${namespace}/churn`, { model, ...production('3') });
    await world.settled(`${namespace}/churn`, 'UpToDate');
    expect(standby.log().filter(({ msg, reason }) => msg === 'event' && reason === 'Promoted')).toHaveLength(
      1,
    );
  });

  it('that is killed is followed by the standby when its lease is over', async () => {
    const [namespace, model] = [await world.namespace(), await aModel()];
    await using replicas = await world.replicas();
    const { leader, standby } = replicas;
    await leader.stop('SIGKILL');
    await world.promote(`${namespace}/churn`, { model, ...production('2') });
    await world.settled(`${namespace}/churn`, 'UpToDate');
    await standby.logged('leading');
  });

  it('that was paused for longer than its lease writes nothing more, and stands by', async () => {
    const model = await aModel();
    await using proxy = await startFaultProxy(sharedMlflow());
    const namespace = await world.namespace({ uri: proxy.url });
    await using replicas = await world.replicas();
    const { leader, standby } = replicas;
    await world.promote(`${namespace}/churn`, { model, ...production('2') });
    await world.settled(`${namespace}/churn`, 'UpToDate');
    process.kill(leader.pid, 'SIGSTOP');
    await standby.logged('leading');
    await world.promote(`${namespace}/churn`, { model, ...production('3') });
    await world.settled(`${namespace}/churn`, 'UpToDate');
    process.kill(leader.pid, 'SIGCONT');
    await leader.logged(LOST);
    await leader.logged(STANDS_BY);
    expect((await leader.stop()).code).toBe(0);
    expect(transitionsOf(proxy, model)).toEqual(['2', '3']);
  });

  it('that was paused with a write in flight sends nothing more, and leaves the status of the one after it alone', async () => {
    const model = await aModel();
    await using proxy = await startFaultProxy(sharedMlflow());
    const namespace = await world.namespace({ uri: proxy.url });
    const [reached, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    proxy.on({ path: /transition-stage/, times: 1 }, async ({ forward, reply }) => {
      reached.resolve();
      await held.promise;
      reply(await forward());
    });
    await using replicas = await world.replicas();
    const { leader, standby } = replicas;
    await world.promote(`${namespace}/churn`, { model, ...production('2') });
    await reached.promise;
    process.kill(leader.pid, 'SIGSTOP');
    await standby.logged('leading');
    await world.promote(`${namespace}/churn`, { model, ...production('3') });
    await world.settled(`${namespace}/churn`, 'UpToDate');
    process.kill(leader.pid, 'SIGCONT');
    await leader.logged(LOST);
    await sleep(3_000);
    await world.settled(`${namespace}/churn`, 'UpToDate');
    // The one write that was under way lands late: the one that leads now finds it, and puts it right.
    held.resolve();
    // It may have carried out first what was declared when it came to lead.
    await eventually(() => expect(transitionsOf(proxy, model).slice(-3)).toEqual(['3', '2', '3']));
    expect(transitionsOf(proxy, model).length).toBeLessThanOrEqual(4);
    await world.settled(`${namespace}/churn`, 'UpToDate');
    expect(await mlflow.state(model)).toMatchObject({ stages: { 3: 'Production' } });
  });

  it('puts a status right that somebody else wrote over', async () => {
    const [namespace, model] = [await world.namespace(), await aModel()];
    await using operator = await world.operator();
    await world.promote(`${namespace}/churn`, { model, ...production('2') });
    await world.settled(`${namespace}/churn`, 'UpToDate');
    const patch = JSON.stringify({ status: { observedGeneration: -1, conditions: [] } });
    await world.cluster.kubectl([
      'patch',
      'mp',
      '-n',
      namespace,
      'churn',
      '--subresource=status',
      '--type=merge',
      '-p',
      patch,
    ]);
    await world.settled(`${namespace}/churn`, 'UpToDate');
    expect((await operator.stop()).code).toBe(0);
  });

  it('does not write what it found of one object to another that took its name', async () => {
    const model = await aModel();
    await using proxy = await startFaultProxy(sharedMlflow());
    const namespace = await world.namespace({ uri: proxy.url });
    await using operator = await world.operator();
    await world.settled(`${namespace}/mlflow`, 'Reachable', 'modelregistry');
    // The write hangs while the object is made again under its name.
    const held = Promise.withResolvers<void>();
    proxy.on({ path: /transition-stage/, times: 1 }, async ({ forward, reply }) => {
      await held.promise;
      reply(await forward());
    });
    await world.promote(`${namespace}/churn`, { model, ...production('2') });
    await eventually(() =>
      expect(operator.log().some(({ msg }) => msg === 'a revision was read')).toBe(true),
    );
    await sleep(1_000);
    await world.cluster.kubectl(['delete', 'mp', '-n', namespace, 'churn']);
    await world.promote(`${namespace}/churn`, { model, suspend: true, ...production('3') });
    held.resolve();
    const object = await world.settled(`${namespace}/churn`, 'Suspended');
    expect(object.status?.history).toBeUndefined();
  });

  it('whose CRDs are not there says how to install them', async () => {
    const bare = await import('../../support/controlplane/control-plane.ts');
    await using cluster = await bare.startControlPlane({ signal: new AbortController().signal });
    await using operator = await startDaemon([
      '--source',
      'kubernetes',
      '--kubeconfig',
      cluster.kubeconfig,
      '--lease-duration',
      '3s',
    ]);
    const { detail } = await operator.logged('objects cannot be watched; it is tried again');
    expect(detail).toContain('the CRDs are not installed: kubectl apply -k manifests/overlays/cluster-wide');
    await cluster.applyCrds();
    await eventually(async () => expect((await fetch(`${operator.url}/readyz`)).status).toBe(200));
  });

  it('without permissions says which are missing, of what it watches and of the lease', async () => {
    const kubeconfig = await world.cluster.kubeconfigOf(`nobody-${uniqueModel('ns').slice(-8)}/operator`);
    await using operator = await world.operator(['--kubeconfig', kubeconfig]);
    await cannotWatchOurKinds(
      operator,
      /cannot watch \w+\.modelpromotion\.dev: .* is forbidden: .*; grant it to our service account/,
    );
    await operator.logged('the lease cannot be had; it is tried again');
  });
});

describe('An object', () => {
  it('that was stored before a rule existed stalls alone, with its reason', async () => {
    const [namespace, model] = [await world.namespace(), await aModel()];
    const [crd] = parseAllDocuments(await readFile(CRD, 'utf8')).map((document) => document.toJS());
    const lax = structuredClone(crd);
    for (const version of lax.spec.versions)
      version.schema.openAPIV3Schema.properties.spec = {
        type: 'object',
        'x-kubernetes-preserve-unknown-fields': true,
      };
    delete lax.spec.versions[0].selectableFields;
    await world.cluster.kubectl(['replace', '-f', '-'], stringify(lax));
    await eventually(() =>
      world.promote(`${namespace}/odd`, { model, stages: [{ name: 'Prod', version: 2 }], colour: 'blue' }),
    );
    await world.cluster.kubectl(['replace', '-f', '-'], stringify(crd));
    await using operator = await world.operator();
    await world.promote(`${namespace}/fine`, { model, ...production('2') });
    await world.settled(`${namespace}/fine`, 'UpToDate');
    await eventually(async () => {
      const page = await operator.status();
      const odd = page.promotions.find(({ metadata }) => metadata.name === 'odd');
      const ready = odd?.status?.conditions?.find(({ type }) => type === 'Ready');
      expect(ready).toMatchObject({ status: 'False', reason: 'InvalidSpec' });
      expect(ready?.message).toContain('spec.stages[0].name');
    });
    await world.cluster.kubectl(['delete', 'mp', '-n', namespace, 'odd']);
  });
});
