/** The manifests on a real API server, and the operator with no more permissions than they give. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { KubeWorld } from './world.ts';

const MANIFESTS = join(import.meta.dirname, '../../../manifests');
const ACCOUNT = 'modelpromotion-system/modelpromotion';
const AS = '--as=system:serviceaccount:modelpromotion-system:modelpromotion';
const OVERLAYS = ['cluster-wide', 'namespace'] as const;

interface KubeObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly {
    readonly apiGroups?: string[];
    readonly resources?: string[];
    readonly verbs: string[];
  }[];
  readonly spec?: { readonly template?: { readonly spec: object } };
}

function objectsIn(text: string): KubeObject[] {
  const objects = parseAllDocuments(text).map((document) => document.toJS() as KubeObject);
  return objects.toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
}

function idOf({ kind, metadata: { namespace = '', name } }: KubeObject): string {
  return `${kind} ${namespace}/${name}`;
}

const mlflow = rest(sharedMlflow());
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

  it('can be had with more than one replica and a network policy', async () => {
    const { cluster } = worlds['cluster-wide'];
    for (const component of ['high-availability', 'network-policy']) {
      const folder = join(MANIFESTS, 'components', component);
      const files = component === 'network-policy' ? 'network-policy.yaml' : 'disruption-budget.yaml';
      await cluster.kubectl(['apply', '--server-side', '-f', join(folder, files)]);
    }
  });

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
