/**
 * Taking targets under control that are as declared already: what would be marked, so that whatever changes them from
 * then on is drift. What is not as declared is not adopted: that would be a promotion, which is for `apply`.
 */
import { describeAction } from './action.ts';
import type { TargetId } from './desired.ts';
import type { Model } from './observed.ts';
import type { Decision, Obstacle, Plan } from './plan.ts';
import { isOwned, marksOf, provenanceOf, type Mark, type Placed, type Signature } from './provenance.ts';

export type Adoption =
  | { readonly kind: 'Suspended' }
  /** `marks` are what is missing: none when all is ours already. */
  | { readonly kind: 'Adoptable'; readonly targets: readonly Held[]; readonly marks: readonly Mark[] }
  | {
      readonly kind: 'Refused';
      readonly obstacle: Obstacle;
      /** What an apply would change, one line each. */
      readonly differences: readonly string[];
    };

/** A declared target and who holds it; nobody, where it follows one that nobody holds. */
export interface Held {
  readonly target: TargetId;
  readonly version: string | undefined;
}

/** @param plan as it was made from the model */
export function planAdoption(plan: Plan, model: Model, signature: Signature): Adoption {
  switch (plan.kind) {
    case 'Suspended':
      return { kind: 'Suspended' };
    case 'Blocked':
      return { kind: 'Refused', obstacle: plan.obstacle, differences: [] };
    case 'Apply':
      return refuse(plan.decisions, plan.actions.map(describeAction));
    case 'UpToDate':
      return plan.decisions.every(({ state }) => state === 'UpToDate')
        ? adoptable(plan.decisions, model, signature)
        : refuse(plan.decisions, []);
    default:
      return plan satisfies never;
  }
}

function refuse(decisions: readonly Decision[], differences: readonly string[]): Adoption {
  const open = decisions.filter(({ state }) => state !== 'UpToDate');
  const why = differences.length > 0 ? differences : open.map(({ message }) => message);
  const message = `not as declared: ${why.join('; ')}`;
  return { kind: 'Refused', obstacle: { reason: 'Progressing', message }, differences };
}

function adoptable(decisions: readonly Decision[], model: Model, signature: Signature): Adoption {
  const targets = decisions.map(({ target, candidate, incumbent }): Held => ({
    target,
    version: (candidate ?? incumbent)?.version,
  }));
  const placed = decisions.flatMap(({ target, candidate }): Placed[] =>
    candidate === undefined || isAdopted(target, candidate.version, model, signature.owner)
      ? []
      : [{ target, version: candidate.version }],
  );
  const owned = targets.map(({ target }) => target);
  return { kind: 'Adoptable', targets, marks: marksOf(placed, owned, model, signature) };
}

/** A version has room for the mark of one promotion: where another one of ours has left its mark, the owner tag says enough. */
function isAdopted(target: TargetId, version: string, model: Model, owner: string): boolean {
  const mark = provenanceOf(model.versions.get(version));
  if (mark === undefined) return false;
  return mark.by === owner ? mark.targets.includes(target) : isOwned(target, model, owner);
}

/** Whether a mark is there. */
export function shows(model: Model, { version, key, value }: Mark): boolean {
  const tags = version === undefined ? model.tags : model.versions.get(version)?.tags;
  return tags?.get(key) === value;
}
