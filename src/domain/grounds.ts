/** What a rule has to go by beside the model itself: what versions measured, and what a source stands for. */
import { passing } from './filter.ts';
import type { Promotion, Want } from './desired.ts';
import type { Evidence } from './evidence.ts';
import { byNumber, type Fact, type Model, type Version } from './observed.ts';

/** A source that exists, under every name that MLflow's clients write it down by. */
export interface ResolvedSource {
  /** As it is declared. */
  readonly declared: string;
  /** All of them, without a slash at the end; the declared one and `source` too. */
  readonly names: ReadonlySet<string>;
  /** What a new version is registered with. */
  readonly source: string;
  /** Empty when there is none. */
  readonly runId: string;
  /** Of a logged model, which only MLflow 3 has. */
  readonly modelId: string | undefined;
  /** Its run was deleted: what is registered from it is still known by it, and nothing new is. */
  readonly isDeleted?: boolean;
}

export interface Grounds {
  /** By version. */
  readonly evidence: ReadonlyMap<string, Fact<Evidence>>;
  /** By the declared source. */
  readonly sources: ReadonlyMap<string, Fact<ResolvedSource>>;
  /** Every logged value, by `sampleKey`. */
  readonly samples: ReadonlyMap<string, Fact<readonly number[]>>;
}

/** All values that a run logged of a metric. */
export interface SampleOf {
  readonly runId: string;
  readonly metric: string;
}

export function sampleKey({ runId, metric }: SampleOf): string {
  return `${runId} ${metric}`;
}

/** None where they are not known. */
export function valuesIn(samples: Grounds['samples'], of: SampleOf): number[] {
  const fact = samples.get(sampleKey(of));
  return fact?.kind === 'known' ? [...fact.value] : [];
}

/** What has to be read before the rules of a promotion can select. */
export interface Question {
  readonly versions: readonly Version[];
  readonly sources: readonly string[];
}

export const NO_GROUNDS: Grounds = {
  evidence: new Map(),
  sources: new Map(),
  samples: new Map(),
};

/** @param mayRegister whether more may be asked of sources than what versions say by themselves */
export function questionOf({ targets }: Promotion, model: Model, mayRegister: boolean): Question {
  const wants = targets.map(({ want }) => want);
  return {
    versions: [...new Set(wants.flatMap((want) => measuredBy(want, model)))],
    sources: mayRegister ? [...new Set(wants.flatMap((want) => sourcesFor(want, model)))] : [],
  };
}

function measuredBy(want: Want, model: Model): Version[] {
  return want.kind === 'best' ? passing(want.filter, model) : [];
}

/** What a version says by itself need not be asked for. */
function sourcesFor(want: Want, model: Model): string[] {
  if (want.kind !== 'source') return [];
  const known = [...model.versions.values()].some((version) => isRegisteredFrom(version, want.source));
  return known ? [] : [want.source];
}

/** Says on a version of ours which declared source it was registered from. */
export const REGISTERED_FROM = 'modelpromotion.dev/registered-from';

/** The newest version of a source, registered by us or by anybody, under any of its names. */
export function versionOfSource(
  declared: string,
  resolved: Fact<ResolvedSource> | undefined,
  model: Model,
): Version | undefined {
  return [...model.versions.values()]
    .filter(
      (one) =>
        isRegisteredFrom(one, declared) ||
        (resolved?.kind === 'known' && resolved.value.names.has(plainSource(one.source))),
    )
    .sort(byNumber)[0];
}

/** Without the slash that some write at its end. */
export function plainSource(source: string): string {
  return source.replace(/\/+$/, '');
}

export function isRegisteredFrom({ source, tags }: Version, declared: string): boolean {
  return source === declared || tags.get(REGISTERED_FROM) === declared;
}
