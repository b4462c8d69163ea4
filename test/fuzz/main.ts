/**
 * `npm run fuzz`: as many inputs as are asked for, on all cores, until the first one that breaks something.
 *
 *   npm run fuzz                                a million inputs
 *   npm run fuzz -- --minutes 10                for ten minutes
 *   npm run fuzz -- --runs 5000 --seed 42       the same inputs each time
 *   npm run fuzz -- --only "any file" --seed … --path …   what a failure prints, to see it again
 */
import { fork, type ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { shapeNames } from './growth.ts';
import { everything } from './properties/index.ts';
import type { Batch, BatchResult } from './shard.ts';

const { values: given } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000000' },
    minutes: { type: 'string' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    only: { type: 'string', default: '' },
    path: { type: 'string' },
    jobs: { type: 'string', default: String(availableParallelism()) },
  },
});

const BATCH = 500;
/** For each unit of weight: what is tried less often takes longer. */
const BATCH_OF_LIGHT = 40;
/** No batch takes this long, on any machine: an input has hung the process. */
const HUNG_MS = 600_000;
const TOLD_EVERY_MS = 10_000;

const seed = Number(given.seed);
const targets = everything.filter(({ name }) => name.includes(given.only));

/** The hostile shapes first, then batches without an end: each target in proportion to its weight, each batch with a seed of its own. */
function* batches(): Generator<Batch> {
  for (const name of shapeNames) if (name.includes(given.only)) yield { name, seed, runs: 0 };
  if (targets.length === 0) return;
  const done = new Map(targets.map(({ name }) => [name, 0]));
  for (let index = 0; ; index += 1) {
    const share = (target: (typeof targets)[number]): number => (done.get(target.name) ?? 0) / target.weight;
    const next = targets.reduce((least, target) => (share(target) < share(least) ? target : least));
    const size = Math.min(BATCH, BATCH_OF_LIGHT * next.weight);
    done.set(next.name, (done.get(next.name) ?? 0) + size);
    yield { name: next.name, seed: (seed + index * 7_919) | 0, runs: size };
  }
}

/** Runs batches one after the other on a process of its own. Resolves with what broke, if anything did. */
async function work(
  queue: Iterator<Batch>,
  isOver: () => boolean,
  onDone: (runs: number) => void,
): Promise<string | undefined> {
  const child = fork(new URL('./shard.ts', import.meta.url), { execArgv: ['--expose-gc'] });
  try {
    while (!isOver()) {
      const { value: batch, done } = queue.next();
      if (done === true) return undefined;
      const { failure } = await ask(child, batch);
      if (failure !== undefined) return failure;
      onDone(batch.runs);
    }
    return undefined;
  } finally {
    child.kill('SIGKILL');
  }
}

function ask(child: ChildProcess, batch: Batch): Promise<BatchResult> {
  const again = `npm run fuzz -- --only ${JSON.stringify(batch.name)} --seed ${batch.seed} --runs ${batch.runs}`;
  return new Promise((resolve) => {
    const ended = (why: string): void => settle({ failure: `${batch.name}: ${why}\n${again}` });
    const onExit = (code: number | null, signal: string | null): void =>
      ended(`the process ended with ${code ?? signal}`);
    const hung = setTimeout(() => ended('no end after ten minutes'), HUNG_MS);
    const settle = (result: BatchResult): void => {
      clearTimeout(hung);
      child.off('message', settle).off('exit', onExit);
      resolve(result);
    };
    child.once('message', settle).once('exit', onExit);
    child.send(batch);
  });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function replay(path: string): Promise<string | undefined> {
  const queue = [{ name: targets[0]?.name ?? '', seed, runs: 1, path }].values();
  return work(
    queue,
    () => false,
    () => undefined,
  );
}

async function run(): Promise<string | undefined> {
  const most = given.minutes === undefined ? Number(given.runs) : Infinity;
  const end = given.minutes === undefined ? Infinity : performance.now() + Number(given.minutes) * 60_000;
  const start = performance.now();
  let done = 0;
  let failure: string | undefined;
  const tell = (): void => {
    const seconds = (performance.now() - start) / 1_000;
    const words = [
      done.toLocaleString('en'),
      'inputs in',
      seconds.toFixed(0),
      's,',
      (done / seconds).toFixed(0),
      'a second',
    ];
    say(words.join(' '));
  };
  const timer = setInterval(tell, TOLD_EVERY_MS);
  const queue = batches();
  const isOver = (): boolean => failure !== undefined || done >= most || performance.now() > end;
  const count = (runs: number): void => void (done += runs);
  await Promise.all(
    Array.from({ length: Number(given.jobs) }, async () => {
      const broken = await work(queue, isOver, count);
      failure ??= broken;
    }),
  );
  clearInterval(timer);
  tell();
  return failure;
}

say(`seed ${seed}, ${targets.length} of ${everything.length} targets`);
const failure = await (given.path === undefined ? run() : replay(given.path));
if (failure === undefined) say('nothing broke');
else {
  say(`\n${failure}`);
  process.exitCode = 1;
}
