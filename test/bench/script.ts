/** Against the script most teams have: Python's MlflowClient, one promotion after the other. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../../src/cli/quickstart/child.ts';
import { childEnvironment } from '../../src/cli/quickstart/environment.ts';
import type { MlflowProcess } from '../support/mlflow-server.ts';
import { SERVERS, type Context, type ServerKind } from './context.ts';
import { promoteAll, type Promoted } from './promote.ts';
import { fillRegistry, modelNames } from './registry.ts';
import type { Result, Row } from './report.ts';
import { median, rounded, spread } from './statistics.ts';

const SCRIPT = fileURLToPath(new URL('./script.py', import.meta.url));
const WITHOUT_MARKS = fileURLToPath(new URL('./without-marks.ts', import.meta.url));
const GOALS = { sqlite: 8, 'one-worker': 1.5 } as const;

export async function script(context: Context): Promise<Result> {
  const rows: Row[] = [];
  for (const kind of ['sqlite', 'one-worker'] as const) {
    const server = await context.server(kind);
    if (server !== undefined) rows.push(...(await scriptOn(server, kind, context)));
  }
  return {
    rows,
    notes: [
      'A promotion is a transition that archives the others, then a description. MlflowClient reads the model before each of the two, so its promotion is four requests. Ours holds a first look at the registry, a reading before and one after, and the marks that we leave where it says so.',
    ],
  };
}

async function scriptOn(
  server: MlflowProcess,
  kind: keyof typeof GOALS & ServerKind,
  context: Context,
): Promise<Row[]> {
  const promotions = context.quick ? 100 : 1_000;
  /** The rate of the script does not depend on how many there are. */
  const scripted = context.quick ? 20 : 150;
  const { rounds } = context;
  const wanted = modelNames(promotions).map((model) => ({ model, version: '4', description: 'Promoted' }));
  const [peer, shipped, bare]: [number[], number[], number[]] = [[], [], []];
  const rate = ({ seconds }: Promoted): number => promotions / seconds;
  for (let round = 0; round < rounds; round += 1) {
    peer.push(await runScript(server, scripted, context));
    shipped.push(rate(await promoteAll(server, wanted, context)));
    bare.push(rate(checkUnmarked(await promoteAll(server, wanted, context, ['--import', WITHOUT_MARKS]))));
  }
  const goal = GOALS[kind];
  const row = (what: string, ours: readonly number[]): Row => {
    const ratio = median(ours) / median(peer);
    return {
      what,
      ours: spread(ours),
      peer: spread(peer),
      ratio: rounded(ratio),
      goal: `≥ ${goal}`,
      met: ratio >= goal,
    };
  };
  return [
    row(`promotions/s against MlflowClient, ${SERVERS[kind].words}: as shipped, with marks`, shipped),
    row('– the same writes alone, without marks', bare),
  ];
}

async function runScript(server: MlflowProcess, promotions: number, context: Context): Promise<number> {
  await fillRegistry(server, promotions);
  const file = join(await context.folder(), 'models.json');
  await writeFile(file, JSON.stringify(modelNames(promotions)));
  const output = await run([server.python, SCRIPT, server.url, file], {
    env: childEnvironment(),
    signal: AbortSignal.timeout(30 * 60_000),
  });
  const rate = promotions / Number(output.trim().split('\n').at(-1));
  context.say(`script: ${rounded(rate)} promotions/s`);
  return rate;
}

function checkUnmarked(promoted: Promoted): Promoted {
  const tags = ['set-version-tag', 'set-model-tag'].map((call) => promoted.requests.get(call) ?? 0);
  if (tags.some((count) => count > 0)) throw new Error('marks were left although they were switched off');
  return promoted;
}
