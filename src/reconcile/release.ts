/** Carries out the deletion policy of a promotion that is declared no more. */
import { severity } from '../api/reasons.ts';
import type { Action } from '../domain/action.ts';
import { digestText } from '../domain/digest.ts';
import { confirmedByMarks, unmarksFor } from '../domain/provenance.ts';
import type { Promotion, TargetId } from '../domain/desired.ts';
import { isSameMap } from '../domain/maps.ts';
import { sameVersion, type Model } from '../domain/observed.ts';
import type { Records } from '../domain/record.ts';
import { planRelease } from '../domain/release.ts';
import { applyActions } from './apply.ts';
import { sha256 } from './digest.ts';
import type { PassOptions } from './pass.ts';
import { WriteError, type Registry } from './ports.ts';

export interface ReleaseInput {
  readonly promotion: Promotion;
  readonly records: Records;
  /** Whether the source itself declared the promotion; if not, the registry must bear our records out. */
  readonly wasDeclared: boolean;
  readonly registry: Registry;
  readonly owner: string;
  /** Targets of the model that are declared now, and whose they are. */
  readonly heirs: () => ReadonlyMap<TargetId, string>;
  /** Other addresses where promotions declare a model of this name: they may lead to the same server. */
  readonly elsewhere: readonly Elsewhere[];
}

export interface Elsewhere {
  readonly registry: Registry;
  readonly owners: ReadonlyMap<TargetId, string>;
}

export interface Release {
  /** False when it must be tried again. */
  readonly done: boolean;
  readonly applied: readonly Action[];
  readonly message: string;
  /** The registry says no, and will say so again: a person has to act. */
  readonly refused?: boolean;
}

export async function release(
  input: ReleaseInput,
  given: PassOptions,
  signal: AbortSignal,
): Promise<Release> {
  const { promotion, registry } = input;
  return registry.exclusive(promotion.model, async () => {
    const observed = await registry.read(promotion.model, signal);
    if (observed.kind === 'unknown') {
      const { message, reason } = observed;
      return { done: false, applied: [], message, refused: severity(reason) === 'stalled' };
    }
    if (observed.kind === 'absent') return { done: true, applied: [], message: 'the model is gone' };
    const shared = await sharedTargets(input, observed.value, signal);
    if (shared.kind === 'unknown') return { done: false, applied: [], message: shared.message };
    const heirs = input.heirs();
    // Who comes to declare a target meanwhile is left it.
    const fence = (): boolean => given.fence() && isSameMap(heirs, input.heirs());
    const options = { ...given, fence };
    const claimed = new Map([...shared.owners, ...heirs]);
    const actions = planRelease(
      promotion,
      observed.value,
      trusted(input, observed.value),
      new Set(claimed.keys()),
    );
    const digest = sha256(digestText(promotion, actions, observed.value, undefined));
    const { applied, failure } = await applyActions(
      registry,
      observed.value,
      actions,
      digest,
      options,
      signal,
    );
    if (failure !== undefined) {
      const refused = severity(failure.reason) === 'stalled';
      return { done: false, applied, message: failure.message, refused };
    }
    if (!(await removeMarks(input, claimed, observed.value, options, signal))) {
      return { done: false, applied, message: 'this pass may no longer write; the next one goes on' };
    }
    return {
      done: true,
      applied,
      message: `${applied.length} of our targets were released, everything else stays`,
    };
  });
}

function trusted({ records, wasDeclared, owner }: ReleaseInput, model: Model): Records {
  return wasDeclared ? records : confirmedByMarks(records, model, owner);
}

type Shared =
  | { readonly kind: 'known'; readonly owners: ReadonlyMap<TargetId, string> }
  | { readonly kind: 'unknown'; readonly message: string };

/** Targets that are declared under another name of the same server: it shows the very same versions. */
async function sharedTargets(
  { promotion, elsewhere }: ReleaseInput,
  model: Model,
  signal: AbortSignal,
): Promise<Shared> {
  const shared = new Map<TargetId, string>();
  for (const { registry, owners } of elsewhere) {
    const declared = promotion.targets.flatMap(({ id }): [TargetId, string][] => {
      const owner = owners.get(id);
      return owner === undefined ? [] : [[id, owner]];
    });
    const other = declared.length === 0 ? undefined : await registry.read(model.name, signal);
    if (other?.kind === 'unknown') return { kind: 'unknown', message: other.message };
    if (other?.kind === 'known' && showsTheSame(model, other.value))
      for (const [id, owner] of declared) shared.set(id, owner);
  }
  return { kind: 'known', owners: shared };
}

function showsTheSame(a: Model, b: Model): boolean {
  return [...a.versions.values()].some((version) => {
    const other = b.versions.get(version.version);
    return other !== undefined && sameVersion(version, other);
  });
}

/** False when we may not write any more. */
async function removeMarks(
  { promotion, registry, owner }: ReleaseInput,
  heirs: ReadonlyMap<TargetId, string>,
  model: Model,
  { unmarked, fence }: PassOptions,
  signal: AbortSignal,
): Promise<boolean> {
  for (const mark of unmarksFor([], model, owner, heirs)) {
    if (!fence() || signal.aborted) return false;
    try {
      await registry.mark(promotion.model, mark, signal);
    } catch (error) {
      if (!(error instanceof WriteError)) throw error;
      unmarked(`tag ${mark.key}: ${error.message}`);
    }
  }
  return true;
}
