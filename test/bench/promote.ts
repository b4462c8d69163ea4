/** Promotions carried out by the daemon, from manifests in a folder to the last one that is ready. */
import type { MlflowProcess } from '../support/mlflow-server.ts';
import type { Context } from './context.ts';
import { serverCpu } from './cpu.ts';
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
  /** Seconds of CPU of MLflow and its database. */
  readonly serverCpu: number;
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
  const before = await serverCpu(server);
  const { at: begun } = await daemon.logged(({ msg }) => msg === 'a revision was read');
  const swept = await daemon.logged(({ msg }) => msg === 'a registry was read');
  const end = await daemon.until((metrics) => readyIn(metrics) >= wanted.length);
  const taken = (await serverCpu(server)) - before;
  const times = { seconds: (end - begun) / 1_000, sweep: Number(swept['milliseconds']) / 1_000 };
  const promoted = { ...times, serverCpu: taken, ...counted(await daemon.metrics(), times.seconds) };
  const details = [...promoted.requests].map(([call, count]) => `${call} ${count}`).join(', ');
  context.say(
    `ours: ${rounded(wanted.length / promoted.seconds)} promotions/s, first look ${rounded(promoted.sweep)} s; ${details}`,
  );
  return promoted;
}

function counted(
  metrics: Metrics,
  seconds: number,
): Pick<Promoted, 'requests' | 'reads' | 'inFlight' | 'cpu'> {
  const requests = metrics.requests();
  const isWrite = (call: string): boolean => WRITE_CALLS.some((write) => write === call);
  const reads = [...requests].filter(([call]) => !isWrite(call)).reduce((sum, [, count]) => sum + count, 0);
  const waited = metrics.sum('modelpromotion_registry_request_duration_seconds_sum');
  const cpu = metrics.sum('process_cpu_seconds_total');
  return { requests, reads, inFlight: waited / seconds, cpu };
}
