/** What a removed promotion takes with it. */
import { describe, expect, it } from 'vitest';
import { describeAction } from '../../../src/domain/action.ts';
import type { TargetId } from '../../../src/domain/desired.ts';
import { planRelease } from '../../../src/domain/release.ts';
import {
  aModel,
  aPromotion,
  aRecord,
  aVersion,
  records,
  type ModelSpec,
  type PromotionSpec,
} from '../../support/builders.ts';

const spec: PromotionSpec = {
  deletionPolicy: 'Release',
  stages: { Production: '3' },
  aliases: { champion: '3' },
};
const remembered = records({ 'stage/Production': '3', 'alias/champion': '3' });
const inPlace: ModelSpec = { versions: { 3: 'Production', 4: 'None' }, aliases: { champion: '3' } };

function released(
  model: ModelSpec,
  { memory = remembered, claimed = [] as TargetId[], promotion = spec } = {},
): string[] {
  return planRelease(aPromotion(promotion), aModel(model), memory, new Set(claimed)).map(describeAction);
}

const archived = 'move version 3 from Production to Archived';
const removed = 'remove @champion from version 3';

describe('a removed promotion', () => {
  it('archives what it promoted and removes its aliases', () => {
    expect(released(inPlace)).toEqual([archived, removed]);
  });

  it('leaves everything as it is with the policy Orphan', () => {
    expect(released(inPlace, { promotion: { ...spec, deletionPolicy: 'Orphan' } })).toEqual([]);
  });

  it('leaves what it has no record of', () => {
    expect(released(inPlace, { memory: records({ 'alias/champion': '3' }) })).toEqual([removed]);
  });

  it('leaves a version in its stage that it found there, and removes its aliases all the same', () => {
    const found = aRecord('3', { how: 'Found' });
    const memory = records({ 'stage/Production': found, 'alias/champion': found });
    expect(released(inPlace, { memory })).toEqual([removed]);
  });

  it('leaves what has moved on since', () => {
    expect(released({ versions: { 3: 'Archived', 4: 'Production' }, aliases: { champion: '4' } })).toEqual(
      [],
    );
  });

  it('leaves another version of the same number', () => {
    const stranger = aRecord(aVersion('3', { creationTimestamp: 1 }));
    expect(
      released(inPlace, { memory: records({ 'stage/Production': stranger, 'alias/champion': stranger }) }),
    ).toEqual([]);
  });

  it('leaves a dangling alias', () => {
    expect(released({ versions: { 4: 'None' }, aliases: { champion: '3' } })).toEqual([]);
  });

  it('hands over what another promotion declares by now, as after a rename', () => {
    expect(released(inPlace, { claimed: ['stage/Production'] })).toEqual([removed]);
  });

  it('archives its own version out of a stage that others hold too', () => {
    expect(released({ versions: { 3: 'Production', 5: 'Production' }, aliases: {} })).toEqual([archived]);
  });
});
