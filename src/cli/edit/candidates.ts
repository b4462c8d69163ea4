/** Whether versions that are to be declared are there, as far as their registry can be asked. */
import { openRegistries, type RegistryAssembly } from '../assembly.ts';
import { toPromotion } from '../../domain/desired.ts';
import type { Fact, Model } from '../../domain/observed.ts';
import { selectCandidate } from '../../domain/select.ts';
import type { Environment } from '../../config.ts';
import type { Scrubber } from '../../runtime/secrets.ts';
import { wordsOf } from '../../runtime/failure.ts';
import type { Declared, EditHome } from './home.ts';
import type { EditConfig } from './options.ts';

export type Check =
  | { readonly kind: 'ready'; readonly message: string }
  | { readonly kind: 'unusable'; readonly message: string }
  /** Nobody could tell, and why. */
  | { readonly kind: 'unknown'; readonly message: string };

const PATIENCE = 15_000;

export interface CheckOptions {
  readonly config: EditConfig;
  readonly env: Environment;
  readonly scrubber: Scrubber;
  readonly home: EditHome;
}

/** Looks once, live. @throws ConfigError for options that cannot be */
export async function checkCandidates(
  declared: Declared,
  versions: readonly string[],
  options: CheckOptions,
  signal: AbortSignal,
): Promise<Check> {
  const { model } = declared.object.spec;
  const fact = await readModel(declared, options, AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]));
  signal.throwIfAborted();
  return judge(fact, model, versions);
}

/** What a reading says of these versions. */
export function judge(fact: Fact<Model>, model: string, versions: readonly string[]): Check {
  switch (fact.kind) {
    case 'unknown':
      return { kind: 'unknown', message: `the registry could not be asked: ${fact.message}` };
    case 'absent':
      return { kind: 'unusable', message: `the registry has no model ${model}` };
    case 'known': {
      const found = versions.map((version) => selectCandidate({ kind: 'pinned', version }, fact.value));
      const messages = found.flatMap((one) => ('message' in one ? [one.message] : []));
      if (messages.length > 0) return { kind: 'unusable', message: messages.join('; ') };
      const names = versions.map((version) => `version ${version}`).join(' and ');
      return {
        kind: 'ready',
        message: `${names} of ${model} ${versions.length === 1 ? 'exists and is' : 'exist and are'} READY`,
      };
    }
    default:
      return fact satisfies never;
  }
}

async function readModel(
  { object, listing }: Declared,
  { config, env, scrubber, home: { access } }: CheckOptions,
  signal: AbortSignal,
): Promise<Fact<Model>> {
  const promotion = toPromotion(object, { uid: '', generation: 0, revision: '' });
  const assembly: RegistryAssembly = {
    config,
    env,
    scrubber,
    observer: { requested: () => undefined },
    managed: () => new Set([promotion.model]),
    reserved: [
      [config['git-secret'], "git's"],
      [config['status-secret'], "git's"],
    ],
    // Here is only looked.
    fence: () => false,
    access,
  };
  const directory = openRegistries(assembly);
  try {
    const entries = listing.registries.map(({ object, location }) => {
      const { namespace, name } = object.metadata;
      return [`${namespace}/${name}`, { document: object, location, generation: 1 }] as const;
    });
    await directory.update(new Map(entries), new Set());
    const resolved = directory.resolve(promotion);
    if (resolved.kind === 'refused') return unknown(resolved.message);
    return await resolved.registry.read(promotion.model, signal);
  } catch (error) {
    return unknown(wordsOf(error));
  } finally {
    await directory.close();
  }
}

function unknown(message: string): Fact<Model> {
  return { kind: 'unknown', reason: 'RegistryUnavailable', message };
}
