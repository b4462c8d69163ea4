/**
 * What a promotion asks for, ready to be compared with a registry.
 *
 * - **target**: a stage or an alias that the promotion declares.
 * - **candidate**: the version a target asks for.
 * - **incumbent**: the version that holds the target now.
 */
import type { BestRule, ModelPromotion, Pin as PinSpec, VersionFrom } from '../api/generated/types.ts';
import { parseDuration } from '../api/duration.ts';
import { parseFilter, type Filter } from '../api/filter.ts';
import type { DeclarableStage } from './observed.ts';

export type TargetId = `stage/${DeclarableStage}` | `alias/${string}`;

/** A pinned version, whatever holds another stage or alias of the same model, or what a rule selects. */
export type Want =
  | { readonly kind: 'pinned'; readonly version: string }
  | { readonly kind: 'follows'; readonly source: TargetId }
  | Rule;

/** Selects a version by more than the model alone can tell, or by what its versions have in common. */
export type Rule =
  | { readonly kind: 'run'; readonly runId: string }
  | { readonly kind: 'source'; readonly source: string }
  | { readonly kind: 'latest'; readonly filter: Filter }
  | Best;

export interface Best {
  readonly kind: 'best';
  readonly metric: string;
  readonly goal: 'maximize' | 'minimize';
  readonly min: number;
  readonly max: number;
  readonly filter: Filter;
  readonly minImprovement: number;
  /** Undefined where a difference is taken as it is. */
  readonly minEffect: number | undefined;
  /** Milliseconds. */
  readonly holdFor: number;
}

/** A version that holds a target for a while, whatever the rule would select. */
export interface Pin {
  readonly version: string;
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

export interface StageTarget {
  readonly kind: 'stage';
  readonly id: TargetId;
  readonly stage: DeclarableStage;
  readonly want: Want;
  readonly pin: Pin | undefined;
  readonly archiveExisting: boolean;
  readonly description: string | undefined;
  readonly tags: ReadonlyMap<string, string>;
}

export interface AliasTarget {
  readonly kind: 'alias';
  readonly id: TargetId;
  readonly alias: string;
  readonly want: Want;
  readonly pin: Pin | undefined;
}

export type Target = StageTarget | AliasTarget;

export interface Promotion {
  /** namespace/name */
  readonly key: string;
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly generation: number;
  /** The revision that last changed this promotion's document. */
  readonly revision: string;
  /** namespace/name of the registry. */
  readonly registry: string;
  readonly model: string;
  readonly targets: readonly Target[];
  /** What a version gets that is registered from a source. */
  readonly register: {
    readonly description: string;
    readonly tags: ReadonlyMap<string, string>;
    /** Undefined where a model that is not there is not made. */
    readonly createModel:
      { readonly description: string; readonly tags: ReadonlyMap<string, string> } | undefined;
  };
  readonly drift: 'Revert' | 'Report';
  readonly deletionPolicy: 'Orphan' | 'Release';
  /** Milliseconds. */
  readonly interval: number;
  readonly suspend: boolean;
  /** The token that asks for a pass now: that of our annotation, or Flux's, or both with a space between. */
  readonly reconcileAt: string | undefined;
}

/** What the source knows of an object beside its text. */
export interface Provenance {
  readonly uid: string;
  readonly generation: number;
  readonly revision: string;
}

export function toPromotion(object: ModelPromotion, provenance: Provenance): Promotion {
  const { metadata, spec } = object;
  return {
    key: `${metadata.namespace}/${metadata.name}`,
    ...provenance,
    namespace: metadata.namespace,
    name: metadata.name,
    registry: `${spec.registryRef.namespace ?? metadata.namespace}/${spec.registryRef.name}`,
    model: spec.model,
    targets: [
      ...spec.stages.map((stage): StageTarget => ({
        kind: 'stage',
        id: `stage/${stage.name}`,
        stage: stage.name,
        want: toWant(stage),
        pin: toPin(stage.pin),
        archiveExisting: stage.archiveExisting,
        description: stage.description,
        tags: new Map(Object.entries(stage.tags ?? {})),
      })),
      ...spec.aliases.map((alias): AliasTarget => ({
        kind: 'alias',
        id: `alias/${alias.name}`,
        alias: alias.name,
        want: toWant(alias),
        pin: toPin(alias.pin),
      })),
    ],
    register: toRegister(spec.register),
    drift: spec.drift,
    deletionPolicy: spec.deletionPolicy,
    interval: parseDuration(spec.interval),
    suspend: spec.suspend,
    reconcileAt: tokenOf(metadata.annotations),
  };
}

const ASKING = ['modelpromotion.dev/reconcileAt', 'reconcile.fluxcd.io/requestedAt'];

function tokenOf(annotations: ModelPromotion['metadata']['annotations']): string | undefined {
  const tokens = ASKING.flatMap((key) => annotations?.[key] ?? []);
  return tokens.length === 0 ? undefined : tokens.join(' ');
}

/** Whether somebody asks for a look that was not made yet. That a token disappears means nothing: Flux removes some. */
export function asksForLook({ reconcileAt }: Promotion, handled: string | undefined): boolean {
  if (reconcileAt === undefined || reconcileAt === handled) return false;
  const known = new Set(handled?.split(' '));
  return handled === undefined || reconcileAt.split(' ').some((token) => !known.has(token));
}

interface WantSpec {
  readonly version?: string;
  readonly versionFrom?: VersionFrom;
}

function toWant({ version, versionFrom = {} }: WantSpec): Want {
  if (version !== undefined) return { kind: 'pinned', version };
  const { stage, alias = '', runId, source, latest, best } = versionFrom;
  if (stage !== undefined) return { kind: 'follows', source: `stage/${stage}` };
  if (runId !== undefined) return { kind: 'run', runId };
  if (source !== undefined) return { kind: 'source', source };
  if (latest !== undefined) return { kind: 'latest', filter: toFilter(latest.filter) };
  return best === undefined ? { kind: 'follows', source: `alias/${alias}` } : toBest(best);
}

function toBest({
  metric,
  goal,
  min = -Infinity,
  max = Infinity,
  filter,
  minImprovement,
  minEffect,
  holdFor,
}: BestRule): Best {
  return {
    kind: 'best',
    metric,
    goal,
    min,
    max,
    filter: toFilter(filter),
    minImprovement,
    minEffect,
    holdFor: holdFor === undefined ? 0 : parseDuration(holdFor),
  };
}

function toFilter(filter: string | undefined): Filter {
  return filter === undefined ? [] : parseFilter(filter);
}

function toPin(pin: PinSpec | undefined): Pin | undefined {
  return pin && { version: pin.version, reason: pin.reason, until: Date.parse(pin.until) };
}

function toRegister({
  description = '',
  tags = {},
  createModel,
}: ModelPromotion['spec']['register'] = {}): Promotion['register'] {
  return {
    description,
    tags: new Map(Object.entries(tags)),
    createModel: createModel && {
      description: createModel.description ?? '',
      tags: new Map(Object.entries(createModel.tags ?? {})),
    },
  };
}

/** Whether more is needed than the model to tell which version is wanted. */
export function isRule(want: Want): want is Rule {
  return want.kind !== 'pinned' && want.kind !== 'follows';
}

/** Where a candidate comes from, for people: `pinned`, the target it follows, or the rule. */
export function describeWant(want: Want): string {
  switch (want.kind) {
    case 'pinned':
      return 'pinned';
    case 'follows':
      return want.source;
    case 'run':
      return `run ${want.runId}`;
    case 'source':
      return want.source;
    case 'latest':
      return 'latest';
    case 'best':
      return `best ${want.metric} (${want.goal})`;
    default:
      return want satisfies never;
  }
}

/** `stage/Production` reads "Production", `alias/champion` reads "@champion". */
export function describeTarget(id: TargetId): string {
  return id.startsWith('alias/') ? `@${id.slice('alias/'.length)}` : id.slice('stage/'.length);
}

/**
 * The order in which targets are settled: Production before Staging before aliases, and each target after the
 * one it follows. Settling Production first means that a version never leaves Staging for Archived on its way up.
 */
export function settlingOrder(targets: readonly Target[]): Target[] {
  const byId = new Map(targets.map((target) => [target.id, target]));
  const order: Target[] = [];
  const visit = (target: Target): void => {
    if (order.includes(target)) return;
    const source = target.want.kind === 'follows' ? byId.get(target.want.source) : undefined;
    if (source !== undefined && source !== target) visit(source);
    order.push(target);
  };
  const rank = (target: Target): number =>
    target.id === 'stage/Production' ? 0 : target.kind === 'stage' ? 1 : 2;
  [...targets].sort((a, b) => rank(a) - rank(b)).forEach(visit);
  return order;
}
