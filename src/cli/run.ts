/** `modelpromotion run`: the controller as a daemon, from git or a folder. */
import { readStatusFile } from '../api/status-file.ts';
import { ConfigError, together, type Config, type Environment, type OptionName } from '../config.ts';
import { Engine } from '../reconcile/engine.ts';
import { isFormerKey } from '../reconcile/former.ts';
import type { Source, StatusStore } from '../reconcile/ports.ts';
import type { Logger } from '../runtime/logger.ts';
import { WorkQueue } from '../runtime/queue.ts';
import type { Scrubber } from '../runtime/secrets.ts';
import { SecretFolder } from '../adapters/secrets/folder.ts';
import { parseListen, serve, text, type HttpServer, type Routes } from '../runtime/server.ts';
import { sleep } from '../runtime/time.ts';
import { FolderSource } from '../sources/folder.ts';
import { GitSource } from '../sources/git.ts';
import { uidOf } from '../sources/uid.ts';
import { checkCache, GIT_OPTIONS, openGit, openStatusBranch, usable } from './git-access.ts';
import { LOG_OPTIONS, openOutput, openRegistries, REGISTRY_OPTIONS } from './assembly.ts';
import { Controller, type Remembered } from './daemon/controller.ts';
import { Hints } from './daemon/hints.ts';
import { Hooks, type HooksOptions } from './daemon/hooks.ts';
import { controllerMetrics, observerFor, type ControllerMetrics } from './daemon/metrics.ts';
import { statusPage } from './daemon/status-page.ts';
import { StatusWriter } from './daemon/status-writer.ts';
import { webhookTold } from './daemon/webhook-log.ts';

export const RUN_OPTIONS = [
  'source',
  'path',
  ...GIT_OPTIONS,
  'git-interval',
  ...REGISTRY_OPTIONS,
  'sweep-interval',
  'hook-secret',
  'allow-empty',
  'workers',
  'listen',
  ...LOG_OPTIONS,
] as const satisfies readonly OptionName[];

export type RunConfig = Config<(typeof RUN_OPTIONS)[number]>;

/** Where objects are declared and remembered. */
interface Home {
  readonly source: Source;
  readonly store: StatusStore | undefined;
  /** Where it keeps what it reads; undefined where it keeps nothing. */
  readonly cacheDir?: string;
  /** Tells objects of this source from those of another. */
  readonly identity: readonly [place: string, branch: string];
}

/** Runs until the signal aborts. @throws ConfigError, and Error with a sentence when it cannot start. */
export async function run(config: RunConfig, env: Environment, stop: AbortSignal): Promise<void> {
  const { logger, scrubber } = openOutput(config);
  const metrics = controllerMetrics();
  // Each registry has workers of its own, so that a sick one never slows another.
  const queue = new WorkQueue({ laneOf: (key) => engine.addressOf(key) ?? '', width: config.workers });
  // The engine, the directory and the status writer know of each other only through these calls.
  const [home, directory] = together(
    () => openHome(config, scrubber, logger),
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
      }),
    () => {
      checkListen(config.listen);
      checkHookSecret(config);
    },
  );
  if (home.cacheDir !== undefined) await checkCache({ cacheDir: home.cacheDir });
  const engine = new Engine({
    installation: config.installation,
    allowEmpty: config['allow-empty'],
    uidOf: (key) => uidOf(...home.identity, key),
    registries: directory,
    observer: observerFor(metrics, logger),
    wake: (key) => queue.add(key),
    onStatus: (key) => statusWriter?.changed(key),
    // A git daemon is a single instance by design: it always leads.
    fence: () => true,
    now: Date.now,
    sleep,
  });
  const statusWriter =
    home.store === undefined
      ? undefined
      : new StatusWriter({
          store: home.store,
          documentOf: (key) => engine.document(key),
          keys: () => engine.keys(),
          scrubber,
          idle: () => queue.idle(),
          revision: () => engine.catalog.revision,
          logger,
          written: (result) => metrics.statusWritten(result),
        });
  const controller = new Controller({
    engine,
    source: home.source,
    restore: (signal) => restore(home.store, signal),
    directory,
    queue,
    statusWriter,
    pollInterval: config['git-interval'],
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
  const fixed = routes(controller, metrics, () => scrubber.json(statusPage(shown, Date.now())));
  const server = await serve(config.listen, () => ({ ...fixed, ...hooks.routes() }));
  logger.info(
    { source: home.source.description, listen: server.url, installation: config.installation },
    'started',
  );
  await runUntilStopped(controller, server, stop, logger);
}

async function runUntilStopped(
  controller: Controller,
  server: HttpServer,
  stop: AbortSignal,
  logger: Logger,
): Promise<void> {
  try {
    await controller.run(stop);
  } finally {
    await server.close();
  }
  logger.info({}, 'stopped');
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

function openHome(config: RunConfig, scrubber: Scrubber, logger: Logger): Home {
  const kind = config.source ?? (config['git-url'] === undefined ? undefined : 'git');
  if (kind === undefined)
    throw new ConfigError([
      '--source: say where manifests come from: --source git --git-url URL, or --source folder --path DIR',
    ]);
  if (kind === 'folder') {
    if (config['git-url'] !== undefined)
      throw new ConfigError(['--git-url: not used with --source folder; leave one of the two out']);
    return { source: new FolderSource(config.path), store: undefined, identity: [config.path, ''] };
  }
  const git = openGit(config, scrubber, logger);
  return usable(() => ({
    source: new GitSource({ ...git, branch: config['git-branch'], path: config.path }),
    store: openStatusBranch(config, git, scrubber),
    identity: [git.url.href, config['git-branch']],
    cacheDir: git.cacheDir,
  }));
}

async function restore(store: StatusStore | undefined, signal: AbortSignal): Promise<Remembered> {
  const files = (await store?.read(signal)) ?? new Map<string, string>();
  const known = [...files].flatMap(([path, file]) => readStatusFile(path, file) ?? []);
  const documentsOf = (former: boolean) =>
    known.flatMap(({ key, document }) => (isFormerKey(key) === former ? (document ?? []) : []));
  return {
    documents: documentsOf(false),
    former: documentsOf(true),
    rejected: known.flatMap(({ rejected }) => rejected ?? []),
    keys: known.map(({ key }) => key),
  };
}

function missing({ memoryFailure }: Controller): string {
  return memoryFailure === undefined ? 'source' : 'status branch';
}

function routes(controller: Controller, metrics: ControllerMetrics, page: () => string): Routes {
  return {
    '/healthz': { get: () => text(200, 'ok\n') },
    '/readyz': {
      get: () =>
        controller.source.listed
          ? text(200, 'ok\n')
          : text(503, `the ${missing(controller)} was not read yet\n`),
    },
    '/metrics': {
      get: async () => ({
        status: 200,
        type: 'text/plain; version=0.0.4; charset=utf-8',
        body: await metrics.render(),
      }),
    },
    '/status': {
      get: () => ({
        status: 200,
        type: 'application/json',
        body: `${page()}\n`,
      }),
    },
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
