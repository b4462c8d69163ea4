/** What a person at a prompt reads and changes in a cluster. The operator itself never writes what is declared. */
import { isFields } from '../../api/fields.ts';
import { type KubeApi, KubeError } from './api.ts';

/** Where objects of a kind are, such as `/apis/modelpromotion.dev/v1alpha1/namespaces/ml/modelpromotions`. */
export type Collection = string;

/** One step of a JSON patch. */
export interface Operation {
  readonly op: 'test' | 'add' | 'replace';
  readonly path: string;
  readonly value: unknown;
}

const FIELD_MANAGER = 'modelpromotion-prompt';
const PAGE = 500;

/** Every object of a collection. @throws KubeError */
export async function listObjects(
  api: KubeApi,
  collection: Collection,
  signal: AbortSignal,
): Promise<unknown[]> {
  const objects: unknown[] = [];
  let next: string | undefined;
  do {
    const query = { limit: PAGE, continue: next };
    const page = await api.request<{ items?: unknown[]; metadata?: { continue?: string } }>(
      { method: 'GET', path: collection, query },
      signal,
    );
    objects.push(...(page.items ?? []));
    next = page.metadata?.continue || undefined;
  } while (next !== undefined);
  return objects;
}

/** Undefined when there is none of that name. @throws KubeError */
export async function getObject(
  api: KubeApi,
  collection: Collection,
  name: string,
  signal: AbortSignal,
): Promise<unknown> {
  try {
    return await api.request({ method: 'GET', path: pathOf(collection, name) }, signal);
  } catch (error) {
    const isGone = error instanceof KubeError && error.status === 404;
    if (isGone && !error.message.includes('could not find the requested resource')) return undefined;
    throw error;
  }
}

/**
 * Changes the object if it still is the one that was read.
 * @returns the new resourceVersion; undefined when it is another one by now
 * @throws KubeError when the API server refuses the change
 */
export async function patchObject(
  api: KubeApi,
  collection: Collection,
  read: { readonly name: string; readonly resourceVersion: string },
  operations: readonly Operation[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const test: Operation = { op: 'test', path: '/metadata/resourceVersion', value: read.resourceVersion };
  try {
    const answer = await api.request(
      {
        method: 'PATCH',
        path: pathOf(collection, read.name),
        query: { fieldManager: FIELD_MANAGER },
        patch: 'json',
        body: [test, ...operations],
      },
      signal,
    );
    return versionOf(answer);
  } catch (error) {
    if (!(error instanceof KubeError) || (error.status !== 409 && error.status !== 422)) throw error;
    // A test that failed is answered like a value that is refused.
    const now = versionOf(await getObject(api, collection, read.name, signal));
    if (error.status === 409 || now !== read.resourceVersion) return undefined;
    throw error;
  }
}

/** Sets one annotation, whatever else has changed. @throws KubeError */
export async function annotate(
  api: KubeApi,
  collection: Collection,
  name: string,
  annotations: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  await api.request(
    {
      method: 'PATCH',
      path: pathOf(collection, name),
      query: { fieldManager: FIELD_MANAGER },
      patch: 'merge',
      body: { metadata: { annotations } },
    },
    signal,
  );
}

/** The path of a field as JSON patches write it. */
export function pointerTo(path: readonly (string | number)[]): string {
  return path.map((segment) => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

function pathOf(collection: Collection, name: string): string {
  return `${collection}/${encodeURIComponent(name)}`;
}

function versionOf(object: unknown): string | undefined {
  const metadata = isFields(object) ? object['metadata'] : undefined;
  const version = isFields(metadata) ? metadata['resourceVersion'] : undefined;
  return typeof version === 'string' ? version : undefined;
}
