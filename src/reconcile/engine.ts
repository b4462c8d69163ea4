/**
 * The engine: what is declared (the catalog), what we remember (the statuses), and one pass at a time over
 * whatever key it is given. It owns no timer, no queue and no client; a home gives it those.
 */
import type { Amendment, Listing } from '../api/listing.ts';
import type { ModelPromotion, ModelPromotionStatus } from '../api/generated/types.ts';
import { severity, type Reason } from '../api/reasons.ts';
import type { RejectedDocument } from '../api/status-file.ts';
import {
  advance,
  type AdvanceOptions,
  amend,
  brokenRegistries,
  EMPTY_CATALOG,
  ownProvenance,
  remember,
  samePlace,
  type Catalog,
  type Entry,
  type OwnCatalog,
} from '../domain/catalog.ts';
import { findConflict, holderOf, ownersOf, type Claimant } from '../domain/claims.ts';
import type { Promotion } from '../domain/desired.ts';
import { canonicalJson } from '../domain/digest.ts';
import type { Finding } from '../domain/finding.ts';
import { repairsOf } from '../domain/flapping.ts';
import type { Fact, Model } from '../domain/observed.ts';
import type { Obstacle } from '../domain/plan.ts';
import { summarise, type Next, type Outcome } from '../domain/outcome.ts';
import { standingRecords } from '../domain/provenance.ts';
import type { Records } from '../domain/record.ts';
import { recordsOf } from '../domain/status.ts';
import { ClaimIndex, withRivals } from './claim-index.ts';
import { Departures, type Departure, type Leaving } from './departures.ts';
import { keyOf, rejectedDocuments } from './rejected.ts';
import { reconcile, type Memory, type PassInput, type PassOptions } from './pass.ts';
import { release, type Elsewhere } from './release.ts';
import type { Observer, Registries, Registry } from './ports.ts';
import { ALL, type Share } from './share.ts';
import { Statuses } from './statuses.ts';

/** Milliseconds. */
const DENIED_FOR = 10 * 60_000;

export interface EngineOptions extends Pick<PassOptions, 'fence' | 'now' | 'sleep'> {
  /** Who we are among the installations that share a registry; part of the owner tag. */
  readonly installation: string;
  readonly allowEmpty: boolean;
  /** A stable uid for namespace/name. */
  readonly uidOf: (key: string) => string;
  readonly registries: Registries;
  readonly observer: Observer;
  /** Which promotions are ours where several processes share them; all by default. */
  readonly share?: Share | undefined;
  /** What stands in for a memory of statuses: a one-shot command has none but what the registry's own tags say. */
  readonly recall?: (model: Model, owner: string) => Records;
  /** Called before a pass that may write: what has to be in place first, and why it is not, if it is not. */
  readonly prepare?:
    ((promotion: Promotion, signal: AbortSignal) => Promise<Obstacle | undefined>) | undefined;
  /** For how many milliseconds its registry may refuse the release of a removed promotion; for ever by default. */
  readonly releasePatience?: number | undefined;
  /** Called with the key of a promotion that is to be looked at soon. */
  readonly wake: (key: string) => void;
  /** Called with the keys whose status document changed or went away. */
  readonly onStatus: (key: string) => void;
}

export class Engine {
  readonly #options: EngineOptions;
  #catalog: OwnCatalog = { ...EMPTY_CATALOG, entries: new Map() };
  readonly #share: Share;
  readonly #statuses: Statuses;
  /** What is declared and was never valid. */
  #rejected: ReadonlyMap<string, RejectedDocument> = new Map();
  readonly #departures: Departures;
  /** Whom their registry did not let in, and when it said so: milliseconds since the epoch. */
  readonly #denied = new Map<string, number>();
  #claims = ClaimIndex.EMPTY;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#share = options.share ?? ALL;
    this.#statuses = new Statuses(this.#share);
    this.#departures = new Departures({
      observer: options.observer,
      isDeclared: (key) => this.#catalog.entries.has(key),
      share: this.#share,
      carryOut: (leaving, signal) => this.#carryOut(leaving, signal),
      onStatus: options.onStatus,
      patience: options.releasePatience,
      now: options.now,
    });
  }

  get catalog(): Catalog {
    return this.#catalog;
  }

  /**
   * Takes back what was remembered before a restart: documents with their status, in the order of age,
   * those that were still to be released although their names are used again, and what was never valid.
   */
  restore(
    documents: readonly ModelPromotion[],
    former: readonly ModelPromotion[] = [],
    rejected: readonly RejectedDocument[] = [],
  ): void {
    for (const document of documents) {
      const entry = this.#remembered(document);
      const { key } = entry.promotion;
      this.#catalog.entries.set(key, entry);
      if (document.status !== undefined) this.#statuses.restore(key, document.status);
    }
    this.#rejected = new Map(rejected.map((document) => [keyOf(document.metadata), document]));
    for (const document of former) this.#departures.restore(this.#remembered(document), document.status);
  }

  #remembered(document: ModelPromotion): Entry {
    const { metadata, status } = document;
    const own = ownProvenance(metadata);
    if (own !== undefined) return remember(document, own);
    const uid = this.#options.uidOf(keyOf(metadata));
    return remember(document, { uid, generation: metadata.generation ?? 0, revision: revisionOf(status) });
  }

  /** Takes a new listing in, or what changed since the last. Returns the keys to look at now. */
  async accept(listing: Listing | Amendment): Promise<string[]> {
    if ('amended' in listing) return this.#amend(listing);
    const { observer, registries } = this.#options;
    const before = this.#catalog;
    const { catalog, changed, removed } = advance(before, listing, this.#advanceOptions());
    this.#catalog = catalog;
    if (catalog.held?.reason === 'EmptySource') {
      observer.warn(
        { revision: listing.revision },
        'the source holds no manifest any more; nothing is changed unless --allow-empty is given',
      );
    }
    if (catalog.held?.reason === 'UnreadableFile') {
      observer.warn(
        { revision: listing.revision },
        'a file cannot be read, so nothing is removed at this revision',
      );
    }
    const told = new Set(before.problems.map(canonicalJson));
    for (const problem of listing.problems) {
      if (!told.has(canonicalJson(problem))) observer.warn(problem, 'a manifest was refused');
    }
    const givenUp = this.#recordsBefore(before, [
      ...new Set([...changed, ...removed.map(({ promotion }) => promotion.key)]),
    ]);
    for (const entry of removed) {
      const { key } = entry.promotion;
      this.#departures.add(entry, this.#statuses.known(key));
      this.#statuses.forget(key);
      this.#denied.delete(key);
    }
    this.#departures.makeWay();
    await registries.update(catalog.registries, brokenRegistries(catalog));
    const former = this.#claims;
    this.#claims = new ClaimIndex(catalog.entries, registries);
    this.#reject(catalog);
    const arrived = this.#statuses.divide(new Set(this.#foreign()));
    for (const { former, records } of givenUp) this.#handOver(former, records);
    const keys = [...changed, ...arrived, ...this.#claims.movedSince(former), ...this.#departures.keys()];
    return withRivals(keys, [former, this.#claims]).filter((key) => this.#concerns(key));
  }

  /** Whether there is anything for us to do for this key. */
  #concerns(key: string): boolean {
    return !this.#statuses.isForeign(key) || this.#departures.under(key).length > 0;
  }

  /** Everybody stays where he was, so that only those who share a model with what changed may win or lose by it. */
  #amend(amendment: Amendment): string[] {
    const { entries, changed } = amend(this.#catalog, amendment, this.#advanceOptions());
    const givenUp = this.#recordsBefore(this.#catalog, changed);
    // In place: a copy of all entries costs more than the few that changed.
    for (const entry of entries) this.#catalog.entries.set(entry.promotion.key, entry);
    this.#catalog = { ...this.#catalog, revision: amendment.revision };
    for (const { former, records } of givenUp) this.#handOver(former, records);
    const keys = new Set(changed.flatMap((key) => [key, ...this.#rivalsOf(key)]));
    return [...keys].filter((key) => this.#concerns(key));
  }

  #rivalsOf(key: string): string[] {
    const address = this.addressOf(key);
    const promotion = this.#catalog.entries.get(key)?.promotion;
    return address === undefined || promotion === undefined
      ? []
      : this.#claims.keysOf(address, [promotion.model]);
  }

  #advanceOptions(): AdvanceOptions {
    const { allowEmpty, uidOf } = this.#options;
    return { allowEmpty, uidOf, generationOf: (key) => this.#rejected.get(key)?.metadata.generation };
  }

  /** What these promotions were, and what is remembered of them. */
  #recordsBefore({ entries }: Catalog, keys: readonly string[]): { former: Promotion; records: Records }[] {
    return keys.flatMap((key) => {
      const former = entries.get(key)?.promotion;
      return former === undefined ? [] : [{ former, records: recordsOf(this.#statuses.known(key)) }];
    });
  }

  /** What was never valid and is now goes on from the status that it had. */
  #reject(catalog: Catalog): void {
    const before = this.#rejected;
    this.#rejected = rejectedDocuments(catalog, before, this.#options.now());
    for (const [key, { status }] of before)
      if (catalog.entries.has(key) && !this.#statuses.isForeign(key)) this.#statuses.write(key, status);
    for (const key of new Set([...before.keys(), ...this.#rejected.keys()]))
      if (before.get(key) !== this.#rejected.get(key)) this.#options.onStatus(key);
  }

  /** Keys of what is declared and not ours. All processes see the same objects, so they agree on whose each is. */
  *#foreign(): Iterable<string> {
    for (const [key, { promotion, problems }] of this.#catalog.entries) {
      const ours = problems.length === 0 ? this.#share.isOurs(promotion) : this.#share.isOursByName(key);
      if (!ours) yield key;
    }
    for (const key of this.#rejected.keys()) if (!this.#share.isOursByName(key)) yield key;
  }

  /** Keys of the promotions that a registry's models concern; of all its models when none are named. */
  keysOf(address: string, models?: readonly string[]): string[] {
    const declared = this.#claims.keysOf(address, models);
    if (models !== undefined) return declared;
    const leaving = this.#departures.keysAt((promotion) => this.#isAt(promotion, address));
    return [...new Set([...declared, ...leaving])];
  }

  /** Where the registry is that a pass over this key meets; undefined when it meets none. */
  addressOf(key: string): string | undefined {
    const entry = this.#catalog.entries.get(key) ?? this.#departures.under(key)[0]?.entry;
    const resolved = entry && this.#options.registries.resolve(entry.promotion);
    return resolved?.kind === 'found' ? resolved.address : undefined;
  }

  /** Names of the models of a registry that promotions of ours manage now. */
  modelsOf(address: string): ReadonlySet<string> {
    return this.#claims.modelsOf(address, (key) => !this.#statuses.isForeign(key));
  }

  /** One pass over whatever the key stands for now. */
  async handle(key: string, signal: AbortSignal): Promise<Next> {
    const done = await this.#departures.finish(key, signal);
    const entry = this.#catalog.entries.get(key);
    if (entry === undefined || this.#statuses.isForeign(key))
      return done ? { kind: 'OnChange' } : { kind: 'Retry' };
    const started = performance.now();
    const previous = this.#statuses.known(key);
    const finding = await this.#look(entry, signal);
    const { author, promotion, attempted } = entry;
    const outcome = summarise({
      promotion,
      previous,
      finding,
      attempted,
      owner: this.#ownerOf(promotion),
      author,
      swept: this.#swept(promotion),
      now: this.#options.now(),
    });
    this.#report(promotion, finding, outcome, (performance.now() - started) / 1_000);
    if (!done) return { kind: 'Retry' };
    // What was declared meanwhile is not kept waiting for what became of its forerunner.
    return this.#catalog.entries.get(key)?.promotion === promotion ? outcome.next : { kind: 'Now' };
  }

  /** Whether something of this name was ours to release, and nothing is left of it to do. */
  isReleased(key: string): boolean {
    return this.#departures.isReleased(key);
  }

  /** Nobody waits for a release of this name any more. */
  gone(key: string): void {
    this.#departures.gone(key);
  }

  /** Leaves what was removed under this key as it is, although it asked for a release once. */
  giveUpRelease(key: string): void {
    this.#departures.giveUp(key);
  }

  /** The object with the status that we gave it, as it is shown and kept; undefined when nothing is known of the key. */
  document(key: string): ModelPromotion | RejectedDocument | undefined {
    const entry = this.#catalog.entries.get(key) ?? this.#departures.rememberedAs(key)?.entry;
    if (entry !== undefined) return withStatus(entry, this.statusOf(key));
    return this.#statuses.isForeign(key) ? undefined : this.#rejected.get(key);
  }

  /** The status in `document`. */
  statusOf(key: string): ModelPromotionStatus | undefined {
    if (this.#catalog.entries.has(key)) return this.#statuses.written(key);
    const leaving = this.#departures.rememberedAs(key);
    if (leaving !== undefined)
      return this.#share.isOurs(leaving.entry.promotion) ? leaving.status : undefined;
    return this.#statuses.isForeign(key) ? undefined : this.#rejected.get(key)?.status;
  }

  /** Every key of ours that `document` has something to say of. */
  keys(): string[] {
    const keys = [...this.#catalog.entries.keys(), ...this.#rejected.keys()];
    return keys.filter((key) => !this.#statuses.isForeign(key));
  }

  /** What a pass over this promotion would start from; undefined with the reason when there can be none. */
  inputFor(
    promotion: Promotion,
  ): { kind: 'input'; input: PassInput } | { kind: 'finding'; finding: Finding } {
    const resolved = this.#options.registries.resolve(promotion);
    if (resolved.kind === 'refused')
      return { kind: 'finding', finding: { kind: 'Obstructed', obstacle: resolved } };
    const claimants = this.#claimantsOf(resolved.address, promotion.model);
    const conflict = findConflict(promotion.key, claimants);
    if (conflict !== undefined) {
      return {
        kind: 'finding',
        finding: { kind: 'Obstructed', obstacle: { reason: 'Conflict', message: conflict } },
      };
    }
    return {
      kind: 'input',
      input: {
        promotion,
        memory: this.#memoryOf(promotion),
        registry: resolved.registry,
        mayRegister: resolved.mayRegister,
        owner: this.#ownerOf(promotion),
        claimants: () => this.#claimantsOf(resolved.address, promotion.model),
        elsewhere: () =>
          new Set(
            this.#elsewhere(resolved.address, promotion.model).flatMap(({ owners }) => [...owners.values()]),
          ),
        stands: () => this.#stands(promotion, resolved.registry, claimants),
      },
    };
  }

  /** Whether the document, its registry and those that have a say on its model are still the very ones. */
  #stands(promotion: Promotion, registry: Registry, claimants: readonly Claimant[]): boolean {
    const { key } = promotion;
    if (this.#catalog.entries.get(key)?.promotion !== promotion || this.#statuses.isForeign(key))
      return false;
    const resolved = this.#options.registries.resolve(promotion);
    if (resolved.kind === 'refused' || resolved.registry !== registry) return false;
    const now = this.#claimantsOf(resolved.address, promotion.model);
    return (
      now.length === claimants.length &&
      now.every((claimant, index) => claimant.promotion === claimants[index]?.promotion)
    );
  }

  async #look({ promotion, problems }: Entry, signal: AbortSignal): Promise<Finding> {
    if (problems.length > 0) return { kind: 'Invalid', problems };
    if (promotion.suspend) return { kind: 'Planned', plan: { kind: 'Suspended' }, attempt: undefined };
    const start = this.inputFor(promotion);
    if (start.kind === 'finding') return start.finding;
    const obstacle = await this.#options.prepare?.(promotion, signal);
    if (obstacle !== undefined) return { kind: 'Obstructed', obstacle };
    return reconcile(start.input, this.#passOptions(promotion.key), signal);
  }

  #swept(promotion: Promotion): Fact<Model> | undefined {
    const resolved = this.#options.registries.resolve(promotion);
    return resolved.kind === 'found' ? resolved.registry.snapshot(promotion.model) : undefined;
  }

  #passOptions(key: string): PassOptions {
    const { fence, now, sleep, observer } = this.#options;
    return {
      fence,
      now,
      sleep,
      unmarked: (message) =>
        observer.warn({ promotion: key, detail: message }, 'a provenance tag could not be written'),
    };
  }

  #report(promotion: Promotion, finding: Finding, { status, events }: Outcome, seconds: number): void {
    const { observer } = this.#options;
    const ready = status.conditions?.find((condition) => condition.type === 'Ready');
    const reason = (ready?.reason ?? 'Progressing') as Reason;
    observer.reconciled(promotion, ready?.status === 'True' ? 'ready' : severity(reason), seconds);
    const applied = finding.kind === 'Planned' ? (finding.attempt?.applied ?? []) : [];
    const turned = this.#tellDenied(promotion.key, reason, finding);
    if (applied.length > 0 || turned) this.#wakeRivals(promotion);
    for (const action of applied) observer.applied(action.kind, action.cause);
    for (const event of events) observer.event(promotion, event);
    if (isSettled(finding)) this.#statuses.settle(promotion.key);
    this.#remember(promotion, status);
  }

  /** True when its registry lets it in no more, or again. A conflict says nothing of it: nothing was asked then. */
  #tellDenied(key: string, reason: Reason, finding: Finding): boolean {
    if (isSettled(finding)) return this.#denied.delete(key);
    if (reason !== 'AccessDenied') return false;
    const isNew = !this.#isDenied(key);
    this.#denied.set(key, this.#options.now());
    return isNew;
  }

  /** Not for ever: who loses to another is not asked again, and his login may have been mended. */
  #isDenied(key: string): boolean {
    return this.#options.now() - (this.#denied.get(key) ?? -Infinity) < DENIED_FOR;
  }

  /** What this promotion left or took may be what another one of the model waits for. */
  #wakeRivals(promotion: Promotion): void {
    const resolved = this.#options.registries.resolve(promotion);
    if (resolved.kind === 'refused') return;
    const rivals = this.#claims.keysOf(resolved.address, [promotion.model]);
    for (const key of rivals) if (key !== promotion.key) this.#options.wake(key);
  }

  /** What was removed while its pass ran takes the status with it, so that it is released with all that was applied. */
  #remember(promotion: Promotion, status: ModelPromotionStatus): void {
    const { key } = promotion;
    const current = this.#catalog.entries.get(key)?.promotion;
    if (current === undefined || !samePlace(current, promotion)) {
      this.#departures.update(promotion, status);
      return;
    }
    // It became another process's while its pass ran, and the status with it.
    if (this.#statuses.isForeign(key)) return;
    if (current === promotion) this.#statuses.settleInherited(key);
    if (this.#statuses.write(key, status)) this.#options.onStatus(key);
  }

  /** Records of targets that a promotion declares no more go to whoever declares them now: a rename forgets nothing. */
  #handOver(former: Promotion, records: Records): void {
    const resolved = this.#options.registries.resolve(former);
    if (resolved.kind === 'refused' || records.size === 0) return;
    const claimants = this.#claimantsOf(resolved.address, former.model);
    const own = claimants.find(({ promotion }) => promotion.key === former.key)?.promotion.targets ?? [];
    for (const [target, record] of records) {
      const heir = own.some(({ id }) => id === target) ? undefined : holderOf(target, claimants);
      if (heir === undefined) continue;
      this.#statuses.inherit(heir.promotion.key, target, record);
    }
  }

  /** Carries out the deletion policy of what left. */
  async #carryOut({ entry, status }: Leaving, signal: AbortSignal): Promise<Departure> {
    const { promotion, location } = entry;
    const left = (why: string): Departure => ({ done: true, applied: [], message: `left as it is: ${why}` });
    if (promotion.suspend) return left('it was suspended');
    const resolved = this.#options.registries.resolve(promotion);
    if (resolved.kind === 'refused') {
      const lost = promotion.deletionPolicy === 'Release';
      if (lost && resolved.broken === true) return { done: false, applied: [], message: resolved.message };
      return { ...left(resolved.message), lost };
    }
    const input = {
      promotion,
      records: recordsOf(status),
      wasDeclared: location !== undefined,
      registry: resolved.registry,
      owner: this.#ownerOf(promotion),
      // No other team can hold a release up.
      elsewhere: this.#elsewhere(resolved.address, promotion.model, promotion.namespace),
      heirs: () => ownersOf(this.#claimantsOf(resolved.address, promotion.model)),
    };
    return release(input, this.#passOptions(promotion.key), signal);
  }

  #isAt(promotion: Promotion, address: string): boolean {
    const resolved = this.#options.registries.resolve(promotion);
    return resolved.kind === 'found' && resolved.address === address;
  }

  #memoryOf(promotion: Promotion): Memory {
    const { recall } = this.#options;
    const status = this.#statuses.known(promotion.key);
    const records = recordsOf(status);
    const owner = this.#ownerOf(promotion);
    return {
      // Later on, a mark of our name that we know nothing of is somebody else's: a second controller of that name.
      records: (model) =>
        recall?.(model, owner) ??
        (this.#statuses.isUncertain(promotion.key) ? standingRecords(records, model, owner) : records),
      lastDigest: status?.lastAppliedDigest,
      generation: status?.observedGeneration,
      handledAt: status?.lastHandledReconcileAt,
      repairs: repairsOf(status, promotion),
    };
  }

  #ownerOf(promotion: Promotion): string {
    return `${this.#options.installation}/${promotion.key}`;
  }

  /** Promotions on a model of this name at other addresses, which may be other names of the same server. */
  #elsewhere(address: string, model: string, namespace?: string): Elsewhere[] {
    return this.#claims.addressesBeside(address, model).flatMap((other) => {
      const claimants = this.#claimantsOf(other, model).filter(
        ({ promotion }) => namespace === undefined || promotion.namespace === namespace,
      );
      const [one] = claimants;
      const resolved = one && this.#options.registries.resolve(one.promotion);
      return resolved?.kind === 'found' ? [{ registry: resolved.registry, owners: ownersOf(claimants) }] : [];
    });
  }

  #claimantsOf(address: string, model: string): Claimant[] {
    return this.#claims.keysOf(address, [model]).flatMap((key) => {
      const entry = this.#catalog.entries.get(key);
      if (entry === undefined) return [];
      const { promotion, problems } = entry;
      const [records, owner] = [this.#recordsOf(promotion), this.#ownerOf(promotion)];
      return [{ promotion, records, owner, refused: problems.length > 0, denied: this.#isDenied(key) }];
    });
  }

  #recordsOf(promotion: Promotion): Records {
    const { recall, registries } = this.#options;
    if (recall === undefined) return recordsOf(this.#statuses.known(promotion.key));
    const resolved = registries.resolve(promotion);
    const known = resolved.kind === 'found' ? resolved.registry.snapshot(promotion.model) : undefined;
    return known?.kind === 'known' ? recall(known.value, this.#ownerOf(promotion)) : new Map();
  }
}

/** Whether a pass looked at the registry and did all that it meant to: what it left is on record. */
function isSettled(finding: Finding): boolean {
  if (finding.kind !== 'Planned' || finding.plan.kind === 'Suspended') return false;
  return finding.plan.decisions.length > 0 && finding.attempt?.failure === undefined;
}

function withStatus(entry: Entry, status: ModelPromotionStatus | undefined): ModelPromotion {
  const { uid, generation } = entry.promotion;
  const { uid: _uid, generation: _generation, ...metadata } = entry.document.metadata;
  return {
    ...entry.document,
    // The same order of fields whether the document came from its source or from a status.
    metadata: { ...metadata, uid, generation },
    ...(status === undefined ? {} : { status }),
  };
}

/** The revision of the last good document: the attempted one may have been refused. */
function revisionOf(status: ModelPromotionStatus | undefined): string {
  const refused = status?.summary?.reason === 'InvalidSpec';
  return (refused ? status.lastAppliedRevision : status?.lastAttemptedRevision) ?? '';
}
