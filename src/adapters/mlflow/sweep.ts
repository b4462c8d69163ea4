/**
 * Reading a registry in bulk. MLflow's model search knows aliases, its version search knows stages; joined by
 * name they are the whole state. Neither has a "changed since", but models can be had newest first.
 */
import type { Fact, Model, UnknownReason } from '../../domain/observed.ts';
import { RegistryError } from './errors.ts';
import type { MlflowClient } from './client.ts';
import { nameFilters } from './filters.ts';
import { toModel, type WireModel, type WireVersion } from './wire.ts';

/** A commit becomes visible after its timestamp was taken: this much of the past is looked at again (facts 2.7). */
export const OVERLAP = 60_000;

type Names = ReadonlySet<string>;

/** Models by name, of the whole registry or of these names alone. */
export async function readAll(
  client: MlflowClient,
  filters: readonly (string | undefined)[],
  signal: AbortSignal,
): Promise<Map<string, Model>> {
  const models: WireModel[] = [];
  const versions = new Map<string, WireVersion[]>();
  for (const filter of filters) {
    for await (const model of client.models(filter, signal)) models.push(model);
    for await (const version of client.versions(filter, signal)) group(versions, version);
  }
  return new Map(models.map((model) => [model.name, toModel(model, versions.get(model.name) ?? [])]));
}

/** Models that changed since the watermark, read whole. Alias and tag changes move no timestamp and are not seen. */
export async function readChanges(
  client: MlflowClient,
  known: (name: string) => Model | undefined,
  watermark: number,
  options: { readonly inOperator: boolean; readonly only: Names | undefined },
  signal: AbortSignal,
): Promise<Map<string, Model>> {
  const changed = new Map<string, WireModel>();
  for await (const model of client.recentModels(signal)) {
    const updated = model.last_updated_timestamp ?? 0;
    if (updated < watermark - OVERLAP) break;
    if (options.only !== undefined && !options.only.has(model.name)) continue;
    if (known(model.name)?.lastUpdatedTimestamp !== updated) changed.set(model.name, model);
  }
  if (changed.size === 0) return new Map();
  const filters = nameFilters([...changed.keys()], { inOperator: options.inOperator, chunk: 1_000 });
  const versions = new Map<string, WireVersion[]>();
  for (const filter of filters) {
    for await (const version of client.versions(filter, signal)) group(versions, version);
  }
  return new Map([...changed].map(([name, model]) => [name, toModel(model, versions.get(name) ?? [])]));
}

/** A live reading of a few models. What a search leaves out is asked for by name before it counts as absent. */
export async function readLive(
  client: MlflowClient,
  names: readonly string[],
  options: { readonly inOperator: boolean; readonly chunk: number },
  signal: AbortSignal,
): Promise<Map<string, Fact<Model>>> {
  const filters = nameFilters(names, options);
  const [models, versions] = await Promise.all([
    Promise.all(filters.map((filter) => collect(client.models(filter, signal)))),
    Promise.all(filters.map((filter) => collect(client.versions(filter, signal)))),
  ]);
  const byName = new Map(models.flat().map((model) => [model.name, model]));
  const grouped = new Map<string, WireVersion[]>();
  for (const version of versions.flat()) group(grouped, version);
  const facts = names.map(async (name): Promise<[string, Fact<Model>]> => {
    const model = byName.get(name);
    return [
      name,
      model === undefined ? await readByName(client, name, signal) : known(model, grouped.get(name)),
    ];
  });
  return new Map(await Promise.all(facts));
}

/** Searches leave out prompts, what we may not read and what a replica has not seen: only a 404 by name is absence. */
async function readByName(client: MlflowClient, name: string, signal: AbortSignal): Promise<Fact<Model>> {
  try {
    const model = await client.model(name, signal);
    const [filter] = nameFilters([name], { inOperator: false, chunk: 1 });
    return known(model, await collect(client.versions(filter, signal)));
  } catch (error) {
    if (error instanceof RegistryError && error.notFound) return { kind: 'absent' };
    return unknownFrom(error);
  }
}

function known(model: WireModel, versions: readonly WireVersion[] = []): Fact<Model> {
  return {
    kind: 'known',
    value: toModel(
      model,
      versions.filter((version) => version.name === model.name),
    ),
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

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const result: T[] = [];
  for await (const item of items) result.push(item);
  return result;
}

function group(groups: Map<string, WireVersion[]>, version: WireVersion): void {
  const members = groups.get(version.name);
  if (members === undefined) groups.set(version.name, [version]);
  else members.push(version);
}
