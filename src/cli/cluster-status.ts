/** Reading the statuses of promotions from the objects of a cluster. */
import { Cluster } from '../adapters/kube/kubeconfig.ts';
import { KubeTransport } from '../adapters/kube/transport.ts';
import { isStatus } from '../api/validate.ts';
import type { Config } from '../config.ts';
import type { Scrubber } from '../runtime/secrets.ts';
import { toObserved, type ObservedPromotion } from './observed-status.ts';

const PATH = '/apis/modelpromotion.dev/v1alpha1/modelpromotions';
const PAGE = 500;

interface List {
  readonly items?: readonly Readonly<Record<string, unknown>>[];
  readonly metadata?: { readonly continue?: string };
}

/** Every promotion of the cluster. @throws Error that says what to do */
export async function readClusterPromotions(
  { kubeconfig: file, context }: Config<'kubeconfig' | 'context'>,
  scrubber: Scrubber,
  signal: AbortSignal,
): Promise<ObservedPromotion[]> {
  const cluster = await Cluster.open({ file, context }, (secret) => scrubber.add(secret));
  const api = new KubeTransport({ cluster });
  try {
    const found: ObservedPromotion[] = [];
    for (let token: string | undefined, more = true; more; more = token !== undefined) {
      const page: List = await api.request(
        { method: 'GET', path: PATH, query: { limit: PAGE, continue: token } },
        signal,
      );
      for (const { status, ...object } of page.items ?? [])
        found.push(toObserved({ ...object, ...(isStatus(status) && { status }) }));
      token = page.metadata?.continue || undefined;
    }
    return found;
  } finally {
    await api.close();
  }
}
