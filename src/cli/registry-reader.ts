/** The one registry that a question is put to, and the server that knows the runs of its versions. */
import type { Models } from '../adapters/mlflow/whole.ts';
import { ConfigError, type Config, type Environment, type OptionName } from '../config.ts';
import type { EvidenceOf, EvidenceReader, SignatureOf } from '../domain/evidence.ts';
import type { Grounds, SampleOf } from '../domain/grounds.ts';
import type { Fact, Model, Version } from '../domain/observed.ts';
import { Scrubber } from '../runtime/secrets.ts';
import { openOwnRegistry, type OneRegistry } from './one-registry.ts';

export const READER_OPTIONS = ['registry-uri'] as const satisfies readonly OptionName[];

export interface RegistryReader extends EvidenceReader, AsyncDisposable {
  /** Knows every secret that was used. */
  readonly scrubber: Scrubber;
  /** The models whose names match, all without a pattern. @throws RegistryError */
  matching(patterns: readonly string[], signal: AbortSignal): Promise<Models>;
  model(name: string, signal: AbortSignal): Promise<Fact<Model>>;
  /** Every value that runs logged of a metric, by `sampleKey`. */
  samples(of: readonly SampleOf[], signal: AbortSignal): Promise<Grounds['samples']>;
  signatures(model: string, versions: readonly Version[], signal: AbortSignal): Promise<SignatureOf>;
}

/**
 * Runs are where MLFLOW_TRACKING_URI says, as in every client of MLflow; else in the registry.
 * @param runs whether they will be asked for
 * @throws ConfigError
 */
export function openReader(
  config: Config<(typeof READER_OPTIONS)[number]>,
  env: Environment,
  runs: boolean,
  signal: AbortSignal,
): RegistryReader {
  const scrubber = new Scrubber();
  const access: Access = { env, scrubber, signal };
  const own = open(config['registry-uri'], access);
  if (own === undefined)
    throw new ConfigError([
      '--registry-uri: no registry is given; say where it is, or set MLFLOW_TRACKING_URI',
    ]);
  const tracking = runs ? openTracking(access) : undefined;
  const source = tracking === undefined || tracking.address === own.address ? own : tracking;
  return {
    scrubber,
    matching: (patterns, signal) => own.registry.matching(patterns, signal),
    model: (name, signal) => own.registry.read(name, signal),
    samples: (of, signal) => source.registry.samples(of, signal),
    signatures: (model, versions, signal) => own.registry.signatures(model, versions, signal),
    evidence: (versions: readonly Version[], signal): Promise<EvidenceOf> =>
      source.registry.evidence(versions, signal),
    async [Symbol.asyncDispose]() {
      await Promise.all([own[Symbol.asyncDispose](), tracking?.[Symbol.asyncDispose]()]);
    },
  };
}

interface Access {
  readonly env: Environment;
  readonly scrubber: Scrubber;
  readonly signal: AbortSignal;
}

function open(uri: string | undefined, { env, signal, scrubber }: Access): OneRegistry | undefined {
  return openOwnRegistry({ 'registry-uri': uri, installation: 'default' }, env, signal, scrubber);
}

/** Undefined where no variable says so. */
function openTracking(access: Access): OneRegistry | undefined {
  const uri = access.env['MLFLOW_TRACKING_URI'] ?? '';
  if (uri === '') return undefined;
  try {
    return open(uri, access);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(
      error.mistakes.map((mistake) => mistake.replace('--registry-uri:', 'MLFLOW_TRACKING_URI, for runs:')),
    );
  }
}
