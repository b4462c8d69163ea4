/** The registry of --registry-uri, for commands that look at nothing else. */
import type { RegistryDirectory } from '../adapters/mlflow/directory.ts';
import type { MlflowRegistry } from '../adapters/mlflow/registry.ts';
import { ConfigError, type Config, type Environment, type OptionName } from '../config.ts';
import { Scrubber } from '../runtime/secrets.ts';
import { openRegistries } from './assembly.ts';

export const ONE_REGISTRY_OPTIONS = ['registry-uri', 'installation'] as const satisfies readonly OptionName[];

export interface OneRegistry extends AsyncDisposable {
  readonly registry: MlflowRegistry;
  readonly directory: RegistryDirectory;
  /** Without any secret. */
  readonly uri: string;
  /** What tells it from other registries. */
  readonly address: string;
  /** Knows every secret that was used. */
  readonly scrubber: Scrubber;
}

type Access = Config<'secrets-dir' | 'registry-allow'>;

type RegistryConfig = Config<(typeof ONE_REGISTRY_OPTIONS)[number]> & Partial<Access>;

/** To be opened with `await using`. @throws ConfigError */
export function openOneRegistry(config: RegistryConfig, env: Environment, signal: AbortSignal): OneRegistry {
  const found = openOwnRegistry(config, env, signal);
  if (found !== undefined) return found;
  throw new ConfigError([
    '--registry-uri: needed, the address of an MLflow server such as http://127.0.0.1:5000',
  ]);
}

/** Undefined when no option and no variable names one. @throws ConfigError */
export function openOwnRegistry(
  config: RegistryConfig,
  env: Environment,
  signal: AbortSignal,
  scrubber = new Scrubber(),
): OneRegistry | undefined {
  const directory = openRegistries({
    config: {
      'secrets-dir': undefined,
      'registry-allow': undefined,
      'namespace-labels': undefined,
      ...config,
    },
    env,
    scrubber,
    observer: { requested: () => undefined },
    managed: () => new Set(),
    fence: () => !signal.aborted,
  });
  const { own } = directory;
  return (
    own && {
      registry: own.registry,
      directory,
      uri: own.uri,
      address: own.address,
      scrubber,
      [Symbol.asyncDispose]: () => directory.close(),
    }
  );
}
