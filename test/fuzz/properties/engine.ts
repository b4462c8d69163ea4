/** Any history of listings, faults, restarts and changes by hand: nothing is thrown, no claim is lost, and it comes to rest as declared. */
import * as fc from 'fast-check';
import type { Listing } from '../../../src/api/listing.ts';
import { readStatusFile, statusPath } from '../../../src/api/status-file.ts';
import { toYaml } from '../../../src/api/yaml.ts';
import type { Stage } from '../../../src/domain/observed.ts';
import { aListing, aManifest, aModel, aProblem, type PromotionSpec } from '../../support/builders.ts';
import { MemoryRegistry, type Fault } from '../../support/memory-registry.ts';
import { anEngine, live, type Home } from '../engine-home.ts';
import { ensure, fuzz, type Fuzz } from '../fuzz.ts';

const version = fc.constantFrom('1', '2', '3', '4', '9');
const name = fc.constantFrom('a', 'b', 'c');
const model = fc.constantFrom('churn', 'fraud', 'absent');
const aliasWish = fc.oneof(
  version,
  fc.constantFrom({ versionFrom: { stage: 'Staging' as const } }, { versionFrom: { alias: 'theirs' } }),
);
const stageWish = fc.record({ version, archiveExisting: fc.boolean() });

const spec: fc.Arbitrary<PromotionSpec> = fc
  .record({
    name,
    model,
    stages: fc.record({ Staging: stageWish, Production: stageWish }, { requiredKeys: [] }),
    aliases: fc.record({ champion: aliasWish, challenger: aliasWish }, { requiredKeys: [] }),
    drift: fc.constantFrom('Revert' as const, 'Report' as const),
    deletionPolicy: fc.constantFrom('Orphan' as const, 'Release' as const),
    suspend: fc.constantFrom(false, false, false, true),
  })
  .filter(
    ({ stages: { Staging, Production } }) =>
      Staging?.version !== Production?.version || Staging === undefined,
  );

interface Declared {
  readonly specs: readonly PromotionSpec[];
  /** Promotions that are declared, with a mistake. */
  readonly broken: readonly string[];
  /** Files of which nothing could be read. */
  readonly unreadable: readonly string[];
}

type Step =
  | { readonly kind: 'declare'; readonly declared: Declared }
  | { readonly kind: 'move'; readonly model: string; readonly version: string; readonly stage: Stage }
  | { readonly kind: 'fail'; readonly faults: readonly Fault[] }
  | { readonly kind: 'restart' | 'sweep' | 'down' | 'up' };

const declared: fc.Arbitrary<Declared> = fc.record({
  specs: fc.uniqueArray(spec, { maxLength: 3, selector: (one) => one.name }),
  broken: fc.uniqueArray(name, { maxLength: 1 }),
  unreadable: fc.uniqueArray(name, { maxLength: 1 }),
});

const fault = fc.constantFrom<Fault>(
  'lost before',
  'lost after',
  { refuse: 'AccessDenied' },
  { refuse: 'RegistryUnavailable' },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: declared.map((declared) => ({ kind: 'declare' as const, declared })) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('move' as const),
      model: fc.constantFrom('churn', 'fraud'),
      version: fc.constantFrom('1', '2', '3', '4'),
      stage: fc.constantFrom<Stage>('None', 'Staging', 'Production', 'Archived'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.array(fault, { maxLength: 3 }).map((faults) => ({ kind: 'fail' as const, faults })),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom<Step>(
      { kind: 'restart' },
      { kind: 'sweep' },
      { kind: 'down' },
      { kind: 'up' },
    ),
  },
);

function aRegistry(): MemoryRegistry {
  const versions = { 1: 'Archived', 2: 'Production', 3: 'Staging', 4: 'None' } as const;
  return new MemoryRegistry(
    aModel({ versions, aliases: { theirs: '2' } }),
    aModel({ name: 'fraud', versions }),
  );
}

function toListing({ specs, broken, unreadable }: Declared, revision: number): Listing {
  const hidden = new Set([...broken, ...unreadable]);
  const good = specs.filter(({ name = '' }) => !hidden.has(name));
  return aListing({
    revision: `main@sha1:${revision}`,
    files: Object.fromEntries(good.map((one) => [`${one.name}.yaml`, aManifest(one)])),
    problems: [
      ...broken.filter((one) => !unreadable.includes(one)).map((one) => aProblem(`${one}.yaml`, one)),
      ...unreadable.map((one) => aProblem(`${one}.yaml`)),
    ],
  });
}

class World {
  readonly registry = aRegistry();
  home: Home = anEngine(this.registry);
  /** How many were asked for; each fails one write. */
  faults = 0;
  #revision = 0;
  declared: Declared = { specs: [], broken: [], unreadable: [] };

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'declare':
        return this.declare(step.declared);
      case 'move': {
        const model = this.registry.get(step.model);
        const moved = model.versions.get(step.version);
        if (moved === undefined) return;
        const versions = new Map(model.versions).set(step.version, { ...moved, stage: step.stage });
        return this.registry.change({ ...model, versions });
      }
      case 'fail':
        this.faults += step.faults.length;
        return this.registry.failNext(...step.faults);
      case 'restart':
        return this.restart();
      case 'sweep':
        return this.registry.sweep();
      case 'down':
      case 'up':
        this.registry.down = step.kind === 'down';
        return;
      default:
        step satisfies never;
    }
  }

  async declare(declared: Declared): Promise<void> {
    const before = new Set(this.home.engine.keys());
    const listing = toListing(declared, (this.#revision += 1));
    this.declared = declared;
    const changed = await this.home.engine.accept(listing);
    this.#checkClaims(before, listing);
    await this.settle(changed);
  }

  /** What is declared is known, and what may still be declared is not forgotten. */
  #checkClaims(before: ReadonlySet<string>, { promotions, problems }: Listing): void {
    const after = new Set(this.home.engine.keys());
    for (const { object } of promotions)
      ensure(
        after.has(`ml/${object.metadata.name}`),
        'a declared promotion is unknown',
        object.metadata.name,
      );
    const isDoubtful = problems.some(({ object }) => object === undefined);
    if (isDoubtful)
      for (const key of before)
        ensure(after.has(key) || this.#wasOnlyRejected(key), 'a claim is lost with an unreadable file', key);
  }

  /** Of what never was valid there is no claim to lose. */
  #wasOnlyRejected(key: string): boolean {
    return !this.home.engine.catalog.entries.has(key);
  }

  /** Looks at the keys, and at all that this wakes, until nothing wants to be looked at at once. */
  async settle(keys: Iterable<string>): Promise<void> {
    const { engine, woken } = this.home;
    for (const key of keys) woken.add(key);
    for (let passes = 0; woken.size > 0; passes += 1) {
      ensure(passes < 200, 'it does not come to rest', [...woken]);
      const [key = ''] = woken;
      woken.delete(key);
      const next = await engine.handle(key, live);
      if (next.kind === 'Now') woken.add(key);
    }
  }

  /** A sweep, and a pass over everything: what somebody changed since the last one is seen. */
  async look(): Promise<void> {
    this.registry.sweep();
    await this.settle(this.home.engine.keys());
  }

  async restart(): Promise<void> {
    const { engine } = this.home;
    const files = engine.keys().map((key) => [statusPath(key), toYaml(engine.document(key))] as const);
    this.home = anEngine(this.registry);
    this.home.engine.restore(files.flatMap(([path, text]) => readStatusFile(path, text)?.document ?? []));
    await this.declare(this.declared);
  }
}

export const engine: readonly Fuzz[] = [
  fuzz('any history of a promotion comes to rest as declared', {
    weight: 6,
    short: 300,
    input: fc.array(step, { minLength: 1, maxLength: 12 }),
    holds: async (steps) => {
      const world = new World();
      for (const step of steps) await world.take(step);
      world.registry.down = false;
      // Faults that nothing has met so far are met now.
      for (let round = 0; round < world.faults + 2; round += 1) await world.look();
      const before = world.registry.written.length;
      await world.look();
      ensure(
        world.registry.written.length === before,
        'it never comes to rest',
        world.registry.written.slice(before),
      );
      checkDeclared(world);
    },
  }),
];

/** Where the status says that all is as declared, it is. */
function checkDeclared({ home: { engine }, registry }: World): void {
  for (const { promotion } of engine.catalog.entries.values()) {
    const document = engine.document(promotion.key);
    const ready = document?.status?.summary;
    if (ready?.reason !== 'UpToDate' || promotion.suspend || promotion.drift === 'Report') continue;
    const { aliases, versions } = registry.get(promotion.model);
    for (const target of promotion.targets) {
      if (target.want.kind !== 'pinned') continue;
      const holds =
        target.kind === 'alias'
          ? aliases.get(target.alias) === target.want.version
          : versions.get(target.want.version)?.stage === target.stage;
      ensure(holds, 'the status says up to date, and the registry differs', target);
    }
  }
}
