/**
 * What the rules of a promotion select, and why. Values in, values out: what they go by was read before.
 *
 * - Only READY versions that pass the filter are considered.
 * - `latest`: the highest number. `best`: the best value; of equal ones the newer.
 * - Who holds the target and may be considered stays while nobody is better by `minImprovement`, and for `holdFor`.
 * - Where the rule asks for an effect, the difference of all logged values has to be beyond chance.
 * - A pin comes before its rule until it runs out.
 */
import { describeTarget, isRule, type Best, type Promotion, type Target, type TargetId } from './desired.ts';
import {
  isRegisteredFrom,
  readyVersions,
  sampleKey,
  type Grounds,
  type ResolvedSource,
  type SampleOf,
} from './grounds.ts';
import type { Evidence } from './evidence.ts';
import { passes } from './filter.ts';
import type { Fact, Model, Version } from './observed.ts';
import type { Records } from './record.ts';
import { registeredTag } from './registration.ts';
import { currentHolder, selectCandidate, usable, type Candidate } from './select.ts';
import { worthOf } from './worth.ts';

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
  readonly mayRegister: boolean;
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
function ofSource(source: string, { model, grounds, mayRegister }: Setting): Candidate {
  const resolved = grounds.sources.get(source);
  const [version] = newest(
    [...model.versions.values()].filter(
      (one) => isRegisteredFrom(one, source) || (resolved?.kind === 'known' && isOf(resolved.value, one)),
    ),
  );
  if (version !== undefined) return usable(version);
  if (!mayRegister) {
    const message = `no version is registered from ${source}, and the registry does not allow this namespace to register any (its spec.access)`;
    return { kind: 'unusable', reason: 'NotAllowed', message };
  }
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

/** What the rule considers, the best first. */
interface Ranking {
  readonly ranked: readonly Measured[];
  readonly counts: string;
}

function rank(rule: Best, { model, grounds }: Pick<Setting, 'model' | 'grounds'>): Ranking {
  const passing = passingOf(rule, model);
  const measured = passing.flatMap((version): Measured[] => {
    const value = valueOf(version, rule.metric, grounds);
    return value === undefined || Number.isNaN(value) ? [] : [{ version, value }];
  });
  const considered = measured.filter(({ value }) => value >= rule.min && value <= rule.max);
  return {
    ranked: considered.toSorted((a, b) => compare(a, b, rule.goal)),
    counts: countsOf({ rule, model, passing, measured, considered }),
  };
}

function passingOf({ filter }: Best, model: Model): Version[] {
  return readyVersions(model).filter((version) => passes(filter, version, model.name));
}

function best(rule: Best, id: TargetId, setting: Setting): Choice {
  const { model, grounds } = setting;
  const passing = passingOf(rule, model);
  const unread = passing.map(({ version }) => grounds.evidence.get(version)).find(isUnread);
  if (unread !== undefined) return { candidate: { ...unread, kind: 'unusable' }, evidence: [] };
  const { ranked, counts } = rank(rule, setting);
  const [first] = ranked;
  if (first === undefined) {
    const message = passing.length === 0 ? nonePasses(rule.filter) : `no version has a usable ${rule.metric}`;
    return { candidate: { kind: 'none', message }, evidence: [counts] };
  }
  const standing = standingOf(id, ranked, setting);
  const { winner, why, until } = rival(first, standing, rule, { ...setting, tried: ranked.length - 1 });
  const shown = ranked.slice(0, SHOWN).map(({ version, value }) => {
    const note = version === standing?.measured.version ? ` (holds ${describeTarget(id)})` : '';
    return `${version.version}: ${rule.metric}=${value}${note}`;
  });
  return {
    candidate: { kind: 'found', version: winner.version },
    evidence: [...shown, counts, ...(why === undefined ? [] : [why])],
    until,
  };
}

/** Whose every value has to be known to tell whether a difference is more than chance. */
export function samplesFor({ targets }: Promotion, grounds: Grounds, model: Model): SampleOf[] {
  return targets.flatMap(({ want, id }) => {
    if (want.kind !== 'best' || want.minEffect === undefined) return [];
    const { ranked } = rank(want, { model, grounds });
    const [first] = ranked;
    const holder = ranked.find(({ version }) => version === currentHolder(id, model));
    if (first === undefined || holder === undefined || holder === first) return [];
    return [first, holder].map(({ version: { runId } }) => ({ runId, metric: want.metric }));
  });
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

interface Contest extends Setting {
  /** How many candidates there were beside the one that holds the target. */
  readonly tried: number;
}

interface Verdict {
  readonly winner: Measured;
  readonly why?: string;
  readonly until?: number;
}

/** Whether the first one takes the place of who holds the target. */
function rival(first: Measured, standing: Standing | undefined, rule: Best, contest: Contest): Verdict {
  if (standing === undefined || standing.measured.version === first.version) return { winner: first };
  const { measured, since } = standing;
  const gain = gainOf(first.value, measured.value, rule.goal);
  const stay = (why: string): Verdict => ({
    winner: measured,
    why: `${measured.version.version} stays${why}`,
  });
  const { version } = first.version;
  if (gain < rule.minImprovement)
    return stay(`: ${version} is better by ${gain}, less than the ${rule.minImprovement} that are asked for`);
  const effect = effectOf(first, measured, rule, contest);
  if (effect.tooSmall) return stay(`: ${effect.words}`);
  const until = (since ?? -Infinity) + rule.holdFor;
  if (contest.now < until) return { ...stay(` until ${new Date(until).toISOString()} (holdFor)`), until };
  return effect.words === undefined ? { winner: first } : { winner: first, why: effect.words };
}

function gainOf(one: number, other: number, goal: Best['goal']): number {
  return goal === 'maximize' ? one - other : other - one;
}

/** What the difference is worth, in words, where the rule asks for it. */
function effectOf(
  first: Measured,
  holder: Measured,
  { metric, goal, minEffect }: Best,
  { grounds, tried }: Contest,
): { readonly tooSmall: boolean; readonly words?: string } {
  if (minEffect === undefined) return { tooSmall: false };
  const [ours, theirs] = [first, holder].map(({ version: { runId } }) => {
    const fact = grounds.samples.get(sampleKey({ runId, metric }));
    return fact?.kind === 'known' ? fact.value.filter((value) => Number.isFinite(value)) : [];
  }) as [number[], number[]];
  const names = `${first.version.version} and ${holder.version.version}`;
  const counts = `${ours.length} and ${theirs.length} values of ${metric}`;
  const worth = worthOf(ours, theirs, tried);
  if (worth === undefined)
    return {
      tooSmall: true,
      words: `${names} have ${counts}, and two each are needed to tell a difference from chance`,
    };
  const effect = gainOf(worth.difference, 0, goal);
  const words = `${first.version.version} is better than ${holder.version.version} by ${round(effect)} ± ${round(worth.margin)} (95 % for ${counted(tried, 'candidate')}; ${counts})`;
  const tooSmall = effect - worth.margin < minEffect;
  return { tooSmall, words: tooSmall ? `${words}, and at least ${minEffect} is asked for` : words };
}

function round(value: number): string {
  return String(Number(value.toPrecision(3)));
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
