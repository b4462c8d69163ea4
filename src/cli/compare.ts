/** `modelpromotion compare`: versions of one model side by side. */
import { quote } from '../api/quote.ts';
import { ConfigError, type Config, type Environment, type OptionName } from '../config.ts';
import { chooseVersions, parseVersionName, type VersionName } from '../domain/chosen.ts';
import { compareVersions, type Comparison } from '../domain/comparison.ts';
import type { Goal } from '../domain/direction.ts';
import { effectsOf, samplesOf, type Effect } from '../domain/effects.ts';
import { isPrompt, type Model } from '../domain/observed.ts';
import { reportComparison } from './compare-report.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { openReader, READER_OPTIONS, type RegistryReader } from './registry-reader.ts';
import { notRead, renderComparison } from './render/compare.ts';
import { print, progress, tell } from './terminal.ts';

export const COMPARE_OPTIONS = [
  'goal',
  'differences',
  'margin',
  'signature',
  'output',
  ...READER_OPTIONS,
] as const satisfies readonly OptionName[];

type CompareConfig = Config<(typeof COMPARE_OPTIONS)[number]>;

export async function compare(
  [name = '', ...names]: readonly string[],
  config: CompareConfig,
  env: Environment,
  signal: AbortSignal,
): Promise<ExitCode> {
  const wanted = parseNames(names);
  await using reader = openReader(config, env, true, signal);
  const finished = progress('Reading the registry…');
  const comparison = await read(
    reader,
    name,
    { wanted, goals: goalsOf(config.goal), signature: config.signature, margins: config.margin },
    signal,
  ).finally(finished);
  const report = reader.scrubber.clean(reportComparison(comparison, comparison.effects, config.differences));
  print(renderComparison(report, config.output));
  const [only, ...others] = report.versions;
  if (only !== undefined && others.length === 0)
    tell(`There is nothing to compare version ${only.version} with: name another one.`);
  for (const line of notRead(report)) tell(line);
  const failed = [...comparison.unread.values()].some(({ reason }) => reason !== 'RegistryRefused');
  return failed ? EXIT.failed : EXIT.done;
}

type Compared = Comparison & { readonly effects: readonly Effect[] };

interface Wish {
  readonly wanted: readonly VersionName[];
  /** Whether the files of the models are read for it. */
  readonly signature: boolean;
  readonly goals: ReadonlyMap<string, Goal>;
  /** Metrics of which every logged value is read. */
  readonly margins: readonly string[];
}

async function read(
  reader: RegistryReader,
  name: string,
  { wanted, goals, signature, margins }: Wish,
  signal: AbortSignal,
): Promise<Compared> {
  const model = await readModel(reader, name, signal);
  const chosen = chooseVersions(model, wanted);
  if (typeof chosen === 'string') throw new Error(chosen);
  const versions = chosen.map(({ version }) => version);
  const evidence = await reader.evidence(versions, signal);
  // Last: where files cannot be fetched the server fails, and we would leave it alone for a while.
  const signatures = signature ? await reader.signatures(model.name, versions, signal) : undefined;
  const samples = margins.length === 0 ? new Map() : await reader.samples(samplesOf(chosen, margins), signal);
  return {
    ...compareVersions(model, chosen, { evidence, ...(signatures && { signatures }) }, goals),
    effects: effectsOf(chosen, margins, samples),
  };
}

/** @throws Error for people */
async function readModel(reader: RegistryReader, name: string, signal: AbortSignal): Promise<Model> {
  const fact = await reader.model(name, signal);
  if (fact.kind === 'unknown') throw new Error(fact.message);
  if (fact.kind === 'absent')
    throw new Error(`there is no model ${quote(name)}; \`modelpromotion search\` lists them`);
  if (isPrompt(fact.value)) throw new Error(`${quote(name)} is a prompt, not a model`);
  return fact.value;
}

/** @throws ConfigError with everything that is wrong */
function parseNames(names: readonly string[]): VersionName[] {
  const parsed = names.map((text) => ({ text, name: parseVersionName(text) }));
  const mistakes = parsed.flatMap(({ text, name }) =>
    name === undefined ? [`${quote(text)} names no version; write a number, a stage, or @alias`] : [],
  );
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return parsed.flatMap(({ name }) => (name === undefined ? [] : [name]));
}

function goalsOf(texts: readonly string[]): Map<string, Goal> {
  return new Map(
    texts.map((text) => {
      const at = text.lastIndexOf('=');
      return [text.slice(0, at), text.slice(at + 1) as Goal];
    }),
  );
}
