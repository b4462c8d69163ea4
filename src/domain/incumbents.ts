/**
 * What stages of other promotions hold, and whether they give it up. A stage that asks for another version which it can
 * have moves on; one that cannot (the version is not there, it is suspended, another one has the version) keeps its
 * incumbent, also from other promotions of the model.
 */
import { describeClaim, findConflict, holderOf, wantedVersions, type Claimant } from './claims.ts';
import type { TargetId } from './desired.ts';
import { sameVersion, type Model, type Version } from './observed.ts';
import { planPromotion, type Decision, type VersionClaim } from './plan.ts';
import { currentHolder, isHeldBy } from './select.ts';

/** A version in a stage, and the promotion whose stage that is. */
interface Incumbent {
  readonly claimant: Claimant;
  readonly stage: TargetId;
  readonly version: string;
}

/**
 * Versions that nobody but their claimant may move, for one of the promotions of a model. What Production is about to
 * give up is waited for, so that a version goes down only after another one went up.
 */
export function claimedVersions(
  key: string,
  claimants: readonly Claimant[],
  model: Model,
): ReadonlyMap<string, VersionClaim> {
  if (claimants.length < 2) return new Map();
  const all = incumbentsOf(claimants, model);
  const kept = keptOf(all, claimants, model);
  const leaving = all
    .filter(({ stage, claimant }) => stage === 'stage/Production' && claimant.promotion.key !== key)
    .map(({ version, claimant, stage }): [string, VersionClaim] => [
      version,
      { by: describeClaim(claimant, stage), how: 'leaving' },
    ]);
  return new Map([...leaving, ...claimsBeside(key, kept, claimants, model)]);
}

/** Claims of others, while these incumbents stay and all others give way. */
function claimsBeside(
  key: string,
  kept: readonly Incumbent[],
  claimants: readonly Claimant[],
  model: Model,
): Map<string, VersionClaim> {
  const claims = new Map<string, VersionClaim>();
  for (const [version, by] of wantedVersions(key, claimants, model))
    claims.set(version, { by, how: 'wanted' });
  for (const { claimant, stage, version } of kept) {
    if (claimant.promotion.key === key) continue;
    claims.set(version, { by: describeClaim(claimant, stage), how: 'kept' });
  }
  return claims;
}

function incumbentsOf(claimants: readonly Claimant[], model: Model): Incumbent[] {
  return (['stage/Production', 'stage/Staging'] as const).flatMap((stage) => {
    const claimant = holderOf(stage, claimants);
    const version = claimant && heldBy(claimant, stage, model)?.version;
    return claimant === undefined || version === undefined ? [] : [{ claimant, stage, version }];
  });
}

/** Where several hold a stage, the one on record. */
function heldBy({ records }: Claimant, stage: TargetId, model: Model): Version | undefined {
  const record = records.get(stage);
  const known = record && model.versions.get(record.version);
  const stands = known && sameVersion(record, known) && isHeldBy(stage, known, model);
  return stands === true ? known : currentHolder(stage, model);
}

/** Each incumbent that stays may be what another one cannot move on for. */
function keptOf(all: readonly Incumbent[], claimants: readonly Claimant[], model: Model): Incumbent[] {
  let kept: Incumbent[] = [];
  for (;;) {
    const more = all.filter((one) => !kept.includes(one) && isKept(one, kept, claimants, model));
    if (more.length === 0) return kept;
    kept = [...kept, ...more];
  }
}

function isKept(
  { claimant, stage, version }: Incumbent,
  kept: readonly Incumbent[],
  claimants: readonly Claimant[],
  model: Model,
): boolean {
  const { promotion, refused } = claimant;
  const decision = decide(claimant, stage, kept, claimants, model);
  if (decision?.candidate?.version === version) return false;
  const idle = refused || promotion.suspend || findConflict(promotion.key, claimants) !== undefined;
  return idle || decision?.state !== 'Pending';
}

function decide(
  { promotion, records, owner }: Claimant,
  stage: TargetId,
  kept: readonly Incumbent[],
  claimants: readonly Claimant[],
  model: Model,
): Decision | undefined {
  const context = {
    records,
    owner,
    claimedVersions: claimsBeside(promotion.key, kept, claimants, model),
    elsewhere: new Set<string>(),
    fights: new Map(),
    choices: new Map(),
    // How long it waits for a version makes no difference to what it keeps.
    now: 0,
  };
  const plan = planPromotion({ ...promotion, suspend: false }, { kind: 'known', value: model }, context);
  return plan.kind === 'Suspended' ? undefined : plan.decisions.find(({ target }) => target === stage);
}
