/**
 * What a promotion asks for, ready to be compared with a registry.
 *
 * - **target**: a stage or an alias that the promotion declares.
 * - **candidate**: the version a target asks for.
 * - **incumbent**: the version that holds the target now.
 */
import type { ModelPromotion } from '../api/generated/types.ts';
import { parseDuration } from '../api/duration.ts';
import type { DeclarableStage } from './observed.ts';

export type TargetId = `stage/${DeclarableStage}` | `alias/${string}`;

/** A pinned version, or whatever holds another stage or alias of the same model. */
export type Want =
  | { readonly kind: 'pinned'; readonly version: string }
  | { readonly kind: 'follows'; readonly source: TargetId };

export interface StageTarget {
  readonly kind: 'stage';
  readonly id: TargetId;
  readonly stage: DeclarableStage;
  readonly want: Want;
  readonly archiveExisting: boolean;
  readonly description: string | undefined;
  readonly tags: ReadonlyMap<string, string>;
}

export interface AliasTarget {
  readonly kind: 'alias';
  readonly id: TargetId;
  readonly alias: string;
  readonly want: Want;
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
        archiveExisting: stage.archiveExisting,
        description: stage.description,
        tags: new Map(Object.entries(stage.tags ?? {})),
      })),
      ...spec.aliases.map((alias): AliasTarget => ({
        kind: 'alias',
        id: `alias/${alias.name}`,
        alias: alias.name,
        want: toWant(alias),
      })),
    ],
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
  readonly versionFrom?: { readonly stage?: DeclarableStage; readonly alias?: string };
}

function toWant({ version, versionFrom }: WantSpec): Want {
  if (version !== undefined) return { kind: 'pinned', version };
  if (versionFrom?.stage !== undefined) return { kind: 'follows', source: `stage/${versionFrom.stage}` };
  return { kind: 'follows', source: `alias/${versionFrom?.alias ?? ''}` };
}

/** Where a candidate comes from, for people: `pinned` or the target it follows. */
export function describeWant(want: Want): string {
  return want.kind === 'pinned' ? 'pinned' : want.source;
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
