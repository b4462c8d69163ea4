/**
 * What the rules of a promotion select, and why. Values in, values out: what they go by was read before.
 *
 * - Only READY versions that pass the filter are considered.
 * - `latest`: the highest number. `best`: the best value; of equal ones the newer.
 * - Who holds the target and may be considered stays while nobody is better by `minImprovement`, and for `holdFor`.
 * - A pin comes before its rule until it runs out.
 */
import { describeTarget, isRule, type Best, type Promotion, type Target, type TargetId } from './desired.ts';
import { isRegisteredFrom, readyVersions, type Grounds, type ResolvedSource } from './grounds.ts';
import type { Evidence } from './evidence.ts';
import { passes } from './filter.ts';
import type { Fact, Model, Version } from './observed.ts';
import type { Records } from './record.ts';
import { registeredTag } from './registration.ts';
import { currentHolder, selectCandidate, usable, type Candidate } from './select.ts';

export interface Choice {
  readonly candidate: Candidate;
  /** What there was to choose from, the best first. */
  readonly evidence: readonly string[];
  /** When it may come out otherwise although nothing changes: milliseconds since the epoch. */
  readonly until?: number | undefined;
}

export type Choices = ReadonlyMap<TargetId, Choice>;

interface Setting {
  readonly model: Model;
  readonly grounds: Grounds;
  readonly records: Records;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export function chooseAll(promotion: Promotion, setting: Setting): Choices {
  return new Map(
    promotion.targets.flatMap((target) => {
      const choice = choose(target, setting);
      return choice === undefined ? [] : [[target.id, choice] as const];
    }),
  );
}

/** Undefined where there is no rule. */
function choose(target: Target, setting: Setting): Choice | undefined {
  const { want, pin } = target;
  const { model, now } = setting;
  if (pin !== undefined && now < pin.until) {
    const until = new Date(pin.until).toISOString();
    return {
      candidate: selectCandidate({ kind: 'pinned', version: pin.version }, model),
      evidence: [`pinned to ${pin.version} until ${until}: ${pin.reason}`],
      until: pin.until,
    };
  }
  if (!isRule(want)) return undefined;
  switch (want.kind) {
    case 'run':
      return { candidate: ofRun(want.runId, model), evidence: [] };
    case 'source':
      return { candidate: ofSource(want.source, setting), evidence: [] };
    case 'latest':
      return latest(want.filter, model);
    case 'best':
      return best(want, target.id, setting);
    default:
      return want satisfies never;
  }
}

function ofRun(runId: string, model: Model): Candidate {
  const [version] = newest([...model.versions.values()].filter((one) => one.runId === runId));
  return version === undefined
    ? { kind: 'none', message: `no version is registered from run ${runId}` }
    : usable(version);
}

/** What a person deleted is not registered again. */
function ofSource(source: string, { model, grounds }: Setting): Candidate {
  const resolved = grounds.sources.get(source);
  const [version] = newest(
    [...model.versions.values()].filter(
      (one) => isRegisteredFrom(one, source) || (resolved?.kind === 'known' && isOf(resolved.value, one)),
    ),
  );
  if (version !== undefined) return usable(version);
  const tag = registeredTag(source);
  const before = model.tags.get(tag);
  if (before !== undefined) {
    const message = `version ${before}, which was registered from ${source}, was deleted; it is registered again when the model's tag ${tag} is removed`;
    return { kind: 'unusable', reason: 'VersionNotFound', message };
  }
  if (resolved?.kind === 'known') return { kind: 'unregistered', source: resolved.value };
  if (resolved?.kind === 'unknown') return { ...resolved, kind: 'unusable' };
  return { kind: 'unusable', reason: 'SourceNotFound', message: `there is no model at ${source}` };
}

function isOf({ names, modelId }: ResolvedSource, { source }: Version): boolean {
  const plain = source.replace(/\/+$/, '');
  return names.has(plain) || (modelId !== undefined && plain === `models:/${modelId}`);
}

function latest(filter: Best['filter'], model: Model): Choice {
  const versions = newest(readyVersions(model).filter((version) => passes(filter, version, model.name)));
  const [version] = versions;
  const evidence = [`${counted(versions.length, 'version')} of ${model.versions.size} considered`];
  return version === undefined
    ? { candidate: { kind: 'none', message: nonePasses(filter) }, evidence }
    : { candidate: { kind: 'found', version }, evidence };
}

function nonePasses(filter: Best['filter']): string {
  return filter.length === 0 ? 'no version is READY' : 'no READY version passes the filter';
}

/** A version with the value that the rule goes by. */
interface Measured {
  readonly version: Version;
  readonly value: number;
}

const SHOWN = 10;

function best(rule: Best, id: TargetId, setting: Setting): Choice {
  const { model, grounds } = setting;
  const passing = readyVersions(model).filter((version) => passes(rule.filter, version, model.name));
  const unread = passing.map(({ version }) => grounds.evidence.get(version)).find(isUnread);
  if (unread !== undefined) return { candidate: { ...unread, kind: 'unusable' }, evidence: [] };
  const measured = passing.flatMap((version): Measured[] => {
    const value = valueOf(version, rule.metric, grounds);
    return value === undefined || Number.isNaN(value) ? [] : [{ version, value }];
  });
  const considered = measured.filter(({ value }) => value >= rule.min && value <= rule.max);
  const ranked = considered.toSorted((a, b) => compare(a, b, rule.goal));
  const counts = countsOf({ rule, model, passing, measured, considered });
  const [first] = ranked;
  if (first === undefined) {
    const message = passing.length === 0 ? nonePasses(rule.filter) : `no version has a usable ${rule.metric}`;
    return { candidate: { kind: 'none', message }, evidence: [counts] };
  }
  const standing = standingOf(id, ranked, setting);
  const { winner, why, until } = rival(first, standing, rule, setting.now);
  const shown = ranked
    .slice(0, SHOWN)
    .map(({ version, value }) => `${version.version}: ${rule.metric}=${value}${noteOn(version, standing)}`);
  return {
    candidate: { kind: 'found', version: winner.version },
    evidence: [...shown, counts, ...(why === undefined ? [] : [why])],
    until,
  };

  function noteOn(version: Version, holder: Standing | undefined): string {
    return version === holder?.measured.version ? ` (holds ${describeTarget(id)})` : '';
  }
}

/** What was deleted, or is not ours to see, has no value; what just cannot be read may have the best. */
function isUnread(fact: Fact<Evidence> | undefined): fact is Extract<Fact<Evidence>, { kind: 'unknown' }> {
  return fact?.kind === 'unknown' && fact.reason === 'RegistryUnavailable';
}

function valueOf({ version }: Version, metric: string, { evidence }: Grounds): number | undefined {
  const fact = evidence.get(version);
  return fact?.kind === 'known' ? fact.value.metrics.get(metric) : undefined;
}

function compare(a: Measured, b: Measured, goal: Best['goal']): number {
  const better = goal === 'maximize' ? b.value - a.value : a.value - b.value;
  return better === 0 || Number.isNaN(better)
    ? Number(b.version.version) - Number(a.version.version)
    : better;
}

interface Standing {
  readonly measured: Measured;
  /** Since when, if we know: milliseconds since the epoch. */
  readonly since: number | undefined;
}

/** Who holds the target, if the rule considers it. */
function standingOf(
  id: TargetId,
  ranked: readonly Measured[],
  { model, records }: Setting,
): Standing | undefined {
  const holder = currentHolder(id, model);
  const measured = ranked.find(({ version }) => version === holder);
  const record = records.get(id);
  const since = record?.version === holder?.version ? record?.since : undefined;
  return measured && { measured, since: since === undefined ? undefined : Date.parse(since) };
}

/** Whether the first one takes the place of who holds the target. */
function rival(
  first: Measured,
  standing: Standing | undefined,
  { goal, minImprovement, holdFor }: Best,
  now: number,
): { readonly winner: Measured; readonly why?: string; readonly until?: number } {
  if (standing === undefined || standing.measured.version === first.version) return { winner: first };
  const { measured, since } = standing;
  const gain = goal === 'maximize' ? first.value - measured.value : measured.value - first.value;
  const stays = `${measured.version.version} stays`;
  if (gain < minImprovement) {
    const why = `${stays}: ${first.version.version} is better by ${gain}, less than the ${minImprovement} that are asked for`;
    return { winner: measured, why };
  }
  const until = (since ?? -Infinity) + holdFor;
  if (now >= until) return { winner: first };
  return { winner: measured, why: `${stays} until ${new Date(until).toISOString()} (holdFor)`, until };
}

interface Counts {
  readonly rule: Best;
  readonly model: Model;
  readonly passing: readonly Version[];
  readonly measured: readonly Measured[];
  readonly considered: readonly Measured[];
}

function countsOf({ rule, model, passing, measured, considered }: Counts): string {
  const left = [
    reasonFor(model.versions.size - passing.length, 'not READY or not past the filter'),
    reasonFor(passing.length - measured.length, `without a value of ${rule.metric}`),
    reasonFor(measured.length - considered.length, 'out of bounds'),
  ].filter((words) => words !== undefined);
  const all = `${considered.length} of ${counted(model.versions.size, 'version')} considered`;
  return left.length === 0 ? all : `${all}; ${left.join(', ')}`;
}

function reasonFor(count: number, what: string): string | undefined {
  return count === 0 ? undefined : `${count} ${what}`;
}

function newest(versions: readonly Version[]): Version[] {
  return versions.toSorted((a, b) => Number(b.version) - Number(a.version));
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
