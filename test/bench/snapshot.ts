/** What it costs to know the state of a large registry, and to keep knowing it. */
import type { MlflowProcess } from '../support/mlflow-server.ts';
import { Bare, type Policy } from './bare.ts';
import type { Context } from './context.ts';
import { readyIn, startDaemon, type Daemon } from './daemon.ts';
import { writeManifests } from './manifests.ts';
import { fillRegistry, modelNames } from './registry.ts';
import type { Result } from './report.ts';
import { median, rounded, spread } from './statistics.ts';
import { WRITE_CALLS } from './writes.ts';

const GOAL_REQUESTS = 18;
const MODELS_A_PAGE = 1_000;
const VERSIONS_A_PAGE = 10_000;
/** Looks for changes that are watched. */
const LOOKS = 4;

interface Snapshot {
  readonly seconds: number;
  readonly requests: number;
  /** Requests of each look for changes after it. */
  readonly look: number;
  /** Requests and writes beyond the looks, while all promotions were found up to date. */
  readonly further: number;
  readonly writes: number;
  /** Seconds from the start to the last promotion that is ready. */
  readonly ready: number;
}

export async function snapshot(context: Context): Promise<Result> {
  const server = await context.server('sqlite');
  if (server === undefined) throw new Error('SQLite is always there');
  const models = context.quick ? 2_000 : 10_000;
  const { rounds } = context;
  const versions = models * 5.5;
  await fillRegistry(server, models);
  const folder = await context.folder();
  await writeManifests(
    folder,
    modelNames(models).map((model) => ({ model, version: '3', alias: 'champion' })),
  );
  const [ours, single, double]: [Snapshot[], number[], number[]] = [[], [], []];
  for (let round = 0; round < rounds; round += 1) {
    single.push(await readPages(server.url, models, { connections: 'kept', inFlight: 1 }));
    ours.push(await watch(server, folder, models));
    double.push(await readPages(server.url, models, { connections: 'kept', inFlight: 2 }));
    context.say(
      `snapshot: bare ${single.at(-1)} s, two at once ${double.at(-1)} s, ours ${JSON.stringify(ours.at(-1))}`,
    );
  }
  const seconds = ours.map((one) => one.seconds);
  const most = (values: readonly number[]): number => Math.max(...values);
  const requests = most(ours.map((one) => one.requests));
  const look = most(ours.map((one) => one.look));
  const further = most(ours.map((one) => one.further));
  const writes = most(ours.map((one) => one.writes));
  return {
    rows: [
      {
        what: `full snapshot of ${models} models, ${versions} versions: requests`,
        ours: String(requests),
        goal: `≤ ${GOAL_REQUESTS}`,
        met: requests <= GOAL_REQUESTS,
      },
      {
        what: '– seconds, against the same pages one after the other',
        ours: spread(seconds),
        peer: spread(single),
        ratio: rounded(median(seconds) / median(single)),
      },
      {
        what: '– seconds, against the same pages two at once',
        ours: spread(seconds),
        peer: spread(double),
        ratio: rounded(median(seconds) / median(double)),
      },
      { what: 'look for changes: requests', ours: String(look), goal: '1', met: look === 1 },
      {
        what: `${models} promotions that are up to date: further requests`,
        ours: String(further),
        goal: '0',
        met: further === 0,
      },
      { what: '– writes', ours: String(writes), goal: '0', met: writes === 0 },
      { what: '– seconds from start to the last one ready', ours: spread(ours.map((one) => one.ready)) },
    ],
    notes: [
      'The daemon runs on the default server on SQLite with every model declared; requests and writes are read from its `/metrics`. The peer is a loop over undici that asks for the same pages and parses nothing.',
    ],
  };
}

async function watch(server: MlflowProcess, folder: string, promotions: number): Promise<Snapshot> {
  const args = [
    '--source',
    'folder',
    '--path',
    folder,
    '--registry-uri',
    server.url,
    '--sweep-interval',
    '3s',
  ];
  await using daemon = await startDaemon(args);
  const swept = await daemon.logged(({ msg }) => msg === 'a registry was read');
  const end = await daemon.until((metrics) => readyIn(metrics) >= promotions);
  const look = await watchLooks(daemon);
  const metrics = await daemon.metrics();
  const writes = WRITE_CALLS.reduce((sum, call) => sum + (metrics.requests().get(call) ?? 0), 0);
  return {
    seconds: Number(swept['milliseconds']) / 1_000,
    requests: Number(swept['requests']),
    ...look,
    writes,
    ready: (end - daemon.startedAt) / 1_000,
  };
}

interface StatusPage {
  readonly registries: readonly {
    readonly status: { readonly lastSweep?: { time: string; requests: number; kind: string } };
  }[];
}

/** Watches looks for changes go by, and what else is asked meanwhile. */
async function watchLooks(daemon: Daemon): Promise<{ look: number; further: number }> {
  const total = async (): Promise<number> =>
    [...(await daemon.metrics()).requests().values()].reduce((sum, count) => sum + count, 0);
  let [seen, most, counted] = ['', 0, 0];
  let before: number | undefined;
  for (let looks = 0; looks <= LOOKS;) {
    const page = (await (await fetch(`${daemon.url}/status`)).json()) as StatusPage;
    const sweep = page.registries[0]?.status.lastSweep;
    if (sweep?.kind === 'Changes' && sweep.time !== seen) {
      seen = sweep.time;
      looks += 1;
      const now = await total();
      if (before !== undefined) {
        most = Math.max(most, sweep.requests);
        counted += sweep.requests;
      }
      before ??= now;
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return { look: most, further: (await total()) - (before ?? 0) - counted };
}

/** Seconds to fetch all pages, whose tokens are known beforehand. */
async function readPages(url: string, models: number, policy: Policy): Promise<number> {
  const paths = [
    ...pages('/registered-models/search', ['name ASC'], MODELS_A_PAGE, models),
    ...pages('/model-versions/search', ['name ASC', 'version_number ASC'], VERSIONS_A_PAGE, models * 5.5),
  ];
  const bare = new Bare(url, policy);
  const left = paths.values();
  const started = performance.now();
  const work = async (): Promise<void> => {
    for (const path of left) await bare.send({ method: 'GET', path });
  };
  await Promise.all(Array.from({ length: policy.inFlight }, work));
  const seconds = (performance.now() - started) / 1_000;
  await bare.close();
  return seconds;
}

function pages(path: string, order: readonly string[], size: number, rows: number): string[] {
  return Array.from({ length: Math.ceil(rows / size) }, (_, page) => {
    const query = new URLSearchParams({ max_results: String(size) });
    for (const one of order) query.append('order_by', one);
    const token = Buffer.from(JSON.stringify({ offset: page * size })).toString('base64');
    if (page > 0) query.append('page_token', token);
    return `${path}?${query.toString()}`;
  });
}
