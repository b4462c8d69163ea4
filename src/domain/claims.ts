/**
 * Who may have what: a target has one promotion, and a version has one stage. Where two want the same, the one
 * that holds it on record wins, then the older. Claims that lose stay claims, so nothing ever flaps.
 */
import { describeTarget, type Promotion, type TargetId } from './desired.ts';
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
    ...self.promotion.targets.map((target) =>
      loses(
        key,
        claimants,
        (claimant) => wantsTarget(claimant, target.id),
        target.id,
        describeTarget(target.id),
      ),
    ),
    ...pinnedStages(self.promotion).map(({ id, version }) =>
      loses(
        key,
        claimants,
        (claimant) => pins(claimant, version),
        id,
        `version ${version}, which holds one stage`,
      ),
    ),
  ].filter((sentence) => sentence !== undefined);
  return lost.length === 0 ? undefined : lost.join('; ');
}

/** Versions that other promotions put, or have put, into a stage: nobody else may move them to another stage. */
export function claimedVersions(key: string, claimants: readonly Claimant[]): ReadonlyMap<string, string> {
  const claimed = new Map<string, string>();
  for (const { promotion, records } of claimants) {
    if (promotion.key === key) continue;
    for (const target of promotion.targets) {
      if (target.kind !== 'stage') continue;
      const version = target.want.kind === 'pinned' ? target.want.version : records.get(target.id)?.version;
      if (version !== undefined) claimed.set(version, `${promotion.key} (${describeTarget(target.id)})`);
    }
  }
  return claimed;
}

function loses(
  key: string,
  claimants: readonly Claimant[],
  wants: (claimant: Claimant) => boolean,
  target: TargetId,
  what: string,
): string | undefined {
  const rivals = claimants.filter(wants);
  const winner = rivals.find(({ records }) => records.has(target)) ?? rivals[0];
  return winner === undefined || winner.promotion.key === key
    ? undefined
    : `${what} belongs to promotion ${winner.promotion.key}`;
}

function wantsTarget({ promotion }: Claimant, id: TargetId): boolean {
  return promotion.targets.some((target) => target.id === id);
}

function pins({ promotion }: Claimant, version: string): boolean {
  return pinnedStages(promotion).some((pinned) => pinned.version === version);
}

function pinnedStages({ targets }: Promotion): { id: TargetId; version: string }[] {
  return targets.flatMap((target) =>
    target.kind === 'stage' && target.want.kind === 'pinned'
      ? [{ id: target.id, version: target.want.version }]
      : [],
  );
}
