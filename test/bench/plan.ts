/** Ten thousand manifests, each a file of its own, parsed and planned; and again when one changed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { startGitServer } from '../../src/cli/quickstart/git-server.ts';
import type { Context } from './context.ts';
import { manifest } from './manifests.ts';
import type { Rounds, Taken } from './plan-once.ts';
import { modelNames } from './registry.ts';
import { createFullRepo } from './repository.ts';
import type { Result, Row } from './report.ts';
import { median, rounded, spread } from './statistics.ts';

const NODE = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url));
const ONCE = fileURLToPath(new URL('./plan-once.ts', import.meta.url));
const GOALS = { all: 3, one: 0.3 } as const;

export async function plan(context: Context): Promise<Result> {
  const count = context.quick ? 2_000 : 10_000;
  const { rounds } = context;
  const files = new Map(
    modelNames(count).map((model) => [`${model}.yaml`, manifest({ model, version: '4', alias: 'champion' })]),
  );
  const folder = await context.folder();
  for (const [name, text] of files) await writeFile(join(folder, name), text);
  const root = await context.folder();
  const repo = await createFullRepo(join(root, 'models.git'), files);
  const server = await startGitServer({ root });
  const [changed = ''] = files.keys();
  const change = (round: number): string =>
    manifest({ model: changed.replace('.yaml', ''), version: '4', alias: `champion-${round}` });
  const found: Record<'yaml' | 'folder' | 'git', Rounds[]> = { yaml: [], folder: [], git: [] };
  try {
    for (let round = 0; round < rounds; round += 1) {
      found.yaml.push(await planOnce(['yaml', folder]));
      found.folder.push(
        await planOnce(['folder', folder], () => writeFile(join(folder, changed), change(round))),
      );
      const cache = join(await context.folder(), 'cache');
      await mkdir(cache);
      found.git.push(
        await planOnce(['git', `${server.url}/models.git`, cache], async () => {
          await repo.commit({ [changed]: change(round) });
        }),
      );
    }
  } finally {
    await server.close();
  }
  const seconds = (source: keyof typeof found, which: keyof Rounds, clock: keyof Taken): number[] =>
    found[source].map((one) => one[which][clock] / 1_000);
  const row = (what: string, source: keyof typeof found, which: keyof Rounds): Row => {
    const ours = seconds(source, which, 'wall');
    const peer = seconds('yaml', which, 'wall');
    const ratio = which === 'all' ? { peer: spread(peer), ratio: rounded(median(ours) / median(peer)) } : {};
    return {
      what,
      ours: spread(ours),
      ...ratio,
      goal: `< ${GOALS[which]}`,
      met: median(ours) < GOALS[which],
    };
  };
  const cpu = (['folder', 'git', 'yaml'] as const).map(
    (source) =>
      `${source} ${spread(seconds(source, 'all', 'cpu'))} and ${spread(seconds(source, 'one', 'cpu'))}`,
  );
  return {
    rows: [
      row(`${count} manifests read, parsed and planned from a folder: seconds`, 'folder', 'all'),
      row('– from git, with the first fetch over HTTP', 'git', 'all'),
      row('– one changed, from a folder', 'folder', 'one'),
      row('– one changed, from git, with its fetch', 'git', 'one'),
    ],
    notes: [
      'In one process that has just started: a look at the source, what the engine takes in, and a plan (that has something to do) for each promotion it names, over models that are in memory. A manifest is a file. The peer is the `yaml` library alone, parsing the same texts into plain values from memory.',
      `CPU of that process in seconds, for all and for one changed: ${cpu.join('; ')}. Where this is far below what passed, the machine was busy with other things.`,
    ],
  };
}

/** Runs one round; `change` is called when all were planned once. */
async function planOnce(
  args: readonly string[],
  change: () => Promise<void> = () => Promise.resolve(),
): Promise<Rounds> {
  const child = spawn(NODE, [ONCE, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  let rounds: Rounds | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line !== 'change') rounds = JSON.parse(line) as Rounds;
    else {
      await change();
      child.stdin.write('changed\n');
    }
  }
  await closed;
  if (rounds === undefined) throw new Error(`${args.join(' ')} came to nothing`);
  return rounds;
}
