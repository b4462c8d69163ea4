/** What two sets of manifests say differently: promotions and their targets, not lines of text. */
import type { ModelPromotion, ModelRegistry } from '../api/generated/types.ts';
import type { Listing } from '../api/listing.ts';
import {
  describeTarget,
  describeWant,
  type Pin,
  toPromotion,
  type Promotion,
  type Target,
  type TargetId,
  type Want,
} from './desired.ts';
import { canonicalJson } from './digest.ts';
import { optional } from './finding.ts';

export type Kind = 'Added' | 'Removed' | 'Changed';

/** One thing that is said differently; `from` or `to` is absent where nothing is said. */
export interface Difference {
  /** stage/NAME or alias/NAME; absent for what concerns the whole promotion. */
  readonly target?: TargetId;
  /** `version`, `archiveExisting`, `description`, `tags.KEY`, or a field of the spec. */
  readonly field: string;
  readonly from?: string;
  readonly to?: string;
}

export interface PromotionDifference {
  /** namespace/name */
  readonly promotion: string;
  readonly model: string;
  readonly kind: Kind;
  readonly differences: readonly Difference[];
}

export interface RegistryDifference {
  /** namespace/name */
  readonly registry: string;
  readonly kind: Kind;
  readonly differences: readonly Difference[];
}

export interface ManifestDiff {
  readonly promotions: readonly PromotionDifference[];
  readonly registries: readonly RegistryDifference[];
}

export function diffManifests(before: Listing, after: Listing): ManifestDiff {
  return {
    promotions: pairs(promotionsIn(before), promotionsIn(after)).flatMap(([promotion, from, to]) => {
      const differences = compare(from && fieldsOf(from), to && fieldsOf(to));
      const kind = kindOf(from, to);
      if (kind === 'Changed' && differences.length === 0) return [];
      return [{ promotion, model: (to ?? from)?.model ?? '', kind, differences }];
    }),
    registries: pairs(registriesIn(before), registriesIn(after)).flatMap(([registry, from, to]) => {
      const differences = compare(from && specOf(from), to && specOf(to));
      const kind = kindOf(from, to);
      return kind === 'Changed' && differences.length === 0 ? [] : [{ registry, kind, differences }];
    }),
  };
}

function promotionsIn({ promotions }: Listing): Map<string, Promotion> {
  return new Map(promotions.map(({ object }) => [keyOf(object), toPromotion(object, NOBODYS)]));
}

const NOBODYS = { uid: '', generation: 0, revision: '' };

function registriesIn({ registries }: Listing): Map<string, ModelRegistry> {
  return new Map(registries.map(({ object }) => [keyOf(object), object]));
}

function keyOf({ metadata: { namespace, name } }: ModelPromotion | ModelRegistry): string {
  return `${namespace}/${name}`;
}

/** What has one key on both sides, in the order of the keys. */
function pairs<T>(
  before: ReadonlyMap<string, T>,
  after: ReadonlyMap<string, T>,
): [string, T | undefined, T | undefined][] {
  const keys = [...new Set([...before.keys(), ...after.keys()])].toSorted();
  return keys.map((key) => [key, before.get(key), after.get(key)]);
}

function kindOf(from: unknown, to: unknown): Kind {
  if (from === undefined) return 'Added';
  return to === undefined ? 'Removed' : 'Changed';
}

/** A field of something as text, under what tells it from others. */
type Said = Omit<Difference, 'from' | 'to'> & { readonly value: string };
type Fields = ReadonlyMap<string, Said>;

function compare(before: Fields = new Map(), after: Fields = new Map()): Difference[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((key) => {
    const [from, to] = [before.get(key), after.get(key)];
    const said = to ?? from;
    if (said === undefined || from?.value === to?.value) return [];
    const { value: _value, ...common } = said;
    return [{ ...common, ...optional('from', from?.value), ...optional('to', to?.value) }];
  });
}

function fieldsOf(promotion: Promotion): Fields {
  const { model, registry, register, drift, deletionPolicy, interval, suspend, targets } = promotion;
  const whole = Object.entries({
    model,
    registryRef: registry,
    register: registerText(register),
    drift,
    deletionPolicy,
    suspend,
  });
  const said: Said[] = [
    ...targets.flatMap(targetFields),
    ...whole.map(([field, value]) => ({ field, value: String(value) })),
    { field: 'interval', value: `${interval / 1_000}s` },
  ];
  return new Map(said.map((one) => [`${one.target ?? ''} ${one.field}`, one]));
}

function targetFields(target: Target): Said[] {
  const fields: [string, string][] = [['version', wantText(target.want)]];
  if (target.pin !== undefined) fields.push(['pin', pinText(target.pin)]);
  if (target.kind === 'stage') {
    fields.push(['archiveExisting', String(target.archiveExisting)]);
    if (target.description !== undefined) fields.push(['description', target.description]);
    for (const [key, value] of target.tags) fields.push([`tags.${key}`, value]);
  }
  return fields.map(([field, value]) => ({ target: target.id, field, value }));
}

function wantText(want: Want): string {
  if (want.kind === 'pinned') return want.version;
  if (want.kind === 'follows') return `follows ${describeTarget(want.source)}`;
  const { kind: _kind, ...rule } = want;
  return `${describeWant(want)} ${canonicalJson(rule)}`;
}

function pinText({ version, reason, until }: Pin): string {
  return `${version} until ${new Date(until).toISOString()}: ${reason}`;
}

function registerText({ description, tags, createModel }: Promotion['register']): string {
  const model = createModel && { ...createModel, tags: Object.fromEntries(createModel.tags) };
  return canonicalJson({ description, tags: Object.fromEntries(tags), createModel: model });
}

function specOf({ spec }: ModelRegistry): Fields {
  return new Map(
    Object.entries(spec).map(([field, value]) => [
      field,
      { field, value: typeof value === 'string' ? value : canonicalJson(value) },
    ]),
  );
}
