/** What the daemon costs while nothing happens, and how long it takes to start. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { MlflowProcess } from '../support/mlflow-server.ts';
import type { Context } from './context.ts';
import { readyIn, startDaemon } from './daemon.ts';
import { writeManifests } from './manifests.ts';
import { fillRegistry, modelNames } from './registry.ts';
import type { Result } from './report.ts';
import { spread } from './statistics.ts';

interface Idle {
  readonly readyz: number;
  /** Until every promotion is ready. */
  readonly ready: number;
  /** MiB. */
  readonly memory: number;
  /** MiB at the highest. */
  readonly peak: number;
}

export async function idle(context: Context): Promise<Result> {
  const server = await context.server('one-worker');
  if (server === undefined) throw new Error('SQLite is always there');
  const { rounds } = context;
  const sizes = context.quick ? [0, 1, 1_000] : [0, 1, 1_000, 10_000];
  const found = new Map<number, Idle[]>(sizes.map((size) => [size, []]));
  for (const size of sizes) {
    await fillRegistry(server, Math.max(size, 1));
    for (let round = 0; round < rounds; round += 1) {
      const one = await watch(server, size, context);
      found.get(size)?.push(one);
      context.say(`idle with ${size}: ${JSON.stringify(one)}`);
    }
  }
  const of = (size: number, which: keyof Idle): string =>
    spread((found.get(size) ?? []).map((one) => one[which]));
  return {
    rows: [
      { what: 'start: seconds to `/readyz`', ours: of(0, 'readyz') },
      { what: '– to the first promotion ready', ours: of(1, 'ready') },
      ...sizes
        .filter((size) => size !== 1)
        .flatMap((size) => [
          { what: `${size} promotions, settled: MiB resident`, ours: of(size, 'memory') },
          { what: '– at the highest', ours: of(size, 'peak') },
        ]),
    ],
    notes: [
      'One worker on SQLite, a registry of as many models as promotions; the memory is what Linux says is resident after everything was ready and half a minute has passed.',
    ],
  };
}

async function watch(server: MlflowProcess, promotions: number, context: Context): Promise<Idle> {
  const folder = await context.folder();
  await writeManifests(
    folder,
    modelNames(promotions).map((model) => ({ model, version: '3', alias: 'champion' })),
  );
  const args = ['--source', 'folder', '--path', folder, '--registry-uri', server.url, '--allow-empty'];
  await using daemon = await startDaemon(args);
  while (!(await fetch(`${daemon.url}/readyz`)).ok) await sleep(5);
  const readyz = (performance.now() - daemon.startedAt) / 1_000;
  const end = await daemon.until((metrics) => readyIn(metrics) >= promotions, promotions > 1 ? 200 : 10);
  let peak = 0;
  for (let waited = 0; waited < (context.quick ? 3 : 30); waited += 1) {
    await sleep(1_000);
    peak = Math.max(peak, (await daemon.metrics()).sum('process_resident_memory_bytes'));
  }
  const memory = (await daemon.metrics()).sum('process_resident_memory_bytes');
  return {
    readyz,
    ready: (end - daemon.startedAt) / 1_000,
    memory: memory / 2 ** 20,
    peak: Math.max(peak, memory) / 2 ** 20,
  };
}
