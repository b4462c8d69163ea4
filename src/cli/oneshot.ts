/** One pass by hand or in CI: read manifests, look at the registries, plan. Nothing is remembered between runs. */
import type { Listing } from '../api/listing.ts';
import type { RegistryDirectory } from '../adapters/mlflow/directory.ts';
import type { Entry } from '../domain/catalog.ts';
import type { Finding } from '../domain/finding.ts';
import { recordsFromMarks } from '../domain/provenance.ts';
import type { Config, Environment } from '../config.ts';
import { Engine } from '../reconcile/engine.ts';
import { SILENT } from '../reconcile/ports.ts';
import { planLive, type PassInput, type PlannedPass } from '../reconcile/pass.ts';
import type { Scrubber } from '../runtime/secrets.ts';
import { sleep } from '../runtime/time.ts';
import { readPaths } from '../sources/folder.ts';
import { uidOf } from '../sources/uid.ts';
import { nothingFound, tell } from './terminal.ts';
import { openOutput, openRegistries, type LOG_OPTIONS, type REGISTRY_OPTIONS } from './assembly.ts';

export type OneShotConfig = Config<(typeof REGISTRY_OPTIONS)[number] | (typeof LOG_OPTIONS)[number]>;

/** One promotion of the manifests and what would be done for it. */
export type Planned = { readonly entry: Entry } & (
  | { readonly kind: 'planned'; readonly input: PassInput; readonly pass: PlannedPass }
  | { readonly kind: 'obstructed'; readonly finding: Finding }
);

export interface OneShot {
  readonly listing: Listing;
  readonly promotions: readonly Planned[];
  /** Knows every secret that was used. */
  readonly scrubber: Scrubber;
  close(): Promise<void>;
}

/**
 * Reads the manifests and plans each of their promotions from a live reading.
 * @throws ConfigError
 */
export async function planPaths(
  paths: readonly string[],
  config: OneShotConfig,
  env: Environment,
  signal: AbortSignal,
): Promise<OneShot> {
  const { logger, scrubber } = openOutput(config);
  const directory = openRegistries({
    config,
    env,
    scrubber,
    observer: { requested: () => undefined },
    managed: (address) => engine.modelsOf(address),
  });
  const engine = new Engine({
    installation: config.installation,
    allowEmpty: true,
    uidOf: (key) => uidOf('', '', key),
    registries: directory,
    observer: SILENT,
    recall: recordsFromMarks,
    wake: () => undefined,
    onStatus: () => undefined,
    fence: () => !signal.aborted,
    now: Date.now,
    sleep,
  });
  const listing = await readPaths(paths, process.stdin, signal);
  if (listing.promotions.length + listing.registries.length + listing.problems.length === 0)
    tell(nothingFound(paths));
  await engine.accept(listing);
  await connect(directory, engine, signal);
  logger.debug({ promotions: listing.promotions.length }, 'manifests were read');
  const promotions = await Promise.all(
    [...engine.catalog.entries.values()].map((entry) => planOne(engine, entry, signal)),
  );
  return { listing, promotions, scrubber, close: () => directory.close() };
}

/** The registries that the manifests use, looked at once: what cannot be reached is then said for each promotion. */
async function connect(directory: RegistryDirectory, engine: Engine, signal: AbortSignal): Promise<void> {
  const used = directory.list().filter(({ address }) => engine.modelsOf(address).size > 0);
  await Promise.all(used.map(({ registry }) => registry.sweep(signal)));
}

async function planOne(engine: Engine, entry: Entry, signal: AbortSignal): Promise<Planned> {
  const { promotion } = entry;
  const start = engine.inputFor(promotion);
  if (start.kind === 'finding') return { entry, kind: 'obstructed', finding: start.finding };
  const { input } = start;
  return { entry, kind: 'planned', input, pass: await planLive(input, Date.now(), signal) };
}
