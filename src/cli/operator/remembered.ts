/** What a cluster remembers of us: the objects themselves, with the status that we gave them. */
import type { ModelPromotion, ModelPromotionStatus } from '../../api/generated/types.ts';
import type { RejectedDocument } from '../../api/status-file.ts';
import { isStatus } from '../../api/validate.ts';
import type { Served } from '../../sources/kubernetes.ts';
import type { Remembered } from '../daemon/controller.ts';
import { waitsForRelease } from './finalizer.ts';

/** What is being deleted counts as long as it waits for us. */
export function rememberedFrom(served: Iterable<Served<ModelPromotion>>): Remembered {
  const documents: ModelPromotion[] = [];
  const rejected: RejectedDocument[] = [];
  for (const one of served) {
    const { reading, deleting } = one;
    const waits = waitsForRelease(one);
    if (reading.kind === 'valid') {
      if (waits || (!deleting && reading.object.status !== undefined)) documents.push(reading.object);
    } else if (!deleting) rejected.push(...rejection(one));
  }
  return { documents: documents.toSorted(byAge), former: [], rejected, keys: [] };
}

/** The status that we gave an object, valid or not. */
export function ownStatusOf(served: Served<ModelPromotion> | undefined): ModelPromotionStatus | undefined {
  if (served?.reading.kind === 'valid') return served.reading.object.status;
  const status = served?.object.status;
  return isStatus(status) && status.observedGeneration !== -1 ? status : undefined;
}

function rejection(served: Served<ModelPromotion>): RejectedDocument[] {
  const status = ownStatusOf(served);
  if (status === undefined) return [];
  const { metadata } = served.object;
  const { namespace, name, generation } = metadata;
  return [
    {
      apiVersion: 'modelpromotion.dev/v1alpha1',
      kind: 'ModelPromotion',
      metadata: { namespace, name, generation },
      status,
    },
  ];
}

function byAge({ metadata: a }: ModelPromotion, { metadata: b }: ModelPromotion): number {
  const [one, other] = [a, b].map(
    ({ creationTimestamp = '', namespace, name }) => `${creationTimestamp} ${namespace}/${name}`,
  );
  return (one ?? '') < (other ?? '') ? -1 : 1;
}
