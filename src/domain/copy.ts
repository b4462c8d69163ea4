/** A version of one registry as a version of another: which one, from where, and what tells later that it was copied. */
import { clip, quote, withoutUser } from '../api/quote.ts';
import { canonicalJson } from './digest.ts';
import { isPrompt, isReady, readyVersions, type Model, type Version } from './observed.ts';
import { currentHolder } from './select.ts';

/** Where a version was copied from, for people and for comparing registries. */
const COPIED_FROM_TAG = 'modelpromotion.dev/copied-from';
/** Sent in the very call that makes the version, so that a lost reply can be settled and nothing is ever copied twice. */
export const COPY_ID_TAG = 'modelpromotion.dev/copy-id';

/** Tags of ours and of MLflow's own that say nothing true of a copy. */
const NOT_COPIED = /^(?:modelpromotion\.dev\/|mlflow\.prompt\.)/;

/** A version as people name it: `churn/3`, `churn@champion`, `churn/Production`, `churn` for the newest that is ready. */
export interface VersionReference {
  readonly model: string;
  readonly at:
    | { readonly kind: 'newest' }
    | { readonly kind: 'version'; readonly version: string }
    | { readonly kind: 'stage'; readonly stage: 'Staging' | 'Production' }
    | { readonly kind: 'alias'; readonly alias: string };
}

/** Undefined when it is none. No name of a model holds a slash; one with an "@" is named by its version. */
export function parseVersionReference(text: string): VersionReference | undefined {
  const slash = text.lastIndexOf('/');
  if (slash >= 0) {
    const [model, rest] = [text.slice(0, slash), text.slice(slash + 1)];
    if (model === '' || model.includes('/')) return undefined;
    if (/^[1-9]\d{0,9}$/.test(rest)) return { model, at: { kind: 'version', version: rest } };
    return rest === 'Staging' || rest === 'Production'
      ? { model, at: { kind: 'stage', stage: rest } }
      : undefined;
  }
  const at = text.lastIndexOf('@');
  if (at < 0) return text === '' ? undefined : { model: text, at: { kind: 'newest' } };
  const [model, alias] = [text.slice(0, at), text.slice(at + 1)];
  return model === '' || alias === '' ? undefined : { model, at: { kind: 'alias', alias } };
}

export type Selected = { readonly version: Version } | { readonly refusal: string };

export function selectReferenced({ at }: VersionReference, model: Model): Selected {
  if (isPrompt(model)) return { refusal: `${quote(model.name)} is a prompt, not a model` };
  const version = find(at, model);
  if (version === undefined) return { refusal: `${quote(model.name)} has no ${inWords(at)}` };
  return isReady(version)
    ? { version }
    : { refusal: `version ${version.version} is not ready: its status is ${version.status}` };
}

function find(at: VersionReference['at'], model: Model): Version | undefined {
  switch (at.kind) {
    case 'version':
      return model.versions.get(at.version);
    case 'alias':
      return currentHolder(`alias/${at.alias}`, model);
    case 'stage':
      return currentHolder(`stage/${at.stage}`, model);
    case 'newest':
      return readyVersions(model)[0];
    default:
      return at satisfies never;
  }
}

function inWords(at: VersionReference['at']): string {
  switch (at.kind) {
    case 'version':
      return `version ${at.version}`;
    case 'alias':
      return `version at @${clip(at.alias)}`;
    case 'stage':
      return `version in ${at.stage}`;
    case 'newest':
      return 'version that is ready';
    default:
      return at satisfies never;
  }
}

/** Why another server cannot read artifacts at this address; undefined when it can. */
export function unreachableFrom(source: string): string | undefined {
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(source)?.[1]?.toLowerCase() ?? '';
  if (scheme === '' || scheme === 'file') return 'it is a path on the machine of the source server';
  if (scheme === 'runs' || scheme === 'models')
    return 'it names a run or a model that only the source server knows';
  if (scheme === 'mlflow-artifacts') return 'the source server hands its artifacts out itself';
  if (scheme === 'http' || scheme === 'https') return 'MLflow takes no http address for a source';
  return undefined;
}

/** One version of one registry, from which the same copy always gets the same id. */
export interface Original {
  readonly model: string;
  readonly version: Version;
}

/** The caller hashes it. A registry may be called by several names, so that its address tells nothing. */
export function copyIdText({ model, version }: Original): string {
  const { version: number, creationTimestamp, source, runId } = version;
  return canonicalJson({ model, version: number, creationTimestamp, source, runId });
}

/** What is sent to make the copy. */
export interface NewVersion {
  readonly model: string;
  readonly source: string;
  readonly description: string;
  readonly tags: ReadonlyMap<string, string>;
  readonly original: Original;
}

/** The run stays with the source registry: it is named in the tag, and is no run of the other server. */
export function newVersion(
  original: Original,
  { model, source, uri, id }: { model: string; source: string; uri: string; id: string },
): NewVersion {
  const { version } = original;
  const from = {
    registry: uri,
    model: original.model,
    version: version.version,
    ...(version.runId !== '' && { runId: version.runId }),
    source: withoutUser(version.source),
  };
  return {
    model,
    source,
    original,
    description: version.description,
    tags: new Map([...copiedTags(version.tags), [COPIED_FROM_TAG, JSON.stringify(from)], [COPY_ID_TAG, id]]),
  };
}

export function copiedTags(tags: ReadonlyMap<string, string>): [string, string][] {
  return [...tags].filter(([key]) => !NOT_COPIED.test(key));
}

/** The versions that are this very copy: at most one, unless two commands made it at the same moment. */
export function copiesIn(model: Model, id: string): Version[] {
  return [...model.versions.values()]
    .filter(({ tags }) => tags.get(COPY_ID_TAG) === id)
    .toSorted((a, b) => Number(a.version) - Number(b.version));
}

export interface CopiedFrom {
  readonly registry: string;
  readonly model: string;
  readonly version: string;
}

/** Where the version says that it was copied from. Anybody who may write tags may have written it. */
export function copiedFrom({ tags }: Version): CopiedFrom | undefined {
  try {
    const from = JSON.parse(tags.get(COPIED_FROM_TAG) ?? 'null') as Partial<CopiedFrom> | null;
    const { registry, model, version } = from ?? {};
    const told = [registry, model, version].every((text) => typeof text === 'string');
    return told ? (from as CopiedFrom) : undefined;
  } catch {
    return undefined;
  }
}
