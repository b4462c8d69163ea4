/** Where several processes share the work, each knows all promotions for their claims, and works on some of them. */
import type { ModelPromotionStatus } from '../api/generated/types.ts';
import type { Promotion } from '../domain/desired.ts';

export interface Share {
  /** Whether what is declared here is ours. Of one model of a registry all is, or nothing. */
  isOurs(place: Pick<Promotion, 'registry' | 'model'>): boolean;
  /** The same for what has no model, or none that can be told: a registry, a promotion that cannot be read. */
  isOursByName(key: string): boolean;
  /** The status that another process gave a promotion of its own. */
  statusOf(key: string): ModelPromotionStatus | undefined;
  /** Whether a promotion that is declared no more still waits for its release. */
  isLeaving(key: string): boolean;
}

/** One process does all of it. */
export const ALL: Share = {
  isOurs: () => true,
  isOursByName: () => true,
  statusOf: () => undefined,
  isLeaving: () => false,
};
