/** What stages of other promotions keep, give up, or are about to give up. */
import { describe, expect, it } from 'vitest';
import type { Claimant } from '../../../src/domain/claims.ts';
import { claimedVersions } from '../../../src/domain/incumbents.ts';
import {
  aClaimant,
  aModel,
  aRecord,
  aVersion,
  type ModelSpec,
  type PromotionSpec,
} from '../../support/builders.ts';

const production = (version: string, rest: PromotionSpec = {}): PromotionSpec => ({
  stages: { Production: version },
  ...rest,
});
const staging = (version: string): PromotionSpec => ({ stages: { Staging: version } });
const follows: PromotionSpec = { stages: { Staging: { versionFrom: { alias: 'candidate' } } } };

/** What is claimed of `other`, and how. */
function claimsOn(other: Claimant, rivals: readonly Claimant[], model: ModelSpec): Record<string, string> {
  const { key } = other.promotion;
  const claims = claimedVersions(key, [...rivals, other], aModel(model));
  return Object.fromEntries([...claims].map(([version, { how }]) => [version, how]));
}

describe('the incumbent of a stage that another promotion declares', () => {
  const model: ModelSpec = { versions: { 3: 'Production', 4: 'None', 5: 'Staging' } };
  const onRecord = { 'stage/Production': '3' } as const;
  const other = aClaimant('other', staging('3'));

  it.each<[string, Claimant, string]>([
    ['asks for a version that does not exist', aClaimant('p', production('99'), onRecord), 'kept'],
    ['does so, and nothing is on record yet', aClaimant('p', production('99')), 'kept'],
    ['is suspended', aClaimant('p', production('4', { suspend: true }), onRecord), 'kept'],
    ['has mistakes', aClaimant('p', production('4'), onRecord, { refused: true }), 'kept'],
    [
      'lost another target of its own',
      aClaimant('p', { ...production('4'), aliases: { taken: '4' } }, onRecord),
      'kept',
    ],
    ['wants what another stage has', aClaimant('p', production('5'), onRecord), 'kept'],
    [
      'follows nobody',
      aClaimant('p', { stages: { Production: { versionFrom: { alias: 'nobody' } } } }, onRecord),
      'kept',
    ],
    ['is about to move on', aClaimant('p', production('4'), onRecord), 'leaving'],
    ['asks for it', aClaimant('p', production('3'), onRecord), 'wanted'],
    ['asks for it and is suspended', aClaimant('p', production('3', { suspend: true }), onRecord), 'wanted'],
  ])('that %s', (_what, holder, how) => {
    const [takes, staged] = [
      aClaimant('taker', { aliases: { taken: '1' } }),
      aClaimant('staged', staging('5'), { 'stage/Staging': '5' }),
    ];
    const claims = claimsOn(other, [takes, staged, holder], model);
    expect(claims['3']).toBe(how);
  });

  it('is free when the stage moved on and left it', () => {
    const moved = aClaimant('p', production('4'), { 'stage/Production': '4' });
    expect(claimsOn(other, [moved], { versions: { 3: 'Archived', 4: 'Production' } })).toEqual({
      4: 'wanted',
    });
  });

  it('is the one on record where several hold the stage', () => {
    const holder = aClaimant('p', production('99'), onRecord);
    expect(claimsOn(other, [holder], { versions: { 3: 'Production', 4: 'Production' } })).toEqual({
      3: 'kept',
      99: 'wanted',
    });
  });

  it('is not what its number says when the model was made again', () => {
    const stranger = aRecord(aVersion('3', { creationTimestamp: 1 }));
    const holder = aClaimant('p', production('99'), { 'stage/Production': stranger });
    expect(claimsOn(other, [holder], { versions: { 3: 'Archived', 4: 'None' } })).toEqual({ 99: 'wanted' });
  });
});

describe('a stage that follows', () => {
  const other = aClaimant('other', production('3'));

  it('has no claim on what it neither holds nor asks for any more', () => {
    const stager = aClaimant('stager', follows, { 'stage/Staging': '3' });
    expect(claimsOn(other, [stager], { versions: { 3: 'Archived' } })).toEqual({});
  });

  it('keeps what it holds while it finds nothing else', () => {
    const stager = aClaimant('stager', follows, { 'stage/Staging': '3' });
    expect(claimsOn(other, [stager], { versions: { 3: 'Staging' } })).toEqual({ 3: 'kept' });
  });

  it('gives up what it holds to Production once it finds something else', () => {
    const stager = aClaimant('stager', follows, { 'stage/Staging': '3' });
    const model: ModelSpec = { versions: { 3: 'Staging', 4: 'None' }, aliases: { candidate: '4' } };
    expect(claimsOn(other, [stager], model)).toEqual({});
  });

  it('keeps its claim on what somebody else took from it', () => {
    const stager = aClaimant('stager', follows, { 'stage/Staging': '3' });
    const model: ModelSpec = { versions: { 3: 'Archived' }, aliases: { candidate: '3' } };
    expect(claimsOn(other, [stager], model)).toEqual({ 3: 'wanted' });
  });
});

describe('two stages of two promotions that swap their versions', () => {
  const [up, down] = [aClaimant('up', production('4')), aClaimant('down', staging('3'))];
  const model: ModelSpec = { versions: { 3: 'Production', 4: 'Staging' } };

  it('do so Production first', () => {
    expect(claimsOn(up, [down], model)).toEqual({ 3: 'wanted' });
    expect(claimsOn(down, [up], model)).toEqual({ 3: 'leaving', 4: 'wanted' });
  });

  it('both wait for neither when one of them may not go: each keeps its own', () => {
    const stays = aClaimant('down', { ...staging('3'), suspend: true });
    expect(claimsOn(up, [stays], model)).toEqual({ 3: 'wanted', 4: 'kept' });
    expect(claimsOn(stays, [up], model)).toEqual({ 3: 'kept', 4: 'wanted' });
  });
});
