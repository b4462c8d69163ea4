/** Puts adapters together from options: what every command that meets a registry needs. */
import { readFileSync } from 'node:fs';
import { readTree } from '../api/tree.ts';
import { parseYaml } from '../api/yaml.ts';
import { isFields } from '../api/fields.ts';
import type { ClientObserver } from '../adapters/mlflow/client.ts';
import {
  RegistryDirectory,
  type DirectoryOptions,
  type WebhookKeeping,
} from '../adapters/mlflow/directory.ts';
import { registryFromEnvironment, type EnvironmentRegistry } from '../adapters/mlflow/environment.ts';
import { SecretFolder } from '../adapters/secrets/folder.ts';
import { ConfigError, type Config, type Environment, type OptionName } from '../config.ts';
import { wordsOf } from '../runtime/failure.ts';
import { createLogger, type Logger } from '../runtime/logger.ts';
import { Scrubber } from '../runtime/secrets.ts';

export const LOG_OPTIONS = ['log-level', 'log-format'] as const satisfies readonly OptionName[];
export const REGISTRY_OPTIONS = [
  'registry-uri',
  'secrets-dir',
  'namespace-labels',
  'registry-allow',
  'installation',
] as const satisfies readonly OptionName[];

type RegistryConfig = Config<(typeof REGISTRY_OPTIONS)[number]>;

const OPERATOR_CONCURRENCY = 4;

export interface Output {
  readonly logger: Logger;
  readonly scrubber: Scrubber;
}

export function openOutput(config: Config<(typeof LOG_OPTIONS)[number]>): Output {
  const scrubber = new Scrubber();
  const format = config['log-format'] ?? (process.stderr.isTTY ? 'pretty' : 'json');
  return { scrubber, logger: createLogger({ level: config['log-level'], format, scrubber }) };
}

export interface RegistryAssembly {
  readonly config: RegistryConfig;
  readonly env: Environment;
  readonly scrubber: Scrubber;
  readonly observer: ClientObserver;
  /** Milliseconds between looks at the registry of --registry-uri; a one-shot command looks once. */
  readonly sweepInterval?: number;
  readonly managed: (address: string) => ReadonlySet<string>;
  /** Secrets that are not for registries, and whose they are: they are never mixed. */
  readonly reserved?: readonly (readonly [name: string | undefined, owner: string])[];
  readonly webhooks?: WebhookKeeping;
  /** Whether a write may begin now. */
  readonly fence?: (() => boolean) | undefined;
  /** Where secrets and labels come from; undefined for the folders and files of the options. */
  readonly access?: Pick<DirectoryOptions, 'readSecret' | 'labelsOf'> | undefined;
}

/** @throws ConfigError */
export function openRegistries(assembly: RegistryAssembly): RegistryDirectory {
  const { config, env, scrubber, observer, managed, sweepInterval = 0, webhooks } = assembly;
  const { access = folderAccess(assembly) } = assembly;
  // In a cluster registries are declared: none is the operator's own.
  const operator = assembly.access === undefined ? operatorRegistry(config['registry-uri'], env) : undefined;
  if (operator !== undefined) learn(operator, scrubber);
  return new RegistryDirectory({
    operator,
    operatorLimits: { sweepInterval, concurrency: OPERATOR_CONCURRENCY },
    ...access,
    allowed: allowedOrigins(config['registry-allow']),
    proxy: ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy'].some(
      (name) => (env[name] ?? '') !== '',
    ),
    managed,
    observe: () => observer,
    webhooks,
    fence: assembly.fence,
  });
}

/**
 * Origins as the address of a registry is compared with them: what a browser shows, without the port that goes without
 * saying. @throws ConfigError, for a list that is not what it says must not let everybody go anywhere
 */
function allowedOrigins(list: string | undefined): readonly string[] {
  if (list === undefined) return [];
  const patterns = list.split(',').map((pattern) => pattern.trim().toLowerCase().replace(/\/+$/, ''));
  const wrong = patterns.filter((pattern) => pattern !== '*' && !/^https?:\/\/[^\s/?#@\\]+$/.test(pattern));
  if (wrong.length > 0)
    throw new ConfigError([
      `--registry-allow: ${wrong.map((one) => JSON.stringify(one)).join(', ')} is not an origin; write https://mlflow.example.com or https://*.example.com, with commas between them`,
    ]);
  return patterns.map((pattern) =>
    pattern.replace(/^(https:\/\/.*):443$/, '$1').replace(/^(http:\/\/.*):80$/, '$1'),
  );
}

function folderAccess({
  config,
  scrubber,
  reserved = [],
}: RegistryAssembly): Pick<DirectoryOptions, 'readSecret' | 'labelsOf'> {
  const secrets = new SecretFolder(config['secrets-dir'], (value) => scrubber.add(value));
  const labels = namespaceLabels(config['namespace-labels']);
  return {
    readSecret: ({ name }, origin) => {
      const owner = reserved.find(([secret]) => secret === name)?.[1];
      if (owner !== undefined) throw new Error(`secret ${name} is ${owner}, and is not used for registries`);
      return origin === undefined ? secrets.read(name) : secrets.readFor(name, origin);
    },
    labelsOf: (namespace) => labels.get(namespace),
  };
}

function operatorRegistry(uri: string | undefined, env: Environment): EnvironmentRegistry | undefined {
  try {
    return registryFromEnvironment(env, uri, (path) => readFileSync(path, 'utf8'));
  } catch (error) {
    throw new ConfigError([`--registry-uri: ${wordsOf(error)}`]);
  }
}

function learn({ credentials }: EnvironmentRegistry, scrubber: Scrubber): void {
  if (credentials.kind === 'basic') scrubber.addBasic(credentials.username, credentials.password);
  if (credentials.kind === 'bearer') scrubber.add(credentials.token);
}

type Labels = Readonly<Record<string, string>>;

function namespaceLabels(file: string | undefined): ReadonlyMap<string, Labels> {
  if (file === undefined) return new Map();
  const mistake = (what: string): ConfigError => new ConfigError([`--namespace-labels: ${file}: ${what}`]);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw mistake('cannot be read');
  }
  const [document] = parseYaml(text).documents;
  const value =
    document?.root == null || document.mistake !== undefined ? undefined : readTree(document.root).value;
  if (!isFields(value)) throw mistake('is not a map of namespaces to labels');
  return new Map(
    Object.entries(value).map(([namespace, labels]) => {
      if (!isFields(labels) || Object.values(labels).some((label) => typeof label !== 'string')) {
        throw mistake(`the labels of ${namespace} are not a map of strings`);
      }
      return [namespace, labels as Labels];
    }),
  );
}
