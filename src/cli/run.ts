/** `modelpromotion run`: the controller as a daemon, from git or a folder. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ModelPromotion } from '../api/generated/types.ts';
import { readStatusFile } from '../api/status-file.ts';
import type { GitCredentials, ReadCredentials } from '../adapters/git/credentials.ts';
import { Remote } from '../adapters/git/remote.ts';
import { StatusBranch } from '../adapters/git/status-branch.ts';
import { parseGitUrl, type GitUrl } from '../adapters/git/url.ts';
import { SecretFolder } from '../adapters/secrets/folder.ts';
import { ConfigError, type Config, type Environment, type OptionName } from '../config.ts';
import { Engine } from '../reconcile/engine.ts';
import { SourceError, type Source, type StatusStore } from '../reconcile/ports.ts';
import type { Logger } from '../runtime/logger.ts';
import { WorkQueue } from '../runtime/queue.ts';
import type { Scrubber } from '../runtime/secrets.ts';
import { serve, text, type HttpServer, type Routes } from '../runtime/server.ts';
import { sleep } from '../runtime/time.ts';
import { FolderSource } from '../sources/folder.ts';
import { GitSource } from '../sources/git.ts';
import { uidOf } from '../sources/uid.ts';
import { LOG_OPTIONS, openOutput, openRegistries, REGISTRY_OPTIONS } from './assembly.ts';
import { Controller } from './daemon/controller.ts';
import { controllerMetrics, observerFor, type ControllerMetrics } from './daemon/metrics.ts';
import { StatusPages } from './daemon/status-page.ts';
import { StatusWriter } from './daemon/status-writer.ts';

export const GIT_OPTIONS = [
  'git-url',
  'git-branch',
  'git-secret',
  'git-allow-http',
  'git-allow-file',
  'status-branch',
  'status-secret',
  'cache-dir',
] as const satisfies readonly OptionName[];

export const RUN_OPTIONS = [
  'source',
  'path',
  ...GIT_OPTIONS,
  'git-interval',
  ...REGISTRY_OPTIONS,
  'sweep-interval',
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
  /** Tells objects of this source from those of another. */
  readonly identity: readonly [place: string, branch: string];
}

/** Runs until the signal aborts. @throws ConfigError, and Error with a sentence when it cannot start. */
export async function run(config: RunConfig, env: Environment, stop: AbortSignal): Promise<void> {
  const { logger, scrubber } = openOutput(config);
  const metrics = controllerMetrics();
  const home = openHome(config, scrubber, logger);
  const queue = new WorkQueue();
  // The engine, the directory and the status writer know of each other only through these calls.
  const directory = openRegistries({
    config,
    env,
    scrubber,
    observer: metrics.registry,
    sweepInterval: config['sweep-interval'],
    managed: (address) => engine.modelsOf(address),
    reserved: [config['git-secret'], config['status-secret']],
  });
  const engine = new Engine({
    installation: config.installation,
    allowEmpty: config['allow-empty'],
    uidOf: (key) => uidOf(...home.identity, key),
    registries: directory,
    observer: observerFor(metrics, logger),
    onStatus: (key) => statusWriter?.changed(key),
    fence: () => !stop.aborted,
    now: Date.now,
    sleep,
  });
  const statusWriter =
    home.store === undefined
      ? undefined
      : new StatusWriter({
          store: home.store,
          documentOf: (key) => engine.document(key),
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
    workers: config.workers,
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
  const pages = new StatusPages(config.installation, home.source.description);
  const server = await serve(
    config.listen,
    routes(controller, metrics, () => pages.render(engine, directory, controller, Date.now())),
  );
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

function openHome(config: RunConfig, scrubber: Scrubber, logger: Logger): Home {
  const kind = config.source ?? (config['git-url'] === undefined ? undefined : 'git');
  if (kind === undefined)
    throw new ConfigError([
      '--source: say where manifests come from: --source git --git-url URL, or --source folder --path DIR',
    ]);
  if (kind === 'folder') {
    return { source: new FolderSource(config.path), store: undefined, identity: [config.path, ''] };
  }
  const git = openGit(config, scrubber, logger);
  return usable(() => ({
    source: new GitSource({ ...git, branch: config['git-branch'], path: config.path }),
    store: openStatusBranch(config, git, scrubber),
    identity: [git.url.href, config['git-branch']],
  }));
}

/** What an adapter refuses when it is made is a mistake in the options. */
function usable<T>(make: () => T, option = ''): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    throw new ConfigError([`${option}${error.message}`]);
  }
}

export interface GitAccess {
  readonly url: GitUrl;
  readonly readCredentials: ReadCredentials;
  readonly cacheDir: string;
  readonly logger: Logger;
}

type GitConfig = Config<(typeof GIT_OPTIONS)[number] | 'secrets-dir' | 'installation'>;

/** @throws ConfigError */
export function openGit(config: GitConfig, scrubber: Scrubber, logger: Logger): GitAccess {
  const given = config['git-url'];
  if (given === undefined) throw new ConfigError(['--git-url: needed to read from git']);
  const rules = { allowHttp: config['git-allow-http'], allowFile: config['git-allow-file'] };
  return {
    url: usable(() => parseGitUrl(given, rules), '--git-url: '),
    readCredentials: credentialsReader(config, config['git-secret'], scrubber),
    cacheDir: config['cache-dir'] ?? join(homedir(), '.cache', 'modelpromotion'),
    logger,
  };
}

/** Undefined when statuses stay in memory. */
export function openStatusBranch(
  config: GitConfig,
  git: GitAccess,
  scrubber: Scrubber,
): StatusStore | undefined {
  if (config['status-branch'] === '') return undefined;
  const secret = config['status-secret'] ?? config['git-secret'];
  const remote = new Remote({
    ...git,
    branch: config['status-branch'],
    readCredentials: credentialsReader(config, secret, scrubber),
  });
  return new StatusBranch({
    remote,
    watchedBranch: config['git-branch'],
    installation: config.installation,
    cacheDir: git.cacheDir,
    logger: git.logger,
  });
}

function credentialsReader(
  config: GitConfig,
  secret: string | undefined,
  scrubber: Scrubber,
): ReadCredentials {
  const folder = new SecretFolder(config['secrets-dir'], (value) => scrubber.add(value));
  return async (): Promise<GitCredentials> => {
    if (secret === undefined) return {};
    const keys = await folder.read(secret).catch((error: unknown) => {
      throw new SourceError('AccessDenied', error instanceof Error ? error.message : String(error), {
        cause: error,
      });
    });
    const [username, password, bearerToken] = [
      keys.get('username'),
      keys.get('password'),
      keys.get('bearerToken'),
    ];
    if (username !== undefined && password !== undefined) scrubber.addBasic(username, password);
    return {
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(bearerToken === undefined ? {} : { bearerToken }),
      ...(keys.has('ca.crt') ? { caFile: folder.path(secret, 'ca.crt') } : {}),
    };
  };
}

async function restore(store: StatusStore | undefined, signal: AbortSignal): Promise<ModelPromotion[]> {
  const files = (await store?.read(signal)) ?? new Map<string, string>();
  return [...files].flatMap(([path, file]) => readStatusFile(path, file) ?? []);
}

function routes(controller: Controller, metrics: ControllerMetrics, page: () => unknown): Routes {
  return {
    '/healthz': () => text(200, 'ok\n'),
    '/readyz': () =>
      controller.source.listed ? text(200, 'ok\n') : text(503, 'the source was not read yet\n'),
    '/metrics': async () => ({
      status: 200,
      type: 'text/plain; version=0.0.4; charset=utf-8',
      body: await metrics.render(),
    }),
    '/status': () => ({
      status: 200,
      type: 'application/json',
      body: `${JSON.stringify(page(), null, 2)}\n`,
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
