/** Which versions are good enough: our search beside the loop that teams write with MlflowClient. */
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { run } from '../../src/cli/quickstart/child.ts';
import { childEnvironment } from '../../src/cli/quickstart/environment.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import type { MlflowProcess } from '../support/mlflow-server.ts';
import type { Context } from './context.ts';
import { fillRegistry, modelNames } from './registry.ts';
import type { Result, Row } from './report.ts';
import { median, rounded, spread } from './statistics.ts';

const NODE = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const SCRIPT = fileURLToPath(new URL('./search.py', import.meta.url));
const BOUND = 0.9;
const GOALS = { requests: 20, seconds: 10 };
const QUESTIONS = [
  { words: 'in Production with accuracy ≥ 0.9', stage: 'Production' },
  { words: 'with accuracy ≥ 0.9, in any stage', stage: '' },
] as const;

type Question = (typeof QUESTIONS)[number];

interface Asked {
  readonly requests: number;
  readonly seconds: number;
  /** As `model version`. */
  readonly found: readonly string[];
}

export async function search(context: Context): Promise<Result> {
  const server = await context.server('sqlite');
  if (server === undefined) throw new Error('SQLite is always there');
  const models = context.quick ? 1_000 : 10_000;
  await fillRegistry(server, models, { runs: true });
  const rows: Row[] = [];
  for (const question of QUESTIONS) rows.push(...(await ask(question, { server, models, context })));
  return {
    rows,
    notes: [
      `The peer searches models in pages of 100, asks for the latest versions of each and then for each run. It was timed on the first ${sampled(context)} models, and what they cost was multiplied: it knows no shortcut for more. It sees at most one version for each stage, ours all ${models * 5.5}. Both find the same among what both look at.`,
      'Ours is the whole command, from its start to its end; its requests hold those that find out what the server can do.',
    ],
  };
}

function sampled({ quick }: Context): number {
  return quick ? 50 : 200;
}

interface Setting {
  readonly server: MlflowProcess;
  readonly models: number;
  readonly context: Context;
}

async function ask(question: Question, { server, models, context }: Setting): Promise<Row[]> {
  const sample = sampled(context);
  const [ours, peers]: [Asked[], Asked[]] = [[], []];
  for (let round = 0; round < context.rounds; round += 1) {
    peers.push(await askPeer(server, question, sample));
    ours.push(await askOurs(server.url, question));
    context.say(
      `search: ours ${ours.at(-1)?.seconds} s, peer ${peers.at(-1)?.seconds} s for ${sample} models`,
    );
  }
  // Counted apart: what counts them would cost time.
  await using counter = await startFaultProxy(server.url);
  await askOurs(counter.url, question);
  const requests = counter.seen.length;
  const [first] = ours;
  const [peer] = peers;
  if (first === undefined || peer === undefined) throw new Error('there is at least one round');
  checkSame(question, first, peer, sample);

  const factor = models / sample;
  const theirRequests = peer.requests * factor;
  const seconds = (all: readonly Asked[], times: number): number[] => all.map((one) => one.seconds * times);
  const [our, their] = [seconds(ours, 1), seconds(peers, factor)];
  const ratio = median(their) / median(our);
  return [
    {
      what: `search of ${models} models, ${models * 5.5} versions, for those ${question.words}: requests`,
      ours: String(requests),
      peer: String(theirRequests),
      ratio: rounded(theirRequests / requests),
      goal: `≥ ${GOALS.requests}`,
      met: theirRequests / requests >= GOALS.requests,
    },
    {
      what: '– seconds',
      ours: spread(our),
      peer: spread(their),
      ratio: rounded(ratio),
      goal: `≥ ${GOALS.seconds}`,
      met: ratio >= GOALS.seconds,
    },
  ];
}

async function askPeer(server: MlflowProcess, { stage }: Question, models: number): Promise<Asked> {
  const output = await run([server.python, SCRIPT, server.url, stage, String(models), String(BOUND)], {
    env: childEnvironment(),
    signal: AbortSignal.timeout(30 * 60_000),
  });
  const { requests, seconds, found } = JSON.parse(output.trim().split('\n').at(-1) ?? '') as {
    requests: number;
    seconds: number;
    found: [model: string, version: string][];
  };
  return { requests, seconds, found: found.map((pair) => pair.join(' ')) };
}

async function askOurs(url: string, { stage }: Question): Promise<Asked> {
  const filter = stage === '' ? [] : ['--stage', stage];
  const args = ['search', '--metric', `accuracy>=${BOUND}`, ...filter, '--registry-uri', url, '-o', 'json'];
  const started = performance.now();
  const { stdout } = await promisify(execFile)(NODE, [PROGRAM, ...args], {
    cwd: tmpdir(),
    env: { PATH: process.env['PATH'] ?? '', HOME: tmpdir(), LC_ALL: 'C' },
    maxBuffer: 256 * 1024 * 1024,
  });
  const seconds = (performance.now() - started) / 1_000;
  const { versions } = JSON.parse(stdout) as { versions: { model: string; version: string }[] };
  return { requests: 0, seconds, found: versions.map(({ model, version }) => `${model} ${version}`) };
}

/** Of the models that the peer looked at, and of their latest versions, both must find the same. */
function checkSame({ stage }: Question, ours: Asked, peer: Asked, sample: number): void {
  const looked = new Set(
    modelNames(sample).flatMap((model, index) =>
      (stage === '' ? ['3', index % 2 === 0 ? '5' : '6'] : ['3']).map((version) => `${model} ${version}`),
    ),
  );
  const same = ours.found.filter((one) => looked.has(one)).sort();
  if (same.join() !== peer.found.toSorted().join())
    throw new Error(
      `we found ${same.length} of the versions that the peer looked at, it ${peer.found.length}`,
    );
}
