/** Carries an adoption out: one mark after the other, on a model that was read right before, and read back. */
import { timestamp } from '../api/timestamp.ts';
import { planAdoption, shows, type Adoption } from '../domain/adopt.ts';
import { digestText } from '../domain/digest.ts';
import type { Fact, Model } from '../domain/observed.ts';
import type { Obstacle } from '../domain/plan.ts';
import type { Mark } from '../domain/provenance.ts';
import { sha256 } from './digest.ts';
import { LAG, planLive, type PassInput, type PassOptions, type PlannedPass } from './pass.ts';
import { WriteError } from './ports.ts';

export type AdoptOptions = Pick<PassOptions, 'fence' | 'now' | 'sleep'>;

export interface AdoptionAttempt {
  /** As planned from the last reading before the first mark. */
  readonly adoption: Adoption;
  /** Marks that are there now. */
  readonly left: readonly Mark[];
  /** What ended it early. */
  readonly failure: Obstacle | undefined;
}

/** What would be marked, from a plan and the reading that it was made from. */
export function adoptionOf(input: PassInput, { plan, observed }: PlannedPass, now: number): Adoption {
  if (observed.kind !== 'known')
    return plan.kind === 'Blocked'
      ? { kind: 'Refused', obstacle: plan.obstacle, differences: [] }
      : { kind: 'Suspended' };
  const { promotion, owner } = input;
  return planAdoption(plan, observed.value, {
    owner,
    revision: promotion.revision,
    digest: sha256(digestText(promotion, [], observed.value, undefined)),
    at: timestamp(now),
  });
}

/** Marks what is as declared; the caller has shown what that would be. */
export function adopt(
  input: PassInput,
  options: AdoptOptions,
  signal: AbortSignal,
): Promise<AdoptionAttempt> {
  return input.registry.exclusive(input.promotion.model, async () => {
    const pass = await planLive(input, options.now(), signal);
    const adoption = adoptionOf(input, pass, options.now());
    if (adoption.kind !== 'Adoptable') return { adoption, left: [], failure: undefined };
    return { adoption, ...(await leave(input, adoption.marks, options, signal)) };
  });
}

async function leave(
  input: PassInput,
  marks: readonly Mark[],
  options: AdoptOptions,
  signal: AbortSignal,
): Promise<Pick<AdoptionAttempt, 'left' | 'failure'>> {
  const { registry, promotion } = input;
  const left: Mark[] = [];
  for (const mark of marks) {
    if (!options.fence() || signal.aborted) {
      const message = 'stopped before all was marked; run adopt again';
      return { left, failure: { reason: 'ProgressingWithRetry', message } };
    }
    try {
      await registry.mark(promotion.model, mark, signal);
    } catch (error) {
      if (!(error instanceof WriteError)) throw error;
      const settled = error.ambiguous && (await isThere(input, [mark], options, signal));
      if (!settled)
        return { left, failure: { reason: error.reason, message: `tag ${mark.key}: ${error.message}` } };
    }
    left.push(mark);
  }
  if (marks.length === 0 || (await isThere(input, marks, options, signal)))
    return { left, failure: undefined };
  const message = 'the tags do not show when they are read back; run adopt again';
  return { left, failure: { reason: 'ProgressingWithRetry', message } };
}

/** Reads until the marks show, or long enough to believe that they are not there. */
async function isThere(
  { registry, promotion }: PassInput,
  marks: readonly Mark[],
  { sleep }: AdoptOptions,
  signal: AbortSignal,
): Promise<boolean> {
  for (const lag of [...LAG, undefined]) {
    const fact: Fact<Model> = await registry.read(promotion.model, signal);
    if (fact.kind === 'known' && marks.every((mark) => shows(fact.value, mark))) return true;
    if (fact.kind === 'unknown' || lag === undefined) return false;
    await sleep(lag, signal);
  }
  return false;
}
