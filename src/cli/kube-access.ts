/** Access to a cluster from the prompt, as kubectl has it. */
import { Cluster } from '../adapters/kube/kubeconfig.ts';
import { KubeError } from '../adapters/kube/api.ts';
import { KubeTransport } from '../adapters/kube/transport.ts';
import type { Config, OptionName } from '../config.ts';
import type { Scrubber } from '../runtime/secrets.ts';

export const CLUSTER_OPTIONS = [
  'kubeconfig',
  'context',
  'namespace',
] as const satisfies readonly OptionName[];

export interface ClusterAccess extends AsyncDisposable {
  readonly api: KubeTransport;
  /** The address of the API server. */
  readonly server: string;
  /** The one that names without a namespace are in. */
  readonly namespace: string;
}

/** To be opened with `await using`. @throws KubeError that says what to do */
export async function openCluster(
  { kubeconfig: file, context, namespace }: Config<(typeof CLUSTER_OPTIONS)[number]>,
  scrubber: Scrubber,
): Promise<ClusterAccess> {
  const cluster = await Cluster.open({ file, context }, (secret) => scrubber.add(secret));
  const api = new KubeTransport({ cluster });
  return {
    api,
    server: cluster.server,
    namespace: namespace ?? cluster.namespace ?? 'default',
    [Symbol.asyncDispose]: () => api.close(),
  };
}

/** What a refusal means to a person at the prompt, and not to the operator. */
export function forPeople(error: unknown): unknown {
  if (!(error instanceof KubeError) || error.status !== 403) return error;
  const said = error.message.replace(/; grant it to our service account.*$/s, '');
  const advice = 'the ClusterRoles modelpromotion-viewer and modelpromotion-editor hold what you need';
  return new KubeError(`${said}; ${advice}`, { status: 403, reason: error.reason }, { cause: error });
}
