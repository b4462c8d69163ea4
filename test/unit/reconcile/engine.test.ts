/** The engine over many passes: restarts at any moment, promotions that leave, rivals, and changes in mid-pass. */
import { describe, expect, it } from 'vitest';
import type { ModelPromotion } from '../../../src/api/generated/types.ts';
import { readStatusFile, statusPath } from '../../../src/api/status-file.ts';
import { timestamp } from '../../../src/api/timestamp.ts';
import { isStatus } from '../../../src/api/validate.ts';
import { toYaml } from '../../../src/api/yaml.ts';
import type { Next } from '../../../src/domain/outcome.ts';
import { Engine, type EngineOptions } from '../../../src/reconcile/engine.ts';
import { SILENT, type Registries } from '../../../src/reconcile/ports.ts';
import {
  aListing,
  aManifest,
  aModel,
  aProblem,
  NOW,
  type ListingSpec,
  type PromotionSpec,
} from '../../support/builders.ts';
import { Killed, MemoryRegistry, only } from '../../support/memory-registry.ts';

const live = new AbortController().signal;

interface Home {
  readonly engine: Engine;
  readonly warnings: string[];
  /** Keys whose status changed or went away, in order. */
  readonly statuses: string[];
}

function start(registry: MemoryRegistry, rest: Partial<EngineOptions> = {}): Home {
  const warnings: string[] = [];
  const statuses: string[] = [];
  const engine = new Engine({
    installation: 'main',
    allowEmpty: false,
    uidOf: (key) => `uid-of-${key}`,
    registries: only(registry),
    observer: {
      ...SILENT,
      warn: (_, message) => warnings.push(message),
      event: (_, { type }) => void (type === 'Warning' && warnings.push('event')),
    },
    wake: () => undefined,
    onStatus: (key) => statuses.push(key),
    fence: () => true,
    now: () => NOW,
    sleep: () => Promise.resolve(),
    ...rest,
  });
  return { engine, warnings, statuses };
}

/** Takes a listing in and looks at everything it concerns, again and again while there is more to do at once. */
async function accept({ engine }: Home, spec: ListingSpec): Promise<Map<string, Next>> {
  const results = new Map<string, Next>();
  for (const key of await engine.accept(aListing(spec))) results.set(key, await settle(engine, key));
  return results;
}

async function settle(engine: Engine, key: string): Promise<Next> {
  let next = await engine.handle(key, live);
  for (let round = 0; next.kind === 'Now' && round < 10; round += 1) next = await engine.handle(key, live);
  return next;
}

function statusOf(engine: Engine, key = 'ml/churn'): NonNullable<ModelPromotion['status']> {
  const document = engine.document(key);
  return document !== undefined && 'spec' in document ? (document.status ?? {}) : {};
}

/** `True/UpToDate` and the like. */
function ready(engine: Engine, key = 'ml/churn'): string | undefined {
  const condition = statusOf(engine, key).conditions?.find(({ type }) => type === 'Ready');
  return condition && `${condition.status}/${condition.reason}`;
}

/** Who has which target, by the model's tags. */
function ownersIn(registry: MemoryRegistry): Record<string, string> {
  const prefix = 'modelpromotion.dev/owner/';
  return Object.fromEntries([...registry.get().tags].map(([key, owner]) => [key.replace(prefix, ''), owner]));
}

function keyIn(document: ReturnType<Engine['document']>): string {
  return `${document?.metadata.namespace}/${document?.metadata.name}`;
}

/** What survives a restart: documents with their statuses, written and read back. */
function remembered(engine: Engine): ModelPromotion[] {
  return engine
    .keys()
    .flatMap((key) => readStatusFile(statusPath(key), toYaml(engine.document(key)))?.document ?? []);
}

function written(engine: Engine): string[] {
  return engine.keys().map((key) => toYaml(engine.document(key)));
}

const files = (...manifests: readonly PromotionSpec[]): ListingSpec => ({
  files: Object.fromEntries(
    manifests.map((spec, index) => [`${index}-${spec.name ?? 'churn'}.yaml`, aManifest(spec)]),
  ),
});

it('a restart does not make a promotion ready whose file cannot be read, and repairs nothing', async () => {
  const registry = new MemoryRegistry(aModel({ versions: { 3: 'Production', 4: 'None' } }));
  const home = start(registry);
  await accept(home, files({ stages: { Production: '4' } }));
  const broken: ListingSpec = { problems: [aProblem('0-churn.yaml')], revision: 'main@sha1:2' };
  await accept(home, broken);
  registry.change(aModel({ versions: { 3: 'Production', 4: 'None' } }));
  const next = start(registry);
  next.engine.restore(remembered(home.engine));
  const writes = registry.written.length;
  await accept(next, broken);
  expect([ready(home.engine), ready(next.engine)]).toEqual(['False/InvalidSpec', 'False/InvalidSpec']);
  expect(registry.written.length).toBe(writes);
});

it('a promotion that is refused, in conflict or suspended shows who holds its targets now', async () => {
  const registry = new MemoryRegistry(aModel({ versions: { 3: 'None', 4: 'None' } }));
  const home = start(registry);
  const first: PromotionSpec = { name: 'a', stages: { Production: '4' } };
  const rival: PromotionSpec = { name: 'b', stages: { Production: '3' } };
  await accept(home, files(first, rival));
  registry.sweep();
  await settle(home.engine, 'ml/b');
  expect(statusOf(home.engine, 'ml/b').summary).toMatchObject({
    reason: 'Conflict',
    stages: 'Production=4',
  });
  await accept(home, { problems: [aProblem('0-a.yaml', 'a')] });
  registry.change(aModel({ versions: { 3: 'Production', 4: 'None' } }));
  registry.sweep();
  await settle(home.engine, 'ml/a');
  expect(statusOf(home.engine, 'ml/a').summary).toMatchObject({
    reason: 'InvalidSpec',
    stages: 'Production=3',
  });
  await accept(home, files({ ...first, suspend: true }));
  expect(statusOf(home.engine, 'ml/a').targets).toMatchObject([{ current: '3', applied: { version: '4' } }]);
});

describe('a promotion', () => {
  it('is applied, followers included, and then costs no call', async () => {
    const registry = new MemoryRegistry(aModel({ versions: { 3: 'Staging', 4: 'None' } }));
    const home = start(registry);
    const spec: PromotionSpec = {
      stages: { Staging: '4' },
      aliases: { challenger: { versionFrom: { stage: 'Staging' } } },
    };
    await accept(home, files(spec));
    expect(registry.written).toEqual([
      'move version 4 from None to Staging, archive 3',
      'set @challenger to version 4',
    ]);
    expect(ready(home.engine)).toBe('True/UpToDate');
    registry.sweep();
    const before = [registry.reads, home.statuses.length];
    await settle(home.engine, 'ml/churn');
    expect([registry.reads, home.statuses.length]).toEqual(before);
  });

  it('repairs drift, and goes on after a rollback in git', async () => {
    const registry = new MemoryRegistry(aModel({ versions: { 3: 'Production', 4: 'None' } }));
    const home = start(registry);
    await accept(home, files({ stages: { Production: '4' } }));
    registry.change(aModel({ versions: { 3: 'Production', 4: 'Archived' } }));
    await settle(home.engine, 'ml/churn');
    await accept(home, { revision: 'main@sha1:2', ...files({ stages: { Production: '3' } }) });
    expect(statusOf(home.engine).history?.map(({ to, cause }) => `${to} ${cause}`)).toEqual([
      '3 Promotion',
      '4 Drift',
      '4 Promotion',
    ]);
  });

  it('with a mistake is stalled, and the registry left alone', async () => {
    const registry = new MemoryRegistry(aModel({ versions: { 3: 'Production' } }));
    const home = start(registry);
    await accept(home, files({ stages: { Production: '3' } }));
    await accept(home, { problems: [aProblem('0-churn.yaml', 'churn')] });
    expect(ready(home.engine)).toBe('False/InvalidSpec');
    expect(registry.written).toEqual([]);
    expect(home.warnings).toEqual(['a manifest was refused', 'event']);
  });

  it('that names a registry it may not use is stalled and learns nothing', async () => {
    const refused: Registries = {
      update: () => Promise.resolve(),
      resolve: () => ({ kind: 'refused', reason: 'NotAllowed', message: 'ml/default does not allow it' }),
    };
    const home = start(new MemoryRegistry(), { registries: refused });
    await accept(home, files({ stages: { Production: '3' } }));
    expect(ready(home.engine)).toBe('False/NotAllowed');
    expect(home.engine.modelsOf('memory').size).toBe(0);
  });
});

describe('a pass that is overtaken by a commit', () => {
  const before: PromotionSpec = { stages: { Production: '3' }, aliases: { champion: '3' } };
  const moved: PromotionSpec = { stages: { Production: '4' }, aliases: { champion: '4' } };

  /** In place as `before`, and `moved` is declared. */
  async function underWay(): Promise<{ registry: MemoryRegistry; home: Home }> {
    const model = aModel({ versions: { 3: 'Production', 4: 'None' }, aliases: { champion: '3' } });
    const registry = new MemoryRegistry(model);
    const home = start(registry);
    await accept(home, files(before));
    await home.engine.accept(aListing(files(moved)));
    return { registry, home };
  }

  it.each<[string, readonly PromotionSpec[]]>([
    ['takes its version back', [before]],
    ['suspends it', [{ ...moved, suspend: true }]],
    ['removes it', [{ name: 'other', aliases: { other: '3' } }]],
    [
      'gives its target to another promotion',
      [
        { ...moved, stages: {} },
        { ...before, name: 'other' },
      ],
    ],
  ])('while it reads, one that %s, writes nothing of what was declared before', async (_what, manifests) => {
    const { registry, home } = await underWay();
    registry.meanwhile = () => {
      registry.meanwhile = undefined;
      void home.engine.accept(aListing(files(...manifests)));
    };
    await home.engine.handle('ml/churn', live);
    expect([registry.written, registry.marks]).toEqual([[], []]);
  });

  it('between two writes is ended there, signs what it did, and is made again at once', async () => {
    const { registry, home } = await underWay();
    registry.intrude = () => {
      registry.intrude = undefined;
      void home.engine.accept(aListing(files(before)));
    };
    expect(await home.engine.handle('ml/churn', live)).toEqual({ kind: 'Now' });
    expect(registry.written).toEqual(['move version 4 from None to Production, archive 3']);
    expect(registry.marks.map(({ key }) => key)).toContain('modelpromotion.dev/owner/stage/Production');
    await settle(home.engine, 'ml/churn');
    expect(registry.written.slice(1)).toEqual(['move version 3 from Archived to Production, archive 4']);
    expect(ready(home.engine)).toBe('True/UpToDate');
  });

  it('that says nothing of it goes on', async () => {
    const { registry, home } = await underWay();
    registry.intrude = () => {
      registry.intrude = undefined;
      void home.engine.accept(aListing(files(moved, { name: 'other', model: 'other', aliases: { x: '1' } })));
    };
    await home.engine.handle('ml/churn', live);
    expect(registry.written).toHaveLength(2);
    expect(ready(home.engine)).toBe('True/UpToDate');
  });
});

describe('a target that is dropped', () => {
  const before: PromotionSpec = { stages: { Production: '4' }, aliases: { champion: '4', next: '4' } };

  async function promoted(): Promise<{ registry: MemoryRegistry; home: Home }> {
    const registry = new MemoryRegistry(aModel({ versions: { 3: 'None', 4: 'None' } }));
    const home = start(registry);
    await accept(home, files(before));
    registry.sweep();
    registry.written.length = 0;
    return { registry, home };
  }

  it.each<[string, PromotionSpec]>([
    ['alone', { stages: { Production: '4' } }],
    ['with a change of another one', { stages: { Production: '3' } }],
    ['while another one is blocked', { stages: { Production: '99' } }],
  ])('%s is no longer ours for other installations, and stays as it is', async (_what, spec) => {
    const { registry, home } = await promoted();
    await accept(home, files(spec));
    expect(ownersIn(registry)).toEqual({ 'stage/Production': 'main/ml/churn' });
    expect(registry.get().aliases.size).toBe(2);
    registry.sweep();
    const { reads } = registry;
    if (spec.stages?.Production === '4') await settle(home.engine, 'ml/churn');
    expect(registry.reads).toBe(reads);
  });

  it('and taken over by another promotion goes to it, with what is remembered', async () => {
    const { registry, home } = await promoted();
    const [rest, heir]: PromotionSpec[] = [
      { stages: { Production: '4' }, aliases: { next: '4' } },
      { name: 'heir', aliases: { champion: '4' } },
    ];
    await accept(home, files(rest ?? {}, heir ?? {}));
    expect(ownersIn(registry)['alias/champion']).toBe('main/ml/heir');
    expect(statusOf(home.engine, 'ml/heir').targets?.[0]?.applied).toMatchObject({
      how: 'Applied',
      version: '4',
    });
    expect(registry.written).toEqual([]);
  });
});

describe('a manifest that was never valid', () => {
  const wrong = (message = 'wrong', revision = 'main@sha1:1'): ListingSpec => ({
    revision,
    problems: [aProblem('a.yaml', 'churn', message)],
  });
  const conditionsOf = (home: Home) => home.engine.document('ml/churn')?.status?.conditions;

  async function refused(): Promise<Home> {
    const home = start(new MemoryRegistry());
    await accept(home, wrong());
    return home;
  }

  it('is stalled at the generation that was looked at, and says what is wrong', async () => {
    const { engine } = await refused();
    expect(engine.keys()).toEqual(['ml/churn']);
    const condition = {
      reason: 'InvalidSpec',
      message: 'a.yaml:3:5 spec.model: wrong',
      observedGeneration: 1,
      lastTransitionTime: timestamp(NOW),
    };
    expect(engine.document('ml/churn')).toMatchObject({
      metadata: { generation: 1 },
      status: {
        observedGeneration: 1,
        conditions: [
          { type: 'Ready', status: 'False', ...condition },
          { type: 'Stalled', status: 'True', ...condition },
        ],
        summary: { ready: 'False', reason: 'InvalidSpec' },
        lastAttemptedRevision: 'main@sha1:1',
      },
    });
    expect(isStatus(engine.document('ml/churn')?.status)).toBe(true);
  });

  it('is looked at once a listing, however often it is asked for', async () => {
    const { engine } = await refused();
    expect(engine.document('ml/churn')).toBe(engine.document('ml/churn'));
  });

  it('keeps its words and times while nothing changes, also over a restart', async () => {
    const home = await refused();
    const file = toYaml(home.engine.document('ml/churn'));
    const { rejected } = readStatusFile(statusPath('ml/churn'), file) ?? {};
    const next = start(new MemoryRegistry(), { now: () => NOW + 60_000 });
    next.engine.restore([], [], rejected === undefined ? [] : [rejected]);
    expect(toYaml(next.engine.document('ml/churn'))).toBe(file);
    await accept(next, wrong('wrong', 'main@sha1:2'));
    expect(toYaml(next.engine.document('ml/churn'))).toBe(file);
    expect(next.statuses).toEqual([]);
  });

  it('with another mistake is of another generation, and Ready is False since the first', async () => {
    let now = NOW;
    const home = start(new MemoryRegistry(), { now: () => now });
    await accept(home, wrong());
    now += 60_000;
    await accept(home, wrong('otherwise wrong', 'main@sha1:2'));
    expect(home.engine.document('ml/churn')?.metadata.generation).toBe(2);
    expect(conditionsOf(home)?.map(({ lastTransitionTime }) => lastTransitionTime)).toEqual([
      timestamp(NOW),
      timestamp(NOW),
    ]);
    expect(home.statuses).toEqual(['ml/churn', 'ml/churn']);
  });

  it('goes on from there once it is mended', async () => {
    const registry = new MemoryRegistry(aModel({ versions: { 3: 'None' } }));
    const home = start(registry);
    await accept(home, wrong());
    const [key = ''] = await home.engine.accept(aListing(files({ stages: { Production: '3' } })));
    expect(home.engine.document(key)).toMatchObject({
      metadata: { generation: 2 },
      status: { observedGeneration: 1, summary: { reason: 'InvalidSpec' } },
    });
    await settle(home.engine, key);
    expect(statusOf(home.engine)).toMatchObject({ observedGeneration: 2, summary: { reason: 'UpToDate' } });
  });

  it('and goes leaves no status behind', async () => {
    const home = await refused();
    await accept(home, { files: { 'b.yaml': aManifest({ name: 'other', aliases: { a: '1' } }) } });
    expect(home.engine.document('ml/churn')).toBeUndefined();
    expect(home.statuses.filter((key) => key === 'ml/churn')).toEqual(['ml/churn', 'ml/churn']);
  });
});

describe('a process that is killed', () => {
  const spec: PromotionSpec = {
    stages: {
      Production: { version: '4', description: 'validated', tags: { change: 'CHG-1' } },
      Staging: '5',
    },
    aliases: { champion: '4', challenger: { versionFrom: { stage: 'Staging' } } },
  };
  const before = aModel({
    versions: { 3: 'Production', 4: 'Staging', 5: 'None' },
    aliases: { champion: '3', theirs: '3' },
  });

  /** Writes and marks of an undisturbed run. */
  async function undisturbed(): Promise<MemoryRegistry> {
    const registry = new MemoryRegistry(before);
    await accept(start(registry), files(spec));
    return registry;
  }

  it.each(Array.from({ length: 12 }, (_, index) => index + 1))(
    'right after write or mark %i is followed by one that does the rest, and each action once',
    async (count) => {
      const whole = await undisturbed();
      const registry = new MemoryRegistry(before);
      registry.diesAfter = count;
      const killed = start(registry);
      await accept(killed, files(spec)).catch((error: unknown) => expect(error).toBeInstanceOf(Killed));
      registry.diesAfter = Infinity;

      const home = start(registry);
      home.engine.restore(remembered(killed.engine));
      await accept(home, files(spec));

      expect(registry.written).toEqual(whole.written);
      expect(registry.wasted).toEqual([]);
      expect(registry.get().aliases).toEqual(whole.get().aliases);
      expect([...registry.get().versions.values()].map(({ stage }) => stage)).toEqual(
        [...whole.get().versions.values()].map(({ stage }) => stage),
      );
      expect(ready(home.engine)).toBe('True/UpToDate');
    },
  );

  it('goes on with what it remembers although the source is empty now', async () => {
    const registry = new MemoryRegistry(aModel({ versions: { 3: 'Production', 4: 'None' } }));
    const home = start(registry);
    await accept(home, files({ stages: { Production: '4' } }));
    const next = start(registry);
    next.engine.restore(remembered(home.engine));
    registry.written.length = 0;
    registry.change(aModel({ versions: { 3: 'Production', 4: 'Archived' } }));
    await accept(next, {});
    expect(next.warnings).toHaveLength(1);
    expect(registry.written).toEqual(['move version 4 from Archived to Production, archive 3']);
  });

  it('takes its memory back: what it promoted is drift when somebody moved it meanwhile', async () => {
    const registry = new MemoryRegistry(before);
    const first = start(registry);
    await accept(first, files(spec));
    registry.change({
      ...registry.get(),
      aliases: new Map([
        ['champion', '3'],
        ['challenger', '5'],
      ]),
    });
    const home = start(registry);
    home.engine.restore(remembered(first.engine));
    await accept(home, files(spec));
    expect(statusOf(home.engine).history?.[0]).toMatchObject({ target: 'alias/champion', cause: 'Drift' });
    expect(statusOf(home.engine).observedGeneration).toBe(1);
  });
});

describe('a promotion of ours that was cut short, and is taken back in git', () => {
  const reporting = (version: string): ListingSpec =>
    files({ drift: 'Report', stages: { Production: { version, tags: { change: `CHG-${version}` } } } });
  const ticking = (): (() => number) => {
    let time = NOW;
    return () => (time += 1_000);
  };

  async function settled(): Promise<{ registry: MemoryRegistry; home: Home; now: () => number }> {
    const registry = new MemoryRegistry(aModel({ versions: { 3: 'None', 4: 'None' } }));
    const now = ticking();
    const home = start(registry, { now });
    await accept(home, reporting('3'));
    return { registry, home, now };
  }

  it('is no drift of somebody else: after a tag that was refused', async () => {
    const { registry, home } = await settled();
    registry.intrude = () => {
      if (registry.written.length === 3) registry.failNext({ refuse: 'RegistryRefused' });
    };
    await accept(home, reporting('4'));
    expect(registry.get().versions.get('4')?.stage).toBe('Production');
    registry.intrude = undefined;
    await accept(home, reporting('3'));
    expect(registry.get().versions.get('3')?.stage).toBe('Production');
    expect(statusOf(home.engine).history?.map(({ cause }) => cause)).toEqual([
      'Promotion',
      'Promotion',
      'Promotion',
    ]);
  });

  it('is no drift of somebody else: after an answer that was lost, with the registry', async () => {
    const { registry, home } = await settled();
    registry.intrude = () => {
      registry.intrude = undefined;
      registry.failNext('lost after');
      registry.unreadable.add('churn');
    };
    await accept(home, reporting('4'));
    expect(registry.get().versions.get('4')?.stage).toBe('Production');
    registry.unreadable.clear();
    await accept(home, reporting('3'));
    expect(registry.get().versions.get('3')?.stage).toBe('Production');
  });

  it.each([3, 4])('is no drift of somebody else: killed after write or mark %i', async (count) => {
    const { registry, home, now } = await settled();
    const memory = remembered(home.engine);
    registry.diesAfter = count;
    await accept(home, reporting('4')).catch((error: unknown) => expect(error).toBeInstanceOf(Killed));
    registry.diesAfter = Infinity;
    const next = start(registry, { now });
    next.engine.restore(memory);
    await accept(next, reporting('3'));
    expect(registry.get().versions.get('3')?.stage).toBe('Production');
    expect(statusOf(next.engine).history?.[0]).toMatchObject({ to: '3', cause: 'Promotion' });
  });

  it('is told from a second controller of our name: the two come to rest', async () => {
    const registry = new MemoryRegistry(aModel({ versions: { 3: 'None', 4: 'None' } }));
    const now = ticking();
    const both = [start(registry, { now }), start(registry, { now })] as const;
    await accept(both[0], files({ stages: { Production: '3' } }));
    await accept(both[1], files({ stages: { Production: '4' } }));
    for (let round = 0; round < 30; round += 1)
      for (const { engine } of both) await settle(engine, 'ml/churn');
    expect(registry.written.length).toBeLessThanOrEqual(12);
    expect(both.map(({ engine }) => ready(engine))).toContain('False/Flapping');
  });

  it('still tells what somebody else changed since', async () => {
    const { registry, home } = await settled();
    await accept(home, reporting('4'));
    await accept(home, reporting('3'));
    const model = registry.get();
    const byHand = [...model.versions].map(([number, version]) => {
      const stage = number === '4' ? ('Production' as const) : ('Archived' as const);
      return [number, { ...version, stage }] as const;
    });
    registry.change({ ...model, versions: new Map(byHand) });
    await settle(home.engine, 'ml/churn');
    expect(ready(home.engine)).toBe('True/DriftReported');
  });
});

describe('a promotion that leaves', () => {
  const spec: PromotionSpec = {
    deletionPolicy: 'Release',
    stages: { Production: '4' },
    aliases: { champion: '4' },
  };
  const before = aModel({ versions: { 3: 'Production', 4: 'None' }, aliases: { theirs: '3' } });
  const other: PromotionSpec = { name: 'other', model: 'other', aliases: { champion: '1' } };

  async function promoted(
    rest: Partial<EngineOptions> = {},
  ): Promise<{ registry: MemoryRegistry; home: Home }> {
    const registry = new MemoryRegistry(before, aModel({ name: 'other', versions: { 1: 'None' } }));
    const home = start(registry, rest);
    await accept(home, files(spec, other));
    registry.written.length = 0;
    return { registry, home };
  }

  it('takes what is ours with it, and its status goes', async () => {
    const { registry, home } = await promoted();
    home.statuses.length = 0;
    expect(await accept(home, files(other))).toEqual(new Map([['ml/churn', { kind: 'OnChange' }]]));
    expect(registry.written).toEqual([
      'move version 4 from Production to Archived',
      'remove @champion from version 4',
    ]);
    expect(registry.get().tags.size).toBe(0);
    expect([...registry.get().aliases]).toEqual([['theirs', '3']]);
    expect(home.engine.document('ml/churn')).toBeUndefined();
    expect(home.statuses).toEqual(['ml/churn']);
  });

  it('that stays is written again word for word after a restart', async () => {
    const { registry, home } = await promoted();
    const next = start(registry);
    next.engine.restore(remembered(home.engine));
    await accept(next, files(spec, other));
    expect(written(next.engine)).toEqual(written(home.engine));
    expect(registry.written).toEqual([]);
  });

  it('does so after a restart too', async () => {
    const { registry, home } = await promoted();
    const next = start(registry);
    next.engine.restore(remembered(home.engine));
    await accept(next, files(other));
    expect(registry.written).toHaveLength(2);
  });

  it('is tried again until the registry answers', async () => {
    const { registry, home } = await promoted();
    registry.down = true;
    expect(await accept(home, files(other))).toEqual(new Map([['ml/churn', { kind: 'Retry' }]]));
    registry.down = false;
    expect(await home.engine.handle('ml/churn', live)).toEqual({ kind: 'OnChange' });
    expect(registry.written).toHaveLength(2);
  });

  it('under another name hands its targets over', async () => {
    const { registry, home } = await promoted();
    await accept(home, files(other, { ...spec, name: 'renamed' }));
    expect(registry.written).toEqual([]);
    expect(ready(home.engine, 'ml/renamed')).toBe('True/UpToDate');
    expect(ownersIn(registry)).toEqual({
      'stage/Production': 'main/ml/renamed',
      'alias/champion': 'main/ml/renamed',
    });
  });

  it.each<[string, (home: Home) => Promise<unknown>]>([
    ['its own pass, then the release', (home) => settle(home.engine, 'ml/renamed')],
    ['the release, then its own pass', (home) => settle(home.engine, 'ml/churn')],
  ])(
    'under another name hands its memory over, and is released as itself would be: %s',
    async (_what, first) => {
      const { registry, home } = await promoted();
      await home.engine.accept(aListing(files(other, { ...spec, name: 'renamed' })));
      await first(home);
      await settle(home.engine, 'ml/churn');
      await settle(home.engine, 'ml/renamed');
      expect(statusOf(home.engine, 'ml/renamed').targets?.map(({ applied }) => applied?.how)).toEqual([
        'Applied',
        'Applied',
      ]);
      await accept(home, files(other));
      expect(registry.written).toEqual([
        'move version 4 from Production to Archived',
        'remove @champion from version 4',
      ]);
      expect(ownersIn(registry)).toEqual({});
    },
  );

  it('and another one that takes over only one target: the rest is released', async () => {
    const { registry, home } = await promoted();
    await accept(
      home,
      files(other, { name: 'heir', deletionPolicy: 'Release', stages: { Production: '4' } }),
    );
    expect(registry.written).toEqual(['remove @champion from version 4']);
    expect(ownersIn(registry)).toEqual({ 'stage/Production': 'main/ml/heir' });
    await accept(home, files(other));
    expect(registry.get().versions.get('4')?.stage).toBe('Archived');
  });

  it('while it is suspended leaves everything as it is', async () => {
    const { registry, home } = await promoted();
    await accept(home, files({ ...spec, suspend: true }, other));
    registry.marks.length = 0;
    expect(await accept(home, files(other))).toEqual(new Map([['ml/churn', { kind: 'OnChange' }]]));
    expect([registry.written, registry.marks]).toEqual([[], []]);
    expect(home.engine.document('ml/churn')).toBeUndefined();
  });

  it('while the registry is down is remembered over any number of restarts', async () => {
    const { registry, home } = await promoted();
    registry.down = true;
    let last = home;
    let memory = remembered(home.engine);
    for (let restart = 0; restart < 3; restart += 1) {
      last = start(registry);
      last.engine.restore(memory);
      await accept(last, files(other));
      const documents = ['ml/churn', 'ml/other'].map((key) => last.engine.document(key));
      memory = documents.flatMap(
        (one) => readStatusFile(statusPath(keyIn(one)), toYaml(one))?.document ?? [],
      );
    }
    registry.down = false;
    await settle(last.engine, 'ml/churn');
    expect(registry.written).toHaveLength(2);
    expect(last.engine.document('ml/churn')).toBeUndefined();
  });

  it('is left what comes to be declared while it is released', async () => {
    const { registry, home } = await promoted();
    await home.engine.accept(aListing(files(other)));
    acceptInside(home, registry, files(other, { name: 'heir', aliases: { champion: '4' } }));
    expect(await home.engine.handle('ml/churn', live)).toEqual({ kind: 'Retry' });
    expect(await home.engine.handle('ml/churn', live)).toEqual({ kind: 'OnChange' });
    expect(registry.get().aliases.get('champion')).toBe('4');
    expect(ownersIn(registry)).toEqual({ 'alias/champion': 'main/ml/heir' });
  });

  it('for another model lets the first model go and takes the second', async () => {
    const { registry, home } = await promoted();
    registry.change(aModel({ name: 'second', versions: { 4: 'None' } }));
    await accept(home, files({ ...spec, model: 'second' }, other));
    expect(registry.get().versions.get('4')?.stage).toBe('Archived');
    expect(registry.get('second').versions.get('4')?.stage).toBe('Production');
    expect(statusOf(home.engine).history).toHaveLength(2);
  });

  it('for another model is remembered beside it until the first is let go, also over a restart', async () => {
    const { registry, home } = await promoted();
    registry.change(aModel({ name: 'second', versions: { 4: 'None' } }));
    registry.unreadable.add('churn');
    const moved = files({ ...spec, model: 'second' }, other);
    await accept(home, moved);
    expect(statusOf(home.engine).summary?.reason).toBe('UpToDate');
    const [former = ''] = home.statuses.filter((key) => key.startsWith('ml/churn_'));
    const file = readStatusFile(statusPath(former), toYaml(home.engine.document(former)))?.document;
    expect(file).toMatchObject({ spec: { model: 'churn' }, status: { summary: { reason: 'UpToDate' } } });

    const next = start(registry);
    next.engine.restore(remembered(home.engine), file === undefined ? [] : [file]);
    registry.written.length = 0;
    await accept(next, moved);
    expect(registry.written).toEqual([]);
    registry.unreadable.clear();
    await settle(next.engine, 'ml/churn');
    expect(registry.written).toHaveLength(2);
    expect(registry.get().aliases.has('champion')).toBe(false);
    expect(registry.get('second').versions.get('4')?.stage).toBe('Production');
    expect([next.statuses.includes(former), next.engine.document(former)]).toEqual([true, undefined]);
  });

  it('whose registry went with it is left as it is, with a warning', async () => {
    const { registry, home } = await promoted();
    const gone = start(registry, {
      registries: {
        update: () => Promise.resolve(),
        resolve: () => ({ kind: 'refused', reason: 'RegistryNotFound', message: 'no such registry' }),
      },
    });
    gone.engine.restore(remembered(home.engine));
    await accept(gone, files(other));
    expect(registry.written).toEqual([]);
    expect(gone.warnings).toContain(
      'a removed promotion could not be released: its registry is not there for it',
    );
  });

  it('whose registry has mistakes since before a restart is released once they are mended', async () => {
    const { registry, home } = await promoted();
    let isBroken = true;
    const found = only(registry);
    const next = start(registry, {
      registries: {
        ...found,
        resolve: (reference) =>
          isBroken
            ? { kind: 'refused', reason: 'RegistryNotFound', message: 'it has mistakes', broken: true }
            : found.resolve(reference),
      },
    });
    next.engine.restore(remembered(home.engine));
    await accept(next, files(other));
    expect(await next.engine.handle('ml/churn', live)).toEqual({ kind: 'Retry' });
    expect(next.warnings).toContain('a removed promotion cannot be released yet; it is tried again');
    isBroken = false;
    await settle(next.engine, 'ml/churn');
    expect(registry.get().versions.get('4')?.stage).toBe('Archived');
  });

  it('whose release is refused is given up where somebody waits for it, and else tried for ever', async () => {
    for (const [releasePatience, tries] of [
      [2_000, 3],
      [undefined, 20],
    ] as const) {
      let time = NOW;
      const { registry, home } = await promoted({ releasePatience, now: () => time });
      const before = registry.written.length;
      for (let refusal = 0; refusal < 40; refusal += 1) registry.failNext({ refuse: 'AccessDenied' });
      await accept(home, files(other));
      let next: Next = { kind: 'Retry' };
      let handled = 1;
      for (; next.kind === 'Retry' && handled < 20; handled += 1) {
        time += 1_000;
        next = await home.engine.handle('ml/churn', live);
      }
      expect([handled, next.kind]).toEqual([tries, tries === 3 ? 'OnChange' : 'Retry']);
      expect(registry.written.length).toBe(before);
      const given = home.warnings.includes(
        'a removed promotion could not be released: its registry refuses it',
      );
      expect(given).toBe(tries === 3);
    }
  });

  it('is not given up for one refusal long ago and another one now, with an outage between them', async () => {
    let now = NOW;
    const { registry, home } = await promoted({ releasePatience: 180_000, now: () => now });
    registry.failNext({ refuse: 'AccessDenied' });
    await accept(home, files(other));
    registry.down = true;
    now += 600_000;
    await home.engine.handle('ml/churn', live);
    registry.down = false;
    registry.failNext({ refuse: 'AccessDenied' });
    await home.engine.handle('ml/churn', live);
    await home.engine.handle('ml/churn', live);
    expect(registry.get().versions.get('4')?.stage).toBe('Archived');
  });

  it('makes room for a rival that was stalled, at once', async () => {
    const { registry, home } = await promoted();
    const rival: PromotionSpec = { name: 'rival', stages: { Production: '3' } };
    await accept(home, files(spec, other, rival));
    expect(ready(home.engine, 'ml/rival')).toBe('False/Conflict');
    await accept(home, files(other, rival));
    expect(ready(home.engine, 'ml/rival')).toBe('True/UpToDate');
    expect(registry.get().versions.get('3')?.stage).toBe('Production');
  });

  it('holds up no rival while its registry does not let it in, and does not come back at every turn', async () => {
    const woken: string[] = [];
    const registry = new MemoryRegistry(aModel({ versions: { 3: 'None', 4: 'None' } }));
    const home = start(registry, { wake: (key) => woken.push(key) });
    registry.failNext({ refuse: 'AccessDenied' });
    await accept(home, files({ name: 'a-squatter', stages: { Production: '3' } }));
    await accept(
      home,
      files(
        { name: 'a-squatter', stages: { Production: '3' } },
        { name: 'b-team', stages: { Production: '4' } },
      ),
    );
    expect(ready(home.engine, 'ml/b-team')).toBe('True/UpToDate');
    woken.length = 0;
    for (let round = 0; round < 3; round += 1)
      for (const name of ['a-squatter', 'b-team']) await settle(home.engine, `ml/${name}`);
    expect([ready(home.engine, 'ml/a-squatter'), ready(home.engine, 'ml/b-team'), woken]).toEqual([
      'False/Conflict',
      'True/UpToDate',
      [],
    ]);
    expect(registry.get().versions.get('4')?.stage).toBe('Production');
  });

  /** Takes a listing in at the moment of the next write. */
  function acceptInside({ engine }: Home, registry: MemoryRegistry, spec: ListingSpec): void {
    registry.intrude = () => {
      registry.intrude = undefined;
      void engine.accept(aListing(spec));
    };
  }

  it('in the middle of its pass takes with it what that pass applied', async () => {
    const registry = new MemoryRegistry(before);
    const home = start(registry);
    await home.engine.accept(aListing(files(spec)));
    acceptInside(home, registry, files(other));
    await home.engine.handle('ml/churn', live);
    expect(registry.get().versions.get('4')?.stage).toBe('Production');
    await home.engine.handle('ml/churn', live);
    expect(registry.get().versions.get('4')?.stage).toBe('Archived');
    expect(registry.get().aliases.has('champion')).toBe(false);
    expect(home.engine.document('ml/churn')).toBeUndefined();
  });

  it('in the middle of the release of its forerunner is released after it', async () => {
    const { registry, home } = await promoted();
    registry.change(aModel({ name: 'second', versions: { 4: 'None' } }));
    registry.failNext({ refuse: 'AccessDenied' });
    await accept(home, files({ ...spec, model: 'second' }, other));
    expect(registry.get('second').versions.get('4')?.stage).toBe('Production');
    acceptInside(home, registry, files(other));
    await home.engine.handle('ml/churn', live);
    await home.engine.handle('ml/churn', live);
    expect(registry.get().versions.get('4')?.stage).toBe('Archived');
    expect(registry.get('second').versions.get('4')?.stage).toBe('Archived');
  });

  it('in the middle of its pass leaves no memory to its successor on another model', async () => {
    const registry = new MemoryRegistry(before, aModel({ name: 'second', versions: { 4: 'None' } }));
    const home = start(registry);
    await home.engine.accept(aListing(files(spec)));
    acceptInside(home, registry, files({ ...spec, model: 'second' }));
    await home.engine.handle('ml/churn', live);
    expect(statusOf(home.engine)).toEqual({});
    await settle(home.engine, 'ml/churn');
    expect(statusOf(home.engine).history).toHaveLength(2);
    expect(registry.get().versions.get('4')?.stage).toBe('Archived');
    expect(registry.get('second').versions.get('4')?.stage).toBe('Production');
  });
});

describe('an empty source', () => {
  it('changes nothing and says so', async () => {
    const registry = new MemoryRegistry(aModel({ versions: { 4: 'None' } }));
    const home = start(registry);
    await accept(home, files({ deletionPolicy: 'Release', stages: { Production: '4' } }));
    expect(await accept(home, {})).toEqual(new Map());
    expect(registry.get().versions.get('4')?.stage).toBe('Production');
    expect(home.warnings).toEqual([
      'the source holds no manifest any more; nothing is changed unless --allow-empty is given',
    ]);
  });
});

describe('two promotions of one model', () => {
  const versions = { 3: 'None', 4: 'None' } as const;

  it('never flap: whoever was first keeps the target, whatever file comes before', async () => {
    const registry = new MemoryRegistry(aModel({ versions }));
    const home = start(registry);
    await accept(home, { files: { 'b.yaml': aManifest({ name: 'b', stages: { Production: '3' } }) } });
    const both: ListingSpec = {
      files: {
        'a.yaml': aManifest({ name: 'a', stages: { Production: '4' } }),
        'b.yaml': aManifest({ name: 'b', stages: { Production: '3' } }),
      },
    };
    await accept(home, both);
    for (const key of ['ml/a', 'ml/b', 'ml/a', 'ml/b']) await settle(home.engine, key);
    expect([ready(home.engine, 'ml/a'), ready(home.engine, 'ml/b')]).toEqual([
      'False/Conflict',
      'True/UpToDate',
    ]);
    expect(registry.written).toEqual(['move version 3 from None to Production']);
  });

  it('never flap over a version that one pins and the other follows to', async () => {
    const registry = new MemoryRegistry(aModel({ versions, aliases: { chosen: '3' } }));
    const home = start(registry);
    const follows: PromotionSpec = {
      name: 'f',
      stages: { Production: { versionFrom: { alias: 'chosen' } } },
    };
    await accept(home, files(follows));
    await accept(home, files(follows, { name: 'a', stages: { Staging: '3' } }));
    for (const key of ['ml/a', 'ml/f', 'ml/a', 'ml/f']) await settle(home.engine, key);
    expect([ready(home.engine, 'ml/a'), ready(home.engine, 'ml/f')]).toEqual([
      'False/Conflict',
      'True/UpToDate',
    ]);
    expect(registry.written).toEqual(['move version 3 from None to Production']);
  });

  it('swap two versions without a moment of nobody in Production, whoever is looked at first', async () => {
    const registry = new MemoryRegistry(aModel({ versions: { 3: 'Production', 4: 'Staging' } }));
    const woken: string[] = [];
    const home = start(registry, { wake: (key) => woken.push(key) });
    const staging = (version: string): PromotionSpec => ({ name: 'a', stages: { Staging: version } });
    const production = (version: string): PromotionSpec => ({ name: 'b', stages: { Production: version } });
    await accept(home, files(staging('4'), production('3')));
    await accept(home, files(staging('3'), production('4')));
    expect(ready(home.engine, 'ml/a')).toBe('False/WaitingForSource');
    expect(woken).toEqual(['ml/a']);
    await settle(home.engine, 'ml/a');
    expect(registry.written).toEqual([
      'move version 4 from Staging to Production, archive 3',
      'move version 3 from Archived to Staging',
    ]);
    expect([ready(home.engine, 'ml/a'), ready(home.engine, 'ml/b')]).toEqual([
      'True/UpToDate',
      'True/UpToDate',
    ]);
  });

  it('share it peacefully where they want different targets', async () => {
    const registry = new MemoryRegistry(aModel({ versions }));
    const home = start(registry);
    await accept(
      home,
      files({ name: 'a', stages: { Production: '3' } }, { name: 'b', aliases: { next: '4' } }),
    );
    expect([ready(home.engine, 'ml/a'), ready(home.engine, 'ml/b')]).toEqual([
      'True/UpToDate',
      'True/UpToDate',
    ]);
    expect(home.engine.keysOf('memory', ['churn'])).toEqual(['ml/a', 'ml/b']);
  });

  it('are woken when one of them moved something', async () => {
    const registry = new MemoryRegistry(aModel({ versions }));
    const woken: string[] = [];
    const home = start(registry, { wake: (key) => woken.push(key) });
    await accept(
      home,
      files({ name: 'a', stages: { Production: '3' } }, { name: 'b', aliases: { next: '4' } }),
    );
    expect(woken).toEqual(['ml/b', 'ml/a']);
    await settle(home.engine, 'ml/a');
    expect(woken).toHaveLength(2);
  });
});

describe('a status', () => {
  const good = files({ stages: { Production: '3' } });
  const bad: ListingSpec = { problems: [aProblem('0-churn.yaml', 'churn')] };

  it.each([
    ['that was made invalid', good, bad, 'False/InvalidSpec'],
    ['that was mended', bad, good, 'True/UpToDate'],
  ])('of a manifest %s does not pass for current before it was looked at', async (_what, from, to, end) => {
    const home = start(new MemoryRegistry(aModel({ versions: { 3: 'None' } })));
    await accept(home, good);
    await accept(home, from);
    const isCurrent = () =>
      statusOf(home.engine).observedGeneration ===
      (home.engine.document('ml/churn') as ModelPromotion).metadata.generation;
    expect(isCurrent()).toBe(true);
    const keys = await home.engine.accept(aListing(to));
    expect(isCurrent()).toBe(false);
    for (const key of keys) await settle(home.engine, key);
    expect([isCurrent(), ready(home.engine)]).toEqual([true, end]);
  });
});

describe('one server under two names', () => {
  /** Each registry that is named has an address of its own, and all lead to this one. */
  const named = (
    registry: MemoryRegistry,
    others: Readonly<Record<string, MemoryRegistry>> = {},
  ): Registries => ({
    update: () => Promise.resolve(),
    resolve: ({ registry: address }) => ({
      kind: 'found',
      registry: others[address] ?? registry,
      address,
      mayRegister: true,
    }),
  });
  const on = (name: string, spec: PromotionSpec): PromotionSpec => ({ registryRef: { name }, ...spec });
  const model = aModel({ versions: { 1: 'None', 2: 'None' } });
  const both = files(
    on('a', { name: 'pa', stages: { Production: '1' } }),
    on('b', { name: 'pb', stages: { Production: '2' } }),
  );

  it('has one winner, and no flapping', async () => {
    const registry = new MemoryRegistry(model);
    const home = start(registry, { registries: named(registry) });
    await accept(home, both);
    for (const key of ['ml/pa', 'ml/pb', 'ml/pa', 'ml/pb']) await settle(home.engine, key);
    expect([ready(home.engine, 'ml/pa'), ready(home.engine, 'ml/pb')]).toEqual([
      'True/UpToDate',
      'False/Conflict',
    ]);
    expect(registry.written).toEqual(['move version 1 from None to Production']);
  });

  it('has one winner although both began at the same moment', async () => {
    const registry = new MemoryRegistry(model);
    const home = start(registry, { registries: { ...named(registry) } });
    const keys = await home.engine.accept(aListing(both));
    await Promise.all(keys.map((key) => home.engine.handle(key, live)));
    for (let round = 0; round < 3; round += 1) for (const key of keys) await settle(home.engine, key);
    const { length } = registry.written;
    for (const key of keys) await settle(home.engine, key);
    expect(registry.written).toHaveLength(length);
    expect([ready(home.engine, 'ml/pa'), ready(home.engine, 'ml/pb')]).toContain('False/Conflict');
  });

  it('loses nothing when a promotion comes to call it by the other one', async () => {
    const registry = new MemoryRegistry(model);
    const home = start(registry, { registries: named(registry) });
    const spec: PromotionSpec = {
      deletionPolicy: 'Release',
      stages: { Production: '1' },
      aliases: { champion: '1' },
    };
    await accept(home, files(on('a', spec)));
    registry.written.length = 0;
    await accept(home, files(on('b', spec)));
    expect(registry.written).toEqual([]);
    expect(ready(home.engine)).toBe('True/UpToDate');
    expect(ownersIn(registry)).toEqual({
      'stage/Production': 'main/ml/churn',
      'alias/champion': 'main/ml/churn',
    });
  });

  it('is told from two servers, where the first is released', async () => {
    const [first, second] = [
      new MemoryRegistry(model),
      new MemoryRegistry(aModel({ versions: { 1: { creationTimestamp: 5 } } })),
    ];
    const home = start(first, { registries: named(first, { 'ml/b': second }) });
    const spec: PromotionSpec = { deletionPolicy: 'Release', stages: { Production: '1' } };
    await accept(home, files(on('a', spec)));
    second.down = true;
    await accept(home, files(on('b', spec)));
    expect(first.get().versions.get('1')?.stage).toBe('Production');
    second.down = false;
    await settle(home.engine, 'ml/churn');
    expect(first.get().versions.get('1')?.stage).toBe('Archived');
    expect(second.get().versions.get('1')?.stage).toBe('Production');
  });
});

describe('a registry', () => {
  it('that is no longer open to a promotion has it looked at, and so has one that is open again', async () => {
    const memory = new MemoryRegistry(aModel({ versions: { 3: 'None' } }));
    let open = true;
    const registries: Registries = {
      update: () => Promise.resolve(void (open = !open)),
      resolve: () =>
        open
          ? { kind: 'found', registry: memory, address: 'memory', mayRegister: true }
          : { kind: 'refused', reason: 'NotAllowed', message: 'not for you' },
    };
    const home = start(memory, { registries });
    const declared = files({ stages: { Production: '3' } });
    await accept(home, declared);
    expect(ready(home.engine)).toBe('False/NotAllowed');
    expect([...(await accept(home, declared)).keys()]).toEqual(['ml/churn']);
    expect(ready(home.engine)).toBe('True/UpToDate');
    expect([...(await accept(home, declared)).keys()]).toEqual(['ml/churn']);
    expect(ready(home.engine)).toBe('False/NotAllowed');
  });
});
