/** Whatever the registry and the promotion: plans lead to what is declared, and touch nothing else. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectationBroken, isDone, simulate, type Action } from '../../../src/domain/action.ts';
import { findConflict, holderOf, type Claimant } from '../../../src/domain/claims.ts';
import type { Promotion, Target, TargetId } from '../../../src/domain/desired.ts';
import { claimedVersions } from '../../../src/domain/incumbents.ts';
import type { Model, Stage, Version } from '../../../src/domain/observed.ts';
import { planPromotion, type Context, type Plan } from '../../../src/domain/plan.ts';
import type { Records } from '../../../src/domain/record.ts';
import { currentHolder, isHeldBy, selectCandidate } from '../../../src/domain/select.ts';
import { summarise } from '../../../src/domain/outcome.ts';
import { recordsOf } from '../../../src/domain/status.ts';
import {
  aClaimant,
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
  .dictionary(fc.constantFrom(...NUMBERS), fc.constantFrom('wanted', 'kept', 'leaving'), { maxKeys: 1 })
  .map(
    (spec) =>
      new Map(Object.entries(spec).map(([version, how]) => [version, { by: 'ml/other (Staging)', how }])),
  );

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
  return new Map([...context.records, ...recordsSeen(promotion, plan, context.owner)]);
}

function recordsSeen(promotion: Promotion, plan: Plan, owner: string): Records {
  const finding = { kind: 'Planned', plan, attempt: undefined } as const;
  const { revision: attempted } = promotion;
  const pass = { promotion, previous: undefined, finding, attempted, owner, author: undefined, now: NOW };
  return recordsOf(summarise(pass).status);
}

function forAll(check: (world: World) => void): void {
  fc.assert(fc.property(world, check), { numRuns: 500 });
}

const MEMBERS = ['p0', 'p1', 'p2'] as const;
const declared = fc.record({
  member: fc.constantFrom(...MEMBERS),
  id: fc.constantFrom('Staging', 'Production', 'Production', 'champion'),
  stage: stageSpec,
  alias: aliasWish,
});
const state = fc.record({
  suspend: fc.constantFrom(false, false, true),
  refused: fc.constantFrom(false, false, true),
  memory,
});

/** Several promotions of one model that mostly declare different targets; some are suspended, some have mistakes. */
const company = fc
  .record({
    model,
    targets: fc.uniqueArray(declared, {
      selector: ({ member, id }) => member + id,
      minLength: 2,
      maxLength: 5,
    }),
    states: fc.tuple(state, state, state),
  })
  .map(({ model, targets, states }) => ({
    model: aModel(model),
    claimants: MEMBERS.map((name, index): Claimant => {
      const own = targets.filter(({ member }) => member === name);
      const [stages, aliases] = [
        own.filter(({ id }) => id !== 'champion'),
        own.filter(({ id }) => id === 'champion'),
      ];
      const { suspend = false, refused = false, memory: records = new Map() } = states[index] ?? {};
      const spec: PromotionSpec = {
        name,
        suspend,
        stages: Object.fromEntries(stages.map(({ id, stage }) => [id, stage])),
        aliases: Object.fromEntries(aliases.map(({ id, alias }) => [id, alias])),
      };
      return aClaimant(name, spec, {}, { records, refused });
    }),
  }));
type Company = typeof company extends fc.Arbitrary<infer T> ? T : never;

interface Turn {
  readonly claimant: Claimant;
  readonly claimants: readonly Claimant[];
  readonly before: Model;
  readonly plan: Plan | undefined;
  readonly after: Model;
}

/** Each has its turn, again and again, until a whole round changed nothing. */
function playTogether({ model, claimants }: Company): { turns: Turn[]; rested: boolean } {
  const turns: Turn[] = [];
  let [current, all]: [Model, readonly Claimant[]] = [model, claimants];
  for (let round = 0; round < 8; round += 1) {
    const start = turns.length;
    for (const index of claimants.keys()) {
      const claimant = all[index];
      if (claimant === undefined) continue;
      const turn = takeTurn(claimant, all, current);
      turns.push(turn);
      all = all.with(index, { ...claimant, records: recordsAfter(turn) });
      current = turn.after;
    }
    if (turns.slice(start).every(({ plan }) => plan?.kind !== 'Apply')) return { turns, rested: true };
  }
  return { turns, rested: false };
}

function takeTurn(claimant: Claimant, claimants: readonly Claimant[], before: Model): Turn {
  const { promotion } = claimant;
  const idle = claimant.refused || findConflict(promotion.key, claimants) !== undefined;
  const plan = idle
    ? undefined
    : planPromotion(promotion, known(before), contextOf(claimant, claimants, before));
  const after = plan === undefined ? before : actionsOf(plan).reduce(simulate, before);
  return { claimant, claimants, before, plan, after };
}

function contextOf(
  { promotion, records, owner }: Claimant,
  claimants: readonly Claimant[],
  model: Model,
): Context {
  return aContext({ records, owner, claimedVersions: claimedVersions(promotion.key, claimants, model) });
}

function recordsAfter({ claimant, claimants, plan, after }: Turn): Records {
  const { promotion, records } = claimant;
  if (plan === undefined || plan.kind === 'Suspended') return records;
  const seen = planPromotion(promotion, known(after), contextOf(claimant, claimants, after));
  return new Map([...records, ...recordsSeen(promotion, seen, claimant.owner)]);
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

describe('promotions of one model', () => {
  const together = (check: (company: Company) => void): void =>
    fc.assert(fc.property(company, check), { numRuns: 1_000 });

  it('come to rest together', () => {
    together((company) => {
      expect(playTogether(company).rested).toBe(true);
    });
  });

  it('never take what a stage of another one holds that cannot have what it asks for', () => {
    together((company) => {
      for (const { claimant, claimants, before, after } of playTogether(company).turns) {
        for (const version of before.versions.values()) {
          const owner = holderOf(`stage/${version.stage}` as TargetId, claimants);
          const moved = after.versions.get(version.version)?.stage !== version.stage;
          if (owner === undefined || owner === claimant || !moved) continue;
          if (incumbentOf(owner, `stage/${version.stage}` as TargetId, before) !== version) continue;
          expect(isStuck(owner, version, before)).toBe(false);
        }
      }
    });
  });

  it('are kept from a version only by one that holds it, or asks for it', () => {
    together((company) => {
      const { turns } = playTogether(company);
      for (const { claimant, claimants, before, plan } of turns.slice(-company.claimants.length)) {
        if (plan?.kind !== 'Blocked') continue;
        for (const { target, state, reason, candidate } of plan.decisions) {
          if (state !== 'Blocked' || reason !== 'Conflict' || candidate === undefined) continue;
          const rivals = claimants.flatMap(({ promotion }) =>
            promotion.targets.filter((other) => promotion !== claimant.promotion || other.id !== target),
          );
          expect(rivals.some((rival) => holdsOrAsks(rival, candidate, before))).toBe(true);
        }
      }
    });
  });
});

/** Where several hold the stage, the one on record. */
function incumbentOf({ records }: Claimant, id: TargetId, model: Model): Version | undefined {
  const recorded = model.versions.get(records.get(id)?.version ?? '');
  return recorded !== undefined && isHeldBy(id, recorded, model) ? recorded : currentHolder(id, model);
}

/** Left alone, or asking for what is not there; what it asks for itself is a matter of claims. */
function isStuck({ promotion, refused }: Claimant, { stage, version }: Version, model: Model): boolean {
  const target = promotion.targets.find(({ id }) => id === `stage/${stage}`);
  const selected = target && selectCandidate(target.want, model);
  if (target?.want.kind === 'pinned' && target.want.version === version) return false;
  if (selected?.kind === 'found' && selected.version.version === version) return false;
  return refused || promotion.suspend || selected?.kind !== 'found';
}

function holdsOrAsks({ id, kind, want }: Target, version: Version, model: Model): boolean {
  if (kind !== 'stage') return false;
  const selected = selectCandidate(want, model);
  const asked = want.kind === 'pinned' ? want.version : selected.kind === 'found' && selected.version.version;
  return asked === version.version || isHeldBy(id, version, model);
}

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
