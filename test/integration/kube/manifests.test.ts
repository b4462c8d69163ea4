/** The manifests on a real API server, and the operator with no more permissions than they give. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { type KubeObject, kustomization, MANIFESTS, objectsIn, rightsOf } from './installation.ts';
import { KubeWorld, mlflow } from './world.ts';

const ACCOUNT = 'modelpromotion-system/modelpromotion';
const AS = '--as=system:serviceaccount:modelpromotion-system:modelpromotion';
const OVERLAYS = ['cluster-wide', 'namespace'] as const;

/** All that the operator may do where it serves, in the whole cluster, and where it runs: verb, resource, group. */
const OF_A_NAMESPACE = [
  ...['list', 'watch'].flatMap((verb) => [
    `${verb} modelpromotions modelpromotion.dev`,
    `${verb} modelregistries modelpromotion.dev`,
  ]),
  'patch modelpromotions modelpromotion.dev',
  'patch modelpromotions/status modelpromotion.dev',
  'patch modelregistries/status modelpromotion.dev',
  'get secrets ',
  'create events events.k8s.io',
  'patch events events.k8s.io',
] as const;
const OF_THE_CLUSTER = ['list namespaces ', 'watch namespaces '] as const;
const OF_OUR_OWN = [
  'get leases coordination.k8s.io',
  'create leases coordination.k8s.io',
  'update leases coordination.k8s.io',
] as const;

/** One cluster for each way to install. */
let worlds: Record<(typeof OVERLAYS)[number], KubeWorld>;

beforeAll(async () => {
  const [wide, single] = [await KubeWorld.open(), await KubeWorld.open()];
  worlds = { 'cluster-wide': wide, namespace: single };
  for (const overlay of OVERLAYS) {
    const { cluster } = worlds[overlay];
    await cluster.kubectl(['create', 'namespace', 'ml']);
    await cluster.kubectl([
      'apply',
      '--server-side',
      '--force-conflicts',
      '-k',
      join(MANIFESTS, 'overlays', overlay),
    ]);
  }
});
afterAll(async () => {
  await worlds?.['cluster-wide'][Symbol.asyncDispose]();
  await worlds?.namespace[Symbol.asyncDispose]();
});

describe('The manifests', () => {
  it('in one piece are those of the cluster-wide overlay', async () => {
    const { cluster } = worlds['cluster-wide'];
    const { stdout } = await cluster.kubectl(['kustomize', join(MANIFESTS, 'overlays/cluster-wide')]);
    expect(objectsIn(await readFile(join(MANIFESTS, 'install.yaml'), 'utf8'))).toEqual(objectsIn(stdout));
  });

  it.each(OVERLAYS)(
    'of %s ask for no wildcard, and for no secret beside those they can name',
    async (overlay) => {
      const { stdout } = await worlds[overlay].cluster.kubectl([
        'kustomize',
        join(MANIFESTS, 'overlays', overlay),
      ]);
      const rules = objectsIn(stdout).flatMap(({ rules = [] }) => rules);
      expect(
        rules.flatMap(({ apiGroups = [], resources = [], verbs }) => [...apiGroups, ...resources, ...verbs]),
      ).not.toContain('*');
      const secrets = rules.filter(({ resources = [] }) => resources.includes('secrets'));
      expect(secrets.map(({ verbs }) => verbs)).toEqual([['get']]);
    },
  );

  it('run a pod that the restricted standard admits', async () => {
    const { cluster } = worlds['cluster-wide'];
    const { stdout } = await cluster.kubectl(['kustomize', join(MANIFESTS, 'overlays/cluster-wide')]);
    const template = objectsIn(stdout).find(({ kind }) => kind === 'Deployment')?.spec?.template;
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'try', namespace: 'modelpromotion-system' },
      ...template,
    };
    const text = stringify({ ...pod, metadata: { name: 'try', namespace: 'modelpromotion-system' } });
    await cluster.kubectl(['create', '--dry-run=server', '-f', '-'], text);
    const careless = text.replace('allowPrivilegeEscalation: false', 'allowPrivilegeEscalation: true');
    await expect(cluster.kubectl(['create', '--dry-run=server', '-f', '-'], careless)).rejects.toThrow(
      /restricted/,
    );
  });

  it('in one piece can be applied as they stand', async () => {
    const { cluster } = worlds['cluster-wide'];
    const argv = ['apply', '--server-side', '--dry-run=server', '--force-conflicts', '-f'];
    await cluster.kubectl([...argv, join(MANIFESTS, 'install.yaml')]);
  });

  it.each(OVERLAYS)('of %s can be had with more than one replica and a network policy', async (overlay) => {
    const { cluster } = worlds[overlay];
    await using folder = await kustomization(overlay, ['high-availability', 'network-policy']);
    await cluster.kubectl(['apply', '--server-side', '--force-conflicts', '-k', folder.path]);
    const kinds = 'deployment,poddisruptionbudget,networkpolicy';
    const { stdout } = await cluster.kubectl(['get', kinds, '-n', 'modelpromotion-system', '-o', 'json']);
    const { items } = JSON.parse(stdout) as { items: KubeObject[] };
    expect(items.map(({ kind }) => kind).toSorted()).toEqual([
      'Deployment',
      'NetworkPolicy',
      'PodDisruptionBudget',
    ]);
    const spec = items.find(({ kind }) => kind === 'Deployment')?.spec;
    expect(spec).toMatchObject({
      replicas: 2,
      template: { spec: { topologySpreadConstraints: [{ topologyKey: 'kubernetes.io/hostname' }] } },
    });
  });

  it.each(OVERLAYS)('of %s can be had as shards, each of which knows its number', async (overlay) => {
    const { cluster } = worlds[overlay];
    await using folder = await kustomization(overlay, ['shards', 'network-policy']);
    await cluster.kubectl(['apply', '--server-side', '--force-conflicts', '-k', folder.path]);
    const argv = ['get', 'statefulset/modelpromotion', '-n', 'modelpromotion-system', '-o', 'json'];
    const { spec } = JSON.parse((await cluster.kubectl(argv)).stdout) as KubeObject;
    const pod = spec?.template?.spec as { containers: { args: string[]; env: object[] }[] } | undefined;
    const container = pod?.containers[0];
    expect(spec).toMatchObject({ replicas: 3, serviceName: 'modelpromotion' });
    expect(container?.args).toContain('--shard=$(POD_INDEX)/3');
    expect(container?.env).toContainEqual(
      expect.objectContaining({
        name: 'POD_INDEX',
        valueFrom: {
          fieldRef: expect.objectContaining({
            fieldPath: "metadata.labels['apps.kubernetes.io/pod-index']",
          }) as object,
        },
      }),
    );
  });

  it('can be had with a monitor, which finds the port of the service', async () => {
    await using folder = await kustomization('cluster-wide', ['prometheus-monitor']);
    const { stdout } = await worlds['cluster-wide'].cluster.kubectl(['kustomize', folder.path]);
    const objects = objectsIn(stdout);
    const monitor = objects.find(({ kind }) => kind === 'ServiceMonitor')?.spec;
    const service = objects.find(({ kind }) => kind === 'Service');
    expect(monitor?.selector?.matchLabels).toEqual(service?.metadata.labels);
    expect(monitor?.endpoints?.map(({ port }) => port)).toEqual(
      service?.spec?.ports?.map(({ name }) => name),
    );
    expect(monitor?.endpoints).toHaveLength(1);
  });

  it.each([
    ['cluster-wide', 'ml', [...OF_A_NAMESPACE, ...OF_THE_CLUSTER]],
    ['cluster-wide', 'modelpromotion-system', [...OF_A_NAMESPACE, ...OF_THE_CLUSTER, ...OF_OUR_OWN]],
    ['namespace', 'ml', OF_A_NAMESPACE],
    ['namespace', 'modelpromotion-system', OF_OUR_OWN],
    ['namespace', 'default', []],
  ] as const)(
    'of %s let the operator do in namespace %s no more than is listed',
    async (overlay, where, may) => {
      const { cluster } = worlds[overlay];
      const everybody = await rightsOf('default:nobody', where, cluster);
      const ours = await rightsOf('modelpromotion-system:modelpromotion', where, cluster);
      expect([...ours.difference(everybody)].toSorted()).toEqual([...may].toSorted());
    },
  );

  it.each([
    ['list', 'modelpromotions.modelpromotion.dev', '-A', 'yes', 'no'],
    ['list', 'modelpromotions.modelpromotion.dev', '-nml', 'yes', 'yes'],
    ['watch', 'modelregistries.modelpromotion.dev', '-nml', 'yes', 'yes'],
    ['patch', 'modelpromotions.modelpromotion.dev/status', '-nml', 'yes', 'yes'],
    ['create', 'modelpromotions.modelpromotion.dev', '-nml', 'no', 'no'],
    ['delete', 'modelpromotions.modelpromotion.dev', '-nml', 'no', 'no'],
    ['patch', 'modelregistries.modelpromotion.dev', '-nml', 'no', 'no'],
    ['get', 'secrets', '-nml', 'yes', 'yes'],
    ['list', 'secrets', '-nml', 'no', 'no'],
    ['watch', 'secrets', '-nml', 'no', 'no'],
    ['get', 'secrets', '-nkube-system', 'yes', 'no'],
    ['list', 'namespaces', '-A', 'yes', 'no'],
    ['create', 'events.events.k8s.io', '-nml', 'yes', 'yes'],
    ['update', 'leases.coordination.k8s.io', '-nmodelpromotion-system', 'yes', 'yes'],
    ['update', 'leases.coordination.k8s.io', '-nml', 'no', 'no'],
    ['create', 'pods', '-nml', 'no', 'no'],
  ])(
    'let the operator %s %s (%s): %s, installed for one namespace %s',
    async (verb, resource, where, wide, single) => {
      const [kind = '', subresource] = resource.split('/');
      const argv = [
        'auth',
        'can-i',
        verb,
        kind,
        ...(subresource ? [`--subresource=${subresource}`] : []),
        where,
        AS,
        '--quiet',
      ];
      const answers = OVERLAYS.map((overlay) =>
        worlds[overlay].cluster.kubectl(argv).then(
          () => 'yes',
          () => 'no',
        ),
      );
      expect(await Promise.all(answers)).toEqual([wide, single]);
    },
  );
});

describe('The operator with the permissions of its manifests', () => {
  it.each([
    ['cluster-wide', []],
    ['namespace', ['--watch-namespace', 'ml']],
  ] as const)('of %s promotes, tells and releases, and misses none', async (overlay, more) => {
    const world = worlds[overlay];
    const model = uniqueModel('rbac');
    await mlflow.seed(model, 2);
    await world.apply(
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'login', namespace: 'ml' },
        stringData: { token: 'any' },
      },
      {
        apiVersion: 'modelpromotion.dev/v1alpha1',
        kind: 'ModelRegistry',
        metadata: { name: 'mlflow', namespace: 'ml' },
        spec: { uri: sharedMlflow(), auth: { secretRef: { name: 'login' } } },
      },
    );
    const kubeconfig = await world.cluster.kubeconfigOf(ACCOUNT);
    await using operator = await world.operator(['--kubeconfig', kubeconfig, ...more], {
      POD_NAMESPACE: 'modelpromotion-system',
    });
    await world.promote('ml/churn', {
      model,
      deletionPolicy: 'Release',
      stages: [{ name: 'Production', version: '2' }],
    });
    await world.settled('ml/churn', 'UpToDate');
    await world.settled('ml/mlflow', 'Reachable', 'modelregistry');
    await world.cluster.kubectl(['delete', 'mp', '-n', 'ml', 'churn', '--timeout=30s']);
    expect(await mlflow.state(model)).toEqual({ stages: { 2: 'Archived' }, aliases: {} });
    const { stdout } = await world.cluster.kubectl(['get', 'events', '-n', 'ml', '-o', 'name']);
    expect(stdout).not.toBe('');
    expect(operator.output()).not.toMatch(/forbidden/i);
  });
});
