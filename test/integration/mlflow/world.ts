/** A registry adapter on a real MLflow, with what the tests watch of it. */
import { afterEach } from 'vitest';
import { MlflowRegistry, type MlflowRegistryOptions } from '../../../src/adapters/mlflow/registry.ts';
import type { Action } from '../../../src/domain/action.ts';
import type { Fact, Model } from '../../../src/domain/observed.ts';
import { KeyedMutex } from '../../../src/runtime/limiter.ts';

export interface World {
  readonly registry: MlflowRegistry;
  /** Names of the models that promotions manage; tests add to it. */
  readonly managed: Set<string>;
  /** Every request, as `call result`; see metrics for the names of calls. */
  readonly calls: string[];
  /** The calls that the work made. */
  readonly during: (work: () => Promise<unknown>) => Promise<string[]>;
}

/** Long enough for everything, short enough to end a test that hangs. */
export function soon(): AbortSignal {
  return AbortSignal.timeout(60_000);
}

const open = new Set<MlflowRegistry>();
afterEach(async () => {
  for (const registry of open) await registry.close();
  open.clear();
});

/** It is closed when the test ends. */
export function openRegistry(
  uri: string,
  managed: readonly string[],
  options: Partial<MlflowRegistryOptions> = {},
): World {
  const names = new Set(managed);
  const calls: string[] = [];
  const registry = new MlflowRegistry({
    uri,
    credentials: () => Promise.resolve({ kind: 'none' }),
    tls: () => Promise.resolve({}),
    workspace: undefined,
    timeout: 30_000,
    concurrency: 4,
    proxy: false,
    sweepInterval: 60_000,
    managed: () => names,
    observer: { requested: (call, result) => calls.push(`${call} ${result}`) },
    writers: new KeyedMutex(),
    ...options,
  });
  open.add(registry);
  const during = async (work: () => Promise<unknown>): Promise<string[]> => {
    const before = calls.length;
    await work();
    return calls.slice(before);
  };
  return { registry, managed: names, calls, during };
}

/** A registry that was looked at once. */
export async function sweptRegistry(...args: Parameters<typeof openRegistry>): Promise<World> {
  const world = openRegistry(...args);
  const sweep = await world.registry.sweep(soon());
  if (sweep === undefined)
    throw new Error(`the first sweep failed: ${world.registry.health.failure?.message}`);
  return world;
}

/** What a fact says, in plain objects; the fact itself unless it is known. */
export function plain(fact: Fact<Model> | undefined): unknown {
  if (fact?.kind !== 'known') return fact;
  const { name, tags, aliases, versions } = fact.value;
  return {
    name,
    tags: Object.fromEntries(tags),
    aliases: Object.fromEntries(aliases),
    versions: Object.fromEntries(
      [...versions].map(([number, { stage, description, tags }]) => [
        number,
        { stage, description, tags: Object.fromEntries(tags) },
      ]),
    ),
  };
}

export const write = {
  transition: (
    version: string,
    to: 'None' | 'Staging' | 'Production' | 'Archived',
    archiveExisting = false,
  ) => action({ kind: 'Transition', version, to, archiveExisting, expect: { from: 'None', holders: [] } }),
  setAlias: (alias: string, version: string) =>
    action({ kind: 'SetAlias', alias, version, expect: { version: undefined } }),
  deleteAlias: (alias: string, version: string) =>
    action({ kind: 'DeleteAlias', alias, expect: { version } }),
  setTag: (version: string, key: string, value: string) =>
    action({ kind: 'SetTag', version, key, value, expect: { value: undefined } }),
  describe: (version: string, description: string) =>
    action({ kind: 'SetDescription', version, description, expect: { description: '' } }),
};

type WithoutCommon<A> = A extends Action ? Omit<A, 'target' | 'cause'> : never;

function action(one: WithoutCommon<Action>): Action {
  return { target: 'alias/any', cause: 'Promotion', ...one };
}
