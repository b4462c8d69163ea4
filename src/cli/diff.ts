/** `modelpromotion diff`: what two revisions of manifests, or two registries, say differently. */
import type { Listing, Problem } from '../api/listing.ts';
import { ConfigError, type Config, type Environment, type OptionName } from '../config.ts';
import { diffManifests } from '../domain/manifest-diff.ts';
import { diffRegistries } from '../domain/registry-diff.ts';
import { readPaths } from '../sources/folder.ts';
import { readRevision } from '../sources/revision.ts';
import { EXIT, worst, type ExitCode } from './exit.ts';
import { isThere } from './files.ts';
import { ONE_REGISTRY_OPTIONS, openOneRegistry } from './one-registry.ts';
import { openOtherRegistry, OTHER_REGISTRY_OPTIONS } from './other-registry.ts';
import { renderManifestDiff, renderRegistryDiff } from './render/diff.ts';
import { print, progress } from './terminal.ts';

export const DIFF_OPTIONS = [
  'output',
  'exit-code',
  ...ONE_REGISTRY_OPTIONS,
  ...OTHER_REGISTRY_OPTIONS,
] as const satisfies readonly OptionName[];

type DiffConfig = Config<(typeof DIFF_OPTIONS)[number]>;

/** @param sides two of manifests, or none for two registries */
export async function diff(
  sides: readonly string[],
  config: DiffConfig,
  env: Environment,
  signal: AbortSignal,
): Promise<ExitCode> {
  const [before, after, ...more] = sides;
  if (before === undefined && config['to-registry-uri'] !== undefined) return registries(config, env, signal);
  if (before === undefined || after === undefined || more.length > 0)
    throw new ConfigError([
      'diff: wants two sides, each a path, or REV: or REV:PATH of the git repository here; or --to-registry-uri for two registries',
    ]);
  return manifests(before, after, config, signal);
}

async function manifests(
  before: string,
  after: string,
  config: DiffConfig,
  signal: AbortSignal,
): Promise<ExitCode> {
  const [first, second] = [await read(before, signal), await read(after, signal)];
  const problems: Problem[] = [...first.problems, ...second.problems];
  const found = diffManifests(first, second);
  print(renderManifestDiff({ ...found, problems }, config.output));
  const differs = found.promotions.length + found.registries.length > 0;
  return worst([
    ...(problems.length > 0 ? [EXIT.invalid] : []),
    ...(differs && config['exit-code'] ? [EXIT.pending] : []),
  ]);
}

/** A path where there is one; else a revision, as `git show` names what is in it. */
async function read(side: string, signal: AbortSignal): Promise<Listing> {
  const colon = side.indexOf(':');
  if (colon > 0 && !(await isThere(side)))
    return readRevision(process.cwd(), side.slice(0, colon), side.slice(colon + 1), signal);
  return readPaths([side], process.stdin, signal);
}

async function registries(config: DiffConfig, env: Environment, signal: AbortSignal): Promise<ExitCode> {
  await using one = openOneRegistry(config, env, signal);
  const other = await openOtherRegistry(config, one);
  const finished = progress('Reading both registries…');
  const [first, second] = await Promise.all([
    one.registry.matching([], signal),
    other.registry.matching([], signal),
  ]).finally(finished);
  const models = diffRegistries({ uri: one.uri, models: first }, { uri: other.uri, models: second });
  print(renderRegistryDiff({ from: one.uri, to: other.uri, models }, config.output));
  return worst([
    ...(models.some(({ kind }) => kind === 'Unknown') ? [EXIT.failed] : []),
    ...(models.length > 0 && config['exit-code'] ? [EXIT.pending] : []),
  ]);
}
