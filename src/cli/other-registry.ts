/** A second registry beside that of --registry-uri, with a credential of its own. */
import type { Listed } from '../adapters/mlflow/directory.ts';
import { parseRegistryUri } from '../adapters/mlflow/environment.ts';
import type { ModelRegistry } from '../api/generated/types.ts';
import { NOWHERE } from '../api/listing.ts';
import { ConfigError, type Config, type OptionName } from '../config.ts';
import { wordsOf } from '../runtime/failure.ts';
import type { OneRegistry } from './one-registry.ts';

export const OTHER_REGISTRY_OPTIONS = [
  'to-registry-uri',
  'to-registry-secret',
  'secrets-dir',
  'registry-allow',
] as const satisfies readonly OptionName[];

const KEY = 'command/other';

/**
 * As a declared ModelRegistry, so that a secret goes nowhere but where it says that it may.
 * @throws ConfigError
 */
export async function openOtherRegistry(
  config: Config<(typeof OTHER_REGISTRY_OPTIONS)[number]>,
  { directory, address, uri: first }: OneRegistry,
): Promise<Listed> {
  const uri = addressIn(config);
  const document = documentOf(uri, config['to-registry-secret']);
  await directory.update(new Map([[KEY, { document, location: NOWHERE, generation: 1 }]]), new Set());
  const listed = directory.list().find(({ key }) => key === KEY);
  if (listed === undefined) throw new ConfigError(['--to-registry-uri: cannot be used']);
  if (listed.refusal !== undefined) throw new ConfigError([`--to-registry-uri: ${listed.refusal}`]);
  if (listed.address === address)
    throw new ConfigError([
      `--to-registry-uri: ${uri} is the registry itself, as --registry-uri is ${first}`,
    ]);
  return listed;
}

function addressIn(config: Config<'to-registry-uri'>): string {
  const given = config['to-registry-uri'];
  if (given === undefined)
    throw new ConfigError(['--to-registry-uri: needed, the address of the other registry']);
  try {
    const url = parseRegistryUri(given);
    if (url.username === '' && url.password === '') return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
  } catch (error) {
    throw new ConfigError([`--to-registry-uri: ${wordsOf(error)}`]);
  }
  throw new ConfigError([
    '--to-registry-uri: it holds a user name or password, which others may see; name a secret with --to-registry-secret',
  ]);
}

function documentOf(uri: string, secret: string | undefined): ModelRegistry {
  return {
    apiVersion: 'modelpromotion.dev/v1alpha1',
    kind: 'ModelRegistry',
    metadata: { namespace: 'command', name: 'other' },
    spec: {
      uri,
      ...(secret !== undefined && { auth: { secretRef: { name: secret } } }),
      sweepInterval: '60s',
      limits: { concurrency: 4, requestTimeout: '30s' },
      access: [],
    },
  };
}
