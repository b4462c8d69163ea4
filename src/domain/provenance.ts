/**
 * The marks we leave in the registry, because MLflow records nobody. They are not part of a plan:
 * they go along with the first real change, and never on a pass that has nothing to do.
 *
 * - the **owner tag**, one a target, on the registered model: which installation and promotion manage it.
 * - the **provenance tag**, one a version: who put it where, from which revision, by which plan.
 */
import { clip } from '../api/quote.ts';
import { isTimestamp } from '../api/timestamp.ts';
import { movement, simulate, type Action } from './action.ts';
import type { TargetId } from './desired.ts';
import { fingerprint } from './fingerprint.ts';
import type { Model, Version } from './observed.ts';
import { identityOf, type Records } from './record.ts';
import { currentHolder, isHeldBy } from './select.ts';

const PREFIX = 'modelpromotion.dev/';
const OWNER = `${PREFIX}owner/`;
export const PROVENANCE_TAG = `${PREFIX}applied`;
/** Of what somebody else may have written. */
const LONGEST = 300;

/** Of a tag's key, in MLflow. */
const LONGEST_KEY = 250;

/** An alias has up to 255 characters: a fingerprint stands for the tail of one that is too long. */
export function ownerTag(target: TargetId): string {
  const tag = `${OWNER}${target}`;
  const characters = Array.from(tag);
  if (characters.length <= LONGEST_KEY) return tag;
  const end = `.${fingerprint(target)}`;
  return `${characters.slice(0, LONGEST_KEY - end.length).join('')}${end}`;
}

/**
 * Who else holds the claim on this target: another installation, or a promotion of ours that reaches the same server under
 * another address. Promotions that share an address settle it among themselves.
 */
export function foreignOwner(
  model: Model,
  target: TargetId,
  owner: string,
  elsewhere: ReadonlySet<string>,
): { owner: string; tag: string } | undefined {
  const holder = otherOwner(model, target, owner);
  if (holder === undefined) return undefined;
  const isOurs = installationOf(holder) === installationOf(owner) && !elsewhere.has(holder);
  return isOurs ? undefined : { owner: clip(holder, LONGEST), tag: ownerTag(target) };
}

/** Another promotion of ours that had the target until now: it was renamed, or is about to lose it. */
export function formerOwner(model: Model, target: TargetId, owner: string): string | undefined {
  const holder = otherOwner(model, target, owner);
  return holder === undefined ? undefined : clip(holder, LONGEST);
}

function otherOwner(model: Model, target: TargetId, owner: string): string | undefined {
  const holder = model.tags.get(ownerTag(target)) ?? '';
  return holder === '' || holder === owner ? undefined : holder;
}

/** Whether any installation of ours says that it manages the model, or that it put the version somewhere. */
export function isMarked(model: Model, version: Version | undefined): boolean {
  return (
    [...model.tags.keys()].some((key) => key.startsWith(OWNER)) || version?.tags.has(PROVENANCE_TAG) === true
  );
}

export interface Mark {
  /** On the registered model, or on one of its versions. */
  readonly version: string | undefined;
  readonly key: string;
  readonly value: string;
}

export interface Signature {
  readonly owner: string;
  readonly revision: string;
  readonly digest: string;
  /** RFC 3339. */
  readonly at: string;
}

/** The marks that belong to a list of applied actions: at most one a version, and owner tags that are missing. */
export function marksFor(applied: readonly Action[], model: Model, signature: Signature): Mark[] {
  const placed = applied.flatMap((action): Placed[] => {
    const version = movement(action)?.to;
    return version === undefined ? [] : [{ target: action.target, version }];
  });
  const targets = applied.map(({ target }) => target);
  return marksOf(placed, targets, applied.reduce(simulate, model), signature);
}

/** A version on the target that it was put on, or is to be known to have been put on. */
export interface Placed {
  readonly target: TargetId;
  readonly version: string;
}

/** The marks that say of these versions that they were put there, and of these targets that they are ours. */
export function marksOf(
  placed: readonly Placed[],
  owned: readonly TargetId[],
  model: Model,
  { owner, revision, digest, at }: Signature,
): Mark[] {
  const targetsByVersion = new Map<string, TargetId[]>();
  for (const { target, version } of placed)
    targetsByVersion.set(version, [...(targetsByVersion.get(version) ?? []), target]);
  return [
    ...[...targetsByVersion].map(([version, placed]): Mark => {
      const targets = [...new Set([...stillHeld(model, version, owner), ...placed])];
      return {
        version,
        key: PROVENANCE_TAG,
        value: JSON.stringify({ by: owner, targets, revision, digest, at }),
      };
    }),
    ...[...new Set(owned)]
      .filter((target) => !isOwned(target, model, owner))
      .map((target): Mark => ({ version: undefined, key: ownerTag(target), value: owner })),
  ];
}

export function isOwned(target: TargetId, model: Model, owner: string): boolean {
  return model.tags.get(ownerTag(target)) === owner;
}

function installationOf(owner: string): string {
  return owner.slice(0, owner.indexOf('/'));
}

/** What an earlier mark of ours says of this version, as far as it is still so. */
function stillHeld(model: Model, version: string, owner: string): TargetId[] {
  const mark = provenanceOf(model.versions.get(version));
  if (mark?.by !== owner) return [];
  return mark.targets.filter((target) => isHeldBy(target, { version }, model));
}

/**
 * Our owner tags on targets that the promotion does not declare (any more): they go to whoever declares them now, or
 * are taken off, for which the empty value stands.
 */
export function unmarksFor(
  declared: readonly TargetId[],
  model: Model,
  owner: string,
  heirs: ReadonlyMap<TargetId, string>,
): Mark[] {
  const own = new Set(declared.map(ownerTag));
  const heirsByTag = new Map([...heirs].map(([target, heir]) => [ownerTag(target), heir]));
  return [...model.tags]
    .filter(([key, value]) => key.startsWith(OWNER) && value === owner && !own.has(key))
    .filter(([key]) => heirsByTag.get(key) !== owner)
    .map(([key]) => ({ version: undefined, key, value: heirsByTag.get(key) ?? '' }));
}

/**
 * Records as the provenance tags tell them: for each target, the version we last say to have put there. Anybody who
 * may write tags may write these, so they serve a one-shot command to tell drift from promotion, and nothing more.
 */
export function recordsFromMarks(model: Model, owner: string): Records {
  const latest = new Map<TargetId, { at: string; version: Version }>();
  for (const version of model.versions.values()) {
    const mark = provenanceOf(version);
    if (mark?.by !== owner) continue;
    for (const target of mark.targets) {
      const known = latest.get(target);
      if (known === undefined || known.at < mark.at) latest.set(target, { at: mark.at, version });
    }
  }
  return new Map(
    [...latest].map(([target, { version }]) => [
      target,
      { ...identityOf(version), how: 'Applied', description: undefined, tags: new Map(), since: undefined },
    ]),
  );
}

/**
 * Those of our records that the registry's own marks bear out. A status branch may be written by people who may not
 * write to the registry, so what only it remembers is not enough to take anything away.
 */
export function confirmedByMarks(records: Records, model: Model, owner: string): Records {
  return new Map(
    [...records].filter(([target, { version }]) => {
      const mark = provenanceOf(model.versions.get(version));
      return (
        model.tags.get(ownerTag(target)) === owner || (mark?.by === owner && mark.targets.includes(target))
      );
    }),
  );
}

/**
 * Our records without those that a later move of ours has overtaken, one that we could not write down because we were
 * killed in between: what stands there is no drift then. The tags only decide what a difference is called.
 */
export function standingRecords(records: Records, model: Model, owner: string): Records {
  return new Map(
    [...records].filter(([target, { version, since }]) => {
      const holder = currentHolder(target, model);
      const mark = holder?.version === version ? undefined : provenanceOf(holder);
      const ours = mark?.by === owner && mark.targets.includes(target);
      return !ours || since === undefined || mark.at <= since;
    }),
  );
}

/** What a provenance tag of ours says. Anybody who may write tags may have written it. */
export interface Provenance {
  readonly by: string;
  readonly targets: readonly TargetId[];
  readonly revision: string;
  readonly digest: string;
  /** RFC 3339. */
  readonly at: string;
}

/** What no revision, owner or target holds: spaces, controls, marks that reorder text. */
const UNPRINTABLE = /[\p{C}\p{Z}]/u;
const DIGEST = /^sha256:[0-9a-f]{1,64}$/;

/** The provenance tag of a version; undefined without one, or when it is not of our making. */
export function provenanceOf(version: Version | undefined): Provenance | undefined {
  try {
    const mark = JSON.parse(version?.tags.get(PROVENANCE_TAG) ?? 'null') as Partial<Provenance> | null;
    const { by, at, revision, digest, targets } = mark ?? {};
    const named = Array.isArray(targets) && targets.every(isPlain);
    const told = isPlain(by) && isPlain(revision) && isPlain(digest) && isPlain(at);
    return named && told && DIGEST.test(digest) && isTimestamp(at) ? (mark as Provenance) : undefined;
  } catch {
    return undefined;
  }
}

function isPlain(text: unknown): text is string {
  return typeof text === 'string' && text.length <= LONGEST && !UNPRINTABLE.test(text);
}
