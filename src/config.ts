/**
 * Every option, once: flag, environment variable, default and help. `--help`, docs/options.md and the parser all
 * read this table, and this is the one file that reads the environment. All mistakes are reported together.
 */
import { parseDuration } from './api/duration.ts';
import { clip, quote } from './api/quote.ts';
import { BOUND_FORM } from './domain/query.ts';

/** What a text must look like, and that in words. */
interface Form {
  readonly pattern: RegExp;
  readonly words: string;
}

/** The first part of owner tags, up to a slash, and a folder on the status branch. */
const NAME: Form = {
  pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
  words: 'letters, digits, ".", "_" and "-", the first a letter or digit, at most 63',
};

const NAMESPACE: Form = {
  pattern: /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/,
  words: 'lower-case letters, digits and "-", at most 63',
};

const OBJECT: Form = {
  pattern: /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/,
  words: 'lower-case letters, digits, "-" and "."',
};

interface OptionBase {
  readonly help: string;
  /** What stands for the value in the help; absent for a switch. */
  readonly value?: string;
  readonly short?: string;
  /** Environment variables that are read after MODELPROMOTION_… */
  readonly alsoFrom?: readonly string[];
  /** How the default reads in the help, where it depends. */
  readonly defaultHelp?: string;
}

type Option = OptionBase &
  (
    | { readonly type: 'text'; readonly default?: string; readonly form?: Form }
    | { readonly type: 'switch' }
    /** May be given several times; in its variable one stands on each line. */
    | { readonly type: 'list'; readonly form: Form }
    /** How long ago: a duration, or days or weeks. */
    | { readonly type: 'age' }
    | { readonly type: 'duration'; readonly default: string; readonly least?: string }
    | { readonly type: 'integer'; readonly default: number; readonly least: number; readonly most: number }
    | { readonly type: 'shard' }
    | { readonly type: 'choice'; readonly choices: readonly string[]; readonly default?: string }
  );

export const OPTIONS = {
  source: {
    type: 'choice',
    choices: ['kubernetes', 'git', 'folder'],
    value: 'KIND',
    help: 'where manifests come from: kubernetes, git or folder',
    defaultHelp: 'git when --git-url is given, kubernetes in a cluster',
  },
  path: {
    type: 'text',
    default: '.',
    value: 'PATH',
    help: 'folder or file that holds the manifests; with git, inside the repository',
  },
  'git-url': {
    type: 'text',
    value: 'URL',
    help: 'the repository to watch (https://host/path or ssh://user@host/path; http on loopback or with --git-allow-http)',
  },
  'git-branch': { type: 'text', default: 'main', value: 'NAME', help: 'the branch to watch' },
  'git-interval': {
    type: 'duration',
    default: '30s',
    least: '100ms',
    value: 'DURATION',
    help: 'how often to look at the source: to ask the server whether the branch moved, or to read the folder',
  },
  'git-secret': {
    type: 'text',
    value: 'NAME',
    help: 'secret of --secrets-dir with username and password, or bearerToken, and ca.crt where needed; for ssh with identity and known_hosts',
  },
  'git-allow-http': { type: 'switch', help: 'send credentials over plain http to other hosts too' },
  'git-allow-file': { type: 'switch', help: 'allow file:// repositories' },
  'status-branch': {
    type: 'text',
    default: 'modelpromotion/status',
    value: 'NAME',
    help: 'branch that statuses are written to; empty turns it off',
  },
  'status-secret': {
    type: 'text',
    value: 'NAME',
    help: 'secret with the credential that may write the status branch',
    defaultHelp: '--git-secret',
  },
  'secrets-dir': {
    type: 'text',
    value: 'DIR',
    help: 'folder of secrets: DIR/<secret name>/<key>, one file a key',
  },
  'registry-uri': {
    type: 'text',
    value: 'URL',
    alsoFrom: ['MLFLOW_REGISTRY_URI', 'MLFLOW_TRACKING_URI'],
    help: 'address of the MLflow server that is the registry named default',
    defaultHelp: '$MLFLOW_REGISTRY_URI, else $MLFLOW_TRACKING_URI',
  },
  'sweep-interval': {
    type: 'duration',
    default: '60s',
    least: '1s',
    value: 'DURATION',
    help: 'how often the registry of --registry-uri is looked at',
  },
  installation: {
    type: 'text',
    default: 'default',
    value: 'NAME',
    form: NAME,
    help: 'who we are among the controllers that share a registry or a status branch',
  },
  'namespace-labels': {
    type: 'text',
    value: 'FILE',
    help: 'YAML file that gives namespaces their labels (NAMESPACE: {KEY: VALUE}), for access to registries of other namespaces',
  },
  'registry-allow': {
    type: 'text',
    value: 'ORIGINS',
    help: 'where declared registries may be, such as https://*.example.com, with commas between; nothing is sent anywhere else',
    defaultHelp: 'anywhere',
  },
  'hook-secret': {
    type: 'text',
    value: 'NAME',
    help: 'secret of --secrets-dir whose key token signs hints, one secret a line; turns POST /hooks/git and /hooks/mlflow on',
  },
  kubeconfig: {
    type: 'text',
    value: 'FILE',
    help: 'how to reach the API server',
    defaultHelp: "$KUBECONFIG, ~/.kube/config, or in a cluster the pod's service account",
  },
  context: { type: 'text', value: 'NAME', help: 'context of the kubeconfig', defaultHelp: 'its current one' },
  namespace: {
    type: 'text',
    short: 'n',
    value: 'NAME',
    form: NAMESPACE,
    help: 'namespace of the promotions that are named without one, or of the manifests that are made',
    defaultHelp: "in a cluster that of the kubeconfig's context, else default",
  },
  'all-namespaces': { type: 'switch', short: 'A', help: 'in a cluster: the promotions of all namespaces' },
  'watch-namespace': {
    type: 'text',
    value: 'NAME',
    help: 'the one namespace whose objects are read; needs no permission beyond it',
    defaultHelp: 'all namespaces',
  },
  'lease-namespace': {
    type: 'text',
    value: 'NAME',
    help: 'namespace of the Lease that says which replica works',
    defaultHelp: "the pod's namespace, else that of the kubeconfig's context",
  },
  'lease-duration': {
    type: 'duration',
    default: '35s',
    least: '3s',
    value: 'DURATION',
    help: 'how long a standby waits for a leader that is not heard of, before it takes over',
  },
  shard: {
    type: 'shard',
    value: 'INDEX/COUNT',
    help: 'work on one share of all promotions, such as 0/3: the models whose hash falls on it; COUNT is the same for all, and changes only while none runs',
    defaultHelp: 'all of them',
  },
  'show-status': { type: 'switch', help: 'answer GET /status in a cluster too; it shows every tenant' },
  'allow-empty': { type: 'switch', help: 'a source that holds no manifest any more means what it says' },
  'cache-dir': {
    type: 'text',
    value: 'DIR',
    help: 'where the git mirror is kept',
    defaultHelp: '~/.cache/modelpromotion',
  },
  workers: {
    type: 'integer',
    default: 40,
    least: 1,
    most: 256,
    value: 'N',
    help: "promotions of one registry handled at once; how many requests that makes is the registry's own limit",
  },
  listen: {
    type: 'text',
    default: '127.0.0.1:8080',
    value: 'ADDRESS',
    help: 'address of /healthz, /readyz, /metrics, /status and the hooks',
  },
  server: { type: 'text', value: 'URL', help: 'the controller to ask', default: 'http://127.0.0.1:8080' },
  timeout: { type: 'duration', default: '5m', least: '1s', value: 'DURATION', help: 'how long to wait' },
  revision: {
    type: 'text',
    value: 'REVISION',
    help: 'wait until the controller has read this commit (a sha, or its beginning); --server knows, the status branch does not',
  },
  output: {
    type: 'choice',
    choices: ['table', 'json', 'yaml', 'markdown'],
    default: 'table',
    short: 'o',
    value: 'FORMAT',
    help: 'table, json, yaml or markdown',
  },
  to: { type: 'text', value: 'VERSION', help: 'the version to go back to', defaultHelp: 'the one before' },
  target: {
    type: 'list',
    value: 'TARGET',
    form: { pattern: /\S/, words: 'stage/Production or alias/champion' },
    help: 'a target to bring back, stage/Production or alias/champion; several are brought back together',
    defaultHelp: 'all that the last change moved together',
  },
  'pin-for': {
    type: 'age',
    value: 'TIME',
    help: 'how long a target whose version a rule selects is pinned, such as 12h or 30d',
    defaultHelp: '1w',
  },
  reason: { type: 'text', value: 'TEXT', help: 'why; it goes into the message of the commit' },
  branch: {
    type: 'text',
    value: 'NAME',
    help: 'commit to this new branch, for review, instead of --git-branch',
  },
  author: {
    type: 'text',
    value: 'WHO',
    help: 'who commits, as "Name <address>"',
    defaultHelp: "git's configuration",
  },
  'registry-name': {
    type: 'text',
    default: 'default',
    value: 'NAME',
    form: OBJECT,
    help: 'name of the ModelRegistry that the manifests refer to',
  },
  'output-dir': {
    type: 'text',
    value: 'DIR',
    help: 'folder for one file a manifest, made where it is missing',
    defaultHelp: 'one stream on standard output',
  },
  'to-registry-uri': {
    type: 'text',
    value: 'URL',
    help: 'address of the other MLflow server',
  },
  'to-registry-secret': {
    type: 'text',
    value: 'NAME',
    help: 'secret of --secrets-dir for the other server, with token, or username and password, and origins',
    defaultHelp: 'no credential',
  },
  'to-model': {
    type: 'text',
    value: 'NAME',
    help: 'what the model is called there',
    defaultHelp: 'the same',
  },
  stage: {
    type: 'list',
    value: 'STAGE',
    form: {
      pattern: /^(?:none|staging|production|archived)$/i,
      words: 'None, Staging, Production or Archived',
    },
    help: 'versions in this stage; of several, in one of them',
  },
  alias: {
    type: 'list',
    value: 'ALIAS',
    form: { pattern: /^[\p{L}\p{N}_*\-]+$/v, words: 'an alias, in which * stands for any characters' },
    help: 'versions with this alias; of several, with one of them',
  },
  tag: {
    type: 'list',
    value: 'KEY[=VALUE]',
    form: { pattern: /^[^=]+(?:=[^]*)?$/, words: 'KEY or KEY=VALUE' },
    help: 'versions that carry this tag, or whose model does; of several, all of them',
  },
  metric: {
    type: 'list',
    value: 'BOUND',
    form: BOUND_FORM,
    help: 'versions whose metric keeps this bound; of several, all of them',
  },
  'older-than': { type: 'age', value: 'AGE', help: 'versions made before this long ago, such as 30d or 12h' },
  'newer-than': { type: 'age', value: 'AGE', help: 'versions made within this long, such as 2w' },
  unmanaged: { type: 'switch', help: 'versions that no controller of ours says to manage' },
  goal: {
    type: 'list',
    value: 'METRIC=GOAL',
    form: { pattern: /^[^=]+=(?:min|max)$/, words: 'METRIC=min or METRIC=max' },
    help: 'which values of a metric are the better ones, where its name does not tell',
  },
  signature: {
    type: 'switch',
    help: 'what goes into the models and comes out, from the file MLmodel of each: a request for each version',
  },
  differences: { type: 'switch', help: 'only what differs' },
  margin: {
    type: 'list',
    value: 'METRIC',
    form: { pattern: /^[^=<>]+$/, words: 'the name of a metric' },
    help: 'what the difference of this metric is worth, by all values that each run logged of it, one a fold or a seed',
  },
  force: { type: 'switch', help: 'overwrite files that say something else' },
  'exit-code': { type: 'switch', help: 'exit with 4 when changes are pending, or when two sides differ' },
  yes: { type: 'switch', short: 'y', help: 'go ahead without asking' },
  'log-level': {
    type: 'choice',
    choices: ['debug', 'info', 'warn', 'error', 'silent'],
    default: 'info',
    value: 'LEVEL',
    help: 'debug, info, warn, error or silent',
  },
  'log-format': {
    type: 'choice',
    choices: ['pretty', 'json'],
    value: 'FORMAT',
    help: 'pretty or json',
    defaultHelp: 'pretty on a terminal, else json',
  },
} as const satisfies Record<string, Option>;

export type OptionName = keyof typeof OPTIONS;

/** One of `count` that share the work; the first has index 0. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

const MOST_SHARDS = 64;

type ValueOf<O> = O extends { type: 'switch' }
  ? boolean
  : O extends { type: 'list' }
    ? readonly string[]
    : O extends { type: 'age' }
      ? number | undefined
      : O extends { type: 'shard' }
        ? Shard | undefined
        : O extends { type: 'duration' | 'integer' }
          ? number
          : O extends { type: 'choice'; choices: readonly (infer C)[] }
            ? O extends { default: string }
              ? C
              : C | undefined
            : O extends { default: string }
              ? string
              : string | undefined;

/** The values of some options. Durations and ages are milliseconds. */
export type Config<N extends OptionName> = { readonly [K in N]: ValueOf<(typeof OPTIONS)[K]> };

/** Flags as the command line gives them: text, several of them in a list, or true for a switch. */
export type Flags = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

export type Environment = Readonly<Record<string, string | undefined>>;

/** The options are not usable as given: one sentence a mistake. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(mistakes.join('\n'));
    this.mistakes = mistakes;
  }
}

/** Does all of these, and reports what is wrong with any of them together. @throws ConfigError */
export function together<T extends unknown[]>(...makers: { [I in keyof T]: () => T[I] }): T {
  const mistakes: string[] = [];
  const made = makers.map((make: () => unknown) => {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      mistakes.push(...error.mistakes);
      return undefined;
    }
  });
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return made as T;
}

export function environment(): Environment {
  return process.env;
}

export function variableOf(name: string): string {
  return `MODELPROMOTION_${name.toUpperCase().replaceAll('-', '_')}`;
}

/** What an option is for one command, where that is not what it is for others. */
export type Defaults = Readonly<Partial<Record<OptionName, string>>>;

/** Flag before variable before default. @throws ConfigError with everything that is wrong. */
export function resolveOptions<N extends OptionName>(
  names: readonly N[],
  flags: Flags,
  env: Environment,
  defaults: Defaults = {},
): Config<N> {
  const mistakes: string[] = [];
  const values = names.map((name) => {
    const { given, origin } = find(name, flags, env);
    const parsed =
      given === undefined ? (defaults[name] ?? defaultOf(OPTIONS[name])) : parse(OPTIONS[name], given);
    for (const value of [parsed].flat())
      if (value instanceof Mistake) mistakes.push(`${origin}: ${value.sentence}`);
    return [name, parsed];
  });
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return Object.fromEntries(values) as Config<N>;
}

/** How the default of an option reads in help and docs; undefined when there is none. */
export function describeDefault(option: Option): string | undefined {
  if (option.defaultHelp !== undefined) return option.defaultHelp;
  return 'default' in option && option.default !== undefined ? String(option.default) : undefined;
}

interface Found {
  readonly given: string | readonly string[] | undefined;
  readonly origin: string;
}

function find(name: OptionName, flags: Flags, env: Environment): Found {
  const flag = flags[name];
  if (flag !== undefined)
    return { given: typeof flag === 'boolean' ? String(flag) : flag, origin: `--${name}` };
  const option: Option = OPTIONS[name];
  for (const variable of [variableOf(name), ...(option.alsoFrom ?? [])]) {
    const text = env[variable];
    const given =
      option.type === 'text' ? text !== undefined && !(text === '' && option.alsoFrom) : (text ?? '') !== '';
    if (given) return { given: text, origin: variable };
  }
  return { given: undefined, origin: `--${name}` };
}

class Mistake {
  readonly sentence: string;
  constructor(sentence: string) {
    this.sentence = sentence;
  }
}

type Value = string | number | boolean | readonly string[] | Shard;

function defaultOf(option: Option): Value | undefined {
  if (option.type === 'switch') return false;
  if (option.type === 'list') return [];
  if (option.type === 'shard' || option.type === 'age') return undefined;
  return option.type === 'duration' ? parseDuration(option.default) : option.default;
}

function parse(
  option: Option,
  given: string | readonly string[],
): Value | Mistake | readonly (string | Mistake)[] {
  if (option.type === 'list')
    return (typeof given === 'string' ? given.split('\n') : given).map((one) =>
      parseMember(one, option.form),
    );
  return parseOne(option, String(given));
}

function parseOne(option: Exclude<Option, { type: 'list' }>, text: string): Value | Mistake {
  switch (option.type) {
    case 'text':
      return option.form?.pattern.test(text) === false
        ? new Mistake(`${JSON.stringify(text)} is not a name: ${option.form.words}`)
        : text;
    case 'switch':
      return parseSwitch(text);
    case 'duration':
      return parseDurationOption(text, option.least);
    case 'age':
      return parseAge(text);
    case 'shard':
      return parseShard(text);
    case 'integer':
      return parseInteger(text, option);
    case 'choice':
      return option.choices.includes(text)
        ? text
        : new Mistake(`${quote(text)} is not one of ${option.choices.join(', ')}`);
    default:
      return option satisfies never;
  }
}

function parseSwitch(text: string): boolean | Mistake {
  if (['true', '1', 'yes'].includes(text.toLowerCase())) return true;
  if (['false', '0', 'no'].includes(text.toLowerCase())) return false;
  return new Mistake(`${quote(text)} is neither true nor false`);
}

function parseInteger(text: string, { least, most }: { least: number; most: number }): number | Mistake {
  const value = Number(text);
  return /^\d+$/.test(text) && value >= least && value <= most
    ? value
    : new Mistake(`${quote(text)} is not a whole number from ${least} to ${most}`);
}

function parseMember(text: string, { pattern, words }: Form): string | Mistake {
  return pattern.test(text) ? text : new Mistake(`${quote(text)} is not accepted; write ${words}`);
}

const DAY = 24 * 60 * 60_000;
const LONG_UNITS: Readonly<Record<string, number>> = { d: DAY, w: 7 * DAY };

function parseAge(text: string): number | Mistake {
  const [, amount, unit = ''] = /^(\d{1,5}(?:\.\d{1,3})?)([dw])$/.exec(text) ?? [];
  if (amount !== undefined) return Number(amount) * (LONG_UNITS[unit] ?? DAY);
  try {
    return parseDuration(text);
  } catch {
    return new Mistake(`${quote(text)} is not an age; write 12h, 30d or 2w`);
  }
}

function parseShard(text: string): Shard | Mistake {
  const [, index, count] = /^(\d{1,3})\/(\d{1,3})$/.exec(text)?.map(Number) ?? [];
  if (index !== undefined && count !== undefined && index < count && count <= MOST_SHARDS)
    return { index, count };
  return new Mistake(
    `${quote(text)} is no share; of three, write 0/3, 1/3 and 2/3 (there are at most ${MOST_SHARDS})`,
  );
}

function parseDurationOption(text: string, least = '0s'): number | Mistake {
  try {
    const ms = parseDuration(text);
    if (ms < parseDuration(least)) return new Mistake(`${clip(text)} is shorter than ${least}`);
    return ms <= parseDuration('576h') ? ms : new Mistake(`${clip(text)} is longer than 576h`);
  } catch {
    return new Mistake(`${quote(text)} is not a duration; write 30s, 5m or 1h30m`);
  }
}
