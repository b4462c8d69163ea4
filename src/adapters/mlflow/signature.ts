/** What goes into a model and comes out. MLflow's database does not know; the file that lies with each model does. */
import { isFields } from '../../api/fields.ts';
import { readTree } from '../../api/tree.ts';
import { parseYaml } from '../../api/yaml.ts';
import type { Fact, Version } from '../../domain/observed.ts';
import type { SignatureOf } from '../../domain/evidence.ts';
import { RegistryError } from './errors.ts';
import { unknownFrom } from './sweep.ts';
import type { TrackingCalls } from './tracking.ts';

/** A request for each version, as many at once as the registry's limit allows; the server fetches the file. */
export async function readSignatures(
  calls: TrackingCalls,
  model: string,
  versions: readonly Version[],
  signal: AbortSignal,
): Promise<SignatureOf> {
  const facts = versions.map(async (version): Promise<[Version, Fact<string>]> => {
    try {
      return [version, signatureIn(await calls.modelFile(model, version.version, signal))];
    } catch (error) {
      return [version, failure(error)];
    }
  });
  return new Map(await Promise.all(facts));
}

function failure(error: unknown): Fact<never> {
  if (error instanceof RegistryError && error.notFound) return { kind: 'absent' };
  const fact = unknownFrom(error);
  // Where the files are is no matter of the registry: that it is out of order is known from elsewhere.
  return { ...fact, reason: 'RegistryRefused', message: `the file MLmodel cannot be read: ${fact.message}` };
}

/** As JSON, each part a JSON text in it, which is how MLflow keeps them. */
export function signatureIn(text: string): Fact<string> {
  const [document] = parseYaml(text).documents;
  const sound = document?.root != null && document.mistake === undefined;
  const value = sound ? readTree(document.root).value : undefined;
  if (!isFields(value))
    return {
      kind: 'unknown',
      reason: 'RegistryRefused',
      message: 'the file MLmodel is not what MLflow writes',
    };
  const { signature } = value;
  return isFields(signature) ? { kind: 'known', value: JSON.stringify(signature) } : { kind: 'absent' };
}
