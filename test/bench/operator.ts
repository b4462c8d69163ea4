/** The operator on a real API server: many objects at rest, one that is applied, many at once, one of many that changes. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MlflowProcess } from '../support/mlflow-server.ts';
import { Bare, readModel, sendAll } from './bare.ts';
import { BenchCluster } from './cluster.ts';
import type { Context } from './context.ts';
import { type Daemon, type Metrics, readyIn, startDaemon } from './daemon.ts';
import { KOPF, promoteWithKopf } from './kopf.ts';
import { peakMemory } from './memory.ts';
import { driftAfterHint } from './hinted.ts';
import { prepareHints } from './wake.ts';
import { fillRegistry, modelNames } from './registry.ts';
import type { Result, Row } from './report.ts';
import { quantile, rounded } from './statistics.ts';
import { writesEach, writesFor } from './writes.ts';

/** MiB: what Flux needs for a thousand objects. */
const MOST_MEMORY = 223;
const TICKS = 100;

export async function operator(context: Context): Promise<Result> {
  const server = await context.server('sqlite');
  if (server === undefined) throw new Error('SQLite is always there');
  const sizes = context.quick ? [20, 100] : [100, 1_000, 10_000];
  const most = Math.max(...sizes);
  await fillRegistry(server, most);
  const rows: Row[] = [];
  await using cluster = await BenchCluster.open(context, server.url);
  const costs: [size: number, ms: number][] = [];
  let declared = 0;
  for (const size of sizes) {
    // Everybody declares what the registry holds already.
    await cluster.applyAll(
      modelNames(size)
        .slice(declared)
        .map((model) => ({ model, version: '3' })),
    );
    declared = size;
    await using daemon = await start(cluster);
    await daemon.until((metrics) => readyIn(metrics) >= size);
    costs.push([size, await costOfChange(cluster, daemon, context)]);
    context.say(`one of ${size} changes: ${rounded(costs.at(-1)?.[1] ?? 0)} ms of CPU`);
  }
  rows.push(...(await atRest(cluster, most, context)));
  rows.push(...costRows(costs));
  rows.push(...(await hinted(cluster, most, server, context)));
  rows.push(...(await applied(cluster, server, context)));
  rows.push(...(await manyAtOnce(cluster, server, context)));
  return {
    rows,
    notes: [
      'The built operator with a lease, on a kube-apiserver and etcd of their own, with MLflow and all of them on one machine. Requests are counted by the operator itself.',
      'A change that costs CPU and nothing else: one object is annotated to be looked at, twenty times, one after the other; CPU is what Linux has on its books for the process.',
      'The peer of one that is applied sends the same write to the API server, the two reads before, the same writes and the two reads after to MLflow, one after the other; the two take turns.',
      `The peer of many at once is an operator of ${KOPF} in forty lines (test/bench/kopf_operator.py): it transitions and sets the alias through MlflowClient, and writes a status. It has no other objects to look after, keeps no records and reads nothing back; ours leaves marks, too.`,
    ],
  };
}

function start({ plane }: BenchCluster, args: readonly string[] = []): Promise<Daemon> {
  const own = ['--source', 'kubernetes', '--kubeconfig', plane.kubeconfig, '--lease-duration', '35s'];
  return startDaemon([...own, ...args]);
}

async function hinted(
  cluster: BenchCluster,
  size: number,
  server: MlflowProcess,
  context: Context,
): Promise<Row[]> {
  const hints = await prepareHints(await context.folder());
  await using daemon = await start(cluster, hints.args);
  await daemon.until((metrics) => readyIn(metrics) >= size);
  return await driftAfterHint(daemon, hints, server, context);
}

const apiRequests = (metrics: Metrics, ...labels: string[]): number =>
  metrics.sum('rest_client_requests_total', ...labels);

/** A second start, with every status there already. */
async function atRest(cluster: BenchCluster, size: number, context: Context): Promise<Row[]> {
  const written = await cluster.statusWrites();
  await using daemon = await start(cluster);
  const ready = await daemon.until((metrics) => readyIn(metrics) >= size);
  const seconds = (ready - daemon.startedAt) / 1_000;
  const { quick } = context;
  const rest = quick ? 5 : 60;
  await sleep(quick ? 2_000 : 15_000);
  const [before, cpu] = [await daemon.metrics(), await cpuOf(daemon.pid)];
  await sleep(rest * 1_000);
  const [after, spent] = [await daemon.metrics(), (await cpuOf(daemon.pid)) - cpu];
  const memory = after.sum('process_resident_memory_bytes') / 2 ** 20;
  const lists = apiRequests(before, 'method="GET"');
  context.say(
    `at rest with ${size}: ${rounded(memory)} MiB, ${lists} GETs, ${rounded(spent)} s of CPU in ${rest} s`,
  );
  const writes = (await cluster.statusWrites()) - written;
  return [
    {
      what: `${size} promotions, started a second time: seconds to all of them ready`,
      ours: rounded(seconds),
    },
    {
      what: '– status writes of promotions',
      ours: String(writes),
      goal: '0',
      met: writes === 0,
    },
    { what: '– requests to the API server until then that read', ours: rounded(lists) },
    {
      what: '– settled: MiB resident',
      ours: rounded(memory),
      goal: `≤ ${MOST_MEMORY}`,
      met: memory <= MOST_MEMORY,
    },
    { what: '– CPU seconds in a minute at rest', ours: rounded((spent / rest) * 60) },
    {
      what: '– requests to the API server in an hour at rest',
      ours: rounded(((apiRequests(after) - apiRequests(before)) / rest) * 3_600),
    },
  ];
}

/** Milliseconds of CPU of the operator for one object of many that changes. */
async function costOfChange(cluster: BenchCluster, daemon: Daemon, { quick }: Context): Promise<number> {
  const [model = ''] = modelNames(1);
  const changes = quick ? 5 : 20;
  await quiet(daemon);
  const before = await cpuOf(daemon.pid);
  const started = performance.now();
  for (let change = 0; change < changes; change += 1) {
    const token = `${daemon.pid}-${change}`;
    await cluster.touch(model, token);
    while ((await cluster.handledAt(model)) !== token) await sleep(20);
  }
  const [spent, seconds] = [(await cpuOf(daemon.pid)) - before, (performance.now() - started) / 1_000];
  // What the process takes at rest is not the change's.
  const [idle] = [await cpuOf(daemon.pid)];
  await sleep(seconds * 1_000);
  const atRest = (await cpuOf(daemon.pid)) - idle;
  return (Math.max(0, spent - atRest) / changes) * 1_000;
}

/** Until nothing is written to the API server any more: statuses and events follow what was done. */
async function quiet(daemon: Daemon): Promise<void> {
  const written = async (): Promise<number> => {
    const metrics = await daemon.metrics();
    return apiRequests(metrics, 'method="PATCH"') + apiRequests(metrics, 'method="POST"');
  };
  for (let [before, now] = [-1, 0]; before !== now; [before, now] = [now, await written()])
    await sleep(3_000);
}

function costRows(costs: readonly (readonly [size: number, ms: number])[]): Row[] {
  const [[, least] = [0, 0]] = costs;
  return costs.map(([size, ms]) => ({
    what: `one of ${size} objects changes: ms of CPU`,
    ours: rounded(ms),
    ...(ms === least ? {} : { ratio: rounded(ms / least) }),
  }));
}

async function applied(cluster: BenchCluster, server: MlflowProcess, { quick }: Context): Promise<Row[]> {
  const count = quick ? 5 : 40;
  const names = modelNames(2 * count);
  await using daemon = await start(cluster);
  await daemon.until((metrics) => readyIn(metrics) >= names.length);
  const [ours, bare]: [number[], number[]] = [[], []];
  for (const [index, model] of names.slice(0, count).entries()) {
    ours.push(await applyOne(cluster, daemon, model));
    const each = writesEach((await daemon.metrics()).requests(), index + 1);
    const other = names[count + index] ?? '';
    process.kill(daemon.pid, 'SIGSTOP');
    bare.push(await applyBare(cluster, server, other, each));
    process.kill(daemon.pid, 'SIGCONT');
    await sleep(200);
  }
  return [0.5, 0.95].map((share) => ({
    what: `applied to registry changed and read back: p${share * 100} in ms`,
    ours: rounded(quantile(ours, share)),
    peer: rounded(quantile(bare, share)),
    ratio: rounded(quantile(ours, share) / quantile(bare, share)),
  }));
}

async function applyOne(cluster: BenchCluster, daemon: Daemon, model: string): Promise<number> {
  const done = daemon.logged(
    (line) => line.msg === 'event' && line['promotion'] === `bench/${model}` && line['reason'] === 'Promoted',
  );
  const started = performance.now();
  await cluster.apply({ model, version: '4' });
  return (await done).at - started;
}

async function applyBare(
  cluster: BenchCluster,
  server: MlflowProcess,
  model: string,
  each: ReturnType<typeof writesEach>,
): Promise<number> {
  const bare = new Bare(server.url, { connections: 'fresh', inFlight: 2 });
  const started = performance.now();
  await cluster.touch(model, String(started));
  await readModel(bare, model);
  for (const write of writesFor(model, each)) await bare.send(write);
  await readModel(bare, model);
  const milliseconds = performance.now() - started;
  await bare.close();
  return milliseconds;
}

async function manyAtOnce(cluster: BenchCluster, server: MlflowProcess, context: Context): Promise<Row[]> {
  const count = context.quick ? 50 : 1_000;
  const all = modelNames(context.quick ? 100 : 10_000);
  await fillRegistry(server, all.length);
  const names = all.slice(-count);
  const { ours, each, memory, writes } = await promoteMany(cluster, all, names);
  await fillRegistry(server, all.length);
  const policy = { connections: 'fresh', inFlight: 8 } as const;
  const bare = names.map((model) => writesFor(model, each));
  const raw = count / (await sendAll(server.url, bare, policy));
  context.say(`at once: ${rounded(ours)} promotions/s, bare ${rounded(raw)}; ${JSON.stringify([...each])}`);
  await fillRegistry(server, all.length);
  const kopf = await promoteWithKopf(cluster, server, all.slice(-count - 1));
  const requests = [...each.values()].reduce((sum, calls) => sum + calls, 0);
  context.say(`kopf: ${JSON.stringify(kopf)}`);
  const againstKopf = (what: string, own: number, peer: number): Row => ({
    what,
    ours: rounded(own),
    peer: rounded(peer),
    ratio: rounded(own / peer),
  });
  return [
    againstKopf(`${count} objects applied at once: promotions/s, beside the bare registry calls`, ours, raw),
    againstKopf('– beside kopf and MlflowClient: promotions/s', ours, count / kopf.seconds),
    againstKopf('– MiB resident at most (ours with all objects, kopf with these)', memory, kopf.memory),
    againstKopf(
      '– writes to the registry (ours with marks), requests of kopf, each promotion',
      requests,
      kopf.registryRequests / count,
    ),
    againstKopf('– writes to the API server, each promotion', writes / count, kopf.apiWrites / count),
  ];
}

/** Declares version 4 of these models at once, among all that are declared. */
async function promoteMany(cluster: BenchCluster, all: readonly string[], names: readonly string[]) {
  await using daemon = await start(cluster);
  const ready = all.length - names.length;
  await daemon.until((metrics) => metrics.sum('modelpromotion_reconcile_total', 'result="ready"') >= ready);
  await quiet(daemon);
  const before = { requests: (await daemon.metrics()).requests(), writes: await cluster.writes() };
  const actions = (metrics: Metrics): number =>
    metrics.sum('modelpromotion_actions_total', 'kind="SetAlias"');
  const done = actions(await daemon.metrics());
  const started = performance.now();
  await cluster.applyAll(names.map((model) => ({ model, version: '4' })));
  const end = await daemon.until((metrics) => actions(metrics) - done >= names.length);
  await quiet(daemon);
  const after = (await daemon.metrics()).requests();
  const spent = new Map([...after].map(([call, total]) => [call, total - (before.requests.get(call) ?? 0)]));
  return {
    ours: names.length / ((end - started) / 1_000),
    each: writesEach(spent, names.length),
    memory: await peakMemory(daemon.pid),
    writes: (await cluster.writes()) - before.writes - names.length,
  };
}

/** Seconds that a process has taken, from Linux's own books. */
async function cpuOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  return ((fields[11] ?? 0) + (fields[12] ?? 0)) / TICKS;
}
