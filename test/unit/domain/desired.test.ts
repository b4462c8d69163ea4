/** From a manifest to what the domain decides on. */
import { describe, expect, it } from 'vitest';
import {
  asksForLook,
  describeTarget,
  describeWant,
  settlingOrder,
  toPromotion,
} from '../../../src/domain/desired.ts';
import { aManifest, aPromotion, type PromotionSpec } from '../../support/builders.ts';

const provenance = { uid: 'uid', generation: 2, revision: 'main@sha1:1' };

describe('a promotion', () => {
  it('carries stages, then aliases, with where their candidates come from', () => {
    const { targets } = aPromotion({
      aliases: { champion: '3', challenger: { versionFrom: { stage: 'Staging' } } },
      stages: { Staging: { versionFrom: { alias: 'next' } }, Production: '3' },
    });
    expect(targets.map(({ id, want }) => [id, describeWant(want)])).toEqual([
      ['stage/Staging', 'alias/next'],
      ['stage/Production', 'pinned'],
      ['alias/champion', 'pinned'],
      ['alias/challenger', 'stage/Staging'],
    ]);
  });

  it.each<[string, PromotionSpec, string]>([
    ['its own namespace', {}, 'ml/default'],
    ['the namespace it names', { registryRef: { name: 'shared', namespace: 'platform' } }, 'platform/shared'],
  ])('refers to a registry of %s', (_, spec, registry) => {
    expect(aPromotion(spec).registry).toBe(registry);
  });

  it.each([
    [{ 'modelpromotion.dev/reconcileAt': 'ours' }, 'ours'],
    [{ 'reconcile.fluxcd.io/requestedAt': 'flux' }, 'flux'],
    [{ 'reconcile.fluxcd.io/requestedAt': 'flux', 'modelpromotion.dev/reconcileAt': 'ours' }, 'ours flux'],
    [{}, undefined],
  ])('with the annotations %j is asked to be looked at by %s', (annotations, token) => {
    expect(toPromotion(aManifest({ annotations }), provenance).reconcileAt).toBe(token);
  });

  it.each([
    ['nothing', undefined, undefined, false],
    ['nothing any more', undefined, 'a', false],
    ['a first look', 'a', undefined, true],
    ['the look that was made', 'a', 'a', false],
    ['another look', 'b', 'a', true],
    ['another look by the second token', 'a c', 'a b', true],
    ['what was made for one of two tokens', 'b', 'a b', false],
  ])('asks for %s', (_what, reconcileAt, handled, asked) => {
    expect(asksForLook(aPromotion({}, { reconcileAt }), handled)).toBe(asked);
  });

  it('has its interval in milliseconds, and its policies as written', () => {
    const spec = { interval: '1h30m', drift: 'Report', deletionPolicy: 'Release', suspend: true } as const;
    expect(aPromotion(spec)).toMatchObject({ ...spec, interval: 5_400_000 });
  });
});

describe('the settling order', () => {
  it.each<[string, PromotionSpec, string[]]>([
    [
      'is Production, Staging, aliases',
      { aliases: { a: '1' }, stages: { Staging: '2', Production: '3' } },
      ['Production', 'Staging', '@a'],
    ],
    [
      'puts what is followed before its followers',
      {
        aliases: { c: { versionFrom: { alias: 'b' } }, b: { versionFrom: { stage: 'Staging' } } },
        stages: { Staging: '2' },
      },
      ['Staging', '@b', '@c'],
    ],
    [
      'puts an alias before the stage that follows it',
      {
        aliases: { chosen: '2' },
        stages: { Staging: '1', Production: { versionFrom: { alias: 'chosen' } } },
      },
      ['@chosen', 'Production', 'Staging'],
    ],
  ])('%s', (_, spec, order) => {
    expect(settlingOrder(aPromotion(spec).targets).map(({ id }) => describeTarget(id))).toEqual(order);
  });
});
