/** Promotions carried out by the daemon, from manifests in a folder to the last one that is ready. */
import type { MlflowProcess } from '../support/mlflow-server.ts';
import type { Context } from './context.ts';
import { readyIn, startDaemon, type Metrics } from './daemon.ts';
import { writeManifests, type Wanted } from './manifests.ts';
import { fillRegistry } from './registry.ts';
import { rounded } from './statistics.ts';
import { WRITE_CALLS } from './writes.ts';

export interface Promoted {
  /** From the moment at which the manifests were read. */
  readonly seconds: number;
  /** Seconds of that for the first look at the registry. */
  readonly sweep: number;
  readonly requests: ReadonlyMap<string, number>;
  /** All requests that are no writes. */
  readonly reads: number;
  /** Requests in flight, on average. */
  readonly inFlight: number;
  /** Seconds of CPU of the daemon, its start included. */
  readonly cpu: number;
}

/** `more` are arguments of Node itself. Fills the registry with just the models that are promoted, so that all contenders find the same. */
export async function promoteAll(
  server: MlflowProcess,
  wanted: readonly Wanted[],
  context: Context,
  more: readonly string[] = [],
): Promise<Promoted> {
  await fillRegistry(server, wanted.length);
  const folder = await context.folder();
  await writeManifests(folder, wanted);
  const profiler = context.profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${context.profiles}`];
  const args = ['--source', 'folder', '--path', folder, '--registry-uri', server.url];
  await using daemon = await startDaemon(args, [...profiler, ...more]);
  const { at: begun } = await daemon.logged(({ msg }) => msg === 'a revision was read');
  const swept = await daemon.logged(({ msg }) => msg === 'a registry was read');
  const end = await daemon.until((metrics) => readyIn(metrics) >= wanted.length);
  const promoted = sumUp(
    await daemon.metrics(),
    (end - begun) / 1_000,
    Number(swept['milliseconds']) / 1_000,
  );
  const details = [...promoted.requests].map(([call, count]) => `${call} ${count}`).join(', ');
  context.say(`ours: ${rounded(wanted.length / promoted.seconds)} promotions/s; ${details}`);
  return promoted;
}

function sumUp(metrics: Metrics, seconds: number, sweep: number): Promoted {
  const requests = metrics.requests();
  const isWrite = (call: string): boolean => WRITE_CALLS.some((write) => write === call);
  const reads = [...requests].filter(([call]) => !isWrite(call)).reduce((sum, [, count]) => sum + count, 0);
  const waited = metrics.sum('modelpromotion_registry_request_duration_seconds_sum');
  const cpu = metrics.sum('process_cpu_seconds_total');
  return { seconds, sweep, requests, reads, inFlight: waited / seconds, cpu };
}
