/**
 * Promotions, models and listings for tests, in as few words as a test needs:
 * `aPromotion({ stages: { Production: '4' } })` on `aModel({ versions: { 3: 'Production', 4: 'None' } })`.
 */
import type { ModelPromotion, ModelPromotionSpec, ModelRegistry } from '../../src/api/generated/types.ts';
import type { Listing, Located, Problem } from '../../src/api/listing.ts';
import type { Claimant } from '../../src/domain/claims.ts';
import { toPromotion, type Promotion, type TargetId } from '../../src/domain/desired.ts';
import type { Fact, Model, Stage, Version } from '../../src/domain/observed.ts';
import type { Context } from '../../src/domain/plan.ts';
import type { Evidence } from '../../src/domain/evidence.ts';
import { identityOf, type Records, type TargetRecord } from '../../src/domain/record.ts';

/** 2026-03-01T12:00:00Z */
export const NOW = Date.UTC(2026, 2, 1, 12);
export const MINUTE = 60_000;

type StageSpec = ModelPromotionSpec['stages'][number];
type AliasSpec = ModelPromotionSpec['aliases'][number];
/** A version alone pins it. */
type Wish<T> = string | Partial<Omit<T, 'name'>>;

export interface PromotionSpec extends Partial<Omit<ModelPromotionSpec, 'stages' | 'aliases'>> {
  readonly name?: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly stages?: { readonly [S in StageSpec['name']]?: Wish<StageSpec> };
  readonly aliases?: Readonly<Record<string, Wish<AliasSpec>>>;
}

/** A valid manifest with every default filled in, as a source hands it on. */
export function aManifest({
  name = 'churn',
  namespace = 'ml',
  labels,
  annotations,
  stages = {},
  aliases = {},
  ...spec
}: PromotionSpec = {}): ModelPromotion {
  return {
    apiVersion: 'modelpromotion.dev/v1alpha1',
    kind: 'ModelPromotion',
    metadata: { name, namespace, ...(labels && { labels }), ...(annotations && { annotations }) },
    spec: {
      registryRef: { name: 'default' },
      model: 'churn',
      drift: 'Revert',
      deletionPolicy: 'Orphan',
      interval: '5m',
      suspend: false,
      ...spec,
      stages: Object.entries(stages).map(([stage, wish]) => ({
        archiveExisting: true,
        ...(typeof wish === 'string' ? { version: wish } : wish),
        name: stage as StageSpec['name'],
      })),
      aliases: Object.entries(aliases).map(([alias, wish]) => ({
        ...(typeof wish === 'string' ? { version: wish } : wish),
        name: alias,
      })),
    },
  };
}

export function aPromotion(spec: PromotionSpec = {}, since: Partial<Promotion> = {}): Promotion {
  const provenance = { uid: `uid-of-${spec.name ?? 'churn'}`, generation: 1, revision: 'main@sha1:1' };
  return { ...toPromotion(aManifest(spec), provenance), ...since };
}

interface VersionSpec extends Partial<Omit<Version, 'version' | 'tags'>> {
  readonly tags?: Readonly<Record<string, string>>;
}

/** A READY version, told apart from others of its number by when it was made. */
export function aVersion(version: string, { tags = {}, ...rest }: VersionSpec = {}): Version {
  return {
    version,
    creationTimestamp: Date.UTC(2026, 0, 1) + Number(version) * MINUTE,
    stage: 'None',
    status: 'READY',
    statusMessage: '',
    description: '',
    source: `models:/m-${version}`,
    runId: `run-${version}`,
    tags: new Map(Object.entries(tags)),
    ...rest,
  };
}

export interface ModelSpec {
  readonly name?: string;
  /** By number; a stage alone says enough of most. */
  readonly versions?: Readonly<Record<number, Stage | VersionSpec>>;
  readonly aliases?: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
}

export function aModel({ name = 'churn', versions = {}, aliases = {}, tags = {} }: ModelSpec = {}): Model {
  const all = Object.entries(versions).map(([version, spec]) =>
    aVersion(version, typeof spec === 'string' ? { stage: spec } : spec),
  );
  return {
    name,
    lastUpdatedTimestamp: Date.UTC(2026, 1, 1),
    tags: new Map(Object.entries(tags)),
    aliases: new Map(Object.entries(aliases)),
    versions: new Map(all.map((version) => [version.version, version])),
  };
}

export interface EvidenceSpec {
  readonly metrics?: Readonly<Record<string, number>>;
  readonly doubtful?: readonly string[];
  readonly params?: Readonly<Record<string, string>>;
  readonly commit?: string;
  readonly signature?: string;
}

export function anEvidence({
  metrics = {},
  doubtful = [],
  params = {},
  ...rest
}: EvidenceSpec = {}): Evidence {
  return {
    run: 'run-1',
    experiment: '1',
    loggedModel: '',
    metrics: new Map(Object.entries(metrics)),
    doubtful: new Set(doubtful),
    params: new Map(Object.entries(params)),
    commit: undefined,
    datasets: [],
    signature: undefined,
    ...rest,
  };
}

export function known<T>(value: T): Fact<T> {
  return { kind: 'known', value };
}

export const unavailable: Fact<never> = {
  kind: 'unknown',
  reason: 'RegistryUnavailable',
  message: 'the registry answered 503',
};

/** A record of the version that `aVersion` makes of this number, or of another one. */
export function aRecord(version: string | Version, rest: Partial<TargetRecord> = {}): TargetRecord {
  const identity = identityOf(typeof version === 'string' ? aVersion(version) : version);
  return { ...identity, how: 'Applied', description: undefined, tags: new Map(), since: undefined, ...rest };
}

export function records(spec: Readonly<Partial<Record<TargetId, string | Version | TargetRecord>>>): Records {
  return new Map(
    Object.entries(spec).map(([target, record]) => [
      target as TargetId,
      typeof record === 'object' && 'how' in record ? record : aRecord(record ?? ''),
    ]),
  );
}

export function aClaimant(
  name: string,
  spec: PromotionSpec,
  remembered: Parameters<typeof records>[0] = {},
  rest: Partial<Claimant> = {},
): Claimant {
  const promotion = aPromotion({ name, ...spec });
  const owner = `main/${promotion.key}`;
  return { promotion, records: records(remembered), owner, refused: false, ...rest };
}

export function aContext(context: Partial<Context> = {}): Context {
  return {
    records: new Map(),
    owner: 'main/ml/churn',
    claimedVersions: new Map(),
    elsewhere: new Set(),
    fights: new Map(),
    choices: new Map(),
    now: Date.UTC(2026, 0, 1),
    ...context,
  };
}

export interface ListingSpec extends Partial<Omit<Listing, 'promotions' | 'registries'>> {
  /** Manifests by file; several in one file stand in an array. */
  readonly files?: Readonly<Record<string, ModelPromotion | readonly ModelPromotion[]>>;
  readonly registries?: readonly ModelRegistry[];
}

export function aListing({ files = {}, registries = [], ...rest }: ListingSpec = {}): Listing {
  return {
    revision: 'main@sha1:1',
    problems: [],
    ignored: 0,
    ...rest,
    promotions: Object.entries(files).flatMap(([file, manifests]) =>
      [manifests].flat().map((object) => located(object, file)),
    ),
    registries: registries.map((object) => located(object, 'registry.yaml')),
  };
}

function located<T>(object: T, file: string): Located<T> {
  return { object, location: { file, line: 1, column: 1 } };
}

/** A mistake in a file, or in one object of it. */
export function aProblem(file: string, name?: string, message = 'must not be empty'): Problem {
  const place = { file, line: 3, column: 5, path: name === undefined ? '' : 'spec.model', message };
  return name === undefined ? place : { ...place, object: { kind: 'ModelPromotion', namespace: 'ml', name } };
}

export function aRegistry(name = 'default', uri = 'http://mlflow.test'): ModelRegistry {
  return {
    apiVersion: 'modelpromotion.dev/v1alpha1',
    kind: 'ModelRegistry',
    metadata: { name, namespace: 'ml' },
    spec: {
      uri,
      sweepInterval: '60s',
      limits: { concurrency: 4, requestTimeout: '30s' },
      access: [],
    },
  };
}
