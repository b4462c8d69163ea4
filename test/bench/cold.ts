/** A thousand promotions that nobody has seen before, against a loop that sends nothing but the same writes. */
import type { MlflowProcess } from '../support/mlflow-server.ts';
import { inWords, POLICIES, sendAll, type Policy } from './bare.ts';
import { SERVERS, type Context, type ServerKind } from './context.ts';
import { serverCpu } from './cpu.ts';
import { promoteAll, type Promoted } from './promote.ts';
import { fillRegistry, modelNames } from './registry.ts';
import { renderTable, type Result, type Row } from './report.ts';
import { median, rounded, spread } from './statistics.ts';
import { applyOnce } from './one-shot.ts';
import { writesEach, writesFor } from './writes.ts';

const GOAL = 0.8;
const GOAL_REQUESTS = 0.25;
/** Models on which a policy of the bare loop is tried. */
const TRIAL = 40;

type Each = ReturnType<typeof writesEach>;

export async function cold(context: Context): Promise<Result> {
  const rows: Row[] = [];
  const notes: string[] = [];
  for (const kind of ['sqlite', 'postgres'] as const) {
    const server = await context.server(kind);
    if (server === undefined) {
      rows.push({ what: SERVERS[kind].words, ours: 'skipped: there is no PostgreSQL on this machine' });
      continue;
    }
    const part = await coldOn(server, kind, context);
    context.say(renderTable(part.rows));
    rows.push(...part.rows);
    notes.push(...part.notes);
  }
  return { rows, notes };
}

async function coldOn(server: MlflowProcess, kind: ServerKind, context: Context): Promise<Result> {
  const promotions = context.quick ? 100 : 1_000;
  const { rounds } = context;
  const models = modelNames(promotions);
  const wanted = models.map((model) => ({ model, version: '4', alias: 'champion' }));
  const ours: Promoted[] = [];
  const raw: number[] = [];
  const rawCpu: number[] = [];
  const { words } = SERVERS[kind];

  ours.push(await promoteAll(server, wanted, context));
  const each = writesEach(ours[0]?.requests ?? new Map(), promotions);
  const policy = await bestPolicy(server, each, context);
  const bareRound = async (): Promise<void> => {
    await fillRegistry(server, promotions);
    const before = await serverCpu(server);
    const seconds = await sendAll(
      server.url,
      models.map((model) => writesFor(model, each)),
      policy,
    );
    rawCpu.push((await serverCpu(server)) - before);
    raw.push(promotions / seconds);
    context.say(`${words}: bare ${rounded(promotions / seconds)} promotions/s`);
  };
  await bareRound();
  for (let round = 1; round < rounds; round += 1) {
    ours.push(await promoteAll(server, wanted, context));
    await bareRound();
  }
  const oneShot = await applyOnce(server, wanted, context);
  const rates = ours.map(({ seconds }) => promotions / seconds);
  const ratio = median(rates) / median(raw);
  const perPromotion = (seconds: readonly number[]): number[] =>
    seconds.map((one) => (one / promotions) * 1_000);
  const beyond = median(ours.map(({ reads }) => reads / promotions));
  return {
    rows: [
      {
        what: `${promotions} cold promotions, ${words}: promotions/s`,
        ours: spread(rates),
        peer: spread(raw),
        ratio: rounded(ratio),
        goal: `≥ ${GOAL}`,
        met: ratio >= GOAL,
      },
      {
        what: `– requests a promotion beyond its own writes`,
        ours: rounded(beyond),
        goal: `≤ ${GOAL_REQUESTS}`,
        met: beyond <= GOAL_REQUESTS,
      },
      {
        what: '– by one-shot `apply --yes`: promotions/s',
        ours: rounded(promotions / oneShot),
        peer: spread(raw),
        ratio: rounded(promotions / oneShot / median(raw)),
      },
    ],
    notes: [
      `${words}: a promotion is ${[...each].map(([call, count]) => `${count} × ${call}`).join(', ')}; the bare loop was fastest with ${inWords(policy)}. ` +
        `MLflow and its database took ${spread(perPromotion(ours.map((one) => one.serverCpu)))} ms of CPU a promotion for us, ${spread(perPromotion(rawCpu))} ms for the bare loop. ` +
        `Of our time, ${spread(ours.map(({ sweep }) => sweep))} s were the first look at the registry; ${spread(ours.map(({ inFlight }) => inFlight))} requests were in flight on average, and the program took ${spread(ours.map(({ cpu }) => cpu))} s of CPU.`,
    ],
  };
}

/** Each policy on models of its own, twice, in both orders. */
async function bestPolicy(server: MlflowProcess, each: Each, context: Context): Promise<Policy> {
  const rates = new Map<Policy, number[]>();
  for (const order of [POLICIES, POLICIES.toReversed()]) {
    await fillRegistry(server, TRIAL * POLICIES.length);
    const names = modelNames(TRIAL * POLICIES.length).values();
    for (const policy of order) {
      const jobs = [...names.take(TRIAL)].map((model) => writesFor(model, each));
      const seconds = await sendAll(server.url, jobs, policy);
      rates.set(policy, [...(rates.get(policy) ?? []), TRIAL / seconds]);
    }
  }
  for (const [policy, found] of rates)
    context.say(`bare loop, ${inWords(policy)}: ${spread(found)} promotions/s`);
  const [best] = [...rates].toSorted(([, a], [, b]) => median(b) - median(a));
  if (best === undefined) throw new Error('no policy was tried');
  return best[0];
}
