/**
 * The registry as it is, as manifests that plan to nothing: one a model that has a version in Production or Staging,
 * or an alias. What no manifest may say is left out, and said.
 */
import { isFields } from '../api/fields.ts';
import { forbiddenCharacter } from '../api/quote.ts';
import { checkRules } from '../api/rules.ts';
import { apiVersion, validate } from '../api/validate.ts';
import { describeTarget, type TargetId } from './desired.ts';
import { objectNames } from './object-names.ts';
import {
  holders,
  isPrompt,
  isReady,
  type DeclarableStage,
  type Fact,
  type Model,
  type Version,
} from './observed.ts';
import { foreignOwner, ownerTag } from './provenance.ts';

/** Of one promotion, by the contract; a model with more gets several. */
const MOST_ALIASES = 50;

export interface ExportOptions {
  readonly namespace: string;
  /** Name of the ModelRegistry that the manifests refer to. */
  readonly registry: string;
  readonly installation: string;
}

/** A promotion as people write it: without what goes without saying. */
export interface ExportedManifest {
  readonly apiVersion: string;
  readonly kind: 'ModelPromotion';
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly registryRef?: { readonly name: string };
    readonly model: string;
    readonly stages?: readonly ExportedStage[];
    readonly aliases?: readonly ExportedAlias[];
  };
}

interface ExportedStage {
  readonly name: DeclarableStage;
  readonly version: string;
  readonly archiveExisting?: false;
}

interface ExportedAlias {
  readonly name: string;
  readonly version: string;
}

export interface Exported {
  readonly manifest: ExportedManifest;
  /** What a reader of the manifest should know, one sentence each. */
  readonly remarks: readonly string[];
}

/** What is in the registry and in no manifest. */
export interface LeftOut {
  readonly model: string;
  readonly message: string;
}

export interface Export {
  /** In the order of the models' names. */
  readonly documents: readonly Exported[];
  /** Names of the models that hold nothing to declare. */
  readonly bare: readonly string[];
  readonly leftOut: readonly LeftOut[];
  /** Names of exported models that promotions of our own installation manage already. */
  readonly managed: readonly string[];
}

export function exportRegistry(models: ReadonlyMap<string, Fact<Model>>, options: ExportOptions): Export {
  const drafts = [...models]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, fact]) => draftOf(name, fact, options));
  const parts = drafts.flatMap((draft) =>
    partsOf(draft).map((part, index) => ({ ...part, model: draft.model, part: index + 1 })),
  );
  const names = objectNames(parts);
  return {
    documents: parts.map(({ model, stages, aliases, remarks }, index): Exported => ({
      manifest: manifestOf(names[index] ?? '', model, { stages, aliases }, options),
      remarks,
    })),
    bare: drafts.filter(({ isBare }) => isBare).map(({ model }) => model),
    leftOut: drafts.flatMap(({ model, leftOut }) => leftOut.map((message) => ({ model, message }))),
    managed: drafts.filter(({ isManaged }) => isManaged).map(({ model }) => model),
  };
}

interface Targets {
  readonly stages: readonly ExportedStage[];
  readonly aliases: readonly ExportedAlias[];
}

interface Draft extends Targets {
  readonly model: string;
  readonly remarks: readonly string[];
  readonly leftOut: readonly string[];
  /** Whether there was nothing to declare from the start. */
  readonly isBare: boolean;
  readonly isManaged: boolean;
}

/** What may be declared of one target, or why it may not. */
type Finding<T> = { readonly target: T; readonly remark?: string } | { readonly leftOut: string };

function draftOf(name: string, fact: Fact<Model>, options: ExportOptions): Draft {
  const nothing: Draft = {
    model: name,
    stages: [],
    aliases: [],
    remarks: [],
    leftOut: [],
    isBare: false,
    isManaged: false,
  };
  if (fact.kind === 'unknown') return { ...nothing, leftOut: [fact.message] };
  if (fact.kind === 'absent' || isPrompt(fact.value)) return { ...nothing, isBare: true };
  const model = fact.value;
  const stages = (['Production', 'Staging'] as const).flatMap((stage) => stageOf(stage, model) ?? []);
  const aliases = [...model.aliases]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([alias, version]) => aliasOf(alias, version, model));
  if (stages.length + aliases.length === 0) return { ...nothing, isBare: true };
  const refusal = refusalOfModel(name);
  if (refusal !== undefined) return { ...nothing, leftOut: [refusal] };
  const kept = {
    stages: stages.map((one) => unlessForeign(one, stageId, model, options)),
    aliases: aliases.map((one) => unlessForeign(one, aliasId, model, options)),
  };
  const all = [...kept.stages, ...kept.aliases];
  const [ownStages, ownAliases] = [targetsIn(kept.stages), targetsIn(kept.aliases)];
  const ids = [...ownStages.map(stageId), ...ownAliases.map(aliasId)];
  return {
    ...nothing,
    stages: ownStages,
    aliases: ownAliases,
    remarks: all.flatMap((one) => ('remark' in one && one.remark !== undefined ? [one.remark] : [])),
    leftOut: all.flatMap((one) => ('leftOut' in one ? [one.leftOut] : [])),
    isManaged: ids.some((id) => (model.tags.get(ownerTag(id)) ?? '') !== ''),
  };
}

function targetsIn<T>(findings: readonly Finding<T>[]): T[] {
  return findings.flatMap((one) => ('target' in one ? [one.target] : []));
}

function stageId({ name }: ExportedStage): TargetId {
  return `stage/${name}`;
}

function aliasId({ name }: ExportedAlias): TargetId {
  return `alias/${name}`;
}

/**
 * Several holders are what MLflow's own races leave behind. To archive all but the highest would be a change, so the
 * manifest keeps the highest, which is the one that MLflow loads, and asks for nothing of the others.
 */
function stageOf(stage: DeclarableStage, model: Model): Finding<ExportedStage> | undefined {
  const all = holders(model, stage);
  const [highest] = all;
  if (highest === undefined) return undefined;
  const keeper = all.find(isReady);
  if (keeper === undefined) return { leftOut: notReady(stage, highest) };
  const target = { name: stage, version: keeper.version };
  if (all.length === 1) return { target };
  return {
    target: { ...target, archiveExisting: false },
    remark: `${stage} is held by versions ${all.map(({ version }) => version).join(', ')}; archiveExisting: false leaves that so, without it all but version ${keeper.version} go to Archived`,
  };
}

function aliasOf(alias: string, number: string, model: Model): Finding<ExportedAlias> {
  const version = model.versions.get(number);
  if (version === undefined)
    return { leftOut: `@${alias} points at version ${number}, which does not exist` };
  if (!isReady(version)) return { leftOut: notReady(`@${alias}`, version) };
  const target = { name: alias, version: number };
  const [refusal] = findingsIn({ stages: [], aliases: [target] });
  return refusal === undefined ? { target } : { leftOut: `@${alias}: ${refusal}` };
}

function notReady(target: string, { version, status }: Version): string {
  return `${target} is held by version ${version}, whose status is ${status}`;
}

/** What another installation keeps it would not let go. */
function unlessForeign<T>(
  finding: Finding<T>,
  idOf: (target: T) => TargetId,
  model: Model,
  { installation, namespace }: ExportOptions,
): Finding<T> {
  if (!('target' in finding)) return finding;
  const id = idOf(finding.target);
  const foreign = foreignOwner(model, id, `${installation}/${namespace}/`, new Set());
  if (foreign !== undefined)
    return { leftOut: `${describeTarget(id)} is managed by ${foreign.owner} already` };
  return finding;
}

function partsOf({ stages, aliases, remarks }: Draft): (Targets & Pick<Draft, 'remarks'>)[] {
  if (stages.length + aliases.length === 0) return [];
  const first = { stages, aliases: aliases.slice(0, MOST_ALIASES), remarks };
  const rest = [];
  for (let start = MOST_ALIASES; start < aliases.length; start += MOST_ALIASES)
    rest.push({ stages: [], aliases: aliases.slice(start, start + MOST_ALIASES), remarks: [] });
  return [first, ...rest];
}

function manifestOf(
  name: string,
  model: string,
  { stages, aliases }: Targets,
  { namespace, registry }: Pick<ExportOptions, 'namespace' | 'registry'>,
): ExportedManifest {
  return {
    apiVersion,
    kind: 'ModelPromotion',
    metadata: { name, namespace },
    spec: {
      ...(registry !== 'default' && { registryRef: { name: registry } }),
      model,
      ...(stages.length > 0 && { stages }),
      ...(aliases.length > 0 && { aliases }),
    },
  };
}

/** Why no manifest may name this model; undefined when one may. */
function refusalOfModel(name: string): string | undefined {
  if (forbiddenCharacter.test(name) || !name.isWellFormed())
    return 'its name has characters that no manifest may hold';
  const [refusal] = findingsIn({ stages: [], aliases: [{ name: 'any', version: '1' }] }, name);
  return refusal;
}

/** What our own contract says of a manifest with these targets. */
function findingsIn(targets: Targets, model = 'any'): string[] {
  // Checking fills defaults in.
  const manifest: unknown = structuredClone(
    manifestOf('any', model, targets, { namespace: 'any', registry: 'default' }),
  );
  const { findings } = validate('ModelPromotion', manifest, () => undefined);
  return [...findings, ...(isFields(manifest) ? checkRules('ModelPromotion', manifest) : [])].map(
    ({ message }) => message,
  );
}
