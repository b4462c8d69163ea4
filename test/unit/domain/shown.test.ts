/** What may be applied of a plan that was shown a while ago. */
import { describe, expect, it } from 'vitest';
import { simulate, type Action } from '../../../src/domain/action.ts';
import type { Model } from '../../../src/domain/observed.ts';
import { planPromotion } from '../../../src/domain/plan.ts';
import { leadsToTheSame, remainder } from '../../../src/domain/shown.ts';
import { aContext, aModel, aPromotion, known, type PromotionSpec } from '../../support/builders.ts';

function actionsFor(spec: PromotionSpec, model: Model): readonly Action[] {
  const plan = planPromotion(aPromotion(spec), known(model), aContext());
  return plan.kind === 'Apply' ? plan.actions : [];
}

describe('the remainder of a plan', () => {
  const before = aModel({ versions: { 3: 'Production', 4: 'None' }, aliases: { champion: '3' } });
  const actions = actionsFor({ stages: { Production: '4' }, aliases: { champion: '4' } }, before);

  it('is the whole plan on the registry it was made for', () => {
    expect(remainder(actions, before, before)).toEqual(actions);
  });

  it('is what is left when some of it is done', () => {
    const [first, ...rest] = actions;
    expect(first && remainder(actions, before, simulate(before, first))).toEqual(rest);
  });

  it('is nothing when all of it is done', () => {
    expect(remainder(actions, before, actions.reduce(simulate, before))).toEqual([]);
  });

  it('does not exist when the registry went another way', () => {
    const elsewhere = aModel({
      versions: { 3: 'Archived', 4: 'None', 5: 'Production' },
      aliases: { champion: '3' },
    });
    expect(remainder(actions, before, elsewhere)).toBeUndefined();
  });

  it('does not exist for a model that was deleted and made again with the same numbers', () => {
    const stranger = { stage: 'None', creationTimestamp: 1 } as const;
    const again = aModel({ versions: { 3: 'Production', 4: stranger }, aliases: { champion: '3' } });
    expect(remainder(actions, before, again)).toBeUndefined();
  });
});

describe('a plan that was made anew after changes of our own', () => {
  const spec: PromotionSpec = {
    stages: { Staging: { version: '5', tags: { change: 'CHG-5' } } },
    aliases: { next: '5' },
  };
  const before = aModel({ versions: { 3: 'Production', 4: 'Staging', 5: 'None' }, aliases: { next: '4' } });
  const shown = actionsFor(spec, before);
  const agrees = (model: Model, other = spec): boolean =>
    leadsToTheSame(shown, before, actionsFor(other, model), model);

  it('leads to the same where another promotion took what it would have archived', () => {
    const taken = aModel({ versions: { 3: 'Archived', 4: 'Production', 5: 'None' }, aliases: { next: '4' } });
    expect(remainder(shown, before, taken)).toBeUndefined();
    expect(agrees(taken)).toBe(true);
  });

  it('leads to the same where the alias stood elsewhere', () => {
    expect(agrees(aModel({ versions: { 4: 'Staging', 5: 'None' }, aliases: { next: '3' } }))).toBe(true);
  });

  it.each<[string, Model, PromotionSpec?]>([
    ['would archive somebody else', aModel({ versions: { 4: 'Archived', 5: 'None', 9: 'Staging' } })],
    ['wants another version', before, { stages: { Staging: '3' } }],
    ['does more', before, { ...spec, aliases: { next: '5', more: '5' } }],
    ['means another version of that number', aModel({ versions: { 5: { creationTimestamp: 1 } } })],
  ])('does not lead to the same where it %s', (_what, model, other) => {
    expect(agrees(model, other)).toBe(false);
  });
});
