/**
 * One term of the controller: all that works from when this process may until it must not. A daemon over files has one;
 * in a cluster another one begins when the lease was lost and is had again.
 */
import type { Config, Environment, OptionName } from '../../config.ts';
import { ConfigError, together } from '../../config.ts';
import { Engine } from '../../reconcile/engine.ts';
import type { Share } from '../../reconcile/share.ts';
import { WorkQueue } from '../../runtime/queue.ts';
import type { Scrubber } from '../../runtime/secrets.ts';
import { parseListen, text, type Routes } from '../../runtime/server.ts';
import type { KubeMetrics } from '../../runtime/kube-metrics.ts';
import { wordsOf } from '../../runtime/failure.ts';
import { sleep } from '../../runtime/time.ts';
import type { RegistryDirectory } from '../../adapters/mlflow/directory.ts';
import { SecretFolder } from '../../adapters/secrets/folder.ts';
import { isInCluster, KUBERNETES_OPTIONS, openKubernetesHome } from '../operator/kubernetes-home.ts';
import { openRegistries, REGISTRY_OPTIONS, type Output } from '../assembly.ts';
import { Controller } from './controller.ts';
import { FILE_OPTIONS, openFileHome } from './file-home.ts';
import type { Ending, Home } from './home.ts';
import { Hints } from './hints.ts';
import { Hooks, type HooksOptions } from './hooks.ts';
import { observerFor, type ControllerMetrics, type Gauges } from './metrics.ts';
import { statusPage } from './status-page.ts';
import { webhookTold } from './webhook-log.ts';

export const TERM_OPTIONS = [
  'source',
  ...FILE_OPTIONS,
  ...KUBERNETES_OPTIONS,
  ...REGISTRY_OPTIONS,
  'sweep-interval',
  'hook-secret',
  'listen',
  'workers',
] as const satisfies readonly OptionName[];

type TermConfig = Config<(typeof TERM_OPTIONS)[number]>;
type SourceConfig = Pick<TermConfig, 'source' | 'git-url'>;

export interface TermOptions {
  readonly config: TermConfig;
  readonly env: Environment;
  readonly output: Output;
  readonly metrics: ControllerMetrics;
  /** In a cluster. */
  readonly kube: KubeMetrics | undefined;
  /** Of this process, the same in all its terms. */
  readonly identity: string;
}

export interface Term {
  /** Of the source. */
  readonly description: string;
  readonly gauges: Gauges;
  /** Whether it may write to registries now. */
  readonly leads: () => boolean;
  routes(): Routes;
  /** Works, as long as it may, until the signal aborts. */
  lead(stop: AbortSignal): Promise<Ending>;
}

/** @throws ConfigError, and Error with a sentence when it cannot begin */
export async function openTerm({ config, env, output, metrics, kube, identity }: TermOptions): Promise<Term> {
  const { logger, scrubber } = output;
  // Each registry has workers of its own, so that a sick one never slows another.
  const queue = new WorkQueue({
    laneOf: (key) => engine.addressOf(key) ?? '',
    width: config.workers,
    observer: kube,
  });
  const cluster = isForCluster(config, env)
    ? await openKubernetesHome(config, { env, scrubber, logger, identity, metrics: kube })
    : undefined;
  // The engine, the directory and the status writer know of each other only through these calls.
  const [home, directory] = together<[Home, RegistryDirectory, void, void, void]>(
    () => cluster ?? openFileHome(fileSourceOf(config), config, scrubber, logger),
    () =>
      openRegistries({
        config,
        env,
        scrubber,
        observer: metrics.registry,
        sweepInterval: config['sweep-interval'],
        managed: (address) => engine.modelsOf(address),
        reserved: [
          [config['git-secret'], "git's"],
          [config['status-secret'], "git's"],
          [config['hook-secret'], "the hooks'"],
        ],
        webhooks: {
          installation: config.installation,
          isOurs: (registry) => share?.isOursByName(registry) ?? true,
          told: webhookTold(logger),
        },
        access: cluster?.access,
        fence: cluster?.fence,
      }),
    () => checkHookSecret(config),
    () => checkListen(config.listen),
    () => checkShard(config, env),
  );
  const share: Share | undefined = home.share?.(directory);
  await home.check?.();
  const engine = new Engine({
    installation: config.installation,
    allowEmpty: home.allowEmpty,
    uidOf: home.uidOf,
    registries: directory,
    share,
    observer: observerFor(metrics, logger, home.observer ?? {}),
    wake: (key) => queue.add(key),
    onStatus: (key) => statusWriter?.changed(key),
    fence: home.fence,
    prepare: home.prepare,
    releasePatience: home.releasePatience,
    now: Date.now,
    sleep,
  });
  const statusWriter = home.sink({ engine, directory, queue, metrics, pollNow: () => controller.pollNow() });
  const controller = new Controller({
    engine,
    source: home.source,
    restore: home.restore,
    directory,
    queue,
    statusWriter,
    pollInterval: home.pollInterval,
    logger,
    metrics,
  });
  const ending = new AbortController();
  const hints = new Hints({
    engine,
    directory,
    logger,
    now: Date.now,
    pollNow: () => controller.pollNow(),
    sweepSoon: (registry) => controller.sweepSoon(registry),
    wake: (promotion) => queue.add(promotion),
    signal: ending.signal,
  });
  const hooks = openHooks(config, scrubber, { directory, hints, logger, counted: metrics.hinted });
  await hooks.check();
  const { description } = home.source;
  const shown = { installation: config.installation, description, engine, directory, controller, hints };
  const page = cluster === undefined || config['show-status'];
  const fixed = routes({
    missing: () => (home.missing === undefined ? missing(controller) : home.missing()),
    metrics,
    page: page ? () => scrubber.json(statusPage(shown, Date.now())) : undefined,
  });
  return {
    description,
    gauges: {
      depth: () => queue.depth,
      promotions: () => countByReadiness(engine),
      registries: () =>
        directory.list().map(({ key, registry: { health } }) => ({
          name: key,
          ready: health.capabilities !== undefined && health.failure === undefined,
          lastFull: health.lastFull,
        })),
    },
    leads: () => home.fence(),
    routes: () => ({ ...fixed, ...hooks.routes() }),
    async lead(stop) {
      stop.addEventListener('abort', () => ending.abort(), { once: true });
      try {
        return await home.lead((leading) => controller.run(leading), stop);
      } finally {
        ending.abort();
      }
    },
  };
}

/** Whether manifests come from an API server: said so, or the first guess where one is at hand. */
export function isForCluster({ source, 'git-url': url }: SourceConfig, env: Environment): boolean {
  return source === undefined ? url === undefined && isInCluster(env) : source === 'kubernetes';
}

/** @throws ConfigError when nothing says where manifests come from */
function fileSourceOf({ source, 'git-url': url }: SourceConfig): 'git' | 'folder' {
  if (source === 'folder') return 'folder';
  if (source === 'git' || url !== undefined) return 'git';
  throw new ConfigError([
    '--source: say where manifests come from: --source kubernetes, --source git --git-url URL, or --source folder --path DIR',
  ]);
}

function checkListen(listen: string): void {
  try {
    parseListen(listen);
  } catch (error) {
    throw new ConfigError([`--listen: ${wordsOf(error)}`]);
  }
}

/** Files have one reader: two that each took the whole for their share would do everything twice. */
function checkShard(config: TermConfig, env: Environment): void {
  if (config.shard === undefined || isForCluster(config, env)) return;
  throw new ConfigError(['--shard: only promotions of an API server are shared out: --source kubernetes']);
}

function checkHookSecret({ 'hook-secret': secret, 'secrets-dir': folder }: TermConfig): void {
  if (secret === undefined || folder !== undefined) return;
  throw new ConfigError([`--hook-secret: there is no --secrets-dir to read secret ${secret} from`]);
}

function openHooks(
  { 'hook-secret': secretName, 'secrets-dir': dir }: TermConfig,
  scrubber: Scrubber,
  options: Omit<HooksOptions, 'secretName' | 'readSecret'>,
): Hooks {
  const folder = new SecretFolder(dir, (value) => scrubber.add(value));
  const readSecret = secretName === undefined ? undefined : () => folder.read(secretName);
  return new Hooks({ ...options, secretName, readSecret });
}

/** What has to be read before this process is of use; undefined when it is. */
function missing({ source, memoryFailure }: Controller): string | undefined {
  if (source.listed) return undefined;
  return `the ${memoryFailure === undefined ? 'source' : 'status branch'} was not read yet`;
}

interface Shown {
  readonly missing: () => string | undefined;
  readonly metrics: ControllerMetrics;
  /** Undefined where it is not shown. */
  readonly page: (() => string) | undefined;
}

function routes({ missing: missingNow, metrics, page }: Shown): Routes {
  return {
    '/healthz': { get: () => text(200, 'ok\n') },
    '/readyz': {
      get: () => {
        const what = missingNow();
        return what === undefined ? text(200, 'ok\n') : text(503, `${what}\n`);
      },
    },
    '/metrics': {
      get: async () => ({
        status: 200,
        type: 'text/plain; version=0.0.4; charset=utf-8',
        body: await metrics.render(),
      }),
    },
    ...(page && {
      '/status': { get: () => ({ status: 200, type: 'application/json', body: `${page()}\n` }) },
    }),
  };
}

function countByReadiness(engine: Engine): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const key of engine.keys()) {
    const ready = engine.statusOf(key)?.summary?.ready ?? 'Unknown';
    counts.set(ready, (counts.get(ready) ?? 0) + 1);
  }
  return counts;
}
