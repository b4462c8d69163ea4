/** Whatever the registry and the promotion: plans lead to what is declared, and touch nothing else. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectationBroken, isDone, simulate, type Action } from '../../../src/domain/action.ts';
import type { Promotion } from '../../../src/domain/desired.ts';
import type { Model, Stage, Version } from '../../../src/domain/observed.ts';
import { planPromotion, type Context, type Plan } from '../../../src/domain/plan.ts';
import type { Records } from '../../../src/domain/record.ts';
import { summarise } from '../../../src/domain/outcome.ts';
import { recordsOf } from '../../../src/domain/status.ts';
import {
  aContext,
  aModel,
  aPromotion,
  known,
  NOW,
  records,
  type ModelSpec,
  type PromotionSpec,
} from '../../support/builders.ts';

const NUMBERS = ['1', '2', '3', '4', '5'] as const;
const ALIASES = ['champion', 'challenger', 'theirs'] as const;

const version = fc.record({
  stage: fc.constantFrom<Stage>('None', 'Staging', 'Production', 'Archived'),
  status: fc.constantFrom('READY', 'READY', 'READY', 'READY', 'PENDING_REGISTRATION', 'FAILED_REGISTRATION'),
  description: fc.constantFrom('', 'mine', 'theirs'),
  tags: fc.dictionary(fc.constantFrom('ours', 'theirs'), fc.constantFrom('a', 'b'), { maxKeys: 2 }),
});

const model: fc.Arbitrary<ModelSpec> = fc.record({
  versions: fc.dictionary(fc.constantFrom(...NUMBERS), version),
  aliases: fc.dictionary(fc.constantFrom(...ALIASES), fc.constantFrom(...NUMBERS)),
});

const followed = fc.constantFrom(
  { versionFrom: { alias: 'theirs' } },
  { versionFrom: { stage: 'Staging' as const } },
  { versionFrom: { stage: 'Production' as const } },
);
const aliasWish = fc.oneof(fc.constantFrom(...NUMBERS), followed);
const stageWish = fc.tuple(
  fc.oneof(
    fc.constantFrom(...NUMBERS).map((version) => ({ version })),
    fc.constantFrom('theirs', 'challenger').map((alias) => ({ versionFrom: { alias } })),
  ),
  fc.record({
    archiveExisting: fc.boolean(),
    description: fc.constantFrom('mine', ''),
    tags: fc.constantFrom({}, { ours: 'a' }),
  }),
);
const stageSpec = stageWish.map(([wish, rest]) => ({ ...wish, ...rest }));

const wish: fc.Arbitrary<PromotionSpec> = fc
  .record({
    stages: fc.record({ Staging: stageSpec, Production: stageSpec }, { requiredKeys: [] }),
    aliases: fc.record(
      { champion: aliasWish, challenger: fc.constantFrom(...NUMBERS) },
      { requiredKeys: [] },
    ),
    drift: fc.constantFrom('Revert' as const, 'Report' as const),
  })
  .filter(({ stages: { Staging, Production } }) => {
    const pinned = [Staging, Production].flatMap((stage) =>
      stage && 'version' in stage ? [stage.version] : [],
    );
    return new Set(pinned).size === pinned.length;
  });

const memory: fc.Arbitrary<Records> = fc
  .dictionary(
    fc.constantFrom('stage/Staging', 'stage/Production', 'alias/champion', 'alias/challenger'),
    fc.constantFrom(...NUMBERS),
  )
  .map((spec) => records(spec));

const claims = fc
  .dictionary(fc.constantFrom(...NUMBERS), fc.constant('ml/other (Staging)'), { maxKeys: 1 })
  .map((spec) => new Map(Object.entries(spec)));

const world = fc.record({ model, wish, memory, claims }).map(({ model, wish, memory, claims }) => ({
  model: aModel(model),
  promotion: aPromotion(wish),
  context: aContext({ records: memory, claimedVersions: claims }),
}));
type World = typeof world extends fc.Arbitrary<infer T> ? T : never;

const actionsOf = (plan: Plan): readonly Action[] => (plan.kind === 'Apply' ? plan.actions : []);

interface Round {
  readonly before: Model;
  readonly plan: Plan;
  readonly after: Model;
}

/** Plans and applies until there is nothing to do, remembering as the engine does. */
function play({ model, promotion, context }: World): { rounds: Round[]; context: Context } {
  const rounds: Round[] = [];
  let current = model;
  let memory = context.records;
  for (let round = 0; round <= promotion.targets.length + 1; round += 1) {
    const known = { ...context, records: memory };
    const plan = planPromotion(promotion, { kind: 'known', value: current }, known);
    const after = actionsOf(plan).reduce(simulate, current);
    rounds.push({ before: current, plan, after });
    if (plan.kind !== 'Apply') break;
    memory = remember(promotion, plan, after, known);
    current = after;
  }
  return { rounds, context: { ...context, records: memory } };
}

function remember(promotion: Promotion, { kind }: Plan, after: Model, context: Context): Records {
  if (kind !== 'Apply') return context.records;
  const plan = planPromotion(promotion, known(after), context);
  const finding = { kind: 'Planned', plan, attempt: undefined } as const;
  const { revision: attempted } = promotion;
  const { owner } = context;
  const pass = { promotion, previous: undefined, finding, attempted, owner, author: undefined, now: NOW };
  const { status } = summarise(pass);
  return new Map([...context.records, ...recordsOf(status)]);
}

function forAll(check: (world: World) => void): void {
  fc.assert(fc.property(world, check), { numRuns: 500 });
}

describe('plans', () => {
  it('come to rest after at most one round a target', () => {
    forAll((world) => {
      const { rounds } = play(world);
      expect(rounds.at(-1)?.plan.kind).not.toBe('Apply');
      expect(rounds.length).toBeLessThanOrEqual(world.promotion.targets.length + 1);
    });
  });

  it('lead to what is declared wherever nothing stands in the way', () => {
    forAll((world) => {
      const { rounds } = play(world);
      const { plan, after } = rounds.at(-1) ?? {};
      if (plan?.kind !== 'UpToDate' || after === undefined) return;
      for (const target of world.promotion.targets) {
        if (target.want.kind !== 'pinned' || world.promotion.drift === 'Report') continue;
        if (target.kind === 'alias') expect(after.aliases.get(target.alias)).toBe(target.want.version);
        else expect(after.versions.get(target.want.version)?.stage).toBe(target.stage);
      }
    });
  });

  it('are the same for the same world', () => {
    forAll(({ model, promotion, context }) => {
      const plan = planPromotion(promotion, known(model), context);
      expect(planPromotion(promotion, known(model), context)).toEqual(plan);
      const reversed = { ...model, versions: new Map([...model.versions].toReversed()) };
      expect(planPromotion(promotion, known(reversed), context)).toEqual(plan);
    });
  });

  it('hold no action that changes nothing, and none that would not fit where it stands', () => {
    forAll(({ model, promotion, context }) => {
      let current = model;
      for (const action of actionsOf(planPromotion(promotion, known(model), context))) {
        expect(isDone(current, action)).toBe(false);
        expect(expectationBroken(current, action)).toBeUndefined();
        const after = simulate(current, action);
        expect(after).not.toEqual(current);
        current = after;
      }
    });
  });

  it('never ask MLflow to archive on the way to None or Archived, where it fails for ever', () => {
    forAll(({ model, promotion, context }) => {
      for (const action of actionsOf(planPromotion(promotion, known(model), context))) {
        if (action.kind !== 'Transition' || !action.archiveExisting) continue;
        expect(['Staging', 'Production']).toContain(action.to);
      }
    });
  });

  it('touch no alias, tag, description or stage that is not declared', () => {
    forAll((world) => {
      const { promotion } = world;
      for (const { before, after } of play(world).rounds) {
        expect(foreign(after, promotion)).toEqual(foreign(before, promotion));
        for (const version of before.versions.values()) {
          const now = after.versions.get(version.version);
          if (now !== undefined && now.stage !== version.stage) expectAllowed(version, now, world);
        }
      }
    });
  });

  it('never take the version of a stage that cannot move on for another stage below it', () => {
    forAll((world) => {
      const production = world.promotion.targets.find(({ id }) => id === 'stage/Production');
      for (const { before, plan, after } of play(world).rounds) {
        if (plan.kind !== 'Apply' || production === undefined) continue;
        const decision = plan.decisions.find(({ target }) => target === 'stage/Production');
        const held = [...before.versions.values()].some(({ stage }) => stage === 'Production');
        if (decision?.state !== 'Blocked' || decision.candidate !== undefined || !held) continue;
        expect([...after.versions.values()].some(({ stage }) => stage === 'Production')).toBe(true);
      }
    });
  });

  it('change nothing where drift is only reported and everything is on record', () => {
    forAll(({ model, promotion, context }) => {
      const reporting = { ...promotion, drift: 'Report' as const };
      for (const action of actionsOf(planPromotion(reporting, known(model), context))) {
        expect(action.cause).toBe('Promotion');
      }
    });
  });
});

/** Everything of a model but the stages and what the promotion declares. */
function foreign(model: Model, { targets }: Promotion): unknown {
  const aliases = new Map(model.aliases);
  const keys = new Set<string>();
  let described = false;
  for (const target of targets) {
    if (target.kind === 'alias') aliases.delete(target.alias);
    else {
      for (const key of target.tags.keys()) keys.add(key);
      described ||= target.description !== undefined;
    }
  }
  const versions = [...model.versions.values()].map(({ stage: _stage, description, tags, ...rest }) => ({
    ...rest,
    description: described ? undefined : description,
    tags: [...tags].filter(([key]) => !keys.has(key)),
  }));
  return { aliases, versions, tags: model.tags };
}

/** A version changes its stage because a target takes it, or because that target archives what it replaces. */
function expectAllowed(before: Version, after: Version, { promotion, context }: World): void {
  if (after.stage === 'Archived') {
    const target = promotion.targets.find(({ id }) => id === `stage/${before.stage}`);
    expect(target).toMatchObject({ archiveExisting: true });
    return;
  }
  expect(promotion.targets.map(({ id }) => id)).toContain(`stage/${after.stage}`);
  expect(context.claimedVersions.has(before.version)).toBe(false);
}
