/** Promotions that are declared and were never valid: all there is to show of them is what is wrong. */
import type { ModelPromotion, ModelPromotionStatus } from '../api/generated/types.ts';
import type { Problem } from '../api/listing.ts';
import type { Catalog } from '../domain/catalog.ts';

/** What is said of a manifest that was never valid: there is no spec to show. */
export interface RejectedDocument {
  readonly apiVersion: ModelPromotion['apiVersion'];
  readonly kind: 'ModelPromotion';
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly status: Pick<ModelPromotionStatus, 'observedGeneration' | 'summary'> & {
    readonly problems: readonly Problem[];
  };
}

export function rejectedDocument(key: string, problems: readonly Problem[]): RejectedDocument {
  const [namespace = '', name = ''] = key.split('/');
  return {
    apiVersion: 'modelpromotion.dev/v1alpha1',
    kind: 'ModelPromotion',
    metadata: { namespace, name },
    status: { observedGeneration: -1, summary: { ready: 'False', reason: 'InvalidSpec' }, problems },
  };
}

/** Promotions that are declared and were never valid, with what is wrong with them. */
export function rejectedOf({ entries, problems }: Catalog): Map<string, Problem[]> {
  const rejected = new Map<string, Problem[]>();
  for (const problem of problems) {
    if (problem.object?.kind !== 'ModelPromotion') continue;
    const key = `${problem.object.namespace}/${problem.object.name}`;
    if (!entries.has(key)) rejected.set(key, [...(rejected.get(key) ?? []), problem]);
  }
  return rejected;
}
