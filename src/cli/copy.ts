/** `modelpromotion copy`: a version of one registry as a version of another, made once. */
import { withoutUser } from '../api/quote.ts';
import { toYaml } from '../api/yaml.ts';
import { ConfigError, type Config, type Environment, type OptionName } from '../config.ts';
import {
  copiedTags,
  copyIdText,
  newVersion,
  parseVersionReference,
  selectReferenced,
  unreachableFrom,
  type Original,
  type VersionReference,
} from '../domain/copy.ts';
import type { Obstacle } from '../domain/plan.ts';
import { copyVersion, type CopyOutcome } from '../reconcile/copy.ts';
import { sha256 } from '../reconcile/digest.ts';
import { sleep } from '../runtime/time.ts';
import { EXIT, worst, type ExitCode } from './exit.ts';
import { ONE_REGISTRY_OPTIONS, openOneRegistry, type OneRegistry } from './one-registry.ts';
import { openOtherRegistry, OTHER_REGISTRY_OPTIONS } from './other-registry.ts';
import { markdownTable } from './render/table.ts';
import { exitCodeOfObstacle } from './report.ts';
import { print, progress, tell } from './terminal.ts';

export const COPY_OPTIONS = [
  'output',
  'to-model',
  ...ONE_REGISTRY_OPTIONS,
  ...OTHER_REGISTRY_OPTIONS,
] as const satisfies readonly OptionName[];

type CopyConfig = Config<(typeof COPY_OPTIONS)[number]>;

interface CopyReport {
  readonly from: { readonly registry: string; readonly model: string; readonly version: string };
  readonly to: { readonly registry: string; readonly model: string; readonly version: string | undefined };
  readonly source: string;
  readonly result: CopyOutcome['kind'];
  /** Whether the registered model was made too. */
  readonly madeModel: boolean;
  /** Further copies of the same, which are one too many. */
  readonly others: readonly string[];
  readonly obstacle: Obstacle | undefined;
}

export async function copy(
  text: string,
  config: CopyConfig,
  env: Environment,
  signal: AbortSignal,
): Promise<ExitCode> {
  const reference = parseVersionReference(text);
  if (reference === undefined)
    throw new ConfigError([
      `copy: ${JSON.stringify(text)} names no version; write MODEL/3, MODEL@champion, MODEL/Production, or MODEL for the newest`,
    ]);
  await using access = openOneRegistry(config, env, signal);
  const other = await openOtherRegistry(config, access);
  const finished = progress('Reading both registries…');
  const original = await find(reference, access, signal).finally(finished);
  if (typeof original === 'string') return refuse(original);
  const source = await sourceOf(original, access, signal);
  const why = unreachableFrom(source);
  if (why !== undefined)
    return refuse(
      `${other.uri} cannot read the artifacts of version ${original.version.version} at ${withoutUser(source)}: ${why}; keep them where both servers reach them, such as s3://`,
    );
  const model = config['to-model'] ?? original.model;
  const described = await access.registry.describeModel(original.model, signal);
  const outcome = await copyVersion(
    other.registry,
    newVersion(original, { model, source, uri: access.uri, id: sha256(copyIdText(original)) }),
    { description: described?.description ?? '', tags: new Map(copiedTags(described?.tags ?? new Map())) },
    { fence: () => !signal.aborted, sleep },
    signal,
  );
  const report = reportOf(outcome, original, { registry: other.uri, model }, { source, uri: access.uri });
  print(render(access.scrubber.clean(report), config.output));
  if (report.others.length > 0)
    tell(`warning: versions ${report.others.join(', ')} are copies of the same; somebody else copied it too`);
  return report.obstacle === undefined
    ? EXIT.done
    : worst([EXIT.blocked, exitCodeOfObstacle(report.obstacle)]);
}

function refuse(why: string): ExitCode {
  tell(`nothing was copied: ${why}`);
  return EXIT.blocked;
}

/** The version, or why it cannot be copied. @throws Error when the registry cannot be read */
async function find(
  reference: VersionReference,
  { registry, uri }: OneRegistry,
  signal: AbortSignal,
): Promise<Original | string> {
  const fact = await registry.read(reference.model, signal);
  if (fact.kind === 'unknown') throw new Error(fact.message);
  if (fact.kind === 'absent')
    return `there is no registered model ${JSON.stringify(reference.model)} at ${uri}`;
  const selected = selectReferenced(reference, fact.value);
  if ('refusal' in selected) return selected.refusal;
  return { model: fact.value.name, version: selected.version };
}

/** What only the source server can resolve is asked of it. */
async function sourceOf(
  { model, version }: Original,
  { registry }: OneRegistry,
  signal: AbortSignal,
): Promise<string> {
  if (unreachableFrom(version.source) === undefined) return version.source;
  return registry.location(model, version.version, signal);
}

function reportOf(
  outcome: CopyOutcome,
  { model, version }: Original,
  to: { readonly registry: string; readonly model: string },
  { source, uri }: { readonly source: string; readonly uri: string },
): CopyReport {
  const made = outcome.kind === 'Failed' ? undefined : outcome.version;
  return {
    from: { registry: uri, model, version: version.version },
    to: { ...to, version: made },
    source: withoutUser(source),
    result: outcome.kind,
    madeModel: outcome.kind === 'Copied' && outcome.madeModel,
    others: outcome.kind === 'Copied' ? outcome.others : [],
    obstacle: outcome.kind === 'Failed' ? outcome.obstacle : undefined,
  };
}

function render(report: CopyReport, format: CopyConfig['output']): string {
  switch (format) {
    case 'json':
      return JSON.stringify(report, null, 2);
    case 'yaml':
      return toYaml(JSON.parse(JSON.stringify(report)));
    case 'table':
      return inWords(report);
    case 'markdown':
      return markdownTable(
        ['From', 'To', 'Result'],
        [[place(report.from), place(report.to), report.obstacle?.message ?? inWords(report)]],
      );
    default:
      return format satisfies never;
  }
}

function place({ registry, model, version }: CopyReport['from'] | CopyReport['to']): string {
  return `${model}/${version ?? '?'} at ${registry}`;
}

function inWords({ from, to, result, madeModel, obstacle }: CopyReport): string {
  switch (result) {
    case 'Copied':
      return `copied ${place(from)} to ${place(to)}${madeModel ? ', and made the model there' : ''}`;
    case 'AlreadyThere':
      return `${place(from)} is ${place(to)} already; nothing was copied`;
    case 'Failed':
      return `${place(from)} was not copied: ${obstacle?.message ?? ''}`;
    default:
      return result satisfies never;
  }
}
