/**
 * Registering a version from a source. MLflow makes a new version each time it is asked, so a tag of ours goes along in
 * the same call and says where the version came from; what is there already is found by it. A tag on the model
 * remembers the number, so that a version that a person deletes is not made again.
 */
import type { Promotion } from './desired.ts';
import { REGISTERED_FROM } from './grounds.ts';
import { fingerprint } from './fingerprint.ts';
import type { Model } from './observed.ts';
import type { Mark } from './provenance.ts';

/** The model's tag that remembers which version was registered from a source. */
export function registeredTag(source: string): string {
  return `modelpromotion.dev/registered/${fingerprint(source)}`;
}

/** What is not yet remembered of what was registered for this promotion. */
export function registrationMarks({ targets }: Promotion, model: Model): Mark[] {
  const declared = new Set(targets.flatMap(({ want }) => (want.kind === 'source' ? [want.source] : [])));
  return [...declared].flatMap((source): Mark[] => {
    const key = registeredTag(source);
    const version = [...model.versions.values()].find(({ tags }) => tags.get(REGISTERED_FROM) === source);
    return version === undefined || model.tags.get(key) === version.version
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
