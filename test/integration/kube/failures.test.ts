/** What an API server, a clock and a process may do to an operator, and what holds all the same. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseDocument, stringify } from 'yaml';
import { startFaultProxy } from '../../support/fault-proxy.ts';
import { startKubeProxy } from '../../support/kube-proxy.ts';
import { sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { eventually, type Daemon } from '../../support/program.ts';
import {
  inProduction,
  KubeWorld,
  LOST,
  mlflow,
  preloaded,
  production,
  readyOf,
  STANDS_BY,
  transitionsOf,
} from './world.ts';

const CRD = join(import.meta.dirname, '../../../crds/modelpromotion.dev_modelpromotions.yaml');
const HOUR = 60 * 60_000;

let world: KubeWorld;

beforeAll(async () => {
  world = await KubeWorld.open();
});
afterAll(() => world?.[Symbol.asyncDispose]());
// Whatever became of a test, the next one has our own CRD.
afterEach(() => crd());

const aModel = (): Promise<string> => inProduction('failures', 6);

function timesLogged(operator: Daemon, msg: string): number {
  return operator.log().filter((line) => line.msg === msg).length;
}

describe('An API server', () => {
  it('that is initialising and answers 429 is asked at the pace that it asks for, and found again', async () => {
    const [namespace, model] = [await world.namespace(), await aModel()];
    await using proxy = await startKubeProxy(world.cluster);
    await using operator = await world.operator(['--kubeconfig', proxy.kubeconfig]);
    await world.promote(`${namespace}/churn`, { model, ...production('2') });
    await world.settled(`${namespace}/churn`, 'UpToDate');
    const body = {
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      message: 'storage is (re)initializing',
      reason: 'TooManyRequests',
      details: { retryAfterSeconds: 1 },
      code: 429,
    };
    proxy.refuse({ status: 429, headers: { 'retry-after': '1' }, body });
    const before = proxy.seen.length;
    await world.promote(`${namespace}/churn`, { model, ...production('3') });
    await operator.logged(LOST);
    await sleep(5_000);
    // Two kinds, labels and the lease: each is asked for about once a second.
    expect(proxy.seen.length - before).toBeLessThan(60);
    expect(await mlflow.state(model)).toMatchObject({ stages: { 2: 'Production' } });
    proxy.refuse(undefined);
    await world.settled(`${namespace}/churn`, 'UpToDate');
    expect(await mlflow.state(model)).toMatchObject({ stages: { 3: 'Production' } });
    expect((await operator.stop()).code).toBe(0);
  });

  it('whose watches come late has each version promoted once, drift repaired once, and statuses that catch up', async () => {
    const model = await aModel();
    await using registry = await startFaultProxy(sharedMlflow());
    const namespace = await world.namespace({ uri: registry.url, registry: { sweepInterval: '1s' } });
    await using proxy = await startKubeProxy(world.cluster);
    await using operator = await world.operator(['--kubeconfig', proxy.kubeconfig]);
    await world.promote(`${namespace}/churn`, { model, ...production('2') });
    await world.settled(`${namespace}/churn`, 'UpToDate');
    proxy.delay(3_000);
    await world.promote(`${namespace}/churn`, { model, ...production('3') });
    await eventually(async () =>
      expect((await mlflow.state(model)).stages).toMatchObject({ 3: 'Production' }),
    );
    // Its own status has not come back yet when there is more to say.
    await mlflow.transition(model, '4', 'Production', true);
    await eventually(async () =>
      expect((await mlflow.state(model)).stages).toMatchObject({ 3: 'Production' }),
    );
    await world.promote(`${namespace}/churn`, { model, ...production('5') });
    const settled = await world.settled(`${namespace}/churn`, 'UpToDate');
    expect(settled.status?.history?.map(({ to, cause }) => `${to} ${cause}`)).toEqual([
      '5 Promotion',
      '3 Drift',
      '3 Promotion',
      '2 Promotion',
    ]);
    expect(transitionsOf(registry, model)).toEqual(['2', '3', '3', '5']);
    expect((await operator.stop()).code).toBe(0);
  });
});

describe('A process', () => {
  it('whose event loop is blocked for longer than its lease writes nothing more, and stands by', async () => {
    const model = await aModel();
    await using registry = await startFaultProxy(sharedMlflow());
    const namespace = await world.namespace({ uri: registry.url });
    await using both = await world.replicas(preloaded('block', { BLOCK_MS: '9000' }));
    const { leader, standby } = both;
    await world.promote(`${namespace}/churn`, { model, ...production('2') });
    await world.settled(`${namespace}/churn`, 'UpToDate');
    process.kill(leader.pid, 'SIGUSR2');
    await world.promote(`${namespace}/churn`, { model, ...production('3') });
    await standby.logged('leading');
    await world.settled(`${namespace}/churn`, 'UpToDate');
    await leader.logged(LOST);
    await leader.logged(STANDS_BY);
    await world.settled(`${namespace}/churn`, 'UpToDate');
    expect(transitionsOf(registry, model)).toEqual(['2', '3']);
    expect((await leader.stop()).code).toBe(0);
  });
});

describe('A clock', () => {
  it('that jumps hours ahead and back costs no lease, and nothing that is declared waits for it', async () => {
    const model = await aModel();
    await using registry = await startFaultProxy(sharedMlflow());
    const namespace = await world.namespace({ uri: registry.url });
    const jumps = { JUMPS_MS: `${2 * HOUR},${-5 * HOUR}` };
    await using both = await world.replicas(preloaded('clock', jumps));
    const { leader, standby } = both;
    await world.promote(`${namespace}/churn`, { model, ...production('2') });
    await world.settled(`${namespace}/churn`, 'UpToDate');
    for (const version of ['3', '4']) {
      process.kill(leader.pid, 'SIGUSR2');
      // Longer than the lease.
      await sleep(5_000);
      await world.promote(`${namespace}/churn`, { model, ...production(version) });
      await world.settled(`${namespace}/churn`, 'UpToDate');
    }
    expect(transitionsOf(registry, model)).toEqual(['2', '3', '4']);
    expect([timesLogged(leader, LOST), timesLogged(standby, 'leading')]).toEqual([0, 0]);
  });

  it('that is hours off from that of the other replica makes no difference to who leads', async () => {
    const [namespace, model] = [await world.namespace(), await aModel()];
    const skewed = preloaded('clock', { SKEW_MS: String(3 * HOUR) });
    await using both = await world.replicas({}, skewed);
    const { leader, standby } = both;
    await sleep(5_000);
    expect([timesLogged(leader, LOST), timesLogged(standby, 'leading')]).toEqual([0, 0]);
    await leader.stop('SIGKILL');
    await standby.logged('leading');
    await world.promote(`${namespace}/churn`, { model, ...production('2') });
    await world.settled(`${namespace}/churn`, 'UpToDate');
    await using third = await world.operator();
    await third.logged(STANDS_BY);
    await sleep(5_000);
    expect(timesLogged(third, 'leading')).toBe(0);
  });
});

describe('Two hundred objects', () => {
  it('that are there at the start are all done, each once, and an edit that comes then does not wait for them', async () => {
    await using registry = await startFaultProxy(sharedMlflow());
    const namespace = await world.namespace({ uri: registry.url });
    const [urgent, ...models] = await Promise.all(Array.from({ length: 201 }, () => aModel()));
    if (urgent === undefined) throw new Error('there is no model');
    const object = (model: string, version: string) => ({
      apiVersion: 'modelpromotion.dev/v1alpha1',
      kind: 'ModelPromotion',
      metadata: { name: model, namespace },
      spec: { registryRef: { name: 'mlflow' }, model, ...production(version) },
    });
    await world.apply(...models.map((model) => object(model, '2')), object(urgent, '2'));
    // What runs already is not held up: few at once, so that it is soon over.
    await using operator = await world.operator(['--workers', '8']);
    await operator.logged('a registry was read', { registry: `${namespace}/mlflow` });
    await world.apply(object(urgent, '3'));
    await eventually(() => expect(transitionsOf(registry, urgent)).toContain('3'));
    const done = models.filter((model) => transitionsOf(registry, model).length > 0).length;
    expect(done).toBeLessThan(150);
    const argv = ['wait', 'mp', '--all', '-n', namespace, '--for=condition=Ready', '--timeout=90s'];
    await world.cluster.kubectl(argv);
    for (const model of models) expect(transitionsOf(registry, model)).toEqual(['2']);
    expect((await operator.stop()).code).toBe(0);
  });
});

interface Schema {
  readonly properties: Record<string, Schema>;
  readonly enum?: string[];
}

interface Crd {
  readonly spec: { readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[] };
}

async function crd(change: (schema: Schema) => void = () => undefined): Promise<void> {
  const document = parseDocument(await readFile(CRD, 'utf8')).toJS() as Crd;
  for (const { schema } of document.spec.versions) change(schema.openAPIV3Schema);
  await world.cluster.kubectl(['replace', '-f', '-'], stringify(document));
}

describe('A CRD', () => {
  it('that is older than the operator has promotions done all the same, and says what to do; then statuses follow', async () => {
    const [namespace, model] = [await world.namespace(), await aModel()];
    await crd(({ properties: { status } }) => {
      delete status?.properties['history'];
      delete status?.properties['lastAppliedDigest'];
    });
    await using operator = await world.operator();
    await eventually(() => world.promote(`${namespace}/churn`, { model, ...production('2') }));
    await eventually(async () =>
      expect((await mlflow.state(model)).stages).toMatchObject({ 2: 'Production' }),
    );
    const { detail } = await operator.logged(
      'a status cannot be written; promotions go on, and it is tried again',
    );
    expect(detail).toContain('the CRDs are older than this operator');
    await sleep(3_000);
    expect(await operator.metric('modelpromotion_status_writes_total{result="failed"}')).toBeLessThan(10);
    await crd();
    await world.settled(`${namespace}/churn`, 'UpToDate');
    expect((await world.get(`${namespace}/churn`)).status?.history).toHaveLength(1);
    expect((await operator.stop()).code).toBe(0);
  });

  it('that is newer has what nobody here has heard of stall alone, with its reason', async () => {
    const [namespace, model, other] = [await world.namespace(), await aModel(), await aModel()];
    await crd(({ properties: { spec } }) => void spec?.properties['drift']?.enum?.push('Negotiate'));
    await using operator = await world.operator();
    await eventually(() =>
      world.promote(`${namespace}/newer`, { model, drift: 'Negotiate', ...production('2') }),
    );
    await world.promote(`${namespace}/fine`, { model: other, ...production('2') });
    await world.settled(`${namespace}/fine`, 'UpToDate');
    const stalled = await world.settled(`${namespace}/newer`, 'InvalidSpec');
    expect(readyOf(stalled)?.message).toContain('spec.drift');
    expect(await mlflow.state(model)).toMatchObject({ stages: { 1: 'Production' } });
    expect((await operator.stop()).code).toBe(0);
    await world.cluster.kubectl(['delete', 'mp', '-n', namespace, 'newer']);
    await crd();
  });
});

describe('Labels of namespaces', () => {
  it('that cannot be read are waited for: what they decide is not taken for refused, and no release is lost', async () => {
    const team = uniqueModel('team');
    const access = [{ namespaces: { matchLabels: { team } } }];
    const [owner, tenant, model] = [
      await world.namespace({ registry: { access } }),
      await world.namespace({ labels: { team } }),
      await aModel(),
    ];
    const registryRef = { name: 'mlflow', namespace: owner };
    const aliases = [{ name: 'champion', version: '2' }];
    const key = `${tenant}/churn`;
    {
      await using _ = await world.operator();
      await world.promote(key, { model, registryRef, aliases, deletionPolicy: 'Release' });
      await world.settled(key, 'UpToDate');
    }
    const account = `${tenant}/blind`;
    const kubeconfig = await world.cluster.kubeconfigOf(account);
    const grant = (name: string, rules: object[]): Promise<void> =>
      world.apply(
        { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name }, rules },
        {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'ClusterRoleBinding',
          metadata: { name },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
          subjects: [{ kind: 'ServiceAccount', name: 'blind', namespace: tenant }],
        },
      );
    const all = ['get', 'list', 'watch', 'create', 'update', 'patch'];
    await grant(`${tenant}-most`, [
      { apiGroups: ['modelpromotion.dev'], resources: ['*'], verbs: all },
      { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: all },
      { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: all },
    ]);
    await using operator = await world.operator(['--kubeconfig', kubeconfig]);
    await world.cluster.kubectl(['delete', 'mp', '-n', tenant, 'churn', '--wait=false']);
    await eventually(async () => {
      const answer = await fetch(`${operator.url}/readyz`);
      expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining('namespaces')]);
    });
    await sleep(2_000);
    expect(await world.isThere(key)).toBe(true);
    expect((await mlflow.state(model)).aliases).toEqual({ champion: '2' });
    await grant(`${tenant}-labels`, [
      { apiGroups: [''], resources: ['namespaces'], verbs: ['list', 'watch'] },
    ]);
    await eventually(async () => expect(await world.isThere(key)).toBe(false));
    expect((await mlflow.state(model)).aliases).toEqual({});
    expect((await operator.stop()).code).toBe(0);
  });
});
