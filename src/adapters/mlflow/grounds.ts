/**
 * What rules go by beside models and versions: runs with their metrics, and what a source stands for. Runs that are
 * asked for at the same moment are read together, and what was read serves for a while.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Grounds, Question, ResolvedSource, Run } from '../../domain/grounds.ts';
import type { Fact } from '../../domain/observed.ts';
import { unlessAborted } from './abort.ts';
import type { MlflowClient } from './client.ts';
import { RegistryError } from './errors.ts';
import { unknownFrom } from './sweep.ts';
import { toRun, type WireLoggedModel, type WireRun } from './wire.ts';

/** Milliseconds that a first asker waits for company. */
const WINDOW = 5;
/** Up to so many runs are asked for by id; more by a search, which needs the ids of the experiments. */
const FEW = 2;
const CHUNK = 500;
const MOST_KNOWN = 20_000;

interface Known<T> {
  readonly fact: Fact<T>;
  /** By `performance.now()`. */
  readonly at: number;
}

export interface GroundsOptions {
  readonly client: MlflowClient;
  /** For how many milliseconds what was read serves. */
  readonly fresh: number;
  /** Ends all readings. */
  readonly closing: AbortSignal;
}

export class GroundsReader {
  readonly #options: GroundsOptions;
  readonly #runs = new Map<string, Known<Run>>();
  readonly #sources = new Map<string, Known<ResolvedSource>>();
  #wanted = new Set<string>();
  #next: Promise<void> | undefined;
  #experiments: readonly string[] | undefined;

  constructor(options: GroundsOptions) {
    this.#options = options;
  }

  async read({ runIds, sources }: Question, signal: AbortSignal): Promise<Grounds> {
    const [runs, resolved] = await Promise.all([
      this.#readRuns(runIds, signal),
      Promise.all(sources.map(async (source) => [source, await this.#readSource(source, signal)] as const)),
    ]);
    return { runs, sources: new Map(resolved) };
  }

  async #readRuns(ids: readonly string[], signal: AbortSignal): Promise<Map<string, Fact<Run>>> {
    const stale = ids.filter((id) => !this.#isFresh(this.#runs.get(id)));
    for (const id of stale) this.#wanted.add(id);
    if (stale.length > 0) await unlessAborted(this.#readSoon(), signal);
    return new Map(ids.flatMap((id) => [[id, this.#runs.get(id)?.fact ?? UNREAD] as const]));
  }

  #isFresh(known: Known<unknown> | undefined): boolean {
    return (
      known !== undefined &&
      known.fact.kind !== 'unknown' &&
      performance.now() - known.at < this.#options.fresh
    );
  }

  #readSoon(): Promise<void> {
    this.#next ??= pause(WINDOW).then(() => {
      const ids = [...this.#wanted];
      this.#wanted = new Set();
      this.#next = undefined;
      return this.#readTogether(ids);
    });
    return this.#next;
  }

  async #readTogether(ids: readonly string[]): Promise<void> {
    if (ids.length <= FEW) {
      await Promise.all(
        ids.map(async (id) => this.#learn(id, await factOf(() => this.#run(id).then(toRun)))),
      );
      return;
    }
    for (let at = 0; at < ids.length; at += CHUNK) await this.#search(ids.slice(at, at + CHUNK));
  }

  /** A run that a known experiment does not hold may be in a new one. */
  async #search(ids: readonly string[]): Promise<void> {
    try {
      const known = this.#experiments;
      const found = await this.#found(ids, known ?? (await this.#readExperiments()));
      const missing = known === undefined ? [] : ids.filter((id) => !found.has(id));
      const later =
        missing.length === 0 ? new Map() : await this.#found(missing, await this.#readExperiments());
      for (const id of ids) {
        const run = found.get(id) ?? later.get(id);
        this.#learn(id, run === undefined ? { kind: 'absent' } : { kind: 'known', value: toRun(run) });
      }
    } catch (error) {
      const unknown = unknownFrom(error);
      for (const id of ids) this.#learn(id, unknown);
    }
  }

  async #found(ids: readonly string[], experiments: readonly string[]): Promise<Map<string, WireRun>> {
    if (experiments.length === 0) return new Map();
    const { client, closing } = this.#options;
    const runs = await Array.fromAsync(client.runs(ids, experiments, closing));
    return new Map(runs.map((run) => [run.info.run_id, run]));
  }

  async #readExperiments(): Promise<readonly string[]> {
    const { client, closing } = this.#options;
    this.#experiments = await Array.fromAsync(client.experiments(closing));
    return this.#experiments;
  }

  #learn(id: string, fact: Fact<Run>): void {
    this.#runs.delete(id);
    this.#runs.set(id, { fact, at: performance.now() });
    const [oldest] = this.#runs.keys();
    if (this.#runs.size > MOST_KNOWN && oldest !== undefined) this.#runs.delete(oldest);
  }

  async #readSource(source: string, signal: AbortSignal): Promise<Fact<ResolvedSource>> {
    const known = this.#sources.get(source);
    if (known !== undefined && this.#isFresh(known)) return known.fact;
    const fact = await unlessAborted(
      factOf(() => this.#resolve(source)),
      signal,
    );
    if (fact.kind === 'known') this.#sources.set(source, { fact, at: performance.now() });
    return fact;
  }

  /** @throws RegistryError; one that is not found means that there is no such source */
  #resolve(declared: string): Promise<ResolvedSource> {
    const [, runId, path] = /^runs:\/([^/]+)\/(.+)$/.exec(declared) ?? [];
    if (runId !== undefined && path !== undefined)
      return this.#resolveRun(declared, runId, path.replace(/\/+$/, ''));
    return this.#resolveLogged(declared, declared.slice('models:/'.length));
  }

  /**
   * As MLflow's own client does (mlflow/tracking/_model_registry/fluent.py, _register_model): a logged model of that
   * name, which MLflow 3 makes, or a folder of the run's artifacts that holds a model.
   */
  async #resolveRun(declared: string, runId: string, path: string): Promise<ResolvedSource> {
    const { info, outputs } = await this.#run(runId);
    const folder = `${(info.artifact_uri ?? '').replace(/\/+$/, '')}/${path}`;
    const ids = (outputs?.model_outputs ?? []).map(({ model_id: id }) => id);
    const models = await Promise.all(ids.map((id) => this.#logged(id)));
    const named = models.filter(({ info: { name } }) => name === path);
    const names = new Set([declared, folder, ...named.flatMap(namesOf)]);
    const modelId = named.at(-1)?.info.model_id;
    if (modelId !== undefined) return { declared, names, source: `models:/${modelId}`, runId, modelId };
    const { client, closing } = this.#options;
    const files = await client.artifacts(runId, path, closing);
    if (!files.includes(`${path}/MLmodel`)) throw missing(`run ${runId} has no model at ${path}`);
    return { declared, names, source: folder, runId, modelId: undefined };
  }

  async #resolveLogged(declared: string, modelId: string): Promise<ResolvedSource> {
    const model = await this.#logged(modelId);
    const { source_run_id: runId = '', name } = model.info;
    const inRun = runId === '' || name === undefined ? [] : [`runs:/${runId}/${name}`];
    const names = new Set([declared, ...namesOf(model), ...inRun]);
    return { declared, names, source: `models:/${modelId}`, runId, modelId };
  }

  #run(runId: string): Promise<WireRun> {
    return this.#options.client.run(runId, this.#options.closing);
  }

  #logged(modelId: string): Promise<WireLoggedModel> {
    return this.#options.client.loggedModel(modelId, this.#options.closing);
  }
}

function namesOf({ info }: WireLoggedModel): string[] {
  const folder = (info.artifact_uri ?? '').replace(/\/+$/, '');
  return [`models:/${info.model_id}`, ...(folder === '' ? [] : [folder])];
}

async function factOf<T>(read: () => Promise<T>): Promise<Fact<T>> {
  try {
    return { kind: 'known', value: await read() };
  } catch (error) {
    if (error instanceof RegistryError && error.notFound) return { kind: 'absent' };
    return unknownFrom(error);
  }
}

function missing(message: string): RegistryError {
  return new RegistryError('permanent', message, { code: 'RESOURCE_DOES_NOT_EXIST' });
}

const UNREAD: Fact<never> = {
  kind: 'unknown',
  reason: 'RegistryUnavailable',
  message: 'the run was not read',
};
