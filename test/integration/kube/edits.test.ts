/** What a person changes in a cluster from the prompt: a real API server, the built program, called as kubectl calls it. */
import { execFile } from 'node:child_process';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from '../../../src/adapters/kube/kubeconfig.ts';
import { getObject, patchObject, type Operation } from '../../../src/adapters/kube/promotions.ts';
import { KubeTransport } from '../../../src/adapters/kube/transport.ts';
import { collectionPath, PROMOTIONS } from '../../../src/cli/operator/kinds.ts';
import { temporaryFolder } from '../../support/git-repo.ts';
import { type Daemon, modelpromotion } from '../../support/program.ts';
import { inProduction, KubeWorld, mlflow } from './world.ts';

const { signal } = new AbortController();
const run = promisify(execFile);
let world: KubeWorld;
let operator: Daemon;
let api: KubeTransport;

beforeAll(async () => {
  world = await KubeWorld.open();
  operator = await world.operator();
  const cluster = await Cluster.open({ file: world.cluster.kubeconfig, context: undefined }, () => undefined);
  api = new KubeTransport({ cluster });
});
afterAll(async () => {
  await api?.close();
  await operator?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
});

const both = (version: string) => ({
  stages: [{ name: 'Production', version }],
  aliases: [{ name: 'champion', version }],
});

/** One that went from 2 to 3. */
async function promoted(annotations = {}): Promise<{ namespace: string; key: string; model: string }> {
  const [namespace, model] = [await world.namespace(), await inProduction('edits')];
  const key = `${namespace}/churn`;
  for (const version of ['2', '3']) {
    await world.promote(key, { model, ...both(version) }, annotations);
    await world.settled(key, 'UpToDate');
  }
  return { namespace, key, model };
}

const prompt = (...args: string[]) =>
  modelpromotion([args[0] ?? '', '--kubeconfig', world.cluster.kubeconfig, ...args.slice(1)]);

describe('rollback', () => {
  it('says what it undoes, changes the object, and the operator carries it out', async () => {
    const { namespace, key, model } = await promoted();
    const asked = await prompt('rollback', 'churn', '--namespace', namespace);
    expect(asked.code).toBe(2);
    expect(asked.stdout).toContain(`${key} goes back, model ${model}:`);
    expect(asked.stdout).toMatch(/Production +3 → 2 +2 held it until 20/);
    expect(asked.stdout).toMatch(/@champion +3 → 2/);
    expect(asked.stdout).toContain(`version 2 of ${model} exists and is READY`);
    expect(asked.stdout).toContain(`ModelPromotion ${key}: spec.stages[0].version: "3" → "2"`);
    expect(asked.stderr).toContain('--yes');
    expect((await world.get(key)).spec.stages[0]?.version).toBe('3');

    const done = await prompt('rollback', key, '--yes');
    expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining(`Changed ModelPromotion ${key}`) });
    await world.settled(key, 'UpToDate');
    expect(await mlflow.state(model)).toMatchObject({
      aliases: { champion: '2' },
      stages: { 2: 'Production' },
    });
    const again = await prompt('rollback', key, '--yes');
    expect(again).toMatchObject({ code: 0, stdout: expect.stringMatching(/Production +2 → 1/) });
  });

  it('warns of Argo CD and Flux, which will undo it', async () => {
    const { key } = await promoted({
      'argocd.argoproj.io/tracking-id': 'models:modelpromotion.dev/ModelPromotion:ml/churn',
    });
    const { stdout } = await prompt('rollback', key);
    expect(stdout).toContain('Warning: Argo CD applies it (models), and puts back what its source declares');
  });

  it('refuses a version that is not there, a name that is not there, and what the API server refuses', async () => {
    const { namespace, key } = await promoted();
    expect(await prompt('rollback', key, '--to', '99', '--yes')).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/nothing was changed: version 99 of \S+ does not exist/),
    });
    expect(await prompt('rollback', `${namespace}/chrun`)).toMatchObject({
      code: 2,
      stderr: `there is no promotion "${namespace}/chrun"; did you mean "${key}"?\n`,
    });
    expect((await world.get(key)).spec.stages[0]?.version).toBe('3');
  });

  it('needs --to where the operator has written no status yet', async () => {
    const namespace = await world.namespace({ uri: 'http://127.0.0.1:9' });
    await world.promote(`${namespace}/new`, { model: 'm', ...both('3') });
    const { code, stderr } = await prompt('rollback', 'new', '-n', namespace);
    expect(code).toBe(2);
    expect(stderr).toMatch(/no (earlier )?version .*--to/);
  });
});

describe('a patch', () => {
  const place: Operation = { op: 'add', path: '/spec/stages/0/version', value: '2' };

  it('meets the object as it was read, or nothing happens', async () => {
    const namespace = await world.namespace({ uri: 'http://127.0.0.1:9' });
    await world.promote(`${namespace}/churn`, { model: 'm', ...both('3') });
    const collection = collectionPath(PROMOTIONS, namespace);
    const { metadata } = (await getObject(api, collection, 'churn', signal)) as { metadata: { resourceVersion: string } }; // prettier-ignore
    await world.cluster.kubectl(['label', '-n', namespace, 'mp/churn', 'team=ml']);
    const read = { name: 'churn', resourceVersion: metadata.resourceVersion };
    expect(await patchObject(api, collection, read, [place], signal)).toBeUndefined();
    expect((await world.get(`${namespace}/churn`)).spec.stages[0]?.version).toBe('3');
  });

  it('that the schema refuses is told as such', async () => {
    const namespace = await world.namespace({ uri: 'http://127.0.0.1:9' });
    await world.promote(`${namespace}/churn`, { model: 'm', ...both('3') });
    const collection = collectionPath(PROMOTIONS, namespace);
    // Whoever writes a status at that moment has moved the object, and it is read again.
    const patched = async (): Promise<unknown> => {
      const { metadata } = (await getObject(api, collection, 'churn', signal)) as { metadata: { resourceVersion: string } }; // prettier-ignore
      const read = { name: 'churn', resourceVersion: metadata.resourceVersion };
      return (await patchObject(api, collection, read, [{ ...place, value: 'latest' }], signal)) ?? patched();
    };
    await expect(patched()).rejects.toThrow(/spec.stages\[0\].version/);
  });

  it('of somebody who may not is refused with the role that it takes', async () => {
    const namespace = await world.namespace({ uri: 'http://127.0.0.1:9' });
    const metadata = { name: 'reader', namespace };
    await world.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata });
    const { stdout: token } = await world.cluster.kubectl(['create', 'token', 'reader', '-n', namespace]);
    const view = ['config', 'view', '--raw', '--minify', '-o', 'json'];
    const kubeconfig = JSON.parse((await world.cluster.kubectl(view)).stdout) as {
      users: { user: object }[];
    };
    for (const user of kubeconfig.users) user.user = { token: token.trim() };
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'config');
    await writeFile(file, JSON.stringify(kubeconfig));
    const { code, stderr } = await modelpromotion(['suspend', `${namespace}/churn`, '--kubeconfig', file]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/cannot get modelpromotions.*modelpromotion-viewer and modelpromotion-editor/);
  });
});

describe('suspend, resume and reconcile', () => {
  it('set what is declared, and have it looked at', async () => {
    const { key } = await promoted();
    expect(await prompt('suspend', key)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('spec.suspend: false → true'),
    });
    expect((await world.get(key)).spec.suspend).toBe(true);
    expect(await prompt('suspend', key)).toMatchObject({ code: 0, stdout: `${key} is suspended already.\n` });
    expect(await prompt('reconcile', key, '--timeout', '20s')).toMatchObject({ code: 0 });
    expect(await prompt('resume', key)).toMatchObject({ code: 0 });
    expect((await world.get(key)).spec.suspend).toBe(false);
    const { code, stdout } = await prompt('reconcile', key, '--timeout', '20s');
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${key}: UpToDate: Production=3, @champion=3\n` });
    expect((await world.get(key)).status?.lastHandledReconcileAt).toMatch(/^20/);
  });

  it('fails where a look finds it stalled, and where nobody looks', async () => {
    const namespace = await world.namespace();
    await world.promote(`${namespace}/churn`, {
      model: 'there-is-no-such-model',
      registryRef: { name: 'none' },
      ...both('3'),
    });
    expect(await prompt('reconcile', `${namespace}/churn`, '--timeout', '20s')).toMatchObject({ code: 1 });
    expect(await prompt('reconcile', `${namespace}/nobody`)).toMatchObject({ code: 2 });
  });
});

describe('as a plugin of kubectl', () => {
  it('means the cluster that kubectl means', async () => {
    await using folder = await temporaryFolder();
    const program = fileURLToPath(new URL('../../../dist/main.js', import.meta.url));
    await symlink(program, join(folder.path, 'kubectl-modelpromotion'));
    const { key, namespace } = await promoted();
    const node = fileURLToPath(new URL('../../../node_modules/.bin', import.meta.url));
    const env = { PATH: `${folder.path}:${node}:${process.env['PATH'] ?? ''}`, HOME: folder.path, KUBECONFIG: world.cluster.kubeconfig }; // prettier-ignore
    const kubectl = (...args: string[]) => run(join(world.cluster.binaries, 'kubectl'), args, { env });

    expect((await kubectl('modelpromotion', 'status', '-n', namespace)).stdout).toMatch(
      /churn.*Production=3/,
    );
    expect((await kubectl('modelpromotion', 'status', '--all-namespaces')).stdout).toContain(key);
    expect((await kubectl('modelpromotion', 'wait', 'churn', '-n', namespace)).stdout).toContain('UpToDate');
    const { stdout } = await kubectl('modelpromotion', 'rollback', 'churn', '-n', namespace, '--yes');
    expect(stdout).toContain('Changed ModelPromotion');
    expect((await kubectl('modelpromotion', '--help')).stdout).toContain('Usage: kubectl modelpromotion');
  });
});
