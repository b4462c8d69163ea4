/** Actions carried out on a model that is not quite as it was when they were planned. */
import { describe, expect, it } from 'vitest';
import { describeAction, type Action } from '../../../src/domain/action.ts';
import { planPromotion } from '../../../src/domain/plan.ts';
import { applyActions, type ApplyOptions } from '../../../src/reconcile/apply.ts';
import { aContext, aModel, aPromotion, known } from '../../support/builders.ts';
import { MemoryRegistry } from '../../support/memory-registry.ts';

const planned = aModel({ versions: { 3: 'Production', 4: 'None' }, aliases: { champion: '3' } });
const promotion = aPromotion({ stages: { Production: '4' }, aliases: { champion: '4' } });
const plan = planPromotion(promotion, known(planned), aContext());
const actions: readonly Action[] = plan.kind === 'Apply' ? plan.actions : [];
const live = new AbortController().signal;

function apply(
  registry: MemoryRegistry,
  options: Partial<ApplyOptions> = {},
): ReturnType<typeof applyActions> {
  return applyActions(registry, registry.get(), actions, 'sha256:d', { fence: () => true, ...options }, live);
}

describe('a list of actions', () => {
  it('skips what is done already, and does not claim it', async () => {
    const registry = new MemoryRegistry(
      aModel({ versions: { 3: 'Archived', 4: 'Production' }, aliases: { champion: '3' } }),
    );
    const { applied, failure } = await apply(registry);
    expect(applied.map(describeAction)).toEqual(['move @champion from version 3 to 4']);
    expect([registry.wasted, failure]).toEqual([[], undefined]);
  });

  it('ends at the first expectation that does not hold, before it sends anything', async () => {
    const registry = new MemoryRegistry(
      aModel({ versions: { 3: 'Archived', 4: 'None', 5: 'Production' }, aliases: { champion: '3' } }),
    );
    expect(await apply(registry)).toMatchObject({
      applied: [],
      digest: 'sha256:d',
      failure: {
        reason: 'ProgressingWithRetry',
        message: 'Production was expected to be held by 3, and is held by 5; the plan is made again',
      },
    });
    expect(registry.written).toEqual([]);
  });

  it('keeps what was applied before the expectation that does not hold', async () => {
    const registry = new MemoryRegistry({ ...planned, aliases: new Map([['champion', '5']]) });
    const { applied, failure } = await apply(registry);
    expect(applied).toHaveLength(1);
    expect(failure?.message).toContain('@champion was expected to be "3", and is "5"');
  });

  it('tells of each write before it is sent', async () => {
    const told: string[] = [];
    const registry = new MemoryRegistry(planned);
    await apply(registry, {
      progress: (action) => told.push(`${registry.written.length}: ${describeAction(action)}`),
    });
    expect(told).toEqual([
      '0: move version 4 from None to Production, archive 3',
      '1: move @champion from version 3 to 4',
    ]);
  });

  it('does not hide a defect of ours behind a failure of the registry', async () => {
    const registry = new MemoryRegistry(planned);
    registry.intrude = () => {
      throw new TypeError('a defect');
    };
    await expect(apply(registry)).rejects.toThrow('a defect');
  });
});
