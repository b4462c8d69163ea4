/** `npm run bench [-- NAME… --quick --rounds N --profile DIR]`: measures, prints one table, and writes it into docs/performance.md. */
import { execFileSync } from 'node:child_process';
import { cpus, loadavg, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { MLFLOW_VERSION } from '../../src/cli/quickstart/install.ts';
import { buildWhenStale } from '../support/built-program.ts';
import { cold } from './cold.ts';
import { openContext, type Context } from './context.ts';
import { idle } from './idle.ts';
import { operator } from './operator.ts';
import { plan } from './plan.ts';
import { push } from './push.ts';
import { publish, renderResult, renderTable, type Result } from './report.ts';
import { script } from './script.ts';
import { search } from './search.ts';
import { snapshot } from './snapshot.ts';

const PAGE = 'docs/performance.md';
const MEASUREMENTS: Readonly<Record<string, (context: Context) => Promise<Result>>> = {
  snapshot,
  cold,
  script,
  push,
  plan,
  search,
  idle,
  operator,
};

const USAGE = `Measures this program beside its peers on real servers, and writes ${PAGE}.

Usage: npm run bench -- [NAME…] [--quick] [--rounds N] [--profile DIR]

  NAME           what to measure: ${Object.keys(MEASUREMENTS).join(', ')}; all when none is named
  --quick        a small version that is printed only
  --rounds N     turns for each contender (3; with --quick 1)
  --profile DIR  keep a CPU profile of the daemon there

Example: npm run bench -- --rounds 1 cold push
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    profile: { type: 'string' },
    rounds: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const names = positionals.length === 0 ? Object.keys(MEASUREMENTS) : positionals;
const unknown = names.filter((name) => !(name in MEASUREMENTS));
if (unknown.length > 0) {
  process.stderr.write(
    `no measurement ${unknown.join(', ')}; there are ${Object.keys(MEASUREMENTS).join(', ')}\n`,
  );
  process.exit(2);
}

const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));
await buildWhenStale();
const context = await openContext({ quick: values.quick, rounds, profiles: values.profile });
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void context.close().finally(() => process.exit(130)));
}
const results: Result[] = [];
try {
  for (const name of names) {
    context.say(`== ${name}`);
    const [load = 0] = loadavg();
    const result = await MEASUREMENTS[name]?.(context);
    if (result === undefined) continue;
    results.push(result);
    const text = renderResult(result, circumstances(context, load));
    process.stderr.write(`${text}\n`);
    if (!context.quick) await publish(PAGE, name, text);
  }
} finally {
  await context.close();
}
process.stdout.write(`${renderTable(results.flatMap(({ rows }) => rows))}\n`);

/** When, where and with what it was measured. */
function circumstances(of: Context, load: number): string {
  const [first, ...more] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  const revision = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const date = new Date().toISOString().slice(0, 10);
  const software = [`Node ${process.versions.node}`, `MLflow ${MLFLOW_VERSION}`, ...of.versions()].join(', ');
  return `Measured ${date} in ${counted(of.rounds)} at ${revision} on ${more.length + 1} × ${first?.model.trim() ?? 'unknown'}, ${memory} GB, server and client on one machine, which had a load of ${load.toFixed(1)} before it began; ${software}.`;
}

function counted(rounds: number): string {
  return rounds === 1 ? 'one round' : `${rounds} rounds`;
}
