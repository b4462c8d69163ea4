/** Objects of an API server in the engine: they bring their own identity, and may be older than our rules. */
import { describe, expect, it } from 'vitest';
import type { ModelPromotion } from '../../../src/api/generated/types.ts';
import { readObject } from '../../../src/api/object.ts';
import { rememberedFrom } from '../../../src/cli/operator/remembered.ts';
import { Engine } from '../../../src/reconcile/engine.ts';
import { isNews, KubernetesSource, toServed, type Served } from '../../../src/sources/kubernetes.ts';
import { aModel, NOW } from '../../support/builders.ts';
import { MemoryRegistry, only } from '../../support/memory-registry.ts';

const live = new AbortController().signal;
const nothing = (): void => undefined;

interface Wish {
  readonly name?: string;
  readonly uid?: string;
  readonly generation?: number;
  readonly created?: string;
  readonly annotations?: Record<string, string>;
  readonly deleting?: boolean;
  readonly finalizers?: string[];
  readonly spec?: object;
  readonly status?: unknown;
}

function anObject(wish: Wish = {}): unknown {
  const { name = 'churn', uid = 'a', generation = 1, created = '2026-01-01T00:00:00Z', annotations } = wish;
  return {
    apiVersion: 'modelpromotion.dev/v1alpha1',
    kind: 'ModelPromotion',
    metadata: {
      name,
      namespace: 'ml',
      uid,
      generation,
      creationTimestamp: created,
      resourceVersion: '7',
      managedFields: [],
      ...(annotations && { annotations }),
      ...(wish.deleting && { deletionTimestamp: '2026-02-01T00:00:00Z' }),
      ...(wish.finalizers && { finalizers: wish.finalizers }),
    },
    spec: wish.spec ?? { model: 'churn', stages: [{ name: 'Production', version: '4' }] },
    status: wish.status ?? { observedGeneration: -1 },
  };
}

function served(wish?: Wish): Served<ModelPromotion> {
  return toServed(anObject(wish), (object) => readObject('ModelPromotion', object));
}

/** A cluster with an engine on it. */
class Cluster {
  readonly #objects = new Map<string, Served<ModelPromotion>>();
  readonly #source: KubernetesSource;
  readonly engine: Engine;
  /** How often less was listed than everything. */
  amendments = 0;

  constructor(registry = new MemoryRegistry(aModel({ versions: { 3: 'Production', 4: 'None' } }))) {
    const promotions = {
      get: (key: string) => this.#objects.get(key),
      values: () => this.#objects.values(),
    };
    const registries = { get: () => undefined, values: () => [] };
    const missing = (): undefined => undefined;
    this.#source = new KubernetesSource({ description: 'a cluster', promotions, registries, missing });
    this.engine = new Engine({
      installation: 'main',
      allowEmpty: true,
      uidOf: () => 'never asked for',
      registries: only(registry),
      observer: { info: nothing, warn: nothing, event: nothing, reconciled: nothing, applied: nothing },
      wake: nothing,
      onStatus: nothing,
      fence: () => true,
      now: () => NOW,
      sleep: () => Promise.resolve(),
    });
  }

  restore(...wishes: Wish[]): void {
    const remembered = rememberedFrom(wishes.map(served));
    this.engine.restore(remembered.documents, remembered.former, remembered.rejected);
  }

  async hold(...wishes: Wish[]): Promise<void> {
    const before = new Map(this.#objects);
    this.#objects.clear();
    for (const wish of wishes) this.#objects.set(`ml/${wish.name ?? 'churn'}`, served(wish));
    for (const key of new Set([...before.keys(), ...this.#objects.keys()])) {
      const [was, is] = [before.get(key), this.#objects.get(key)];
      if (isNews(was, is)) this.#source.promotionChanged(key, was, is);
    }
    const listing = await this.#source.poll();
    this.amendments += listing !== undefined && 'amended' in listing ? 1 : 0;
    for (const key of listing === undefined ? [] : await this.engine.accept(listing))
      for (let next = await this.engine.handle(key, live); next.kind === 'Now';)
        next = await this.engine.handle(key, live);
  }

  status(name = 'churn') {
    return this.engine.document(`ml/${name}`)?.status;
  }

  ready(name?: string): string {
    const ready = this.status(name)?.conditions?.find(({ type }) => type === 'Ready');
    return `${ready?.status}/${ready?.reason}`;
  }
}

describe('An object of an API server', () => {
  it('has the generation and the revision that the server gave it', async () => {
    const cluster = new Cluster();
    await cluster.hold({ uid: 'f00d', generation: 5 });
    expect(cluster.status()).toMatchObject({
      observedGeneration: 5,
      lastAppliedRevision: 'f00d@5',
      lastAttemptedRevision: 'f00d@5',
    });
  });

  it('that changed and changed back is seen at its new generation', async () => {
    const cluster = new Cluster();
    await cluster.hold({ generation: 1 });
    await cluster.hold({ generation: 3 });
    expect(cluster.status()).toMatchObject({ observedGeneration: 3, lastAppliedRevision: 'a@3' });
    expect(cluster.amendments).toBe(1);
  });

  it('that changes alone is listed alone, and whoever shares its model is looked at', async () => {
    const cluster = new Cluster();
    const older: Wish = { name: 'older' };
    const younger: Wish = { name: 'younger', uid: 'b', created: '2026-01-02T00:00:00Z' };
    await cluster.hold(older, younger);
    expect(cluster.ready('younger')).toBe('False/Conflict');
    const spec = { model: 'churn', aliases: [{ name: 'champion', version: '4' }] };
    await cluster.hold({ ...older, generation: 2, spec }, younger);
    expect([cluster.amendments, cluster.ready('older'), cluster.ready('younger')]).toEqual([
      1,
      'True/UpToDate',
      'True/UpToDate',
    ]);
  });

  it.each<[string, Wish]>([
    ['another model', { generation: 2, spec: { model: 'other', aliases: [{ name: 'a', version: '1' }] } }],
    ['a mistake', { generation: 2, spec: { model: 'churn' } }],
    ['a deletion', { deleting: true }],
    ['another object of its name', { uid: 'b' }],
  ])('that becomes %s has everything listed', async (_what, wish) => {
    const cluster = new Cluster();
    await cluster.hold({});
    await cluster.hold(wish);
    expect(cluster.amendments).toBe(0);
  });

  it('that breaks a rule it is older than stalls alone, says which field, and leaves its model as it is', async () => {
    const cluster = new Cluster();
    const spec = { model: 'churn', stages: [{ name: 'Production', version: 'four' }] };
    await cluster.hold(
      { generation: 2, spec },
      { name: 'other', uid: 'b', spec: { model: 'other', aliases: [{ name: 'a', version: '1' }] } },
    );
    expect(cluster.ready()).toBe('False/InvalidSpec');
    expect(cluster.status()).toMatchObject({ observedGeneration: 2, lastAttemptedRevision: 'a@2' });
    expect(cluster.status()?.conditions?.[0]?.message).toMatch(/^spec\.stages\[0\]\.version: "four" is not /);
    expect(cluster.ready('other')).toBe('False/ModelNotFound');
  });

  it('that was good before keeps its claims, at the generation that is wrong', async () => {
    const cluster = new Cluster();
    await cluster.hold({ generation: 1 });
    await cluster.hold({ generation: 2, spec: { model: 'churn' } });
    expect(cluster.ready()).toBe('False/InvalidSpec');
    expect(cluster.status()).toMatchObject({ observedGeneration: 2, lastAppliedRevision: 'a@1' });
    await cluster.hold(
      { generation: 2, spec: { model: 'churn' } },
      { name: 'younger', uid: 'b', created: '2026-01-02T00:00:00Z' },
    );
    expect(cluster.ready('younger')).toBe('False/Conflict');
  });

  it('that is made again under its name is another one', async () => {
    const cluster = new Cluster();
    await cluster.hold({ uid: 'a', generation: 3 });
    await cluster.hold({ uid: 'b', generation: 1 });
    expect(cluster.status()).toMatchObject({ observedGeneration: 1, lastAppliedRevision: 'b@1' });
    expect(cluster.engine.document('ml/churn')?.metadata).toMatchObject({ uid: 'b' });
  });

  it('that is older wins, whatever the order in which they are listed', async () => {
    const cluster = new Cluster();
    await cluster.hold(
      { name: 'a-younger', uid: 'b', created: '2026-01-02T00:00:00Z' },
      { name: 'z-older', uid: 'a', created: '2026-01-01T00:00:00Z' },
    );
    expect([cluster.ready('z-older'), cluster.ready('a-younger')]).toEqual([
      'True/UpToDate',
      'False/Conflict',
    ]);
  });

  it('remembers what we did before a restart', async () => {
    const before = new Cluster();
    await before.hold({ generation: 2 });
    const status = before.status();
    const after = new Cluster(new MemoryRegistry(aModel({ versions: { 3: 'Production', 4: 'Archived' } })));
    after.restore({ generation: 2, status });
    await after.hold({ generation: 2, status });
    expect(after.ready()).toBe('True/UpToDate');
    expect(after.status()?.history?.[0]).toMatchObject({ target: 'stage/Production', cause: 'Drift' });
  });

  it('that is being deleted is declared no more', async () => {
    const cluster = new Cluster();
    await cluster.hold({});
    await cluster.hold({ deleting: true, finalizers: ['modelpromotion.dev/release'] });
    expect(cluster.engine.keys()).toEqual([]);
  });
});

describe('News are told from echoes:', () => {
  it.each<[string, Wish, boolean]>([
    ['a status that we wrote', { status: { observedGeneration: 1, conditions: [] } }, false],
    ['a finalizer that we added', { finalizers: ['modelpromotion.dev/release'] }, false],
    ['another generation', { generation: 2 }, true],
    ['another object of that name', { uid: 'b' }, true],
    ['an annotation', { annotations: { 'modelpromotion.dev/reconcileAt': 'now' } }, true],
    ['a deletion', { deleting: true }, true],
  ])('%s', (_what, wish, expected) => {
    expect(isNews(served(), served(wish))).toBe(expected);
  });

  it('an object that came or went is news', () => {
    expect([isNews(undefined, served()), isNews(served(), undefined)]).toEqual([true, true]);
  });

  it.each([[null], ['text'], [{}], [{ metadata: {} }], [{ metadata: { name: 1 } }]])(
    'what is no object at all (%j) is refused',
    (raw) => {
      expect(() => toServed(raw, (object) => readObject('ModelPromotion', object))).toThrow(/^its? /);
    },
  );
});
