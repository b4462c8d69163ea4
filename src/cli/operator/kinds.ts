/** The kinds that are watched, and where an API server has them. */
import { apiVersion } from '../../api/validate.ts';

export const PROMOTIONS = { apiVersion, kind: 'ModelPromotion', resource: 'modelpromotions' } as const;
export const REGISTRIES = { apiVersion, kind: 'ModelRegistry', resource: 'modelregistries' } as const;
export const NAMESPACES_PATH = '/api/v1/namespaces';

/** What makes the API server wait with a deletion until we have released what the object held. */
export const FINALIZER = 'modelpromotion.dev/release';

/** Of all namespaces, or of one. */
export function collectionPath(
  { resource }: { readonly resource: string },
  namespace: string | undefined,
): string {
  const of = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `/apis/${apiVersion}${of}/${resource}`;
}
