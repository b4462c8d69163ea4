/** Writes to an object that is ours to write: its status and our finalizer. The spec is never written. */
import { type KubeApi, KubeError } from './api.ts';

/** The object as it was read: a write that meets another one is refused. */
export interface ObjectRef {
  readonly apiVersion: string;
  readonly kind: string;
  /** Plural, as in paths. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

/**
 * What a write came to: `conflict` when the object is not as it was read any more, `gone` when there is none of that
 * name. An object that was made again under its name counts as a conflict (a uid does not guard /status).
 */
export type WriteResult =
  | { readonly kind: 'written'; readonly resourceVersion: string }
  | { readonly kind: 'conflict' }
  | { readonly kind: 'gone' };

const FIELD_MANAGER = 'modelpromotion';

interface Answer {
  readonly metadata?: { readonly resourceVersion?: string };
}

/** Sets the whole status. @throws KubeError for what is neither written nor explained by its result */
export function writeStatus(
  api: KubeApi,
  object: ObjectRef,
  status: unknown,
  signal: AbortSignal,
): Promise<WriteResult> {
  const { apiVersion, kind, namespace, name, resourceVersion } = object;
  return write(() =>
    api.request<Answer>(
      {
        method: 'PATCH',
        path: `${pathOf(object)}/status`,
        query: { fieldManager: FIELD_MANAGER, force: true },
        patch: 'apply',
        body: { apiVersion, kind, metadata: { namespace, name, resourceVersion }, status },
      },
      signal,
    ),
  );
}

/** Sets the finalizers, those of others among them. @throws KubeError */
export function writeFinalizers(
  api: KubeApi,
  object: ObjectRef,
  finalizers: readonly string[],
  signal: AbortSignal,
): Promise<WriteResult> {
  const { uid, resourceVersion } = object;
  return write(() =>
    api.request<Answer>(
      {
        method: 'PATCH',
        path: pathOf(object),
        query: { fieldManager: FIELD_MANAGER },
        patch: 'merge',
        body: { metadata: { uid, resourceVersion, finalizers } },
      },
      signal,
    ),
  );
}

async function write(send: () => Promise<Answer>): Promise<WriteResult> {
  try {
    const { metadata } = await send();
    return { kind: 'written', resourceVersion: metadata?.resourceVersion ?? '' };
  } catch (error) {
    if (error instanceof KubeError && error.status === 409) return { kind: 'conflict' };
    if (error instanceof KubeError && isGone(error)) return { kind: 'gone' };
    throw error;
  }
}

/** That the kind itself is not there is no news of the object. */
function isGone({ status, reason, message }: KubeError): boolean {
  return (
    status === 404 && reason === 'NotFound' && !message.includes('could not find the requested resource')
  );
}

function pathOf({ apiVersion, resource, namespace, name }: ObjectRef): string {
  return `/apis/${apiVersion}/namespaces/${encodeURIComponent(namespace)}/${resource}/${encodeURIComponent(name)}`;
}
