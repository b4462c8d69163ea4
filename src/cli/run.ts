/** `modelpromotion run`: the controller, in a cluster or as a daemon over git or a folder. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Config, Environment, OptionName } from '../config.ts';
import { wordsOf } from '../runtime/failure.ts';
import { KubeMetrics } from '../runtime/kube-metrics.ts';
import type { Logger } from '../runtime/logger.ts';
import { serve, text, type Routes } from '../runtime/server.ts';
import { backoff, sleep } from '../runtime/time.ts';
import { LOG_OPTIONS, openOutput } from './assembly.ts';
import { controllerMetrics } from './daemon/metrics.ts';
import { isForCluster, openTerm, type Term, TERM_OPTIONS } from './daemon/term.ts';
import { leaseName } from './operator/kubernetes-home.ts';

export const RUN_OPTIONS = [...TERM_OPTIONS, ...LOG_OPTIONS] as const satisfies readonly OptionName[];

export type RunConfig = Config<(typeof RUN_OPTIONS)[number]>;

const RETRY = { base: 1_000, max: 60_000 };

/** Runs until the signal aborts. @throws ConfigError, and Error with a sentence when it cannot start. */
export async function run(config: RunConfig, env: Environment, stop: AbortSignal): Promise<void> {
  const output = openOutput(config);
  const { logger, scrubber } = output;
  const metrics = controllerMetrics();
  const identity = `${env['POD_NAME'] ?? hostname()}_${randomBytes(8).toString('hex')}`;
  const kube = isForCluster(config, env)
    ? new KubeMetrics({
        metrics: metrics.all,
        lease: leaseName(config),
        depth: () => term.gauges.depth(),
        isLeader: () => term.leads(),
      })
    : undefined;
  const open = (): Promise<Term> => openTerm({ config, env, output, metrics, kube, identity });
  let term = await open();
  metrics.gauges({
    depth: () => term.gauges.depth(),
    promotions: () => term.gauges.promotions(),
    registries: () => term.gauges.registries(),
  });
  let away: string | undefined;
  const routes = (): Routes => ({ ...term.routes(), ...(away === undefined ? {} : notReady(away)) });
  const server = await serve(config.listen, routes);
  const { installation } = config;
  logger.info({ source: term.description, listen: server.url, installation }, 'started');
  try {
    while ((await term.lead(stop)) === 'lost' && !stop.aborted) {
      logger.warn({}, 'the lease was lost: nothing more is written until it is had again');
      const next = await openAgain({ open, logger, tell: (detail) => (away = scrubber.scrub(detail)) }, stop);
      if (next === undefined) break;
      term = next;
      away = undefined;
    }
  } finally {
    await server.close();
  }
  logger.info({}, 'stopped');
}

interface Opening {
  readonly open: () => Promise<Term>;
  readonly logger: Logger;
  /** Told why there is no term yet. */
  readonly tell: (detail: string) => void;
}

/** What a term needs, a login above all, may be away for a while. Undefined when the signal aborts first. */
async function openAgain({ open, logger, tell }: Opening, stop: AbortSignal): Promise<Term | undefined> {
  for (let [told, failures] = ['', 0]; !stop.aborted; failures += 1) {
    try {
      return await open();
    } catch (error) {
      const detail = wordsOf(error);
      if (detail !== told) logger.warn({ detail }, 'work cannot be taken up again yet; it is tried again');
      told = detail;
      tell(detail);
      await sleep(backoff(failures, RETRY), stop);
    }
  }
  return undefined;
}

function notReady(detail: string): Routes {
  return {
    '/readyz': { get: () => text(503, `work cannot be taken up again yet: ${detail}\n`) },
  };
}
