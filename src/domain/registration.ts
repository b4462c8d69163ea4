/**
 * Registering a version from a source. MLflow makes a new version each time it is asked, so a tag of ours goes along in
 * the same call and says where the version came from; what is there already is found by it. A tag on the model
 * remembers the number, so that a version that a person deletes is not made again, whoever registered it.
 */
import type { Promotion } from './desired.ts';
import { plainSource, versionOfSource, type Grounds, type ResolvedSource } from './grounds.ts';
import { fingerprint } from './fingerprint.ts';
import type { Fact, Model } from './observed.ts';
import type { Mark } from './provenance.ts';

/** The model's tag that remembers which version was registered from a source, by what the version itself calls it. */
function registeredTag(source: string): string {
  return `modelpromotion.dev/registered/${fingerprint(plainSource(source))}`;
}

/** The version of a source that was there and is not any more. */
export function deletedOf(
  declared: string,
  resolved: Fact<ResolvedSource> | undefined,
  model: Model,
): { readonly version: string; readonly tag: string } | undefined {
  const names = resolved?.kind === 'known' ? [...resolved.value.names] : [declared];
  for (const tag of names.map(registeredTag)) {
    const version = model.tags.get(tag);
    if (version !== undefined && !model.versions.has(version)) return { version, tag };
  }
  return undefined;
}

/** What is not yet remembered of the versions that this promotion asks for by their source. */
export function registrationMarks({ targets }: Promotion, model: Model, sources: Grounds['sources']): Mark[] {
  const declared = new Set(targets.flatMap(({ want }) => (want.kind === 'source' ? [want.source] : [])));
  return [...declared].flatMap((source): Mark[] => {
    const version = versionOfSource(source, sources.get(source), model);
    if (version === undefined) return [];
    const key = registeredTag(version.source);
    return model.tags.get(key) === version.version
      ? []
      : [{ version: undefined, key, value: version.version }];
  });
}

/** A model that is not there yet. */
export function missingModel(name: string): Model {
  return {
    name,
    lastUpdatedTimestamp: 0,
    tags: new Map(),
    aliases: new Map(),
    versions: new Map(),
    isMissing: true,
  };
}
