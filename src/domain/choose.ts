/**
 * What the rules of a promotion select, and why. Values in, values out: what they go by was read before.
 *
 * - Only READY versions that pass the filter are considered.
 * - `latest`: the highest number. `best`: the best value; of equal ones the newer.
 * - Who holds the target stays while its value cannot be read and, where it can, while nobody is better by
 *   `minImprovement`, and for `holdFor`.
 * - Where the rule asks for an effect, the difference of all logged values has to be beyond chance.
 * - A pin comes before its rule until it runs out.
 */
import { plural } from '../api/plural.ts';
import { describeTarget, isRule, type Best, type Promotion, type Target, type TargetId } from './desired.ts';
import { valuesIn, versionOfSource, type Grounds, type SampleOf } from './grounds.ts';
import type { Evidence } from './evidence.ts';
import { passing } from './filter.ts';
import { byNumber, type Fact, type Model, type Version } from './observed.ts';
import type { Records } from './record.ts';
import { deletedOf } from './registration.ts';
import { currentHolder, selectCandidate, usable, type Candidate } from './select.ts';
import { WORTH_NEEDS, worthOf } from './worth.ts';

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
  const [version] = [...model.versions.values()].filter((one) => one.runId === runId).sort(byNumber);
  return version === undefined
    ? { kind: 'none', message: `no version is registered from run ${runId}` }
    : usable(version);
}

/** What a person deleted is not registered again. */
function ofSource(source: string, { model, grounds, mayRegister }: Setting): Candidate {
  const resolved = grounds.sources.get(source);
  const version = versionOfSource(source, resolved, model);
  if (version !== undefined) return usable(version);
  if (!mayRegister) {
    const message = `no version is registered from ${source}, and the registry does not allow this namespace to register any (its spec.access)`;
    return { kind: 'unusable', reason: 'NotAllowed', message };
  }
  const deleted = deletedOf(source, resolved, model);
  if (deleted !== undefined) {
    const message = `version ${deleted.version}, which was registered from ${source}, was deleted; it is registered again when the model's tag ${deleted.tag} is removed`;
    return { kind: 'unusable', reason: 'VersionNotFound', message };
  }
  if (resolved?.kind === 'known' && resolved.value.isDeleted === true) {
    const message = `run ${resolved.value.runId} was deleted, and nothing is registered from it any more`;
    return { kind: 'unusable', reason: 'SourceNotFound', message };
  }
  if (resolved?.kind === 'known') return { kind: 'unregistered', source: resolved.value };
  if (resolved?.kind === 'unknown') return { ...resolved, kind: 'unusable' };
  return { kind: 'unusable', reason: 'SourceNotFound', message: `there is no model at ${source}` };
}

function latest(filter: Best['filter'], model: Model): Choice {
  const versions = passing(filter, model);
  const [version] = versions;
  const evidence = [`${plural(versions.length, 'version')} of ${model.versions.size} considered`];
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

function rank(rule: Best, versions: readonly Version[], grounds: Grounds): Ranking {
  const measured = versions.flatMap((version): Measured[] => {
    const value = valueOf(version, rule.metric, grounds);
    return value === undefined || !Number.isFinite(value) ? [] : [{ version, value }];
  });
  const unreadable = versions.filter(
    ({ version }) => grounds.evidence.get(version)?.kind === 'unknown',
  ).length;
  const considered = measured.filter(({ value }) => value >= rule.min && value <= rule.max);
  return {
    measured: measured.length,
    unreadable,
    ranked: considered.toSorted((a, b) => compare(a, b, rule.goal)),
  };
}

interface Ranking {
  /** How many have a finite value. */
  readonly measured: number;
  /** How many have a run that was deleted, or is not ours to see. */
  readonly unreadable: number;
  /** What the rule considers, the best first. */
  readonly ranked: readonly Measured[];
}

function best(rule: Best, id: TargetId, setting: Setting): Choice {
  const { model, grounds } = setting;
  const versions = passing(rule.filter, model);
  const unread = versions.map(({ version }) => grounds.evidence.get(version)).find(isUnread);
  if (unread !== undefined) return { candidate: { ...unread, kind: 'unusable' }, evidence: [] };
  const ranking = rank(rule, versions, grounds);
  const { ranked } = ranking;
  const counts = countsOf(rule, model.versions.size, versions.length, ranking);
  const lost = lostHolder(id, versions, setting);
  if (lost !== undefined)
    return { candidate: { kind: 'found', version: lost.holder }, evidence: [counts, lost.why] };
  const [first] = ranked;
  if (first === undefined) {
    const message =
      versions.length === 0 ? nonePasses(rule.filter) : `no version has a usable ${rule.metric}`;
    return { candidate: { kind: 'none', message }, evidence: [counts] };
  }
  const standing = standingOf(id, ranked, setting);
  const { winner, why, until } = contend(first, standing, rule, { ...setting, ranked });
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

/** Who holds the target stays while nobody can tell how good it is: losing sight of it is no reason to replace it. */
function lostHolder(
  id: TargetId,
  versions: readonly Version[],
  { model, grounds }: Setting,
): { readonly holder: Version; readonly why: string } | undefined {
  const holder = currentHolder(id, model);
  if (holder === undefined || !versions.includes(holder)) return undefined;
  const fact = grounds.evidence.get(holder.version);
  return fact?.kind === 'unknown' ? { holder, why: `${holder.version} stays: ${fact.message}` } : undefined;
}

/** Whose every value has to be known to tell whether a difference is more than chance. */
export function samplesFor({ targets }: Promotion, grounds: Grounds, model: Model): SampleOf[] {
  return targets.flatMap(({ want, id }) => {
    if (want.kind !== 'best' || want.minEffect === undefined) return [];
    const { ranked } = rank(want, passing(want.filter, model), grounds);
    const holder = holderIn(ranked, id, model);
    if (holder === undefined) return [];
    const challengers = challengersOf(holder, ranked, want);
    if (challengers.length === 0) return [];
    return [holder, ...challengers].map(({ version: { runId } }) => ({ runId, metric: want.metric }));
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
  return better === 0 ? byNumber(a.version, b.version) : better;
}

interface Standing {
  readonly measured: Measured;
  /** Since when, if we know: milliseconds since the epoch. */
  readonly since: number | undefined;
}

function holderIn(ranked: readonly Measured[], id: TargetId, model: Model): Measured | undefined {
  const holder = currentHolder(id, model);
  return ranked.find(({ version }) => version === holder);
}

/** Who holds the target, if the rule considers it. */
function standingOf(
  id: TargetId,
  ranked: readonly Measured[],
  { model, records }: Setting,
): Standing | undefined {
  const measured = holderIn(ranked, id, model);
  const record = records.get(id);
  const since = record?.version === measured?.version.version ? record?.since : undefined;
  return measured && { measured, since: since === undefined ? undefined : Date.parse(since) };
}

interface Contest extends Setting {
  /** The one that holds the target among them. */
  readonly ranked: readonly Measured[];
}

interface Verdict {
  readonly winner: Measured;
  readonly why?: string;
  readonly until?: number;
}

/** Of those that are better, the ones whose effect is looked at. */
const MOST_TRIED = 10;

/** Who may take the place of who holds the target, the best first. Without an effect to show, that is the best alone. */
function challengersOf(holder: Measured, ranked: readonly Measured[], { minEffect }: Best): Measured[] {
  const most = minEffect === undefined ? 1 : MOST_TRIED;
  return ranked.slice(0, ranked.indexOf(holder)).slice(0, most);
}

/** The best that can show an effect; one that cannot is in nobody's way. The first where nobody stands against it. */
function contend(first: Measured, standing: Standing | undefined, rule: Best, contest: Contest): Verdict {
  if (standing === undefined) return { winner: first };
  const { measured } = standing;
  const verdicts = challengersOf(measured, contest.ranked, rule).map((one) =>
    rival(one, standing, rule, contest),
  );
  return (
    verdicts.find(({ winner }) => winner !== measured) ??
    verdicts.find(({ until }) => until !== undefined) ??
    verdicts[0] ?? { winner: first }
  );
}

/** Whether a better one takes the place of who holds the target. */
function rival(first: Measured, standing: Standing, rule: Best, contest: Contest): Verdict {
  const { measured, since } = standing;
  const gain = gainOf(first.value, measured.value, rule.goal);
  const stay = (why: string): Verdict => ({
    winner: measured,
    why: `${measured.version.version} stays${why}`,
  });
  const { version } = first.version;
  if (gain < rule.minImprovement * (1 - ROUNDING))
    return stay(
      `: ${version} is better by ${Number(gain.toPrecision(12))}, less than the ${rule.minImprovement} that are asked for`,
    );
  const effect = effectOf(first, measured, rule, contest);
  if (effect.tooSmall) return stay(`: ${effect.words}`);
  const until = (since ?? -Infinity) + rule.holdFor;
  if (contest.now < until) return { ...stay(` until ${new Date(until).toISOString()} (holdFor)`), until };
  return effect.words === undefined ? { winner: first } : { winner: first, why: effect.words };
}

/** 0.3 - 0.2 is less than 0.1, as computers reckon. */
const ROUNDING = 1e-9;

function gainOf(one: number, other: number, goal: Best['goal']): number {
  return goal === 'maximize' ? one - other : other - one;
}

/** What the difference is worth, in words, where the rule asks for it. */
function effectOf(
  first: Measured,
  holder: Measured,
  { metric, goal, minEffect }: Best,
  { grounds, ranked }: Contest,
): { readonly tooSmall: boolean; readonly words?: string } {
  if (minEffect === undefined) return { tooSmall: false };
  const valuesOf = ({ version: { runId } }: Measured): number[] =>
    valuesIn(grounds.samples, { runId, metric });
  const [ours, theirs] = [valuesOf(first), valuesOf(holder)];
  const names = `${first.version.version} and ${holder.version.version}`;
  const counts = `${ours.length} and ${theirs.length} values of ${metric}`;
  const tried = ranked.length - 1;
  const worth = worthOf(ours, theirs, tried);
  if (worth === undefined)
    return {
      tooSmall: true,
      words: `${names} have ${counts}; to tell a difference from chance, ${WORTH_NEEDS}`,
    };
  const effect = gainOf(worth.difference, 0, goal);
  const words = `${first.version.version} is better than ${holder.version.version} by ${round(effect)} ± ${round(worth.margin)} (95 % for ${plural(tried, 'candidate')}; ${counts})`;
  const tooSmall = effect - worth.margin < minEffect;
  return { tooSmall, words: tooSmall ? `${words}, and at least ${minEffect} is asked for` : words };
}

function round(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function countsOf(
  rule: Best,
  all: number,
  passed: number,
  { measured, unreadable, ranked }: Ranking,
): string {
  const left = [
    reasonFor(all - passed, 'not READY or not past the filter'),
    reasonFor(unreadable, 'with a run that was deleted or may not be read'),
    reasonFor(passed - measured - unreadable, `without a finite value of ${rule.metric}`),
    reasonFor(measured - ranked.length, 'out of bounds'),
  ].filter((words) => words !== undefined);
  const considered = `${ranked.length} of ${plural(all, 'version')} considered`;
  return left.length === 0 ? considered : `${considered}; ${left.join(', ')}`;
}

function reasonFor(count: number, what: string): string | undefined {
  return count === 0 ? undefined : `${count} ${what}`;
}
