/** What the adapter writes to a real API server: statuses, finalizers, events and the lease. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KubeApi } from '../../../src/adapters/kube/api.ts';
import { EventRecorder } from '../../../src/adapters/kube/events.ts';
import { Cluster } from '../../../src/adapters/kube/kubeconfig.ts';
import { Elector } from '../../../src/adapters/kube/lease.ts';
import { type ObjectRef, writeFinalizers, writeStatus } from '../../../src/adapters/kube/status.ts';
import { KubeTransport } from '../../../src/adapters/kube/transport.ts';
import { PROMOTIONS } from '../../../src/cli/operator/kinds.ts';
import { KubeWorld } from './world.ts';

const { signal } = new AbortController();
const soon = () => AbortSignal.timeout(20_000);
let world: KubeWorld;
let api: KubeTransport;
const opened: KubeTransport[] = [];

async function transportOf(file: string): Promise<KubeTransport> {
  const cluster = await Cluster.open({ file, context: undefined }, () => undefined);
  const transport = new KubeTransport({ cluster });
  opened.push(transport);
  return transport;
}

beforeAll(async () => {
  world = await KubeWorld.open();
  api = await transportOf(world.cluster.kubeconfig);
});
afterAll(async () => {
  await Promise.all(opened.map((transport) => transport.close()));
  await world?.[Symbol.asyncDispose]();
});

/** A promotion that was just made, as it was read. */
async function aPromotion(namespace?: string): Promise<ObjectRef> {
  const where = namespace ?? (await world.namespace());
  await world.promote(`${where}/churn`, { model: 'churn', stages: [{ name: 'Production', version: '2' }] });
  return read(where);
}

async function read(namespace: string): Promise<ObjectRef> {
  const path = `/apis/${PROMOTIONS.apiVersion}/namespaces/${namespace}/modelpromotions/churn`;
  const { metadata } = await api.request<{ metadata: ObjectRef }>({ method: 'GET', path }, signal);
  return {
    ...PROMOTIONS,
    namespace,
    name: 'churn',
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
  };
}

function status(stages: string, more = {}) {
  return {
    observedGeneration: 1,
    summary: { ready: 'True', reason: 'UpToDate', stages, aliases: 'champion=2' },
    ...more,
  };
}

const statusOf = async ({ namespace }: ObjectRef) => (await world.get(`${namespace}/churn`)).status;

function listener() {
  const lines: { readonly fields: object; readonly message: string }[] = [];
  const tell = (fields: object, message: string): void => void lines.push({ fields, message });
  return { lines, logger: { info: tell, warn: tell } };
}

describe('A status', () => {
  it('is written whole and stands in the columns of kubectl', async () => {
    const object = await aPromotion();
    const first = await writeStatus(
      api,
      object,
      status('Production=1', { lastAppliedRevision: 'abc' }),
      signal,
    );
    expect(first).toEqual({
      kind: 'written',
      resourceVersion: (await read(object.namespace)).resourceVersion,
    });
    await writeStatus(api, await read(object.namespace), status('Production=2'), signal);
    expect(await statusOf(object)).toEqual(status('Production=2'));
    const { stdout } = await world.cluster.kubectl(['get', 'mp', '-n', object.namespace]);
    expect(stdout).toMatch(/churn +churn +Production=2 +champion=2 +True/);
  });

  it('does not overwrite what was written since the object was read', async () => {
    const object = await aPromotion();
    await writeStatus(api, object, status('Production=2'), signal);
    expect(await writeStatus(api, object, status('Production=1'), signal)).toEqual({ kind: 'conflict' });
    expect(await statusOf(object)).toEqual(status('Production=2'));
  });

  it('of an object that was made again under its name is not written to the new one', async () => {
    const object = await aPromotion();
    await world.cluster.kubectl(['delete', 'mp', '-n', object.namespace, 'churn']);
    const other = await aPromotion(object.namespace);
    expect(other.uid).not.toBe(object.uid);
    expect(await writeStatus(api, object, status('Production=2'), signal)).toEqual({ kind: 'conflict' });
    // What the server gives every new object.
    expect(await statusOf(other)).toEqual({ observedGeneration: -1 });
  });

  it('of an object that is gone makes none', async () => {
    const object = await aPromotion();
    await world.cluster.kubectl(['delete', 'mp', '-n', object.namespace, 'churn']);
    expect(await writeStatus(api, object, status('Production=2'), signal)).toEqual({ kind: 'gone' });
    expect(await world.isThere(`${object.namespace}/churn`)).toBe(false);
  });
});

describe('Finalizers', () => {
  it('that somebody else added since the object was read are not lost', async () => {
    const object = await aPromotion();
    const patch = '{"metadata":{"finalizers":["example.com/theirs"]}}';
    await world.cluster.kubectl([
      'patch',
      'mp',
      '-n',
      object.namespace,
      'churn',
      '--type=merge',
      '-p',
      patch,
    ]);
    const ours = await writeFinalizers(api, object, ['modelpromotion.dev/release'], signal);
    expect(ours).toEqual({ kind: 'conflict' });
    const { metadata } = await world.get(`${object.namespace}/churn`);
    expect(metadata.finalizers).toEqual(['example.com/theirs']);
    await writeFinalizers(api, await read(object.namespace), [], signal);
  });
});

interface Event {
  readonly note: string;
  readonly series?: { readonly count: number };
}

async function eventsIn(namespace: string): Promise<Event[]> {
  const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
  return (await api.request<{ items: Event[] }>({ method: 'GET', path }, signal)).items;
}

const told = (note: string) => ({ type: 'Normal', reason: 'Promoted', action: 'Reconcile', note }) as const;

describe('Events', () => {
  it('that are told thirty times are one with a series', async () => {
    const object = await aPromotion();
    const events = new EventRecorder({ api, instance: 'pod', ...listener() });
    for (let time = 0; time < 30; time += 1) events.tell(object, told('moved'));
    await events.flush(soon());
    // The flood stops at 25; the last count told before that is 16.
    expect(await eventsIn(object.namespace)).toMatchObject([{ note: 'moved', series: { count: 16 } }]);
  });

  it('that differ in words alone are ten, and one for all others', async () => {
    const object = await aPromotion();
    const events = new EventRecorder({ api, instance: 'pod', ...listener() });
    for (let time = 0; time < 12; time += 1) events.tell(object, told(`moved ${time}`));
    await events.flush(soon());
    const all = await eventsIn(object.namespace);
    expect(all).toHaveLength(11);
    expect(all.filter(({ series }) => series !== undefined)).toMatchObject([
      { note: '(combined from similar events): moved 10', series: { count: 2 } },
    ]);
  });

  it('that the server forgot are told anew when they come again', async () => {
    const object = await aPromotion();
    const { lines, logger } = listener();
    const events = new EventRecorder({ api, instance: 'pod', logger });
    events.tell(object, told('moved'));
    await expect.poll(() => eventsIn(object.namespace)).toHaveLength(1);
    await world.cluster.kubectl(['delete', 'events', '-n', object.namespace, '--all']);
    events.tell(object, told('moved'));
    await events.flush(soon());
    expect(await eventsIn(object.namespace)).toMatchObject([{ note: 'moved' }]);
    expect(lines).toEqual([]);
  });

  it('that may not be told are said to be refused once', async () => {
    const object = await aPromotion();
    const { lines, logger } = listener();
    const poor = await transportOf(await world.cluster.kubeconfigOf(`${object.namespace}/nobody`));
    const events = new EventRecorder({ api: poor, instance: 'pod', logger });
    for (let time = 0; time < 3; time += 1) events.tell(object, told(`moved ${time}`));
    await events.flush(soon());
    expect(lines).toMatchObject([{ message: 'events cannot be told' }]);
    expect(JSON.stringify(lines)).toMatch(/create.*events/);
    expect(await eventsIn(object.namespace)).toEqual([]);
  });
});

/** The API server behind a line that can be cut: calls then hang until they are given up. */
function cuttable(through: KubeApi) {
  const line = { isCut: false };
  const request: KubeApi['request'] = async (call, until) => {
    if (!line.isCut) return through.request(call, until);
    until.throwIfAborted();
    const { promise, reject } = Promise.withResolvers<never>();
    until.addEventListener('abort', () => reject(until.reason), { once: true });
    return promise;
  };
  return { line, api: { request, watch: through.watch.bind(through) } satisfies KubeApi };
}

function elector(namespace: string, identity: string, through: KubeApi = api) {
  const { lines, logger } = listener();
  const options = { api: through, namespace, name: 'lease', identity, duration: 3_000, logger };
  return { lines, elector: new Elector(options) };
}

const untilAborted = (stop: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (stop.aborted) resolve();
    stop.addEventListener('abort', () => resolve(), { once: true });
  });

async function leaseIn(namespace: string) {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/lease`;
  return (await api.request<{ spec: Record<string, unknown> }>({ method: 'GET', path }, signal)).spec;
}

describe('A lease', () => {
  it('is had by one of two, who gives it back for the other to take', async () => {
    const namespace = await world.namespace();
    const stops = [new AbortController(), new AbortController()] as const;
    const leading = new Set<string>();
    const terms: string[] = [];
    const runs = stops.map(async (stop, index) => {
      const identity = `replica-${index}`;
      return elector(namespace, identity).elector.lead(async (until) => {
        leading.add(identity);
        terms.push([...leading].join());
        await untilAborted(until);
        leading.delete(identity);
      }, stop.signal);
    });
    await expect.poll(() => terms, { timeout: 20_000 }).toHaveLength(1);
    const first = terms[0] === 'replica-0' ? 0 : 1;
    stops[first].abort();
    await expect.poll(() => terms, { timeout: 20_000 }).toEqual([`replica-${first}`, `replica-${1 - first}`]);
    expect(await leaseIn(namespace)).toMatchObject({
      holderIdentity: `replica-${1 - first}`,
      leaseTransitions: 1,
    });
    stops[1 - first]?.abort();
    expect(await Promise.all(runs)).toEqual(['stopped', 'stopped']);
    expect(await leaseIn(namespace)).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1 });
  });

  it('whose renewals hang is over for its holder before another one has it', async () => {
    const namespace = await world.namespace();
    const { line, api: through } = cuttable(api);
    const [mine, other] = [elector(namespace, 'mine', through).elector, elector(namespace, 'other').elector];
    const stop = new AbortController();
    const started = Promise.withResolvers<AbortSignal>();
    const held = mine.lead(async (until) => {
      started.resolve(until);
      await untilAborted(until);
    }, stop.signal);
    const until = await started.promise;
    expect([mine.fence(), until.aborted]).toEqual([true, false]);
    line.isCut = true;
    const seen = Promise.withResolvers<unknown>();
    const followed = other.lead(
      async () => seen.resolve([mine.fence(), until.aborted, other.fence()]),
      stop.signal,
    );
    expect(await seen.promise).toEqual([false, true, true]);
    expect([await held, await followed]).toEqual(['lost', 'stopped']);
  });

  it.each([
    ['without permission says which is missing', 'forbidden', /leases/],
    ['in a namespace that is not there says so', 'missing', /nowhere/],
  ])('%s', async (_what, kind, words) => {
    const namespace = kind === 'missing' ? 'nowhere' : await world.namespace();
    const poor =
      kind === 'missing' ? api : await transportOf(await world.cluster.kubeconfigOf(`${namespace}/nobody`));
    const { lines, elector: waiting } = elector(namespace, 'mine', poor);
    const stop = new AbortController();
    const waited = waiting.lead(async () => undefined, stop.signal);
    await expect.poll(() => lines, { timeout: 20_000 }).not.toEqual([]);
    stop.abort();
    expect(await waited).toBe('stopped');
    expect(JSON.stringify(lines)).toMatch(words);
    expect(waiting.fence()).toBe(false);
  });
});
