/** What a pass found and did, before anything is said of it. */
import type { Problem } from '../api/listing.ts';
import type { ModelPromotionStatus } from '../api/generated/types.ts';
import type { Action } from './action.ts';
import type { Promotion } from './desired.ts';
import type { Moves } from './record.ts';
import type { Fact, Model } from './observed.ts';
import type { Decision, Obstacle, Plan } from './plan.ts';

/** Everything a pass found and did, ready to be judged. */
export interface Pass {
  readonly promotion: Promotion;
  readonly previous: ModelPromotionStatus | undefined;
  readonly finding: Finding;
  /** The revision at which the document as it stands was first seen, good or not. */
  readonly attempted: string;
  /** Who we are, as in the registry's tags: `<installation>/<namespace>/<name>`. */
  readonly owner: string;
  /** Who made the revision that last changed the document. */
  readonly author: string | undefined;
  /** What the last sweep knows of the model, to be shown where nothing was read for a plan. */
  readonly swept?: Fact<Model> | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export type Finding =
  | { readonly kind: 'Invalid'; readonly problems: readonly Problem[] }
  /** Something stood in the way before there could be a plan. */
  | { readonly kind: 'Obstructed'; readonly obstacle: Obstacle }
  /** `plan` is the last one made: after the attempt, if there was one. */
  | { readonly kind: 'Planned'; readonly plan: Plan; readonly attempt: Attempt | undefined };

export interface Attempt {
  readonly applied: readonly Action[];
  readonly digest: string;
  /** What ended it early. */
  readonly failure: Obstacle | undefined;
  /** What was applied and did not stand until it was read back; absent while nothing was read. */
  readonly undone?: readonly Action[];
  /** Where targets were moved to; absent when none was. */
  readonly moves?: Moves;
}

export function decisionsOf({ finding }: Pass): readonly Decision[] {
  return finding.kind === 'Planned' && finding.plan.kind !== 'Suspended' ? finding.plan.decisions : [];
}

export function attemptOf({ finding }: Pass): Attempt | undefined {
  return finding.kind === 'Planned' ? finding.attempt : undefined;
}

/** A field that is there only when it has a value. */
export function optional<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, V>);
}
