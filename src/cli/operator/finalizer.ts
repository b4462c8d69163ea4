/** Our finalizer: on what is to be released when it is deleted, and nowhere else. */
import type { ModelPromotion } from '../../api/generated/types.ts';
import type { KubeApi } from '../../adapters/kube/api.ts';
import { writeFinalizers, type ObjectRef } from '../../adapters/kube/status.ts';
import type { Promotion } from '../../domain/desired.ts';
import type { Obstacle } from '../../domain/plan.ts';
import type { Served } from '../../sources/kubernetes.ts';
import { FINALIZER, PROMOTIONS } from './kinds.ts';

/** The finalizers that an object should have; undefined when it has them. */
export function finalizersFor(
  policy: Promotion['deletionPolicy'],
  { finalizers, deleting }: Pick<Served<unknown>, 'finalizers' | 'deleting'>,
): readonly string[] | undefined {
  const has = finalizers.includes(FINALIZER);
  // The API server takes no new one for what is being deleted.
  if (policy === 'Release') return has || deleting ? undefined : [...finalizers, FINALIZER];
  return has ? finalizers.filter((one) => one !== FINALIZER) : undefined;
}

/** Whether an object that somebody deleted waits for us to release what it held. */
export function waitsForRelease({
  deleting,
  finalizers,
}: Pick<Served<unknown>, 'finalizers' | 'deleting'>): boolean {
  return deleting && finalizers.includes(FINALIZER);
}

export function refOf(
  { object, resourceVersion }: Pick<Served<unknown>, 'object' | 'resourceVersion'>,
  kind: Pick<ObjectRef, 'apiVersion' | 'kind' | 'resource'> = PROMOTIONS,
): ObjectRef {
  const { namespace, name, uid } = object.metadata;
  return { ...kind, namespace, name, uid, resourceVersion };
}

/** Brings the finalizer to where it should be before anything is written to a registry; otherwise says why it is not. */
export async function keepFinalizer(
  api: KubeApi,
  { deletionPolicy, uid }: Promotion,
  served: Served<ModelPromotion> | undefined,
  signal: AbortSignal,
): Promise<Obstacle | undefined> {
  if (served?.object.metadata.uid !== uid) return CHANGING;
  const wanted = finalizersFor(deletionPolicy, served);
  if (wanted === undefined) return undefined;
  const result = await writeFinalizers(api, refOf(served), wanted, signal);
  return result.kind === 'written' ? undefined : CHANGING;
}

const CHANGING: Obstacle = {
  reason: 'Progressing',
  message: 'the object changed meanwhile; it is looked at again',
};
