/** Calls and watches against a real API server: connections, credentials, and what becomes of both. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type KubeApi, KubeError } from '../../../src/adapters/kube/api.ts';
import { Cluster } from '../../../src/adapters/kube/kubeconfig.ts';
import { Reflector } from '../../../src/adapters/kube/reflector.ts';
import { Store } from '../../../src/adapters/kube/store.ts';
import { KubeTransport } from '../../../src/adapters/kube/transport.ts';
import { type ControlPlane, startControlPlane } from '../../support/controlplane/control-plane.ts';
import { eventually } from '../../support/program.ts';
import { startTcpRelay, type TcpRelay } from '../../support/tcp-relay.ts';

const never = new AbortController().signal;
const RETRY = { base: 50, max: 200 };
let plane: ControlPlane;

beforeAll(async () => {
  plane = await startControlPlane({ signal: never });
});
afterAll(() => plane?.stop());

interface Reached extends AsyncDisposable {
  readonly api: KubeTransport;
  readonly relay: TcpRelay;
  /** Of the calls and watches that were answered, or not. */
  readonly codes: string[];
}

/** As somebody who may do everything, through a relay. */
async function reach(): Promise<Reached> {
  const relay = await startTcpRelay(Number(new URL(plane.server).port));
  const { tls, authorization } = await login(plane.kubeconfig);
  const codes: string[] = [];
  const server = `https://127.0.0.1:${relay.port}`;
  const observer = { requested: (_: string, code: string) => void codes.push(code) };
  const api = new KubeTransport({ cluster: { server, tls, authorization }, observer });
  const end = async (): Promise<void> => {
    await api.close();
    await relay[Symbol.asyncDispose]();
  };
  return { api, relay, codes, [Symbol.asyncDispose]: end };
}

async function login(file: string) {
  const cluster = await Cluster.open({ file, context: undefined }, () => undefined);
  return { tls: cluster.tls, authorization: (anew?: boolean) => cluster.authorization(anew) };
}

interface Followed extends AsyncDisposable {
  readonly store: Store<string>;
  readonly told: string[];
  readonly reflector: Reflector<string>;
}

/** The config maps of a namespace, by the value of `v`. */
function follow(api: KubeApi, namespace: string, silence = 70_000): Followed {
  const [store, told] = [new Store<string>(), [] as string[]];
  store.onChange((key, before, after) => told.push(`${key}: ${before ?? '-'} → ${after ?? '-'}`));
  const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined };
  const decode = (raw: unknown): string => (raw as { data: { v: string } }).data.v;
  const path = maps(namespace);
  const reflector = new Reflector({ api, path, decode, store, logger: quiet, silence, retry: RETRY });
  const end = new AbortController();
  const running = reflector.run(end.signal);
  const dispose = async (): Promise<void> => {
    end.abort();
    await running;
  };
  return { store, told, reflector, [Symbol.asyncDispose]: dispose };
}

const maps = (namespace: string): string => `/api/v1/namespaces/${namespace}/configmaps`;

async function namespace(name: string): Promise<string> {
  await plane.kubectl(['create', 'namespace', name]);
  return name;
}

async function create(ns: string, name: string, v: string): Promise<void> {
  await plane.kubectl(['create', 'configmap', '-n', ns, name, `--from-literal=v=${v}`]);
}

describe('One connection', () => {
  it('carries forty calls at once and three watches', async () => {
    await using reached = await reach();
    const { api, relay } = reached;
    await using one = follow(api, await namespace('one'));
    await using two = follow(api, await namespace('two'));
    await using three = follow(api, await namespace('three'));
    await eventually(() => expect([one, two, three].every(({ store }) => store.synced)).toBe(true));
    await Promise.all(Array.from({ length: 40 }, () => api.request(get('/api/v1/namespaces'), never)));
    await create('two', 'a', '1');
    await eventually(() => expect(two.store.get('two/a')).toBe('1'));
    expect(relay.connections).toBe(1);
  });

  it('is kept when the server refuses a call or a watch, and when a caller wants no more', async () => {
    await using reached = await reach();
    const { api, relay } = reached;
    await expect(api.request(get('/api/v1/namespaces/nobody'), never)).rejects.toMatchObject({ status: 404 });
    const lost = api.watch({ path: '/apis/nobody.example/v1/things' }, never);
    await expect(Array.fromAsync(lost)).rejects.toMatchObject({ status: 404 });
    const end = new AbortController();
    const watch = Array.fromAsync(api.watch({ path: '/api/v1/namespaces' }, end.signal));
    await api.request(get('/api/v1/namespaces'), never);
    end.abort();
    await expect(watch).rejects.toThrow();
    await api.request(get('/api/v1/namespaces'), never);
    expect(relay.connections).toBe(1);
  });

  it('that carries nothing any more is noticed by a call at its deadline, and the next one has another', async () => {
    await using reached = await reach();
    const { api, relay } = reached;
    await api.request(get('/api/v1/namespaces'), never);
    relay.stall();
    const late = api.request({ ...get('/api/v1/namespaces'), deadlineMs: 300 }, never);
    await expect(late).rejects.toThrow(/cannot list namespaces: https.* did not answer in time/);
    await api.request(get('/api/v1/namespaces'), never);
    expect(relay.connections).toBe(2);
  });

  it('that carries nothing any more is noticed by a watch, and nothing is lost', async () => {
    const ns = await namespace('silent');
    await using reached = await reach();
    await using followed = follow(reached.api, ns, 1_500);
    await eventually(() => expect(followed.store.synced).toBe(true));
    reached.relay.stall();
    await create(ns, 'a', '1');
    await eventually(() => expect(followed.told).toEqual([`${ns}/a: - → 1`]));
  });
});

describe('A reflector', () => {
  it('lists anew after the history it needs is gone: deletes are seen, and an object made again is two', async () => {
    const ns = await namespace('compacted');
    for (const name of ['gone', 'again', 'same']) await create(ns, name, '1');
    await using reached = await reach();
    await using followed = follow(reached.api, ns);
    await eventually(() => expect(followed.store.size).toBe(3));
    reached.relay.cut();
    await plane.kubectl(['delete', 'configmap', '-n', ns, 'gone', 'again']);
    await create(ns, 'again', '1');
    await create(ns, 'new', '1');
    await plane.compact();
    await plane.apiserver.kill();
    await plane.apiserver.start();
    followed.told.length = 0;
    reached.relay.mend();
    await eventually(() => expect(followed.told).toHaveLength(4));
    expect(followed.told.toSorted()).toEqual(
      ['again: - → 1', 'again: 1 → -', 'gone: 1 → -', 'new: - → 1'].map((line) => `${ns}/${line}`),
    );
    expect(followed.told.indexOf(`${ns}/again: 1 → -`)).toBeLessThan(
      followed.told.indexOf(`${ns}/again: - → 1`),
    );
  });

  it('goes on when the API server is killed and comes back', async () => {
    const ns = await namespace('killed');
    await using reached = await reach();
    await using followed = follow(reached.api, ns);
    await eventually(() => expect(followed.store.synced).toBe(true));
    await plane.apiserver.kill();
    await eventually(() => expect(followed.reflector.failure).toMatch(/cannot be reached/));
    await plane.apiserver.start();
    await create(ns, 'a', '1');
    await eventually(() => expect(followed.store.get(`${ns}/a`)).toBe('1'));
    expect(followed.reflector.failure).toBeUndefined();
  });

  it('lists twelve hundred objects in three pages where the server does not stream them', async () => {
    const ns = await namespace('many');
    await using reached = await reach();
    const { api } = reached;
    const names = Array.from({ length: 1_200 }, (_, index) => `n${index}`);
    const post = (name: string): Promise<unknown> =>
      api.request({ method: 'POST', path: maps(ns), body: { metadata: { name }, data: { v: '1' } } }, never);
    await Promise.all(names.map(post));
    const lists: unknown[] = [];
    await using followed = follow(withoutStreams(api, lists), ns);
    await eventually(() => expect(followed.store.synced).toBe(true));
    expect([followed.store.size, lists.length]).toEqual([1_200, 3]);
    await create(ns, 'later', '2');
    await eventually(() => expect(followed.store.get(`${ns}/later`)).toBe('2'));
    expect(lists).toHaveLength(3);
  });

  it('says which permission is missing, and goes on when it is granted', async () => {
    const ns = await namespace('forbidden');
    await create(ns, 'a', '1');
    const file = await plane.kubeconfigOf(`${ns}/reader`);
    const api = new KubeTransport({ cluster: { server: plane.server, ...(await login(file)) } });
    await using followed = follow(api, ns);
    await eventually(() =>
      expect(followed.reflector.failure).toMatch(
        /^cannot watch configmaps in namespace forbidden: .*"system:serviceaccount:forbidden:reader" cannot \w+ resource "configmaps".*manifests\//,
      ),
    );
    await plane.kubectl(['create', 'role', '-n', ns, 'r', '--verb=list,watch', '--resource=configmaps']);
    await plane.kubectl([
      'create',
      'rolebinding',
      '-n',
      ns,
      'r',
      '--role=r',
      `--serviceaccount=${ns}:reader`,
    ]);
    await eventually(() => expect(followed.store.get(`${ns}/a`)).toBe('1'));
    expect(followed.reflector.failure).toBeUndefined();
    await api.close();
  });
});

describe('A token', () => {
  it('that is replaced in its kubeconfig is read again when the old one is refused', async () => {
    const good = await readFile(plane.kubeconfig, 'utf8');
    const dir = await mkdtemp(join(tmpdir(), 'modelpromotion-kubeconfig-'));
    onTestFinished(() => rm(dir, { recursive: true }));
    const file = join(dir, 'config');
    const stale = JSON.parse(good) as { users: { user: { token: string } }[] };
    for (const { user } of stale.users) user.token = 'an-old-token';
    await writeFile(file, JSON.stringify(stale));
    const api = new KubeTransport({ cluster: { server: plane.server, ...(await login(file)) } });
    const refused = await api.request(get('/api/v1/namespaces'), never).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(KubeError);
    expect((refused as KubeError).message).toMatch(/credentials are not accepted/);
    expect((refused as KubeError).message).not.toContain('an-old-token');
    await writeFile(file, good);
    await expect(api.request(get('/api/v1/namespaces'), never)).resolves.toMatchObject({
      kind: 'NamespaceList',
    });
    await api.close();
  });
});

const get = (path: string) => ({ method: 'GET', path }) as const;

/** A server from before WatchList. */
function withoutStreams(api: KubeApi, lists: unknown[]): KubeApi {
  return {
    request(request, signal) {
      lists.push(request);
      return api.request(request, signal);
    },
    watch(request, signal) {
      if (request.query?.['sendInitialEvents'] === true)
        throw new KubeError('sendInitialEvents is forbidden', { status: 422 });
      return api.watch(request, signal);
    },
  };
}
