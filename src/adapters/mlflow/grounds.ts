/**
 * What rules go by beside models and versions: how good versions are, and what a source stands for. What is asked for at
 * the same moment is read together, and what was read serves for a while.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Evidence, EvidenceOf } from '../../domain/evidence.ts';
import {
  plainSource,
  sampleKey,
  type Grounds,
  type Question,
  type ResolvedSource,
  type SampleOf,
} from '../../domain/grounds.ts';
import type { Fact, Version } from '../../domain/observed.ts';
import { unlessAborted } from './abort.ts';
import { RegistryError } from './errors.ts';
import { unknownFrom } from './sweep.ts';
import type { TrackingCalls } from './tracking.ts';
import type { WireLoggedModel, WireRun } from './wire-runs.ts';

type Output = NonNullable<NonNullable<WireRun['outputs']>['model_outputs']>[number];

/** Milliseconds that a first asker waits for company. */
const WINDOW = 5;
const MOST_KNOWN = 20_000;

export interface GroundsOptions {
  readonly calls: TrackingCalls;
  /** @throws nothing but the signal's reason */
  readonly evidence: (versions: readonly Version[], signal: AbortSignal) => Promise<EvidenceOf>;
  /** For how many milliseconds what was read serves. */
  readonly fresh: number;
  /** Ends all readings. */
  readonly closing: AbortSignal;
}

export class GroundsReader {
  readonly #options: GroundsOptions;
  readonly #evidence: Recent<Evidence>;
  readonly #sources: Recent<ResolvedSource>;
  readonly #samples: Recent<readonly number[]>;
  #wanted = new Map<string, Version>();
  #next: Promise<void> | undefined;

  constructor(options: GroundsOptions) {
    this.#options = options;
    this.#evidence = new Recent(options.fresh);
    this.#sources = new Recent(options.fresh);
    this.#samples = new Recent(options.fresh);
  }

  async read({ versions, sources }: Question, signal: AbortSignal): Promise<Omit<Grounds, 'samples'>> {
    const [evidence, resolved] = await Promise.all([
      this.#readEvidence(versions, signal),
      Promise.all(sources.map(async (source) => [source, await this.#readSource(source, signal)] as const)),
    ]);
    return { evidence, sources: new Map(resolved) };
  }

  async #readEvidence(
    versions: readonly Version[],
    signal: AbortSignal,
  ): Promise<Map<string, Fact<Evidence>>> {
    const stale = versions.filter((version) => this.#evidence.fresh(keyOf(version)) === undefined);
    for (const version of stale) this.#wanted.set(keyOf(version), version);
    if (stale.length > 0) await unlessAborted(this.#readSoon(), signal);
    return new Map(
      versions.map((version) => [version.version, this.#evidence.last(keyOf(version)) ?? UNREAD]),
    );
  }

  #readSoon(): Promise<void> {
    this.#next ??= pause(WINDOW).then(() => {
      const versions = [...this.#wanted.values()];
      this.#wanted = new Map();
      this.#next = undefined;
      return this.#readTogether(versions);
    });
    return this.#next;
  }

  async #readTogether(versions: readonly Version[]): Promise<void> {
    const { evidence, closing } = this.#options;
    const facts = await evidence(versions, closing);
    for (const [version, fact] of facts) this.#evidence.learn(keyOf(version), fact);
  }

  async samples(of: readonly SampleOf[], signal: AbortSignal): Promise<Grounds['samples']> {
    const distinct = new Map(of.map((one) => [sampleKey(one), one]));
    const read = [...distinct].map(
      async ([key, one]) => [key, await this.#readSample(key, one, signal)] as const,
    );
    return new Map(await Promise.all(read));
  }

  async #readSample(
    key: string,
    { runId, metric }: SampleOf,
    signal: AbortSignal,
  ): Promise<Fact<readonly number[]>> {
    const known = this.#samples.fresh(key);
    if (known !== undefined) return known;
    const { calls, closing } = this.#options;
    const reading = factOf(() => Array.fromAsync(calls.history(runId, metric, closing)));
    const fact = await unlessAborted(reading, signal);
    this.#samples.learn(key, fact);
    return fact;
  }

  async #readSource(source: string, signal: AbortSignal): Promise<Fact<ResolvedSource>> {
    const known = this.#sources.fresh(source);
    if (known !== undefined) return known;
    const fact = await unlessAborted(
      factOf(() => this.#resolve(source)),
      signal,
    );
    if (fact.kind === 'known') this.#sources.learn(source, fact);
    return fact;
  }

  /** @throws RegistryError; one that is not found means that there is no such source */
  #resolve(declared: string): Promise<ResolvedSource> {
    const [, runId, path] = /^runs:\/([^/]+)\/(.+)$/.exec(declared) ?? [];
    if (runId !== undefined && path !== undefined)
      return this.#resolveRun(declared, runId, plainSource(path));
    return this.#resolveLogged(declared, declared.slice('models:/'.length));
  }

  /**
   * What MLflow's own client registers (mlflow/tracking/_model_registry/fluent.py, _register_model): of the run's logged
   * models of that name, which MLflow 3 makes, the one of the largest step, or a folder of the run's artifacts that holds a
   * model. The client looks at the folder first; both under one name are not met, and a server may be kept from its files.
   */
  async #resolveRun(declared: string, runId: string, path: string): Promise<ResolvedSource> {
    const { info, outputs } = await this.#run(runId);
    const folder = `${plainSource(info.artifact_uri ?? '')}/${path}`;
    const isDeleted = info.lifecycle_stage === 'deleted';
    const named = await this.#loggedAs(path, outputs?.model_outputs ?? []);
    if (named !== undefined) {
      const { model_id: modelId } = named.info;
      const names = new Set([declared, folder, ...namesOf(named)]);
      return { declared, names, source: `models:/${modelId}`, runId, modelId, isDeleted };
    }
    const { calls, closing } = this.#options;
    const files = await calls.artifacts(runId, path, closing);
    if (!files.includes(`${path}/MLmodel`)) throw missing(`run ${runId} has no model at ${path}`);
    const names = new Set([declared, folder]);
    return { declared, names, source: folder, runId, modelId: undefined, isDeleted };
  }

  /** Of several of one name the one of the largest step, and of those the newest. One that was deleted does not count. */
  async #loggedAs(path: string, outputs: readonly Output[]): Promise<WireLoggedModel | undefined> {
    const models = await Promise.all(
      outputs.map(async ({ model_id: id, step = 0 }) => {
        const model = await this.#logged(id).catch(unlessThere);
        return model === undefined ? [] : [{ step, model }];
      }),
    );
    const created = ({ info }: WireLoggedModel): number => info.creation_timestamp_ms ?? 0;
    return models
      .flat()
      .filter(({ model: { info } }) => info.name === path)
      .sort((a, b) => a.step - b.step || created(a.model) - created(b.model))
      .at(-1)?.model;
  }

  async #resolveLogged(declared: string, modelId: string): Promise<ResolvedSource> {
    const model = await this.#logged(modelId);
    const { source_run_id: runId = '', name } = model.info;
    const inRun = runId === '' || name === undefined ? [] : [`runs:/${runId}/${name}`];
    const names = new Set([declared, ...namesOf(model), ...inRun]);
    return { declared, names, source: `models:/${modelId}`, runId, modelId };
  }

  #run(runId: string): ReturnType<TrackingCalls['run']> {
    return this.#options.calls.run(runId, this.#options.closing);
  }

  #logged(modelId: string): Promise<WireLoggedModel> {
    return this.#options.calls.loggedModel(modelId, this.#options.closing);
  }
}

function namesOf({ info }: WireLoggedModel): string[] {
  const folder = plainSource(info.artifact_uri ?? '');
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

/** What was read lately, by its key. What just could not be read is read again at once. */
class Recent<T> {
  readonly #fresh: number;
  readonly #known = new Map<string, { readonly fact: Fact<T>; readonly at: number }>();

  /** @param fresh for how many milliseconds a reading serves */
  constructor(fresh: number) {
    this.#fresh = fresh;
  }

  fresh(key: string): Fact<T> | undefined {
    const known = this.#known.get(key);
    if (known === undefined || performance.now() - known.at >= this.#fresh) return undefined;
    const { fact } = known;
    return fact.kind === 'unknown' && fact.reason === 'RegistryUnavailable' ? undefined : fact;
  }

  /** However old. */
  last(key: string): Fact<T> | undefined {
    return this.#known.get(key)?.fact;
  }

  learn(key: string, fact: Fact<T>): void {
    this.#known.delete(key);
    this.#known.set(key, { fact, at: performance.now() });
    const [oldest] = this.#known.keys();
    if (this.#known.size > MOST_KNOWN && oldest !== undefined) this.#known.delete(oldest);
  }
}

/** Whose evidence it is: that of a run, and of a logged model. */
function keyOf({ runId, source }: Version): string {
  return `${runId}\n${source}`;
}

function unlessThere(error: unknown): undefined {
  if (!(error instanceof RegistryError && error.notFound)) throw error;
}

function missing(message: string): RegistryError {
  return new RegistryError('permanent', message, { code: 'RESOURCE_DOES_NOT_EXIST' });
}

const UNREAD: Fact<never> = {
  kind: 'unknown',
  reason: 'RegistryUnavailable',
  message: 'the run was not read',
};
