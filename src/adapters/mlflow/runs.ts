/**
 * Evidence of many versions in the fewest requests. Runs and logged models are searched by their ids, which wants the
 * ids of all experiments first; a single one is asked for by its name instead.
 */
import {
  lastOfEach,
  loggedModelOf,
  settleMetrics,
  type Evidence,
  type EvidenceOf,
  type Measurement,
} from '../../domain/evidence.ts';
import type { Fact, Version } from '../../domain/observed.ts';
import { RegistryError } from './errors.ts';
import { unknownFrom } from './sweep.ts';
import { isListable, type ById, type TrackingCalls } from './tracking.ts';
import { toNumber, type WireLoggedModel, type WireRun } from './wire-runs.ts';
import { toTags } from './wire.ts';

/** Ids a request; MLflow's parser gives up beyond some 4,500. */
const RUNS = 1_000;
/** A logged model comes with every value that was ever logged for it. */
const LOGGED_MODELS = 250;
/** Experiments a request: databases limit how many values one statement has. */
const EXPERIMENTS = 5_000;

type Facts<T> = ReadonlyMap<string, Fact<T>>;

/** @throws nothing but the signal's reason: what cannot be read is unknown */
export async function readEvidence(
  calls: TrackingCalls,
  versions: readonly Version[],
  signal: AbortSignal,
): Promise<EvidenceOf> {
  const reader = new TrackingReader(calls, signal);
  const [runs, models] = await Promise.all([
    reader.runs(versions.map(({ runId }) => runId)),
    reader.loggedModels(versions.map(loggedModelOf)),
  ]);
  const doubted = [...models.values()].flatMap((model) =>
    model.kind === 'known' ? zeros(model.value).map((measurement) => measurement.run) : [],
  );
  const further = await reader.runs(doubted.filter((id) => !runs.has(id)));
  const witnesses = new Map([...runs, ...further]);
  return new Map(
    versions.map((version) => [
      version,
      evidenceOf(runs.get(version.runId), models.get(loggedModelOf(version)), { version, witnesses }),
    ]),
  );
}

/** One reading: the experiments are listed once, and only when they are needed. */
class TrackingReader {
  readonly #calls: TrackingCalls;
  readonly #signal: AbortSignal;
  #listing: Promise<string[]> | undefined;
  #experiments: readonly string[] | undefined;

  constructor(calls: TrackingCalls, signal: AbortSignal) {
    this.#calls = calls;
    this.#signal = signal;
  }

  runs(ids: readonly string[]): Promise<Facts<WireRun>> {
    const calls = this.#calls;
    return this.#read(ids, {
      what: 'run',
      most: RUNS,
      one: (id) => calls.run(id, this.#signal),
      many: (search) => calls.runs(search, this.#signal),
      idOf: ({ info }) => info.run_id,
    });
  }

  loggedModels(ids: readonly string[]): Promise<Facts<WireLoggedModel>> {
    const calls = this.#calls;
    return this.#read(ids, {
      what: 'logged model',
      most: LOGGED_MODELS,
      one: (id) => calls.loggedModel(id, this.#signal),
      many: (search) => calls.loggedModels(search, this.#signal),
      idOf: ({ info }) => info.model_id,
    });
  }

  async #read<T>(ids: readonly string[], kind: Kind<T>): Promise<Facts<T>> {
    const distinct = [...new Set(ids)].filter((id) => id !== '');
    const listable = distinct.filter(isListable);
    const alone = listable.length === 1;
    const parts = await Promise.all([
      ...(alone ? [] : chunksOf(listable, kind.most)).map((chunk) => this.#readMany(chunk, kind)),
      ...(alone ? listable : []).map((id) => this.#readOne(id, kind)),
    ]);
    const found = new Map(parts.flat());
    return new Map(distinct.map((id) => [id, found.get(id) ?? missing(kind.what, id)]));
  }

  async #readOne<T>(id: string, kind: Kind<T>): Promise<[string, Fact<T>][]> {
    try {
      return [[id, { kind: 'known', value: await kind.one(id) }]];
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      // A search tells whether this one alone is kept from us, or everything is.
      if (error.status === 403) return this.#readMany([id], kind);
      return [[id, error.notFound ? missing(kind.what, id) : unknownFrom(error)]];
    }
  }

  /** What a server refuses as a whole is read in halves: the list, or the answer, was too long for it. */
  async #readMany<T>(ids: readonly string[], kind: Kind<T>): Promise<[string, Fact<T>][]> {
    try {
      return await this.#search(ids, kind);
    } catch (error) {
      const refused = error instanceof RegistryError && error.errorClass === 'permanent';
      if (!refused || this.#experiments === undefined || ids.length === 1)
        return ids.map((id) => [id, unknownFrom(error)]);
      const halves = chunksOf(ids, Math.ceil(ids.length / 2));
      return (await Promise.all(halves.map((half) => this.#readMany(half, kind)))).flat();
    }
  }

  async #search<T>(ids: readonly string[], { many, idOf }: Kind<T>): Promise<[string, Fact<T>][]> {
    this.#listing ??= Array.fromAsync(this.#calls.experiments(this.#signal));
    this.#experiments = await this.#listing;
    const found = new Map<string, T>();
    for (const experiments of chunksOf(this.#experiments, EXPERIMENTS)) {
      const left = ids.filter((id) => !found.has(id));
      if (left.length === 0) break;
      for await (const one of many({ experiments, ids: left })) found.set(idOf(one), one);
    }
    return [...found].map(([id, value]) => [id, { kind: 'known', value }]);
  }
}

interface Kind<T> {
  readonly what: string;
  /** Ids a request. */
  readonly most: number;
  readonly one: (id: string) => Promise<T>;
  readonly many: (search: ById) => AsyncIterable<T>;
  readonly idOf: (one: T) => string;
}

type Unknown = Extract<Fact<never>, { kind: 'unknown' }>;

function missing(what: string, id: string): Unknown {
  const message = `${what} ${id} was deleted, or our credentials may not read it`;
  return { kind: 'unknown', reason: 'RegistryRefused', message };
}

function evidenceOf(
  run: Fact<WireRun> | undefined,
  model: Fact<WireLoggedModel> | undefined,
  { version, witnesses }: { version: Version; witnesses: Facts<WireRun> },
): Fact<Evidence> {
  if (run === undefined && model === undefined) return { kind: 'absent' };
  for (const fact of [run, model]) if (fact?.kind === 'unknown') return fact;
  const wireRun = run?.kind === 'known' ? run.value : undefined;
  const wireModel = model?.kind === 'known' ? model.value : undefined;
  if (wireRun?.info.lifecycle_stage === 'deleted') {
    const message = `run ${version.runId} was deleted`;
    return { kind: 'unknown', reason: 'RegistryRefused', message };
  }
  const tags = toTags(wireRun?.data?.tags);
  return {
    kind: 'known',
    value: {
      run: version.runId,
      experiment: wireRun?.info.experiment_id ?? wireModel?.info.experiment_id ?? '',
      loggedModel: loggedModelOf(version),
      ...settleMetrics(
        wireRun === undefined ? [] : measurements(wireRun),
        wireModel === undefined ? [] : measurements(wireModel),
        (id, key) => lastOf(witnesses.get(id), key),
      ),
      params: new Map([...toTags(wireRun?.data?.params), ...toTags(wireModel?.data?.params)]),
      commit: tags.get('mlflow.source.git.commit'),
      datasets: datasetsOf(wireRun),
      signature: signatureOf(tags.get('mlflow.log-model.history'), version),
    },
  };
}

function measurements({ data }: WireRun | WireLoggedModel): Measurement[] {
  return (data?.metrics ?? []).map(({ key, value, timestamp = 0, step = 0, run_id: run = '' }) => ({
    key,
    value: toNumber(value),
    timestamp,
    step,
    run,
  }));
}

/** The zeros that count, which a NaN may hide behind. */
function zeros(model: WireLoggedModel): Measurement[] {
  return lastOfEach(measurements(model)).filter(({ value }) => value === 0);
}

function lastOf(run: Fact<WireRun> | undefined, key: string): Measurement | undefined {
  return run?.kind === 'known' ? measurements(run.value).find((one) => one.key === key) : undefined;
}

function datasetsOf(run: WireRun | undefined): Evidence['datasets'] {
  return (run?.inputs?.dataset_inputs ?? []).map(({ dataset, tags }) => ({
    name: dataset?.name ?? '',
    digest: dataset?.digest ?? '',
    context: toTags(tags).get('mlflow.data.context'),
  }));
}

interface LoggedInRun {
  readonly artifact_path?: unknown;
  readonly model_id?: unknown;
  readonly signature?: unknown;
}

/** A run lists the models that were logged in it; whose signature it is, the version's source tells. */
function signatureOf(history: string | undefined, version: Version): string | undefined {
  const logged = parseHistory(history);
  const model = loggedModelOf(version);
  const found =
    logged.find(({ model_id: id }) => model !== '' && id === model) ??
    logged.findLast(
      ({ artifact_path: path }) => typeof path === 'string' && version.source.endsWith(`/${path}`),
    );
  return found?.signature == null ? undefined : JSON.stringify(found.signature);
}

function parseHistory(history: string | undefined): LoggedInRun[] {
  try {
    const parsed = JSON.parse(history ?? '[]') as unknown;
    return Array.isArray(parsed)
      ? parsed.filter((one): one is LoggedInRun => typeof one === 'object' && one !== null)
      : [];
  } catch {
    return [];
  }
}

function chunksOf<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
