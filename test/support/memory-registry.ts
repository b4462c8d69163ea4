/** A Model Registry in memory: what MLflow does with our reads and writes, and the ways in which it fails. */
import { describeAction, simulate, isDone, type Action, type Register } from '../../src/domain/action.ts';
import type { Evidence } from '../../src/domain/evidence.ts';
import {
  sampleKey,
  type Grounds,
  type Question,
  type ResolvedSource,
  type SampleOf,
} from '../../src/domain/grounds.ts';
import type { Fact, Model, UnknownReason } from '../../src/domain/observed.ts';
import { missingModel } from '../../src/domain/registration.ts';
import type { Mark } from '../../src/domain/provenance.ts';
import { WriteError, type Registries, type Registry } from '../../src/reconcile/ports.ts';
import { KeyedMutex } from '../../src/runtime/limiter.ts';
import { anEvidence, aVersion, unavailable } from './builders.ts';

export type Fault =
  /** The connection breaks before the server has done anything. */
  | 'lost before'
  /** The server does it, and its answer is lost. */
  | 'lost after'
  | { readonly refuse: UnknownReason };

/** The process dies: nothing of ours catches this. */
export class Killed extends Error {}

export class MemoryRegistry implements Registry {
  readonly #models = new Map<string, Model>();
  readonly #writers = new KeyedMutex();
  readonly #faults: Fault[] = [];
  #swept: ReadonlyMap<string, Model> | undefined;
  /** What a read replica still shows, one answer each. */
  #stale: Fact<Model>[] = [];
  /** Every action that the server carried out, in words. */
  readonly written: string[] = [];
  readonly marks: Mark[] = [];
  /** Metrics by run. */
  readonly runs = new Map<string, Readonly<Record<string, number>>>();
  /** Every logged value, by `sampleKey`. */
  readonly values = new Map<string, readonly number[]>();
  /** What there is to register, by the declared source. */
  readonly sources = new Map<string, ResolvedSource>();
  /** The highest number that a version ever had. */
  #highest = 0;
  /** Writes that changed nothing, which we should never send. */
  readonly wasted: string[] = [];
  reads = 0;
  down = false;
  /** Models that cannot be read although the rest can. */
  readonly unreadable = new Set<string>();
  marksRefused = false;
  /** Dies right after this many writes and marks. */
  diesAfter = Infinity;
  /** Called before a write is carried out: somebody else is quicker. */
  intrude: (() => void) | undefined;
  /** Called while a reading is on its way. */
  meanwhile: (() => void) | undefined;

  constructor(...models: readonly Model[]) {
    for (const model of models) this.#models.set(model.name, model);
  }

  get(name = 'churn'): Model {
    const model = this.#models.get(name);
    if (model === undefined) throw new Error(`there is no model ${name}`);
    return model;
  }

  /** Somebody changes the registry by hand. */
  change(model: Model): void {
    this.#models.set(model.name, model);
  }

  remove(name: string): void {
    this.#models.delete(name);
  }

  /** Fails the next writes, one after the other. */
  failNext(...faults: readonly Fault[]): void {
    this.#faults.push(...faults);
  }

  /** The next readings show what is there now, whatever is written meanwhile. */
  lagFor(readings: number, name = 'churn'): void {
    this.#stale = Array.from({ length: readings }, () => this.#fact(name));
  }

  sweep(): void {
    this.#swept = new Map(this.#models);
  }

  snapshot(name: string): Fact<Model> | undefined {
    const model = this.#swept?.get(name);
    if (model !== undefined) return { kind: 'known', value: model };
    return this.#swept && { kind: 'absent' };
  }

  read(name: string, signal: AbortSignal): Promise<Fact<Model>> {
    signal.throwIfAborted();
    this.reads += 1;
    this.meanwhile?.();
    const failed = this.down || this.unreadable.has(name);
    return Promise.resolve(failed ? unavailable : (this.#stale.shift() ?? this.#fact(name)));
  }

  samples(of: readonly SampleOf[]): Promise<Grounds['samples']> {
    return Promise.resolve(
      new Map(
        of.map((one) => [sampleKey(one), { kind: 'known', value: this.values.get(sampleKey(one)) ?? [] }]),
      ),
    );
  }

  grounds({ versions, sources }: Question): Promise<Omit<Grounds, 'samples'>> {
    const factOf = <T>(value: T | undefined): Fact<T> =>
      value === undefined ? { kind: 'absent' } : { kind: 'known', value };
    const readingOf = <T>(value: T | undefined): Fact<T> => (this.down ? unavailable : factOf(value));
    return Promise.resolve({
      evidence: new Map(versions.map(({ version, runId }) => [version, readingOf(this.#evidence(runId))])),
      sources: new Map(sources.map((source) => [source, readingOf(this.sources.get(source))])),
    });
  }

  #evidence(runId: string): Evidence | undefined {
    const metrics = this.runs.get(runId);
    return metrics && anEvidence({ metrics });
  }

  async write(name: string, action: Action, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.intrude?.();
    const fault = this.#faults.shift();
    if (this.down || fault === 'lost before') throw lost();
    if (typeof fault === 'object') throw new WriteError(fault.refuse, false, 'the registry refused');
    const model = action.kind === 'CreateModel' ? missingModel(name) : this.get(name);
    refuseAsMlflowDoes(model, action);
    if (isDone(model, action)) this.wasted.push(describeAction(action));
    this.change(action.kind === 'Register' ? this.#register(model, action) : simulate(model, action));
    this.written.push(describeAction(action));
    this.#mayDie();
    if (fault === 'lost after') throw lost();
    await Promise.resolve();
  }

  /** A new version each time, with a number that was never used. */
  #register(model: Model, { description, source, runId, tags }: Register): Model {
    this.#highest = Math.max(this.#highest, ...[...model.versions.keys()].map(Number)) + 1;
    const version = aVersion(String(this.#highest), {
      description,
      source,
      runId,
      tags,
    });
    return { ...model, versions: new Map(model.versions).set(version.version, version) };
  }

  async mark(name: string, mark: Mark, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.marksRefused) throw new WriteError('AccessDenied', false, 'the registry answered 403');
    const model = this.get(name);
    const version = mark.version === undefined ? undefined : model.versions.get(mark.version);
    const tags = new Map((version ?? model).tags);
    if (mark.value === '') tags.delete(mark.key);
    else tags.set(mark.key, mark.value);
    this.change(
      version === undefined
        ? { ...model, tags }
        : { ...model, versions: new Map(model.versions).set(version.version, { ...version, tags }) },
    );
    this.marks.push(mark);
    this.#mayDie();
    await Promise.resolve();
  }

  exclusive<T>(name: string, work: () => Promise<T>): Promise<T> {
    return this.#writers.run(name, work);
  }

  #fact(name: string): Fact<Model> {
    const model = this.#models.get(name);
    return model === undefined ? { kind: 'absent' } : { kind: 'known', value: model };
  }

  #mayDie(): void {
    this.diesAfter -= 1;
    if (this.diesAfter <= 0) throw new Killed();
  }
}

function lost(): WriteError {
  return new WriteError('RegistryUnavailable', true, 'no answer came');
}

/** Facts 3.1, 3.2 and 4.1 of MLflow's registry. */
function refuseAsMlflowDoes({ versions }: Model, action: Action): void {
  if (
    action.kind === 'Transition' &&
    action.archiveExisting &&
    !['Staging', 'Production'].includes(action.to)
  ) {
    throw new WriteError('RegistryRefused', false, 'cannot archive existing model versions');
  }
  if ('version' in action && !versions.has(action.version)) {
    throw new WriteError('RegistryRefused', true, `version ${action.version} not found`);
  }
}

/** Every promotion may use the one registry. */
export function only(registry: Registry): Registries {
  return {
    update: () => Promise.resolve(),
    resolve: () => ({ kind: 'found', registry, address: 'memory', mayRegister: true }),
  };
}
