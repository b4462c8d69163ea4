/** `modelpromotion history`: what changed a model's targets, from whatever remembers it. */
import { toYaml } from '../api/yaml.ts';
import { OPTIONS, type Config, type Environment, type OptionName } from '../config.ts';
import { changesOf, type Change } from '../domain/changes.ts';
import { describeTarget, type TargetId } from '../domain/desired.ts';
import type { Model } from '../domain/observed.ts';
import { wordsOf } from '../runtime/failure.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { openStatus, STATUS_SOURCE_OPTIONS, statusHome, type ObservedPromotion } from './observed-status.ts';
import { openOwnRegistry, type OneRegistry } from './one-registry.ts';
import { markdownTable, table } from './render/table.ts';
import { find } from './status.ts';
import { print, progress, tell } from './terminal.ts';

export const HISTORY_OPTIONS = [
  'output',
  'registry-uri',
  ...STATUS_SOURCE_OPTIONS,
] as const satisfies readonly OptionName[];

type HistoryConfig = Config<(typeof HISTORY_OPTIONS)[number]>;

/** @param name of a model or a promotion */
export async function history(
  name: string,
  config: HistoryConfig,
  env: Environment,
  signal: AbortSignal,
): Promise<ExitCode> {
  const registry = openOwnRegistry({ ...config, 'registry-allow': undefined }, env, signal);
  try {
    const finished = progress('Reading statuses and the registry…');
    const { subject, model } = await look(name, config, registry, signal).finally(finished);
    const changes = changesOf(model, subject.promotions.map(rememberedBy), config.installation);
    const shown = subject.promotion === undefined ? changes : changes.filter(isOf(subject.promotion));
    print(render(subject.model, shown, config.output));
    if (shown.length === 0) tell(`nothing is remembered of ${name}`);
    return EXIT.done;
  } finally {
    await registry?.[Symbol.asyncDispose]();
  }
}

interface Subject {
  readonly model: string;
  /** Those of the model. */
  readonly promotions: readonly ObservedPromotion[];
  /** Key of the one that was asked for, where it was no model. */
  readonly promotion: string | undefined;
}

async function look(
  name: string,
  config: HistoryConfig,
  registry: OneRegistry | undefined,
  signal: AbortSignal,
): Promise<{ subject: Subject; model: Model | undefined }> {
  const observed = await readPromotions(config, registry !== undefined, signal);
  const subject = subjectOf(name, observed ?? []);
  const fact = await registry?.registry.read(subject.model, signal);
  if (fact?.kind === 'unknown') throw new Error(fact.message);
  if (registry === undefined) tell('no registry is given, so what its tags tell is missing: --registry-uri');
  if (fact?.kind !== 'known' && subject.promotions.length === 0)
    throw new Error(
      observed === undefined
        ? `there is no model ${JSON.stringify(name)}, and no controller to ask for a promotion of that name`
        : `there is neither a model nor a promotion ${JSON.stringify(name)}`,
    );
  return { subject, model: fact?.kind === 'known' ? fact.value : undefined };
}

/** A model by this name comes before a promotion by this name: it says the more. */
function subjectOf(name: string, observed: readonly ObservedPromotion[]): Subject {
  const ofModel = (model: string) => observed.filter((one) => one.model === model);
  const found = find(observed, name);
  if (ofModel(name).length > 0 || found === undefined)
    return { model: name, promotions: ofModel(name), promotion: undefined };
  return { model: found.model, promotions: [found], promotion: found.key };
}

function isOf(key: string): (change: Change) => boolean {
  return ({ promotion }) => promotion === key;
}

function rememberedBy({ key, status }: ObservedPromotion) {
  return { key, history: status.history ?? [] };
}

/** Undefined where there is nobody to ask. A controller is asked where it usually is, and need not be there. */
async function readPromotions(
  config: HistoryConfig,
  hasRegistry: boolean,
  signal: AbortSignal,
): Promise<readonly ObservedPromotion[] | undefined> {
  const isTold = statusHome(config) !== 'server' || config.server !== OPTIONS.server.default;
  try {
    // A model may have promotions anywhere.
    await using reader = await openStatus({ ...config, 'all-namespaces': true }, []);
    return (await reader.read(signal)).promotions;
  } catch (error) {
    signal.throwIfAborted();
    if (isTold || !hasRegistry) throw error;
    tell(`only what the registry's tags tell is shown: ${wordsOf(error)}`);
    return undefined;
  }
}

const HEADING = ['TIME', 'TARGET', 'FROM', 'TO', 'CAUSE', 'PROMOTION', 'BY', 'REVISION', 'TOLD BY'];

function render(model: string, changes: readonly Change[], format: HistoryConfig['output']): string {
  switch (format) {
    case 'json':
      return JSON.stringify({ model, changes }, null, 2);
    case 'yaml':
      return toYaml({ model, changes });
    case 'table':
      return table(HEADING, changes.map(row));
    case 'markdown':
      return markdownTable(HEADING, changes.map(row));
    default:
      return format satisfies never;
  }
}

function row({ time, target, from, to, cause, promotion, by, revision, told }: Change): string[] {
  return [
    time,
    describeTarget(target as TargetId),
    from ?? (told === 'registry' ? '?' : '-'),
    to,
    cause ?? '-',
    promotion,
    by ?? '-',
    short(revision ?? '-'),
    told === 'both' ? 'status, registry' : told,
  ];
}

/** A commit or a digest by its first twelve digits. */
function short(revision: string): string {
  return revision.replace(/([0-9a-f]{12})[0-9a-f]+$/, '$1');
}
