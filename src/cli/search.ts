/** `modelpromotion search`: which versions are there. */
import type { Models } from '../adapters/mlflow/whole.ts';
import { forbiddenCharacter, quote } from '../api/quote.ts';
import { ConfigError, type Config, type Environment, type OptionName } from '../config.ts';
import type { EvidenceOf } from '../domain/evidence.ts';
import type { Stage } from '../domain/observed.ts';
import { parseBound, parseTag, type Query } from '../domain/query.ts';
import { askedFor, keptOf, type SearchResult } from '../domain/search.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { openReader, READER_OPTIONS, type RegistryReader } from './registry-reader.ts';
import { leftOut, renderSearch } from './render/search.ts';
import { reportSearch } from './search-report.ts';
import { print, progress, tell } from './terminal.ts';

export const SEARCH_OPTIONS = [
  'stage',
  'alias',
  'tag',
  'metric',
  'older-than',
  'newer-than',
  'unmanaged',
  'output',
  ...READER_OPTIONS,
] as const satisfies readonly OptionName[];

type SearchConfig = Config<(typeof SEARCH_OPTIONS)[number]>;

/** MLflow's names have at most 256 characters. */
const LONGEST_PATTERN = 512;

export async function search(
  patterns: readonly string[],
  config: SearchConfig,
  env: Environment,
  signal: AbortSignal,
): Promise<ExitCode> {
  const query = queryOf(patterns, config, Date.now());
  await using reader = openReader(config, env, query.bounds.length > 0, signal);
  const finished = progress('Reading the registry…');
  const result = await ask(reader, patterns, query, signal).finally(finished);
  const report = reader.scrubber.clean(reportSearch(result));
  print(
    renderSearch(
      report,
      query.bounds.map(({ metric }) => metric),
      config.output,
    ),
  );
  for (const line of leftOut(report)) tell(line);
  return result.unknown.some(({ reason }) => reason !== 'RegistryRefused') ? EXIT.failed : EXIT.done;
}

async function ask(
  reader: RegistryReader,
  patterns: readonly string[],
  query: Query,
  signal: AbortSignal,
): Promise<SearchResult> {
  const models: Models = await reader.matching(patterns, signal);
  const asked = askedFor(query, models);
  const versions = asked.items.flatMap(({ version }) => (version === undefined ? [] : [version]));
  const evidence: EvidenceOf =
    query.bounds.length === 0 ? new Map() : await reader.evidence(versions, signal);
  return keptOf(query, asked, evidence);
}

/** @throws ConfigError with everything that is wrong */
function queryOf(patterns: readonly string[], config: SearchConfig, now: number): Query {
  const { stage, alias, tag, metric, unmanaged } = config;
  const [older, newer] = [config['older-than'], config['newer-than']];
  const mistakes = patterns.filter(isNoPattern).map((pattern) => `${quote(pattern)} is no name of a model`);
  if (older !== undefined && newer !== undefined && older >= newer)
    mistakes.push('--newer-than: must be longer ago than --older-than, or nothing is between the two');
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return {
    stages: stage.map(canonicalStage),
    aliases: alias,
    tags: tag.map(parseTag),
    bounds: metric.map(parseBound),
    madeAfter: newer === undefined ? undefined : now - newer,
    madeBefore: older === undefined ? undefined : now - older,
    unmanaged,
  };
}

function isNoPattern(pattern: string): boolean {
  return pattern.trim() === '' || pattern.length > LONGEST_PATTERN || forbiddenCharacter.test(pattern);
}

/** MLflow takes them in any case, too. */
function canonicalStage(text: string): Stage {
  return `${text.charAt(0).toUpperCase()}${text.slice(1).toLowerCase()}` as Stage;
}
