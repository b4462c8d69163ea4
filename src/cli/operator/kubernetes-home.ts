/** The home in a cluster: custom resources, statuses on the objects, and a lease that says which replica works. */
import { EventRecorder } from '../../adapters/kube/events.ts';
import { Cluster } from '../../adapters/kube/kubeconfig.ts';
import { Elector } from '../../adapters/kube/lease.ts';
import type { RegistryDirectory } from '../../adapters/mlflow/directory.ts';
import { Secrets } from '../../adapters/kube/secrets.ts';
import { KubeTransport } from '../../adapters/kube/transport.ts';
import type { Config, Environment, OptionName } from '../../config.ts';
import type { KubeMetrics } from '../../runtime/kube-metrics.ts';
import { SourceError } from '../../reconcile/ports.ts';
import type { Share } from '../../reconcile/share.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Scrubber } from '../../runtime/secrets.ts';
import { KubernetesSource } from '../../sources/kubernetes.ts';
import type { Home } from '../daemon/home.ts';
import { keepFinalizer, refOf } from './finalizer.ts';
import { rememberedFrom } from './remembered.ts';
import { shareOf } from './shard.ts';
import { ClusterSink } from './status-sink.ts';
import { Watches } from './watches.ts';

export const KUBERNETES_OPTIONS = [
  'kubeconfig',
  'context',
  'watch-namespace',
  'lease-namespace',
  'lease-duration',
  'shard',
  'show-status',
] as const satisfies readonly OptionName[];

type KubernetesConfig = Config<(typeof KUBERNETES_OPTIONS)[number] | 'installation'>;

export interface KubernetesHomeOptions {
  readonly env: Environment;
  readonly scrubber: Scrubber;
  readonly logger: Logger;
  /** Of this process. */
  readonly identity: string;
  readonly metrics: KubeMetrics | undefined;
}

/** Watches say what is new; a look beside them costs nothing and finds nothing. */
const POLL_INTERVAL = 10 * 60_000;
const FLUSH = 5_000;
/** With the growing delays between tries, up to twice as long. */
const RELEASE_PATIENCE = 3 * 60_000;

/** What a Lease of this installation is called: those that watch one namespace each, or have a shard each, do not exclude each other. */
export function leaseName({
  installation,
  'watch-namespace': namespace,
  shard,
}: Pick<KubernetesConfig, 'installation' | 'watch-namespace' | 'shard'>): string {
  return [
    `modelpromotion-${installation.toLowerCase().replaceAll('_', '-')}`,
    ...(namespace === undefined ? [] : [namespace]),
    ...(shard === undefined ? [] : [`shard-${shard.index}-of-${shard.count}`]),
  ].join('.');
}

export function isInCluster(env: Environment): boolean {
  return (env['KUBERNETES_SERVICE_HOST'] ?? '') !== '';
}

/** @throws Error that says what to do when the API server's address or our credentials cannot be told */
export async function openKubernetesHome(
  config: KubernetesConfig,
  { env, scrubber, logger, identity, metrics }: KubernetesHomeOptions,
): Promise<Home> {
  const learn = (secret: string): void => scrubber.add(secret);
  const { kubeconfig: file, context } = config;
  const cluster = await Cluster.open({ file, context }, learn);
  const { host } = new URL(cluster.server);
  const observer = { requested: (method: string, code: string) => metrics?.requested(host, method, code) };
  const api = new KubeTransport({ cluster, observer });
  const namespace = config['watch-namespace'];
  const watches = new Watches(api, namespace, logger);
  const secrets = new Secrets({ api, learn });
  const events = new EventRecorder({ api, instance: identity, logger });
  const elector = new Elector({
    api,
    namespace: config['lease-namespace'] ?? env['POD_NAMESPACE'] ?? cluster.namespace ?? 'default',
    name: leaseName(config),
    identity,
    duration: config['lease-duration'],
    logger,
  });
  const fence = (): boolean => elector.fence();
  const where = namespace === undefined ? 'all namespaces' : `namespace ${namespace}`;
  const { promotions, registries } = watches;
  const { shard } = config;
  const shareIn = (directory: RegistryDirectory): Share => shareOf(shard, watches, directory.own?.address);
  const missing = (): string | undefined => watches.missing;
  const source = new KubernetesSource({
    description: `${cluster.server} (${where}${shard === undefined ? '' : `, shard ${shard.index} of ${shard.count}`})`,
    promotions,
    registries,
    missing,
  });
  const stop = new AbortController();
  return {
    source,
    pollInterval: POLL_INTERVAL,
    uidOf: (key) => key,
    // Who deletes an object means it.
    allowEmpty: true,
    releasePatience: RELEASE_PATIENCE,
    access: { readSecret: (secret) => secrets.read(secret), labelsOf: (name) => watches.labelsOf(name) },
    missing,
    fence,
    share: shareIn,
    prepare: (promotion, signal) =>
      keepFinalizer(api, promotion, watches.promotions.get(promotion.key), signal),
    observer: {
      event: ({ key }, { type, reason, message }) => {
        const served = watches.promotions.get(key);
        if (served !== undefined)
          events.tell(refOf(served), { type, reason, action: 'Reconcile', note: scrubber.scrub(message) });
      },
      reconciled: (promotion, result, seconds) =>
        metrics?.reconciled(asObject(promotion), RESULTS[result], seconds),
    },
    restore: async () => {
      checkSynced(watches);
      return rememberedFrom(watches.promotions.values());
    },
    sink: (inside) => {
      watches.promotions.onChange((key, _, after) => {
        const [space = '', name = ''] = key.split('/');
        if (after === undefined) metrics?.forget(asObject({ namespace: space, name }));
      });
      watches.onNews(source, inside.pollNow);
      const share = shareIn(inside.directory);
      return new ClusterSink({ api, watches, inside, scrubber, logger, fence, share });
    },
    lead: async (work, signal) => {
      const watching = watches.run(stop.signal);
      try {
        return await elector.lead(async (leading, stoodBy) => {
          // The last words of the one before may not have come to us yet.
          if (stoodBy) await watches.refresh(leading);
          await work(leading);
          await events.flush(AbortSignal.timeout(FLUSH));
        }, signal);
      } finally {
        stop.abort();
        await watching;
        await api.close();
      }
    },
  };
}

/** As controller-runtime would tell them. */
const RESULTS = { ready: 'success', waiting: 'requeue_after', stalled: 'error' } as const;

function asObject({ namespace, name }: { readonly namespace: string; readonly name: string }) {
  return { kind: 'ModelPromotion', namespace, name };
}

/** @throws SourceError until everything was listed */
function checkSynced({ missing }: Watches): void {
  if (missing !== undefined) throw new SourceError('Unreachable', missing);
}
