/** What a person sees who applies custom resources with kubectl: a real API server, a real MLflow, the built program. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { type Daemon, eventually, modelpromotion } from '../../support/program.ts';
import { openGateway } from '../e2e/gateway.ts';
import { inProduction, KubeWorld, mlflow, production, readyOf } from './world.ts';

let world: KubeWorld;
let operator: Daemon;

beforeAll(async () => {
  world = await KubeWorld.open();
  operator = await world.operator();
});
afterAll(async () => {
  await operator?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
});

const aModel = (): Promise<string> => inProduction('kube');

describe('A promotion that is applied', () => {
  it('is carried out, and kubectl wait, get and events tell of it', async () => {
    const [namespace, model] = [await world.namespace(), await aModel()];
    await world.promote(`${namespace}/churn`, {
      model,
      ...production('2'),
      aliases: [{ name: 'champion', version: '2' }],
    });
    await world.cluster.kubectl([
      'wait',
      '-n',
      namespace,
      'mp/churn',
      '--for=condition=Ready',
      '--timeout=60s',
    ]);
    expect(await mlflow.state(model)).toEqual({
      stages: { 1: 'Archived', 2: 'Production' },
      aliases: { champion: '2' },
    });
    const { stdout } = await world.cluster.kubectl(['get', 'mp', '-n', namespace]);
    expect(stdout).toMatch(/churn +\S+ +Production=2 +champion=2 +True/);
    await eventually(async () => {
      const events = await world.cluster.kubectl(['get', 'events', '-n', namespace]);
      expect(events.stdout).toContain('move version 2 from None to Production, archive 1');
    });
  });

  it('is promoted again when its spec changes, and Ready is never told of a generation that was not seen', async () => {
    const [namespace, model] = [await world.namespace(), await aModel()];
    await world.promote(`${namespace}/churn`, { model, ...production('2') });
    await world.settled(`${namespace}/churn`, 'UpToDate');
    await world.promote(`${namespace}/churn`, { model, ...production('3') });
    await world.cluster.kubectl([
      'wait',
      '-n',
      namespace,
      'mp/churn',
      '--for=condition=Ready',
      '--timeout=60s',
    ]);
    expect(await mlflow.state(model)).toMatchObject({
      stages: { 1: 'Archived', 2: 'Archived', 3: 'Production' },
    });
    const { metadata, status } = await world.get(`${namespace}/churn`);
    expect(status).toMatchObject({ observedGeneration: 2, lastAppliedRevision: `${metadata.uid}@2` });
  });

  it('is put back when somebody changes the registry by hand', async () => {
    const [namespace, model] = [await world.namespace(), await aModel()];
    await world.promote(`${namespace}/churn`, { model, ...production('2') });
    await world.settled(`${namespace}/churn`, 'UpToDate');
    await mlflow.transition(model, '2', 'Archived');
    await eventually(async () =>
      expect(await mlflow.state(model)).toMatchObject({ stages: { 2: 'Production' } }),
    );
    await eventually(async () => {
      const { status } = await world.get(`${namespace}/churn`);
      expect(status?.history?.[0]).toMatchObject({ cause: 'Drift', to: '2' });
    });
  });

  it('has a history that the prompt tells from its status and the registry together', async () => {
    const [namespace, model] = [await world.namespace(), await aModel()];
    for (const version of ['2', '3']) {
      await world.promote(`${namespace}/churn`, { model, ...production(version) });
      await world.settled(`${namespace}/churn`, 'UpToDate');
    }
    const place = ['--kubeconfig', world.cluster.kubeconfig, '--registry-uri', sharedMlflow()];
    const { code, stdout } = await modelpromotion(['history', `${namespace}/churn`, ...place, '-o', 'json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      model,
      changes: [
        { target: 'stage/Production', from: '2', to: '3', told: 'both' },
        { target: 'stage/Production', from: '1', to: '2', told: 'both' },
      ],
    });
  });

  it('is left alone while it is suspended, and says so', async () => {
    const [namespace, model] = [await world.namespace(), await aModel()];
    await world.promote(`${namespace}/churn`, { model, suspend: true, ...production('2') });
    await world.settled(`${namespace}/churn`, 'Suspended');
    expect(await mlflow.state(model)).toMatchObject({ stages: { 1: 'Production' } });
    await world.promote(`${namespace}/churn`, { model, suspend: false, ...production('2') });
    await world.settled(`${namespace}/churn`, 'UpToDate');
  });

  it.each(['modelpromotion.dev/reconcileAt', 'reconcile.fluxcd.io/requestedAt'])(
    'is looked at at once when %s asks for it, and the token is remembered when it is taken away',
    async (annotation) => {
      const [namespace, model] = [await world.namespace(), await aModel()];
      await world.promote(`${namespace}/churn`, { model, ...production('2') });
      await world.settled(`${namespace}/churn`, 'UpToDate');
      await world.cluster.kubectl(['annotate', 'mp', '-n', namespace, 'churn', `${annotation}=now-please`]);
      const handled = async (): Promise<void> =>
        expect((await world.get(`${namespace}/churn`)).status?.lastHandledReconcileAt).toBe('now-please');
      await eventually(handled);
      await world.cluster.kubectl(['annotate', 'mp', '-n', namespace, 'churn', `${annotation}-`]);
      await operator.sweeps(2);
      await handled();
    },
  );

  it('is written by us in its status and its finalizers alone', async () => {
    const [namespace, model] = [await world.namespace(), await aModel()];
    await world.promote(`${namespace}/churn`, { model, deletionPolicy: 'Release', ...production('2') });
    await world.settled(`${namespace}/churn`, 'UpToDate');
    const argv = ['get', 'mp', '-n', namespace, 'churn', '-o', 'json', '--show-managed-fields'];
    const { stdout } = await world.cluster.kubectl(argv);
    const fields = (
      JSON.parse(stdout) as { metadata: { managedFields: { manager: string; fieldsV1: object }[] } }
    ).metadata.managedFields;
    const ours = fields.filter(({ manager }) => manager === 'modelpromotion').map(({ fieldsV1 }) => fieldsV1);
    expect(ours.map((one) => Object.keys(one).toSorted())).toEqual(
      expect.arrayContaining([['f:status'], ['f:metadata']]),
    );
    expect(JSON.stringify(ours)).not.toContain('f:spec');
  });
});

describe('A promotion that is deleted', () => {
  it('goes at once and leaves the registry as it is', async () => {
    const [namespace, model] = [await world.namespace(), await aModel()];
    await world.promote(`${namespace}/churn`, { model, ...production('2') });
    const { metadata } = await world.settled(`${namespace}/churn`, 'UpToDate');
    expect(metadata.finalizers).toBeUndefined();
    await world.cluster.kubectl(['delete', 'mp', '-n', namespace, 'churn', '--timeout=30s']);
    await operator.logged('a promotion was removed', { promotion: `${namespace}/churn` });
    expect(await mlflow.state(model)).toMatchObject({ stages: { 2: 'Production' } });
  });

  it('and asks for it has its targets released before it goes', async () => {
    const [namespace, model] = [await world.namespace(), await aModel()];
    const aliases = [{ name: 'champion', version: '2' }];
    await world.promote(`${namespace}/churn`, {
      model,
      deletionPolicy: 'Release',
      ...production('2'),
      aliases,
    });
    const { metadata } = await world.settled(`${namespace}/churn`, 'UpToDate');
    expect(metadata.finalizers).toEqual(['modelpromotion.dev/release']);
    await world.cluster.kubectl(['delete', 'mp', '-n', namespace, 'churn', '--timeout=30s']);
    expect(await mlflow.state(model)).toEqual({ stages: { 1: 'Archived', 2: 'Archived' }, aliases: {} });
  });

  it('goes without a release when its policy is changed while it waits', async () => {
    const [namespace, model] = [await world.namespace(), await aModel()];
    await using gateway = await openGateway();
    const other = await world.namespace({ uri: gateway.url });
    await world.promote(`${other}/churn`, { model, deletionPolicy: 'Release', ...production('2') });
    await world.settled(`${other}/churn`, 'UpToDate');
    await gateway.down();
    await world.cluster.kubectl(['delete', 'mp', '-n', other, 'churn', '--wait=false']);
    await operator.logged('a removed promotion cannot be released yet; it is tried again', {
      promotion: `${other}/churn`,
    });
    expect(await world.isThere(`${other}/churn`)).toBe(true);
    const policy = '{"spec":{"deletionPolicy":"Orphan"}}';
    await world.cluster.kubectl(['patch', 'mp', '-n', other, 'churn', '--type=merge', '-p', policy]);
    await eventually(async () => expect(await world.isThere(`${other}/churn`)).toBe(false));
    expect(await mlflow.state(model)).toMatchObject({ stages: { 2: 'Production' } });
    await gateway.up();
    expect(namespace).not.toBe(other);
  });

  it('goes when its registry is gone, with a warning', async () => {
    const [namespace, model] = [await world.namespace(), await aModel()];
    await world.promote(`${namespace}/churn`, { model, deletionPolicy: 'Release', ...production('2') });
    await world.settled(`${namespace}/churn`, 'UpToDate');
    await world.cluster.kubectl(['delete', 'modelregistry', '-n', namespace, 'mlflow']);
    await world.settled(`${namespace}/churn`, 'RegistryNotFound');
    await world.cluster.kubectl(['delete', 'mp', '-n', namespace, 'churn', '--timeout=30s']);
    await operator.logged('a removed promotion could not be released: its registry is not there for it', {
      promotion: `${namespace}/churn`,
    });
  });
});

describe('Of two promotions that want the same', () => {
  it('the older has it, and the other follows when it is deleted', async () => {
    const [namespace, model] = [await world.namespace(), await aModel()];
    await world.promote(`${namespace}/z-older`, { model, ...production('2') });
    await world.settled(`${namespace}/z-older`, 'UpToDate');
    await world.promote(`${namespace}/a-younger`, { model, ...production('3') });
    const loser = await world.settled(`${namespace}/a-younger`, 'Conflict');
    expect(readyOf(loser)?.message).toContain(`${namespace}/z-older`);
    await world.cluster.kubectl(['delete', 'mp', '-n', namespace, 'z-older']);
    await world.settled(`${namespace}/a-younger`, 'UpToDate');
    expect(await mlflow.state(model)).toMatchObject({ stages: { 3: 'Production' } });
  });
});

describe('A registry of another namespace', () => {
  it('may be used by whom its access names, for as long as it names him', async () => {
    const team = uniqueModel('team');
    const access = [{ namespaces: { matchLabels: { team } } }];
    const [owner, tenant, model] = [
      await world.namespace({ registry: { access } }),
      await world.namespace(),
      await aModel(),
    ];
    const registryRef = { name: 'mlflow', namespace: owner };
    await world.promote(`${tenant}/churn`, { model, registryRef, ...production('2') });
    const refused = await world.settled(`${tenant}/churn`, 'NotAllowed');
    expect(readyOf(refused)?.message).not.toContain(sharedMlflow());
    expect(await mlflow.state(model)).toMatchObject({ stages: { 1: 'Production' } });
    await world.cluster.kubectl(['label', 'namespace', tenant, `team=${team}`]);
    await world.settled(`${tenant}/churn`, 'UpToDate');
    await world.cluster.kubectl(['label', 'namespace', tenant, 'team-']);
    await world.settled(`${tenant}/churn`, 'NotAllowed');
  });
});

describe('A secret', () => {
  it('is read by its name in the namespace of its registry, and again when it was rotated', async () => {
    await using gateway = await openGateway({ token: 'first-canary-token' });
    const [namespace, model] = [
      await world.namespace({ uri: gateway.url, registry: { auth: { secretRef: { name: 'login' } } } }),
      await aModel(),
    ];
    await world.promote(`${namespace}/churn`, { model, ...production('2') });
    await eventually(async () => {
      const { status } = await world.get(`${namespace}/mlflow`, 'modelregistry');
      const ready = status?.conditions?.find(({ type }) => type === 'Ready');
      expect(ready?.message).toContain(`secret login in namespace ${namespace} does not exist`);
    });
    const secret = (token: string): object => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'login', namespace },
      stringData: { token },
    });
    await world.apply(secret('wrong-canary-token'));
    await eventually(async () => {
      const { status } = await world.get(`${namespace}/mlflow`, 'modelregistry');
      expect(status?.conditions?.[0]).toMatchObject({ status: 'False', reason: 'AccessDenied' });
      expect(gateway.authorizations).toContain('Bearer wrong-canary-token');
    });
    // The interval of the promotion is five minutes: it is the registry that wakes it.
    await world.apply(secret('first-canary-token'));
    await world.settled(`${namespace}/churn`, 'UpToDate');
    expect(operator.output()).not.toContain('canary-token');
    const { stdout } = await world.cluster.kubectl([
      'get',
      'mp,modelregistry,events',
      '-n',
      namespace,
      '-o',
      'yaml',
    ]);
    expect(stdout).not.toContain('canary-token');
  });
});
