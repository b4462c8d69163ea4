/** One pass against a registry that fails in every way it can. */
import { describe, expect, it } from 'vitest';
import type { Finding } from '../../../src/domain/finding.ts';
import { PROVENANCE_TAG } from '../../../src/domain/provenance.ts';
import type { Records } from '../../../src/domain/record.ts';
import { reconcile, type PassOptions } from '../../../src/reconcile/pass.ts';
import { release, type Release } from '../../../src/reconcile/release.ts';
import { aModel, aPromotion, NOW, records, type PromotionSpec } from '../../support/builders.ts';
import { MemoryRegistry } from '../../support/memory-registry.ts';

const owner = 'main/ml/churn';
const spec: PromotionSpec = { stages: { Production: '4' }, aliases: { champion: '4' } };
const before = aModel({ versions: { 3: 'Production', 4: 'None' }, aliases: { champion: '3' } });
const wholePlan = ['move version 4 from None to Production, archive 3', 'move @champion from version 3 to 4'];

interface Told {
  readonly options: PassOptions;
  readonly warnings: string[];
  readonly slept: number[];
}

function told(rest: Partial<PassOptions> = {}): Told {
  const warnings: string[] = [];
  const slept: number[] = [];
  const options: PassOptions = {
    fence: () => true,
    now: () => NOW,
    sleep: (ms) => {
      slept.push(ms);
      return Promise.resolve();
    },
    unmarked: (message) => warnings.push(message),
    ...rest,
  };
  return { options, warnings, slept };
}

interface Memory {
  readonly promotion?: PromotionSpec;
  readonly reconcileAt?: string;
  readonly handledAt?: string;
  readonly remembered?: Records;
  readonly signal?: AbortSignal;
}

function pass(registry: MemoryRegistry, { options }: Told = told(), memory: Memory = {}): Promise<Finding> {
  const { promotion = spec, reconcileAt, handledAt, remembered = new Map(), signal } = memory;
  const input = {
    promotion: aPromotion(promotion, { reconcileAt }),
    memory: {
      records: () => remembered,
      lastDigest: undefined,
      generation: 1,
      handledAt,
      repairs: new Map(),
    },
    registry,
    owner,
    claimants: () => [],
    elsewhere: () => new Set<string>(),
    mayRegister: true,
    stands: () => true,
  };
  return reconcile(input, options, signal ?? new AbortController().signal);
}

/** What a pass came to: its plan after the attempt, how many actions it applied, and what ended it. */
function summary(finding: Finding): unknown {
  if (finding.kind !== 'Planned') return finding;
  const { plan, attempt } = finding;
  return { plan: plan.kind, applied: attempt?.applied.length, failure: attempt?.failure };
}

const applied = { plan: 'UpToDate', applied: 2, failure: undefined };

describe('a pass', () => {
  it('applies the plan in order, reads back, and leaves its marks', async () => {
    const registry = new MemoryRegistry(before);
    expect(summary(await pass(registry))).toEqual(applied);
    expect(registry.written).toEqual(wholePlan);
    expect(registry.reads).toBe(2);
    const mark = registry.get().versions.get('4')?.tags.get(PROVENANCE_TAG);
    expect(JSON.parse(mark ?? '')).toMatchObject({
      by: owner,
      targets: ['stage/Production', 'alias/champion'],
    });
    expect([...registry.get().tags]).toEqual([
      ['modelpromotion.dev/owner/stage/Production', owner],
      ['modelpromotion.dev/owner/alias/champion', owner],
    ]);
  });

  it.each(['UpToDate', 'Suspended'])('that is %s by the snapshot calls nothing', async (kind) => {
    const registry = new MemoryRegistry(before);
    registry.sweep();
    const promotion = kind === 'Suspended' ? { ...spec, suspend: true } : { stages: { Production: '3' } };
    expect(await pass(registry, told(), { promotion })).toMatchObject({ plan: { kind }, attempt: undefined });
    expect([registry.reads, registry.written, registry.marks]).toEqual([0, [], []]);
  });

  it('proves by a live reading what the snapshot says is missing', async () => {
    const registry = new MemoryRegistry();
    registry.sweep();
    registry.change(before);
    expect(summary(await pass(registry))).toEqual(applied);
  });

  it('plans on a live reading, whatever the snapshot says', async () => {
    const registry = new MemoryRegistry(before);
    registry.sweep();
    registry.change(aModel({ versions: { 3: 'Archived', 4: 'Production' }, aliases: { champion: '4' } }));
    expect(summary(await pass(registry))).toEqual({
      plan: 'UpToDate',
      applied: undefined,
      failure: undefined,
    });
    expect(registry.written).toEqual([]);
  });

  it('looks at the registry itself when somebody asks for it, once', async () => {
    const registry = new MemoryRegistry(
      aModel({ versions: { 4: 'Production' }, aliases: { champion: '4' } }),
    );
    registry.sweep();
    await pass(registry, told(), { reconcileAt: 'now' });
    expect(registry.reads).toBe(1);
    await pass(registry, told(), { reconcileAt: 'now', handledAt: 'now' });
    expect(registry.reads).toBe(1);
  });

  it('does nothing while the registry is down', async () => {
    const registry = new MemoryRegistry(before);
    registry.down = true;
    expect(await pass(registry)).toMatchObject({
      plan: { kind: 'Blocked', obstacle: { reason: 'RegistryUnavailable' } },
      attempt: undefined,
    });
  });

  it('runs one at a time on a model', async () => {
    const registry = new MemoryRegistry(before);
    const other: PromotionSpec = { aliases: { challenger: '3' } };
    await Promise.all([pass(registry), pass(registry, told(), { promotion: other }), pass(registry)]);
    expect(registry.written.toSorted()).toEqual([...wholePlan, 'set @challenger to version 3'].toSorted());
    expect(registry.wasted).toEqual([]);
  });
});

describe('a write whose answer is lost', () => {
  it('counts as applied when reading shows that it took place', async () => {
    const registry = new MemoryRegistry(before);
    registry.failNext('lost after');
    expect(summary(await pass(registry))).toEqual(applied);
    expect(registry.written).toEqual(wholePlan);
    expect(registry.wasted).toEqual([]);
  });

  it('ends the pass when reading shows that it did not, and the next one does it', async () => {
    const registry = new MemoryRegistry(before);
    registry.failNext('lost before');
    expect(summary(await pass(registry))).toEqual({
      plan: 'Apply',
      applied: 0,
      failure: {
        reason: 'RegistryUnavailable',
        message: 'could not move version 4 from None to Production, archive 3: no answer came',
      },
    });
    expect(summary(await pass(registry))).toEqual(applied);
    expect(registry.written).toEqual(wholePlan);
  });

  it('keeps what was applied before it', async () => {
    const registry = new MemoryRegistry(before);
    registry.intrude = () => {
      if (registry.written.length === 1) registry.failNext('lost before');
    };
    expect(summary(await pass(registry))).toMatchObject({ plan: 'Apply', applied: 1 });
    expect(registry.marks.length).toBeGreaterThan(0);
  });

  it('is not sent again while a lagging replica hides it within the pass', async () => {
    const registry = new MemoryRegistry(before);
    registry.intrude = () => {
      if (registry.written.length === 0) registry.lagFor(1);
    };
    registry.failNext('lost after');
    expect(summary(await pass(registry))).toMatchObject({ applied: 0 });
    registry.intrude = undefined;
    await pass(registry);
    expect(registry.written).toEqual(wholePlan);
    expect(registry.wasted).toEqual([]);
  });
});

describe('a write that is refused', () => {
  it.each(['AccessDenied', 'RegistryRefused'] as const)(
    'ends the pass with its reason: %s',
    async (reason) => {
      const registry = new MemoryRegistry(before);
      registry.failNext({ refuse: reason });
      expect(summary(await pass(registry))).toMatchObject({ plan: 'Apply', applied: 0, failure: { reason } });
      expect(registry.written).toEqual([]);
    },
  );

  it('and is only a mark is a warning', async () => {
    const registry = new MemoryRegistry(before);
    registry.marksRefused = true;
    const observer = told();
    expect(summary(await pass(registry, observer))).toEqual(applied);
    expect(observer.warnings).toEqual([
      `tag ${PROVENANCE_TAG}: the registry answered 403`,
      'tag modelpromotion.dev/owner/stage/Production: the registry answered 403',
      'tag modelpromotion.dev/owner/alias/champion: the registry answered 403',
    ]);
  });
});

describe('a reading back', () => {
  it('waits until a lagging replica shows our own writes', async () => {
    const registry = new MemoryRegistry(before);
    const observer = told({
      fence: () => {
        if (registry.written.length === 0) registry.lagFor(3);
        return true;
      },
    });
    expect(summary(await pass(registry, observer))).toEqual(applied);
    expect(observer.slept).toEqual([100, 300, 1_000]);
  });

  it('believes after a while that somebody undid our write', async () => {
    const registry = new MemoryRegistry(before);
    const observer = told({
      now: () => {
        registry.change(before);
        return NOW;
      },
    });
    expect(summary(await pass(registry, observer))).toMatchObject({ plan: 'Apply', applied: 2 });
    expect(observer.slept).toEqual([100, 300, 1_000, 2_000]);
  });

  it('of a swap expects the end and not the steps on the way', async () => {
    const registry = new MemoryRegistry(aModel({ versions: { 3: 'Production', 4: 'Staging' } }));
    const observer = told();
    const swap: PromotionSpec = { stages: { Production: '4', Staging: '3' } };
    expect(summary(await pass(registry, observer, { promotion: swap }))).toEqual(applied);
    expect(observer.slept).toEqual([]);
  });
});

describe('a fence that is down', () => {
  it('lets no write through, and no mark', async () => {
    const registry = new MemoryRegistry(before);
    expect(summary(await pass(registry, told({ fence: () => false })))).toMatchObject({
      plan: 'Apply',
      applied: 0,
      failure: { reason: 'ProgressingWithRetry' },
    });
    expect([registry.written, registry.marks]).toEqual([[], []]);
  });

  it('that falls during a pass ends it there', async () => {
    const registry = new MemoryRegistry(before);
    const observer = told({ fence: () => registry.written.length === 0 });
    expect(summary(await pass(registry, observer))).toMatchObject({ applied: 1 });
    expect([registry.written, registry.marks]).toEqual([wholePlan.slice(0, 1), []]);
  });

  it('is as good as a signal that aborts', async () => {
    const registry = new MemoryRegistry(before);
    const abort = new AbortController();
    const observer = told({
      fence: () => {
        abort.abort(new Error('stopping'));
        return true;
      },
    });
    await expect(pass(registry, observer, { signal: abort.signal })).rejects.toThrow('stopping');
    expect([registry.written, registry.marks]).toEqual([[], []]);
  });
});

describe('a release', () => {
  const held = aModel({
    versions: { 4: 'Production' },
    aliases: { champion: '4', theirs: '4' },
    tags: {
      'modelpromotion.dev/owner/stage/Production': owner,
      'modelpromotion.dev/owner/alias/champion': 'main/ml/successor',
    },
  });
  const remembered = records({ 'stage/Production': '4', 'alias/champion': '4' });

  function leave(
    registry: MemoryRegistry,
    { options }: Told = told(),
    rest: Partial<PromotionSpec> = {},
    wasDeclared = true,
  ): Promise<Release> {
    const promotion = aPromotion({ ...spec, deletionPolicy: 'Release', ...rest });
    const heirs = () => new Map<never, string>();
    const input = { promotion, records: remembered, wasDeclared, registry, owner, heirs, elsewhere: [] };
    return release(input, options, new AbortController().signal);
  }

  it('takes our aliases, stages and owner tags away, and nothing else', async () => {
    const registry = new MemoryRegistry(held);
    expect(await leave(registry)).toMatchObject({ done: true, applied: { length: 2 } });
    expect(registry.get().versions.get('4')?.stage).toBe('Archived');
    expect([...registry.get().aliases]).toEqual([['theirs', '4']]);
    expect([...registry.get().tags.values()]).toEqual(['main/ml/successor']);
  });

  it('with the policy Orphan takes our owner tags alone', async () => {
    const registry = new MemoryRegistry(held);
    expect(await leave(registry, told(), { deletionPolicy: 'Orphan' })).toMatchObject({
      done: true,
      applied: [],
    });
    expect(registry.written).toEqual([]);
    expect(registry.marks).toHaveLength(1);
  });

  it('is tried again while the registry is down, and after a lost write', async () => {
    const registry = new MemoryRegistry(held);
    registry.down = true;
    expect(await leave(registry)).toMatchObject({ done: false });
    registry.down = false;
    registry.failNext('lost before');
    expect(await leave(registry)).toMatchObject({ done: false });
    expect(await leave(registry)).toMatchObject({ done: true });
    expect(registry.written).toHaveLength(2);
  });

  it('takes away only what the registry itself calls ours, when only a status remembers the promotion', async () => {
    const registry = new MemoryRegistry(held);
    expect(await leave(registry, told(), {}, false)).toMatchObject({ done: true, applied: { length: 1 } });
    expect(registry.get().versions.get('4')?.stage).toBe('Archived');
    expect(registry.get().aliases.get('champion')).toBe('4');
  });

  it('is done when the model is gone', async () => {
    expect(await leave(new MemoryRegistry())).toMatchObject({ done: true, message: 'the model is gone' });
  });

  it.each(['Orphan', 'Release'] as const)(
    'writes nothing behind a fence, with the policy %s',
    async (policy) => {
      const registry = new MemoryRegistry(held);
      expect(await leave(registry, told({ fence: () => false }), { deletionPolicy: policy })).toMatchObject({
        done: false,
      });
      expect([registry.written, registry.marks]).toEqual([[], []]);
    },
  );
});
