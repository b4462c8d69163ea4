/**
 * Reading a registry in bulk. MLflow's model search knows aliases, its version search knows stages; joined by
 * name they are the whole state. Neither has a "changed since", but models can be had newest first.
 */
import { isPrompt, type Fact, type Model, type UnknownReason, type Version } from '../../domain/observed.ts';
import { RegistryError } from './errors.ts';
import type { MlflowClient } from './client.ts';
import { nameFilters } from './filters.ts';
import { toModel, toVersion, type WireModel, type WireVersion } from './wire.ts';

/** A commit becomes visible after its timestamp was taken: this much of the past is looked at again (docs/mlflow.md). */
export const OVERLAP = 60_000;

type Facts = Map<string, Fact<Model>>;

/** What a bulk read meets that it cannot vouch for. */
export interface Noticed {
  /** A page of versions ends or begins with these models. */
  readonly turned: (names: readonly string[]) => void;
  /** Versions were found of a model that was not. */
  readonly orphaned: (name: string) => void;
}

/** The models of the whole registry, or those that these filters find. */
export async function readAll(
  client: MlflowClient,
  filters: readonly (string | undefined)[],
  signal: AbortSignal,
  noticed?: Noticed,
): Promise<Facts> {
  const models: WireModel[] = [];
  const versions = new Map<string, Version[]>();
  for (const filter of filters) {
    await Promise.all([
      collect(client.models({ filter, bulk: true }, signal), (model) => models.push(model)),
      collect(client.versions({ filter, bulk: true, turned: noticed?.turned }, signal), (version) =>
        group(versions, version),
      ),
    ]);
  }
  if (noticed !== undefined) {
    const names = new Set(models.map(({ name }) => name));
    for (const name of versions.keys()) if (!names.has(name)) noticed.orphaned(name);
  }
  return new Map(models.map((model) => [model.name, join(model, versions.get(model.name))]));
}

export interface ChangesOptions {
  /** When the model was last updated, as far as it is known. */
  readonly known: (name: string) => number | undefined;
  readonly watermark: number;
  readonly inOperator: boolean;
  /** Looks only at these models, and at no more rows than `most`. */
  readonly only?: { readonly names: ReadonlySet<string>; readonly most: number } | undefined;
}

export interface Changes {
  readonly facts: Facts;
  /** The watermark to look from next time. */
  readonly watermark: number;
  /** False when more changed than was looked at. */
  readonly complete: boolean;
}

/** Models that changed since the watermark, read whole. Alias and tag changes move no timestamp and are not seen. */
export async function readChanges(
  client: MlflowClient,
  { known, watermark, inOperator, only }: ChangesOptions,
  signal: AbortSignal,
): Promise<Changes> {
  const changed = new Map<string, WireModel>();
  let newest = watermark;
  let rows = 0;
  for await (const model of client.recentModels(signal)) {
    const updated = model.last_updated_timestamp ?? 0;
    if (updated < watermark - OVERLAP) break;
    newest = Math.max(newest, updated);
    if (only === undefined || only.names.has(model.name)) {
      if (known(model.name) !== updated) changed.set(model.name, model);
    }
    rows += 1;
    if (rows === only?.most) return { facts: new Map(), watermark: newest, complete: false };
  }
  const versions = new Map<string, Version[]>();
  for (const filter of nameFilters([...changed.keys()], { inOperator, chunk: 1_000 })) {
    for await (const version of client.versions({ filter, bulk: true }, signal)) group(versions, version);
  }
  const facts = [...changed].map(([name, model]) => [name, join(model, versions.get(name))] as const);
  return { facts: new Map(facts), watermark: newest, complete: true };
}

/** A live reading of a few models. What a search leaves out is asked for by name before it counts as absent. */
export async function readLive(
  client: MlflowClient,
  names: readonly string[],
  options: { readonly inOperator: boolean; readonly chunk: number },
  signal: AbortSignal,
): Promise<Facts> {
  const filters = nameFilters(names, options);
  const search = (filter: string) => ({ filter, bulk: false });
  const [models, versions] = await Promise.all([
    Promise.all(filters.map((filter) => Array.fromAsync(client.models(search(filter), signal)))),
    Promise.all(filters.map((filter) => Array.fromAsync(client.versions(search(filter), signal)))),
  ]);
  const byName = new Map(models.flat().map((model) => [model.name, model]));
  const grouped = new Map<string, Version[]>();
  for (const version of versions.flat()) group(grouped, version);
  const facts = names.map(async (name): Promise<[string, Fact<Model>]> => {
    const model = byName.get(name);
    const fact = model === undefined ? undefined : join(model, grouped.get(name));
    return [name, fact?.kind === 'known' ? fact : await readByName(client, name, signal)];
  });
  return new Map(await Promise.all(facts));
}

/** Searches leave out prompts, what we may not read and what a replica has not seen: only a 404 by name is absence. */
async function readByName(client: MlflowClient, name: string, signal: AbortSignal): Promise<Fact<Model>> {
  try {
    const model = await client.model(name, signal);
    const [filter] = nameFilters([name], { inOperator: false, chunk: 1 });
    const found = await Array.fromAsync(client.versions({ filter, bulk: false }, signal));
    return join(model, found.filter((version) => version.name === name).map(toVersion));
  } catch (error) {
    if (error instanceof RegistryError && error.notFound) return { kind: 'absent' };
    return unknownFrom(error);
  }
}

/** Models and versions are two readings: a version that only the first of them names was not read. */
function join(wire: WireModel, versions: readonly Version[] = []): Fact<Model> {
  const model = toModel(wire, versions);
  const missing = (wire.latest_versions ?? []).find(({ version }) => !model.versions.has(version));
  if (missing === undefined || isPrompt(model)) return { kind: 'known', value: model };
  return {
    kind: 'unknown',
    reason: 'RegistryUnavailable',
    message: `version ${missing.version} of model ${wire.name} is left out when versions are searched; it was just deleted, or our credentials may not read it`,
  };
}

/** What could not be read, as a fact. @throws whatever is no RegistryError: it is a defect, or a cancellation. */
export function unknownFrom(error: unknown): Extract<Fact<never>, { kind: 'unknown' }> {
  if (!(error instanceof RegistryError)) throw error;
  return { kind: 'unknown', reason: reasonOf(error), message: error.message };
}

export function reasonOf(error: RegistryError): UnknownReason {
  switch (error.errorClass) {
    case 'transient':
    case 'throttled':
      return 'RegistryUnavailable';
    case 'unauthorised':
      return 'AccessDenied';
    case 'permanent':
      return 'RegistryRefused';
    default:
      return error.errorClass satisfies never;
  }
}

async function collect<T>(items: AsyncIterable<T>, take: (item: T) => void): Promise<void> {
  for await (const item of items) take(item);
}

/** Keeps nothing of what was on the wire: in bulk that is several times as much. */
function group(groups: Map<string, Version[]>, wire: WireVersion): void {
  const version = toVersion(wire);
  const members = groups.get(wire.name);
  if (members === undefined) groups.set(wire.name, [version]);
  else members.push(version);
}
