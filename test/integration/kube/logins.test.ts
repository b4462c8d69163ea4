/** The ways to log in to an API server that people use, each as the operator takes it: up to a promotion that is carried out. */
import { spawnSync } from 'node:child_process';
import { copyFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../support/git-repo.ts';
import { uniqueModel } from '../../support/mlflow.ts';
import { eventually, modelpromotion, startDaemon } from '../../support/program.ts';
import { MANIFESTS } from './installation.ts';
import { KubeWorld, mlflow } from './world.ts';

const SYSTEM = 'modelpromotion-system';
const LEASE = ['lease', '-n', 'default', 'modelpromotion-default'];
/** Where every pod finds its service account. */
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const SHOW = `mount -t tmpfs none /var/run; mkdir -p ${ACCOUNT}; mount --bind "$0" ${ACCOUNT}; exec "$@"`;
/** A command line that sees a folder, its first argument, there; nobody else does. */
const IN_A_POD = ['unshare', '--map-root-user', '--mount', 'sh', '-ec', SHOW];
const [unshare, ...trying] = [...IN_A_POD, '/tmp', 'true'];
const isPossible = spawnSync(unshare, trying).status === 0;

let world: KubeWorld;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  world = await KubeWorld.open();
  folder = await temporaryFolder();
  await world.cluster.kubectl(['apply', '--server-side', '-k', join(MANIFESTS, 'overlays/cluster-wide')]);
  const may = ['--clusterrole=cluster-admin', '--user=guest'];
  await world.cluster.kubectl(['create', 'clusterrolebinding', 'guest', ...may]);
});
afterAll(async () => {
  await folder?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
});

/** A new promotion is carried out and told of. */
async function somethingIsPromoted(): Promise<void> {
  const [namespace, model] = [await world.namespace(), uniqueModel('login')];
  await mlflow.seed(model, 2);
  await world.promote(`${namespace}/churn`, { model, stages: [{ name: 'Production', version: '2' }] });
  await world.settled(`${namespace}/churn`, 'UpToDate');
  expect(await mlflow.state(model)).toMatchObject({ stages: { 2: 'Production' } });
}

async function kubeconfigWith(user: object): Promise<string> {
  const file = join(folder.path, `${uniqueModel('kubeconfig')}.json`);
  const cluster = { server: world.cluster.server, 'certificate-authority': world.cluster.caFile };
  const content = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'c',
  };
  await writeFile(file, JSON.stringify(content));
  return file;
}

describe('In a pod', () => {
  /** A token that holds for as long as a secret is there. */
  async function tokenFor(secret: string): Promise<string> {
    await world.cluster.kubectl(['create', 'secret', 'generic', '-n', SYSTEM, secret]);
    const bound = ['--bound-object-kind=Secret', `--bound-object-name=${secret}`];
    const { stdout } = await world.cluster.kubectl([
      'create',
      'token',
      '-n',
      SYSTEM,
      'modelpromotion',
      ...bound,
    ]);
    return stdout.trim();
  }

  async function putToken(token: string): Promise<void> {
    await writeFile(join(folder.path, 'next'), token);
    await rename(join(folder.path, 'next'), join(folder.path, 'token'));
  }

  it.skipIf(!isPossible)(
    'the service account is found, and its token is read again when it was replaced',
    async () => {
      await copyFile(world.cluster.caFile, join(folder.path, 'ca.crt'));
      await writeFile(join(folder.path, 'namespace'), SYSTEM);
      const first = await tokenFor('first');
      await putToken(first);
      const { hostname, port } = new URL(world.cluster.server);
      await using operator = await startDaemon(
        ['--lease-duration', '3s'],
        { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port, POD_NAME: 'pod-1' },
        [...IN_A_POD, folder.path],
      );
      const { lease, identity } = await operator.logged('leading');
      expect([lease, identity]).toEqual([
        `${SYSTEM}/modelpromotion-default`,
        expect.stringMatching(/^pod-1_/),
      ]);
      await somethingIsPromoted();

      const second = await tokenFor('second');
      await putToken(second);
      await world.cluster.kubectl(['delete', 'secret', '-n', SYSTEM, 'first']);
      const look = ['get', 'mp', '-A', `--token=${first}`, '--kubeconfig=/dev/null'];
      const reach = [`--server=${world.cluster.server}`, `--certificate-authority=${world.cluster.caFile}`];
      await eventually(() =>
        expect(world.cluster.kubectl([...look, ...reach])).rejects.toThrow(/Unauthorized|logged in/),
      );
      await somethingIsPromoted();
      expect(operator.log().filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
      expect(operator.output()).not.toContain(first);
      expect(operator.output()).not.toContain(second);
      expect((await operator.stop()).code).toBe(0);
    },
  );
});

describe('A kubeconfig', () => {
  it('with a client certificate is enough', async () => {
    const { cert, key } = world.cluster.guest;
    const [data, keyData] = [cert, key].map((pem) => Buffer.from(pem).toString('base64'));
    const user = { 'client-certificate-data': data, 'client-key-data': keyData };
    await using operator = await world.operator(['--kubeconfig', await kubeconfigWith(user)]);
    await somethingIsPromoted();
    expect((await operator.stop()).code).toBe(0);
  });

  describe('with a program that logs in', () => {
    /** It prints what is in the file `credential`, and fails while there is none. */
    async function loggingIn(): Promise<string> {
      const script = 'cat credential 2>/dev/null || { echo "the token service is away" >&2; exit 1; }';
      const exec = {
        apiVersion: 'client.authentication.k8s.io/v1',
        command: 'sh',
        args: ['-c', `cd "$0"; ${script}`, folder.path],
        interactiveMode: 'Never',
      };
      return kubeconfigWith({ exec });
    }

    async function giveCredential(): Promise<void> {
      const admin = JSON.parse(
        (await world.cluster.kubectl(['config', 'view', '--raw', '-o', 'json'])).stdout,
      );
      const { token } = admin.users[0].user;
      const apiVersion = 'client.authentication.k8s.io/v1';
      const credential = { apiVersion, kind: 'ExecCredential', status: { token } };
      await writeFile(join(folder.path, 'credential'), JSON.stringify(credential));
    }

    const takeCredential = (): Promise<void> => rm(join(folder.path, 'credential'), { force: true });

    it('is enough', async () => {
      await giveCredential();
      await using operator = await world.operator(['--kubeconfig', await loggingIn()]);
      await somethingIsPromoted();
      expect((await operator.stop()).code).toBe(0);
    });

    it('that fails at the start ends the operator, which says why', async () => {
      await takeCredential();
      const argv = ['run', '--source', 'kubernetes', '--kubeconfig', await loggingIn()];
      const { code, stderr } = await modelpromotion([...argv, '--listen', '127.0.0.1:0']);
      expect([code, stderr]).toEqual([1, expect.stringMatching(/kubeconfig .*the token service is away/)]);
    });

    it('that fails for a while when the lease was lost is asked again until it works', async () => {
      await giveCredential();
      await using operator = await world.operator(['--kubeconfig', await loggingIn()]);
      await operator.logged('leading');
      await takeCredential();
      await world.cluster.kubectl(['patch', ...LEASE, '-p', '{"spec":{"holderIdentity":"somebody"}}']);
      const { detail } = await operator.logged('work cannot be taken up again yet; it is tried again');
      expect(detail).toMatch(/kubeconfig .*the token service is away/);
      const ready = await fetch(new URL('/readyz', operator.url));
      expect([ready.status, await ready.text()]).toEqual([503, expect.stringContaining(String(detail))]);
      await giveCredential();
      await somethingIsPromoted();
      expect((await fetch(new URL('/readyz', operator.url))).status).toBe(200);
      expect((await operator.stop()).code).toBe(0);
    });

    it('that fails when the lease was lost does not keep the operator from ending', async () => {
      await giveCredential();
      await using operator = await world.operator(['--kubeconfig', await loggingIn()]);
      await operator.logged('leading');
      await takeCredential();
      await world.cluster.kubectl(['patch', ...LEASE, '-p', '{"spec":{"holderIdentity":"somebody"}}']);
      await operator.logged('work cannot be taken up again yet; it is tried again');
      expect((await operator.stop()).code).toBe(0);
    });
  });
});
