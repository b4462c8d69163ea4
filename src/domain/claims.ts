/**
 * Who may have what: a target has one promotion, and a version has one stage. Where two want the same, the one
 * that holds it on record wins, then the older. Claims that lose stay claims, so nothing ever flaps.
 */
import { describeTarget, type Promotion, type Target, type TargetId } from './desired.ts';
import type { Records } from './record.ts';

/** A promotion that has a say on a model, in the order of age: the older first. */
export interface Claimant {
  readonly promotion: Promotion;
  readonly records: Records;
}

/** Why a promotion may not act, as a sentence; undefined when all it wants is its own. */
export function findConflict(key: string, claimants: readonly Claimant[]): string | undefined {
  const self = claimants.find(({ promotion }) => promotion.key === key);
  if (self === undefined) return undefined;
  const lost = [
    ...self.promotion.targets.map(({ id }) => {
      const rivals = claimants.filter((claimant) => wantsTarget(claimant, id));
      const winner = rivals.find(({ records }) => records.has(id)) ?? rivals[0];
      return lostTo(winner, key, describeTarget(id));
    }),
    ...pinnedVersions(self.promotion).map((version) => {
      const rivals = claimants.filter(({ promotion }) => pinnedVersions(promotion).includes(version));
      return lostTo(strongest(version, rivals), key, `version ${version}, which can hold only one stage,`);
    }),
  ].filter((sentence) => sentence !== undefined);
  return lost.length === 0 ? undefined : lost.join('; ');
}

/**
 * Versions that stages of other promotions have a better claim on, and who that is: nobody else may move them to
 * another stage. What a selector comes to want is known to the others once it is on record, so a pin comes before.
 */
export function claimedVersions(key: string, claimants: readonly Claimant[]): ReadonlyMap<string, string> {
  const claimed = new Map<string, string>();
  for (const version of new Set(claimants.flatMap(versionsOf))) {
    const winner = strongest(version, claimants);
    const target = winner?.promotion.targets.find((target) => claimOn(version, target, winner.records) > 0);
    if (winner === undefined || target === undefined || winner.promotion.key === key) continue;
    claimed.set(version, `${winner.promotion.key} (${describeTarget(target.id)})`);
  }
  return claimed;
}

function versionsOf({ promotion, records }: Claimant): string[] {
  return promotion.targets.flatMap((target) => {
    if (target.kind !== 'stage') return [];
    if (target.want.kind === 'pinned') return [target.want.version];
    const record = records.get(target.id);
    return record === undefined ? [] : [record.version];
  });
}

/** 2 for a version that the stage holds on record, 1 for one that it pins, 0 otherwise. */
function claimOn(version: string, target: Target, records: Records): 0 | 1 | 2 {
  if (target.kind !== 'stage') return 0;
  const pinned = target.want.kind === 'pinned' ? target.want.version : undefined;
  if (pinned !== undefined && pinned !== version) return 0;
  if (records.get(target.id)?.version === version) return 2;
  return pinned === version ? 1 : 0;
}

/** Who has the best claim on a version; of equal ones, the older. */
function strongest(version: string, claimants: readonly Claimant[]): Claimant | undefined {
  const strength = ({ promotion, records }: Claimant): number =>
    Math.max(0, ...promotion.targets.map((target) => claimOn(version, target, records)));
  return claimants.toSorted((a, b) => strength(b) - strength(a))[0];
}

function wantsTarget({ promotion }: Claimant, id: TargetId): boolean {
  return promotion.targets.some((target) => target.id === id);
}

function pinnedVersions({ targets }: Promotion): string[] {
  return targets.flatMap((target) =>
    target.kind === 'stage' && target.want.kind === 'pinned' ? [target.want.version] : [],
  );
}

function lostTo(winner: Claimant | undefined, key: string, what: string): string | undefined {
  return winner === undefined || winner.promotion.key === key
    ? undefined
    : `${what} belongs to promotion ${winner.promotion.key}`;
}
