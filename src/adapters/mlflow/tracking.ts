/** The calls of MLflow's tracking API that we use: what runs and logged models say of themselves. */
import type { Parsed } from './client.ts';
import { once, pages } from './paging.ts';
import type { Call } from './transport.ts';
import {
  readArtifacts,
  readExperimentPage,
  readHistoryPage,
  readLoggedModel,
  readLoggedModelPage,
  readRun,
  readRunPage,
  type WireLoggedModel,
  type WireRun,
} from './wire-runs.ts';
import { parseJson, type Page } from './wire.ts';

const API = '/api/2.0/mlflow';
const EXPERIMENTS = `${API}/experiments/search`;
const RUNS = `${API}/runs/search`;
const LOGGED_MODELS = `${API}/logged-models`;
/** A page may take a server seconds. */
const PAGE_TIMEOUT = 180_000;
/** MLflow's own maximum is 50,000. */
const EXPERIMENTS_A_PAGE = 10_000;
const VALUES_A_PAGE = 10_000;
/** A metric of so many steps is a curve of training, and no repeated measurement. */
const MOST_VALUES = 100_000;

type Read<T> = Parsed<T> & Pick<Call, 'path' | 'query' | 'body'> & { readonly timeout?: number };
type Send = <T>(read: Read<T>, signal: AbortSignal) => Promise<T>;

/** Some objects by their ids, in some experiments. */
export interface ById {
  readonly experiments: readonly string[];
  readonly ids: readonly string[];
}

export class TrackingCalls {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** The ids of all experiments that we may see, deleted ones too: a search for runs wants them. */
  experiments(signal: AbortSignal): AsyncGenerator<string> {
    const body = { max_results: EXPERIMENTS_A_PAGE, view_type: 'ALL' };
    const search = { name: 'search-experiments', path: EXPERIMENTS, read: readExperimentPage, body };
    return once(this.#pages(search, signal), (id) => id);
  }

  run(id: string, signal: AbortSignal): Promise<WireRun> {
    const [path, query] = [`${API}/runs/get`, { run_id: id }];
    return this.#send(
      { name: 'get-run', path, query, parse: (answer) => readRun(parseJson(answer)) },
      signal,
    );
  }

  /** Those that are there, with the last value of each metric; deleted ones too, which say so. */
  runs({ experiments, ids }: ById, signal: AbortSignal): AsyncGenerator<WireRun> {
    const filter = `attributes.run_id IN (${listed(ids)})`;
    const body = { experiment_ids: experiments, filter, run_view_type: 'ALL', max_results: ids.length };
    return this.#pages({ name: 'search-runs', path: RUNS, read: readRunPage, body }, signal);
  }

  loggedModel(id: string, signal: AbortSignal): Promise<WireLoggedModel> {
    const path = `${LOGGED_MODELS}/${encodeURIComponent(id)}`;
    const parse: Read<WireLoggedModel>['parse'] = (answer) => readLoggedModel(parseJson(answer));
    return this.#send({ name: 'get-logged-model', path, parse }, signal);
  }

  /** Those that are there, with every value that was logged for them. */
  loggedModels({ experiments, ids }: ById, signal: AbortSignal): AsyncGenerator<WireLoggedModel> {
    const filter = `model_id IN (${listed(ids)})`;
    const body = { experiment_ids: experiments, filter, max_results: ids.length };
    const [name, path] = ['search-logged-models', `${LOGGED_MODELS}/search`];
    return this.#pages({ name, path, read: readLoggedModelPage, body }, signal);
  }

  /** Every value of a metric of a run, in no order, up to `MOST_VALUES`. */
  async *history(runId: string, metric: string, signal: AbortSignal): AsyncGenerator<number> {
    const turn = (token: string | undefined): Promise<Page<number>> =>
      this.#send(
        {
          name: 'get-metric-history',
          path: `${API}/metrics/get-history`,
          query: {
            run_id: runId,
            metric_key: metric,
            max_results: String(VALUES_A_PAGE),
            ...(token === undefined ? {} : { page_token: token }),
          },
          parse: (answer) => readHistoryPage(parseJson(answer)),
        },
        signal,
      );
    let count = 0;
    for await (const page of pages(turn)) {
      yield* page;
      count += page.length;
      if (count >= MOST_VALUES) return;
    }
  }

  /** Paths of the files below a folder of a run's artifacts. */
  artifacts(runId: string, path: string, signal: AbortSignal): Promise<string[]> {
    const parse: Read<string[]>['parse'] = (answer) => readArtifacts(parseJson(answer));
    const query = { run_id: runId, path };
    return this.#send({ name: 'list-artifacts', path: `${API}/artifacts/list`, query, parse }, signal);
  }

  /** The file MLmodel of a version, from wherever its files are. */
  modelFile(name: string, version: string, signal: AbortSignal): Promise<string> {
    const query = { name, version, path: 'MLmodel' };
    const path = '/model-versions/get-artifact';
    return this.#send({ name: 'get-artifact', path, query, parse: ({ body }) => body }, signal);
  }

  async *#pages<T>({ name, path, read, body }: PagedSearch<T>, signal: AbortSignal): AsyncGenerator<T> {
    const parse: Read<Page<T>>['parse'] = (answer) => read(parseJson(answer));
    const turn = (token: string | undefined): Promise<Page<T>> =>
      this.#send(
        {
          name,
          path,
          body: token === undefined ? body : { ...body, page_token: token },
          parse,
          timeout: PAGE_TIMEOUT,
        },
        signal,
      );
    for await (const page of pages(turn)) yield* page;
  }
}

interface PagedSearch<T> {
  readonly name: string;
  readonly path: string;
  readonly read: (answer: unknown) => Page<T>;
  readonly body: object;
}

/** Ids that were found in a registry may hold anything; those of MLflow hold neither quotes nor backslashes. */
export function isListable(id: string): boolean {
  return /^[\w-]+$/.test(id);
}

function listed(ids: readonly string[]): string {
  return ids.map((id) => `'${id}'`).join(',');
}
