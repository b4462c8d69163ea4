/**
 * Who may have what: a target has one promotion, and a version has one stage. Where two want the same, the one
 * that holds it on record wins, then the one whom the registry lets in, then the older. Claims that lose stay claims,
 * so nothing ever flaps.
 */
import { describeTarget, isRule, type Promotion, type Target, type TargetId } from './desired.ts';
import type { Model } from './observed.ts';
import type { Records } from './record.ts';
import { isHeldBy, selectCandidate } from './select.ts';

/** A promotion that has a say on a model, in the order of age: the older first. */
export interface Claimant {
  readonly promotion: Promotion;
  readonly records: Records;
  /** Who it is, as in the owner tag: `<installation>/<namespace>/<name>`. */
  readonly owner: string;
  /** Whether its document has mistakes: it does nothing then, and its last good one still has its claims. */
  readonly refused: boolean;
  /** Whether its registry did not let it in when it was last asked: what it cannot have it keeps from nobody. */
  readonly denied?: boolean;
}

/** Why a promotion may not act, as a sentence; undefined when all it wants is its own. */
export function findConflict(key: string, claimants: readonly Claimant[]): string | undefined {
  const self = claimants.find(({ promotion }) => promotion.key === key);
  if (self === undefined) return undefined;
  const lost = [
    ...self.promotion.targets.map(({ id }) => lostTo(holderOf(id, claimants), key, describeTarget(id))),
    ...self.promotion.targets.flatMap(pinnedVersion).map((version) => {
      const what = `version ${version}, which can hold only one stage,`;
      return lostTo(strongest(version, claimants, pinStrength), key, what);
    }),
  ].filter((sentence) => sentence !== undefined);
  return lost.length === 0 ? undefined : lost.join('; ');
}

/** Whose target it is, of those that declare it; undefined when nobody does. */
export function holderOf(id: TargetId, claimants: readonly Claimant[]): Claimant | undefined {
  const rivals = claimants.filter(({ promotion }) => promotion.targets.some((target) => target.id === id));
  return rivals.find(({ records }) => records.has(id)) ?? rivals.find(isLetIn) ?? rivals[0];
}

/** Every declared target of the model, and the owner whose it is. */
export function ownersOf(claimants: readonly Claimant[]): ReadonlyMap<TargetId, string> {
  const targets = new Set(claimants.flatMap(({ promotion }) => promotion.targets.map(({ id }) => id)));
  return new Map([...targets].map((id) => [id, holderOf(id, claimants)?.owner ?? '']));
}

/**
 * Versions that stages of other promotions have the best claim on, and where they want them. What a selector comes to
 * want is known to the others once it is on record, so a pin comes before.
 */
export function wantedVersions(
  key: string,
  claimants: readonly Claimant[],
  model: Model,
): ReadonlyMap<string, string> {
  const strength: Strength = (version, target, records) => claimStrength(version, target, records, model);
  const wanted = new Map<string, string>();
  const wishes = claimants.flatMap(({ promotion, records }) =>
    promotion.targets.flatMap((one) => wishOf(one, model, records)),
  );
  for (const version of new Set(wishes)) {
    const winner = strongest(version, claimants, strength);
    if (winner === undefined || winner.promotion.key === key) continue;
    const target = winner.promotion.targets.find((one) => strength(version, one, winner.records) > 0);
    if (target !== undefined) wanted.set(version, describeClaim(winner, target.id));
  }
  return wanted;
}

/** `ml/other (Staging)` */
export function describeClaim({ promotion }: Claimant, id: TargetId): string {
  return `${promotion.key} (${describeTarget(id)})`;
}

/** How good a claim is: 2 for what is on record, 1 for what is only asked for, 0 for none. */
type Strength = (version: string, target: Target, records: Records) => 0 | 1 | 2;

const pinStrength: Strength = (version, target, records) => {
  if (!pinnedVersion(target).includes(version)) return 0;
  return records.get(target.id)?.version === version ? 2 : 1;
};

function claimStrength(version: string, target: Target, records: Records, model: Model): 0 | 1 | 2 {
  if (target.kind !== 'stage' || target.want.kind === 'pinned') return pinStrength(version, target, records);
  if (!wishOf(target, model, records).includes(version)) return 0;
  if (records.get(target.id)?.version === version) return 2;
  return isHeldBy(target.id, { version }, model) ? 1 : 0;
}

/** What a stage asks for, were it only for what the registry holds now; of a rule, what it came to last. */
function wishOf(target: Target, model: Model, records: Records): string[] {
  if (target.kind !== 'stage' || target.want.kind === 'pinned') return pinnedVersion(target);
  if (isRule(target.want)) return [records.get(target.id)?.version ?? []].flat();
  const selected = selectCandidate(target.want, model);
  return selected.kind === 'found' ? [selected.version.version] : [];
}

function pinnedVersion({ kind, want }: Target): string[] {
  return kind === 'stage' && want.kind === 'pinned' ? [want.version] : [];
}

/** Who has the best claim on a version; of equal ones, who is let in; of equal ones, the older. */
function strongest(
  version: string,
  claimants: readonly Claimant[],
  strength: Strength,
): Claimant | undefined {
  const best = ({ promotion, records }: Claimant): number =>
    Math.max(0, ...promotion.targets.map((target) => strength(version, target, records)));
  const [first] = claimants.filter((one) => best(one) > 0).toSorted((a, b) => best(b) - best(a));
  if (first === undefined || isLetIn(first)) return first;
  return claimants.find((one) => best(one) === best(first) && isLetIn(one)) ?? first;
}

function isLetIn({ denied = false }: Claimant): boolean {
  return !denied;
}

function lostTo(winner: Claimant | undefined, key: string, what: string): string | undefined {
  return winner === undefined || winner.promotion.key === key
    ? undefined
    : `${what} belongs to promotion ${winner.promotion.key}`;
}
