/**
 * One action is one write to the registry, together with what must still be true when it is sent.
 * Nothing here sends anything: `simulate` says what the model looks like afterwards, and the same two
 * functions (`expectationBroken`, `isDone`) settle a reply that was lost.
 */
import { quote as quoteText } from '../api/quote.ts';
import { describeTarget, type TargetId } from './desired.ts';
import { isRegisteredFrom, REGISTERED_FROM, type ResolvedSource } from './grounds.ts';
import { holders, type Model, type Stage, type Version } from './observed.ts';

/** Promotion: the wish moved. Drift: the registry moved. Release: the promotion was removed. */
export type Cause = 'Promotion' | 'Drift' | 'Release';

interface Common {
  readonly target: TargetId;
  readonly cause: Cause;
}

export interface Transition extends Common {
  readonly kind: 'Transition';
  readonly version: string;
  readonly to: Stage;
  /** Only ever true towards Staging and Production: MLflow answers 500 for ever otherwise. */
  readonly archiveExisting: boolean;
  /** Who else holds the stage matters only where at most one should. */
  readonly expect: { readonly from: Stage; readonly holders: readonly string[] };
}

export interface SetAlias extends Common {
  readonly kind: 'SetAlias';
  readonly alias: string;
  readonly version: string;
  readonly expect: { readonly version: string | undefined };
}

export interface DeleteAlias extends Common {
  readonly kind: 'DeleteAlias';
  readonly alias: string;
  readonly expect: { readonly version: string };
}

export interface SetTag extends Common {
  readonly kind: 'SetTag';
  readonly version: string;
  readonly key: string;
  readonly value: string;
  readonly expect: { readonly value: string | undefined };
}

export interface SetDescription extends Common {
  readonly kind: 'SetDescription';
  readonly version: string;
  readonly description: string;
  readonly expect: { readonly description: string };
}

/** Makes the registered model. What it is made with is not looked at again. */
export interface CreateModel extends Common {
  readonly kind: 'CreateModel';
  readonly description: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** Makes a version, whose number the registry gives. */
export interface Register extends Common {
  readonly kind: 'Register';
  /** As it is declared. */
  readonly from: string;
  readonly source: string;
  readonly runId: string;
  readonly modelId: string | undefined;
  readonly description: string;
  /** With one of ours that says where the version came from. */
  readonly tags: Readonly<Record<string, string>>;
}

export type Action = Transition | SetAlias | DeleteAlias | SetTag | SetDescription | CreateModel | Register;

export function registerAction(
  target: TargetId,
  { declared, source, runId, modelId }: Omit<ResolvedSource, 'names'>,
  { description, tags }: { readonly description: string; readonly tags: ReadonlyMap<string, string> },
): Register {
  return {
    kind: 'Register',
    target,
    cause: 'Promotion',
    from: declared,
    source,
    runId,
    modelId,
    description,
    tags: { ...Object.fromEntries(tags), [REGISTERED_FROM]: declared },
  };
}

/** Whether the model already is what the action would make it. */
export function isDone(model: Model, action: Action): boolean {
  switch (action.kind) {
    case 'Transition': {
      const there = model.versions.get(action.version)?.stage === action.to;
      return there && (!action.archiveExisting || holders(model, action.to).length === 1);
    }
    case 'SetAlias':
      return model.aliases.get(action.alias) === action.version;
    case 'DeleteAlias':
      return !model.aliases.has(action.alias);
    case 'SetTag':
      return model.versions.get(action.version)?.tags.get(action.key) === action.value;
    case 'SetDescription':
      return model.versions.get(action.version)?.description === action.description;
    case 'CreateModel':
      return model.isMissing !== true;
    case 'Register':
      return isRegistered(model, action);
    default:
      return action satisfies never;
  }
}

/** What is no longer as the action expects, as a sentence; undefined while all of it holds. */
export function expectationBroken(model: Model, action: Action): string | undefined {
  switch (action.kind) {
    case 'Transition': {
      const from = model.versions.get(action.version)?.stage;
      if (from !== action.expect.from) {
        return `version ${action.version} was expected in ${action.expect.from}, and is in ${from ?? 'no stage: it is gone'}`;
      }
      if (!action.archiveExisting) return undefined;
      const others = otherHolders(model, action);
      return sameMembers(others, action.expect.holders)
        ? undefined
        : `${action.to} was expected to be held by ${list(action.expect.holders)}, and is held by ${list(others)}`;
    }
    case 'SetAlias':
      return changed(`@${action.alias}`, action.expect.version, model.aliases.get(action.alias));
    case 'DeleteAlias':
      return changed(`@${action.alias}`, action.expect.version, model.aliases.get(action.alias));
    case 'SetTag':
      return changed(
        `tag ${action.key} of version ${action.version}`,
        action.expect.value,
        model.versions.get(action.version)?.tags.get(action.key),
      );
    case 'SetDescription':
      return changed(
        `the description of version ${action.version}`,
        action.expect.description,
        model.versions.get(action.version)?.description,
      );
    case 'CreateModel':
    case 'Register':
      return undefined;
    default:
      return action satisfies never;
  }
}

/** The model after the action, were it alone in the world. */
export function simulate(model: Model, action: Action): Model {
  switch (action.kind) {
    case 'Transition': {
      const versions = new Map(model.versions);
      if (action.archiveExisting) {
        for (const other of holders(model, action.to))
          versions.set(other.version, { ...other, stage: 'Archived' });
      }
      const moved = model.versions.get(action.version);
      if (moved !== undefined) versions.set(action.version, { ...moved, stage: action.to });
      return { ...model, versions };
    }
    case 'SetAlias':
      return { ...model, aliases: new Map(model.aliases).set(action.alias, action.version) };
    case 'DeleteAlias': {
      const aliases = new Map(model.aliases);
      aliases.delete(action.alias);
      return { ...model, aliases };
    }
    case 'SetTag':
      return withVersion(model, action.version, (version) => ({
        ...version,
        tags: new Map(version.tags).set(action.key, action.value),
      }));
    case 'SetDescription':
      return withVersion(model, action.version, (version) => ({
        ...version,
        description: action.description,
      }));
    case 'CreateModel': {
      const { isMissing: _isMissing, ...there } = model;
      return { ...there, tags: new Map(Object.entries(action.tags)) };
    }
    case 'Register':
      return { ...model, versions: new Map(model.versions).set(UNNUMBERED, registered(action)) };
    default:
      return action satisfies never;
  }
}

/** One line for people: what changes, from what. */
export function describeAction(action: Action): string {
  switch (action.kind) {
    case 'Transition':
      return describeTransition(action);
    case 'SetAlias':
      return action.expect.version === undefined
        ? `set @${action.alias} to version ${action.version}`
        : `move @${action.alias} from version ${action.expect.version} to ${action.version}`;
    case 'DeleteAlias':
      return `remove @${action.alias} from version ${action.expect.version}`;
    case 'SetTag':
      return action.expect.value === undefined
        ? `tag version ${action.version} with ${action.key}=${quote(action.value)}`
        : `change tag ${action.key} of version ${action.version} from ${quote(action.expect.value)} to ${quote(action.value)}`;
    case 'SetDescription':
      return action.expect.description === ''
        ? `describe version ${action.version} as ${quote(action.description)}`
        : `change the description of version ${action.version} from ${quote(action.expect.description)} to ${quote(action.description)}`;
    case 'CreateModel':
      return 'create the registered model';
    case 'Register':
      return `register a version from ${action.from}`;
    default:
      return action satisfies never;
  }
}

/** The versions of a target before and after, for history: undefined when the action moves no holder. */
export function movement(action: Action): { from: string | undefined; to: string | undefined } | undefined {
  switch (action.kind) {
    case 'Transition':
      return `stage/${action.to}` === action.target
        ? { from: action.expect.holders[0], to: action.version }
        : { from: action.version, to: undefined };
    case 'SetAlias':
      return { from: action.expect.version, to: action.version };
    case 'DeleteAlias':
      return { from: action.expect.version, to: undefined };
    case 'SetTag':
    case 'SetDescription':
    case 'CreateModel':
    case 'Register':
      return undefined;
    default:
      return action satisfies never;
  }
}

/** Stands for the number that the registry will give. */
const UNNUMBERED = '0';

function registered({ description, source, runId, tags }: Register): Version {
  return {
    version: UNNUMBERED,
    creationTimestamp: 0,
    stage: 'None',
    status: 'PENDING_REGISTRATION',
    statusMessage: '',
    description,
    source,
    runId,
    tags: new Map(Object.entries(tags)),
  };
}

function isRegistered({ versions }: Model, { from }: Register): boolean {
  return [...versions.values()].some((version) => isRegisteredFrom(version, from));
}

function describeTransition({ version, to, archiveExisting, expect, target }: Transition): string {
  if (`stage/${to}` !== target) return `move version ${version} from ${expect.from} to ${to}`;
  const archived = archiveExisting && expect.holders.length > 0 ? `, archive ${list(expect.holders)}` : '';
  return `move version ${version} from ${expect.from} to ${describeTarget(target)}${archived}`;
}

function otherHolders(model: Model, action: Transition): string[] {
  return holders(model, action.to)
    .map((holder) => holder.version)
    .filter((version) => version !== action.version);
}

function withVersion(model: Model, number: string, change: (version: Version) => Version): Model {
  const version = model.versions.get(number);
  return version === undefined
    ? model
    : { ...model, versions: new Map(model.versions).set(number, change(version)) };
}

function changed(what: string, expected: string | undefined, found: string | undefined): string | undefined {
  if (expected === found) return undefined;
  return `${what} was expected to be ${quote(expected)}, and is ${quote(found)}`;
}

function sameMembers(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((member) => b.includes(member));
}

function list(versions: readonly string[]): string {
  return versions.length === 0 ? 'nobody' : versions.join(', ');
}

function quote(text: string | undefined): string {
  return text === undefined ? 'absent' : quoteText(text);
}
