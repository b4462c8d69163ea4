/** `modelpromotion run`: the controller, in a cluster or as a daemon over git or a folder. */
import { ConfigError, together, type Config, type Environment, type OptionName } from '../config.ts';
import { Engine } from '../reconcile/engine.ts';
import { WorkQueue } from '../runtime/queue.ts';
import type { Scrubber } from '../runtime/secrets.ts';
import type { RegistryDirectory } from '../adapters/mlflow/directory.ts';
import { SecretFolder } from '../adapters/secrets/folder.ts';
import { parseListen, serve, text, type Routes } from '../runtime/server.ts';
import { sleep } from '../runtime/time.ts';
import { isInCluster, KUBERNETES_OPTIONS, openKubernetesHome } from './operator/kubernetes-home.ts';
import { LOG_OPTIONS, openOutput, openRegistries, REGISTRY_OPTIONS } from './assembly.ts';
import { Controller } from './daemon/controller.ts';
import { FILE_OPTIONS, openFileHome } from './daemon/file-home.ts';
import type { Home } from './daemon/home.ts';
import { Hints } from './daemon/hints.ts';
import { Hooks, type HooksOptions } from './daemon/hooks.ts';
import { controllerMetrics, observerFor, type ControllerMetrics } from './daemon/metrics.ts';
import { statusPage } from './daemon/status-page.ts';
import { webhookTold } from './daemon/webhook-log.ts';

export const RUN_OPTIONS = [
  'source',
  ...FILE_OPTIONS,
  ...KUBERNETES_OPTIONS,
  ...REGISTRY_OPTIONS,
  'sweep-interval',
  'hook-secret',
  'workers',
  'listen',
  ...LOG_OPTIONS,
] as const satisfies readonly OptionName[];

export type RunConfig = Config<(typeof RUN_OPTIONS)[number]>;

/** Runs until the signal aborts. @throws ConfigError, and Error with a sentence when it cannot start. */
export async function run(config: RunConfig, env: Environment, stop: AbortSignal): Promise<void> {
  const { logger, scrubber } = openOutput(config);
  const metrics = controllerMetrics();
  // Each registry has workers of its own, so that a sick one never slows another.
  const queue = new WorkQueue({ laneOf: (key) => engine.addressOf(key) ?? '', width: config.workers });
  // The engine, the directory and the status writer know of each other only through these calls.
  const kind = sourceOf(config, env);
  const cluster =
    kind === 'kubernetes' ? await openKubernetesHome(config, { env, scrubber, logger }) : undefined;
  const [home, directory] = together<Home, RegistryDirectory, void>(
    () => cluster ?? openFileHome(kind === 'git' ? 'git' : 'folder', config, scrubber, logger),
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
        webhooks: { installation: config.installation, told: webhookTold(logger) },
        access: cluster?.access,
      }),
    () => {
      checkListen(config.listen);
      checkHookSecret(config);
    },
  );
  await home.check?.();
  const engine = new Engine({
    installation: config.installation,
    allowEmpty: home.allowEmpty,
    uidOf: home.uidOf,
    registries: directory,
    observer: observerFor(metrics, logger, home.event),
    wake: (key) => queue.add(key),
    onStatus: (key) => statusWriter?.changed(key),
    fence: home.fence,
    prepare: home.prepare,
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
  metrics.gauges({
    depth: () => queue.depth,
    promotions: () => countByReadiness(engine),
    registries: () =>
      directory.list().map(({ key, registry: { health } }) => ({
        name: key,
        ready: health.capabilities !== undefined && health.failure === undefined,
        lastFull: health.lastFull,
      })),
  });
  const hints = new Hints({
    engine,
    directory,
    logger,
    now: Date.now,
    pollNow: () => controller.pollNow(),
    sweepSoon: (registry) => controller.sweepSoon(registry),
    wake: (promotion) => queue.add(promotion),
    signal: stop,
  });
  const hooks = openHooks(config, scrubber, { directory, hints, logger, counted: metrics.hinted });
  await hooks.check();
  const shown = {
    installation: config.installation,
    description: home.source.description,
    engine,
    directory,
    controller,
    hints,
  };
  const page = cluster === undefined || config['show-status'];
  const fixed = routes({
    missing: () => (home.missing === undefined ? missing(controller) : home.missing()),
    metrics,
    page: page ? () => scrubber.json(statusPage(shown, Date.now())) : undefined,
  });
  const server = await serve(config.listen, () => ({ ...fixed, ...hooks.routes() }));
  logger.info(
    { source: home.source.description, listen: server.url, installation: config.installation },
    'started',
  );
  try {
    await home.lead((leading) => controller.run(leading), stop);
  } finally {
    await server.close();
  }
  logger.info({}, 'stopped');
}

/** @throws ConfigError when nothing says where manifests come from */
function sourceOf(config: RunConfig, env: Environment): 'kubernetes' | 'git' | 'folder' {
  if (config.source !== undefined) return config.source;
  if (config['git-url'] !== undefined) return 'git';
  if (isInCluster(env)) return 'kubernetes';
  throw new ConfigError([
    '--source: say where manifests come from: --source kubernetes, --source git --git-url URL, or --source folder --path DIR',
  ]);
}

function checkListen(listen: string): void {
  try {
    parseListen(listen);
  } catch (error) {
    throw new ConfigError([`--listen: ${error instanceof Error ? error.message : String(error)}`]);
  }
}

function checkHookSecret({ 'hook-secret': secret, 'secrets-dir': folder }: RunConfig): void {
  if (secret === undefined || folder !== undefined) return;
  throw new ConfigError([`--hook-secret: there is no --secrets-dir to read secret ${secret} from`]);
}

function openHooks(
  { 'hook-secret': secretName, 'secrets-dir': dir }: RunConfig,
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
    const ready = engine.document(key)?.status?.summary?.ready ?? 'Unknown';
    counts.set(ready, (counts.get(ready) ?? 0) + 1);
  }
  return counts;
}
