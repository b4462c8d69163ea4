/** From a push to a registry that is changed and read back, against one fetch and the same requests. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { startGitServer } from '../../src/cli/quickstart/git-server.ts';
import type { MlflowProcess } from '../support/mlflow-server.ts';
import type { TestRepo } from '../support/git-repo.ts';
import { Bare, readModel, type Request } from './bare.ts';
import type { Context } from './context.ts';
import { readyIn, startDaemon, type Daemon } from './daemon.ts';
import { manifest } from './manifests.ts';
import { fillRegistry, modelNames } from './registry.ts';
import { createFullRepo } from './repository.ts';
import type { Result } from './report.ts';
import { quantile, rounded } from './statistics.ts';
import { prepareWake, type Wake } from './wake.ts';
import { writesEach, writesFor } from './writes.ts';

const run = promisify(execFile);
const GOAL = 1.3;
/** Pushes before those that are measured. */
const WARM_UP = 5;
/** Hints are taken at one a second. */
const PACE = 1_100;

interface World {
  readonly server: MlflowProcess;
  readonly repo: TestRepo;
  readonly wake: Wake;
  readonly daemon: Daemon;
}

export async function push(context: Context): Promise<Result> {
  const server = await context.server('sqlite');
  if (server === undefined) throw new Error('SQLite is always there');
  const pushes = context.quick ? 10 : 60;
  const names = modelNames(2 * (pushes + WARM_UP));
  await fillRegistry(server, names.length);
  const root = await context.folder();
  // Half of the models are ours to promote, half the bare loop's.
  const mine = names.slice(0, pushes + WARM_UP);
  const files = new Map(
    mine.map((model) => [`${model}.yaml`, manifest({ model, version: '3', alias: 'champion' })]),
  );
  const repo = await createFullRepo(join(root, 'models.git'), files);
  const git = await startGitServer({ root });
  const wake = await prepareWake(join(root, 'secrets'));
  const url = `${git.url}/models.git`;
  const mirror = join(root, 'mirror.git');
  await run('git', ['clone', '--quiet', '--bare', url, mirror]);
  const args = [
    '--source',
    'git',
    '--git-url',
    url,
    '--cache-dir',
    join(root, 'cache'),
    '--status-branch',
    '',
    '--registry-uri',
    server.url,
    ...wake.args,
  ];
  await using daemon = await startDaemon(args);
  try {
    await daemon.until((metrics) => readyIn(metrics) >= mine.length);
    const world = { server, repo, wake, daemon };
    const warm = mine.slice(0, WARM_UP);
    for (const model of warm) await promoteByPush(world, model);
    const each = writesEach((await daemon.metrics()).requests(), WARM_UP);
    const [ours, bare]: [number[], number[]] = [[], []];
    for (const [index, model] of mine.slice(WARM_UP).entries()) {
      const started = performance.now();
      ours.push(await promoteByPush(world, model));
      const other = names[mine.length + index] ?? '';
      process.kill(daemon.pid, 'SIGSTOP');
      bare.push(await promoteBare(server, mirror, other, writesFor(other, each)));
      process.kill(daemon.pid, 'SIGCONT');
      await sleep(Math.max(0, PACE - (performance.now() - started)));
    }
    return report(ours, bare, wake);
  } finally {
    await git.close();
  }
}

function report(ours: readonly number[], bare: readonly number[], wake: Wake): Result {
  const ratio = (share: number): number => quantile(ours, share) / quantile(bare, share);
  const row = (
    what: string,
    share: number,
  ): Pick<Result['rows'][number], 'what' | 'ours' | 'peer' | 'ratio'> => ({
    what,
    ours: rounded(quantile(ours, share)),
    peer: rounded(quantile(bare, share)),
    ratio: rounded(ratio(share)),
  });
  return {
    rows: [
      row(`push to registry changed, ${ours.length} pushes: p50 in ms`, 0.5),
      { ...row('– p95 in ms', 0.95), goal: `< ${GOAL}`, met: ratio(0.95) < GOAL },
    ],
    notes: [
      `${wake.words}. From the moment the git server has the commit until the promotion was written, marked and read back. The peer is one \`git fetch\` into a mirror that it has already, the two reads before, the same writes one after the other, and the two reads after, a connection a call; the two take turns, and the daemon is stopped while the peer runs.`,
    ],
  };
}

/** Milliseconds. */
async function promoteByPush({ repo, wake, daemon }: World, model: string): Promise<number> {
  const text = manifest({ model, version: '4', alias: 'champion' });
  await repo.git('update-ref', 'refs/heads/next', 'refs/heads/main');
  const sha = await repo.commit({ [`${model}.yaml`]: text }, { branch: 'next' });
  const done = daemon.logged(
    (line) => line.msg === 'event' && line['promotion'] === `bench/${model}` && line['reason'] === 'Promoted',
  );
  await repo.git('update-ref', 'refs/heads/main', sha);
  const pushed = performance.now();
  await wake.ring(daemon.url, sha);
  return (await done).at - pushed;
}

/** Milliseconds. */
async function promoteBare(
  server: MlflowProcess,
  mirror: string,
  model: string,
  writes: readonly Request[],
): Promise<number> {
  const bare = new Bare(server.url, { connections: 'fresh', inFlight: 2 });
  const started = performance.now();
  await run('git', [`--git-dir=${mirror}`, 'fetch', '--quiet', 'origin', '+refs/heads/main:refs/heads/main']);
  await readModel(bare, model);
  for (const write of writes) await bare.send(write);
  await readModel(bare, model);
  const milliseconds = performance.now() - started;
  await bare.close();
  return milliseconds;
}
