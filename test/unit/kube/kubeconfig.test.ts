/** Which API server a kubeconfig names, how we log in there, and what is said of one that is of no use. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Cluster } from '../../../src/adapters/kube/kubeconfig.ts';
import { kubeconfigFiles } from '../../../src/adapters/kube/token-file.ts';

// Every reading loads the client library, which takes a second.
vi.setConfig({ testTimeout: 60_000 });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modelpromotion-kubeconfig-'));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

async function kubeconfig(
  user: object,
  server = 'https://127.0.0.1:6443/',
  more: object = {},
): Promise<string> {
  const file = join(folder, 'config');
  const content = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server, ...more } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'here', context: { cluster: 'c', user: 'u', namespace: 'ml' } }],
    'current-context': 'here',
  };
  await writeFile(file, JSON.stringify(content));
  return file;
}

const learned: string[] = [];
const open = (file: string | undefined, context?: string): Promise<Cluster> =>
  Cluster.open({ file, context }, (secret) => void learned.push(secret));

describe('A kubeconfig', () => {
  it('names the server, the namespace and the token, which is a secret from then on', async () => {
    const cluster = await open(await kubeconfig({ token: 'the-token' }));
    expect(cluster).toMatchObject({ server: 'https://127.0.0.1:6443', name: 'here', namespace: 'ml' });
    expect(await cluster.authorization()).toBe('Bearer the-token');
    expect(learned).toContain('the-token');
  });

  it('is found by $KUBECONFIG when none is named', async () => {
    vi.stubEnv('KUBECONFIG', await kubeconfig({ token: 'another-token' }));
    expect(await (await open(undefined)).authorization()).toBe('Bearer another-token');
  });

  it('may name a file that holds the token, beside it, which is read again when the token is refused', async () => {
    await writeFile(join(folder, 'token'), 'first-token\n');
    const cluster = await open(await kubeconfig({ tokenFile: 'token' }));
    expect(await cluster.authorization()).toBe('Bearer first-token');
    await writeFile(join(folder, 'token'), 'second-token\n');
    expect(await cluster.authorization(true)).toBe('Bearer second-token');
    expect(learned).toEqual(expect.arrayContaining(['first-token', 'second-token']));
  });

  it.each([
    ['has no such context', {}, 'there', /there is no context "there"; there are here/],
    [
      'logs in with a program that is not there',
      { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'no-such-plugin' } },
      undefined,
      /logs in with the program no-such-plugin, which is not there; install it/,
    ],
    [
      'logs in with a program that fails without a word',
      { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'false' } },
      undefined,
      /the program that it logs in with failed, and said nothing/,
    ],
  ])('that %s says so', async (_, user, context, said) => {
    await expect(open(await kubeconfig(user), context)).rejects.toThrow(said);
  });

  it('that leads through a proxy says that it cannot be followed', async () => {
    const file = await kubeconfig({}, undefined, { 'proxy-url': 'http://proxy.test:3128' });
    await expect(open(file)).rejects.toThrow(/its cluster has a proxy-url/);
  });

  it('that is no file is named', async () => {
    await expect(open(join(folder, 'nowhere'))).rejects.toThrow(/the kubeconfig .*nowhere cannot be used/);
  });

  it('that is nowhere is said to be so, with the places that were looked at', async () => {
    for (const name of ['KUBECONFIG', 'KUBERNETES_SERVICE_HOST']) vi.stubEnv(name, '');
    vi.stubEnv('HOME', folder);
    await expect(open(undefined)).rejects.toThrow(
      /there is none in \$KUBECONFIG or at ~\/\.kube\/config.*--kubeconfig/,
    );
  });
});

it.each([
  ['named', 'a:b', ['named']],
  [undefined, 'a:b', ['a', 'b']],
])('The files for %j and KUBECONFIG=%j are %j', (named, variable, files) => {
  expect(kubeconfigFiles(named, variable)).toEqual(files);
});
