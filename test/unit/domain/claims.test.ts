/** Who may have what, where promotions share a model. */
import { describe, expect, it } from 'vitest';
import { findConflict, type Claimant } from '../../../src/domain/claims.ts';
import { claimedVersions } from '../../../src/domain/incumbents.ts';
import { aClaimant as claimant, aModel, type PromotionSpec, type records } from '../../support/builders.ts';

type Remembered = Parameters<typeof records>[0];

/** Nothing holds a stage, and the alias that is followed names version 3. */
const chosen = aModel({
  versions: { 2: 'None', 3: 'None', 4: 'None', 5: 'None' },
  aliases: { champion: '3' },
});

const production = (version: string): PromotionSpec => ({ stages: { Production: version } });
const staging = (version: string): PromotionSpec => ({ stages: { Staging: version } });
const follows = (alias: string): PromotionSpec => ({ stages: { Production: { versionFrom: { alias } } } });

/** The names of those that may act, of two or more that share a model. */
function winners(claimants: readonly Claimant[]): string[] {
  return claimants
    .map(({ promotion }) => promotion)
    .filter(({ key }) => findConflict(key, claimants) === undefined)
    .map(({ name }) => name);
}

describe('a target that two promotions declare', () => {
  it('belongs to the older while nobody holds it on record', () => {
    const both = [claimant('older', production('3')), claimant('newer', production('4'))];
    expect(winners(both)).toEqual(['older']);
    expect(findConflict('ml/newer', both)).toBe('Production belongs to promotion ml/older');
  });

  it('belongs to the one that holds it on record, however young', () => {
    const both = [
      claimant('older', production('3')),
      claimant('newer', production('4'), { 'stage/Production': '4' }),
    ];
    expect(winners(both)).toEqual(['newer']);
  });

  it('stays with its holder when the holder comes to want another version', () => {
    const both = [
      claimant('older', production('3')),
      claimant('newer', production('5'), { 'stage/Production': '4' }),
    ];
    expect(winners(both)).toEqual(['newer']);
  });

  it('is kept from nobody by an older one that its registry does not let in', () => {
    const older = claimant('older', production('3'), {}, { denied: true });
    expect(winners([older, claimant('newer', production('4'))])).toEqual(['newer']);
    expect(winners([older])).toEqual(['older']);
    expect(winners([older, claimant('newer', production('4'), {}, { denied: true })])).toEqual(['older']);
  });

  it('stays with its holder when its registry lets that one in no more', () => {
    const older = claimant('older', production('3'), { 'stage/Production': '3' }, { denied: true });
    expect(winners([older, claimant('newer', production('4'))])).toEqual(['older']);
  });

  it('is told apart by name: another alias is no rival', () => {
    expect(
      winners([
        claimant('a', { aliases: { champion: '3' } }),
        claimant('b', { aliases: { challenger: '3' } }),
      ]),
    ).toEqual(['a', 'b']);
  });

  it('is named with all others that are lost', () => {
    const both = [
      claimant('older', { ...production('3'), aliases: { champion: '3' } }),
      claimant('newer', { ...production('4'), aliases: { champion: '4' } }),
    ];
    expect(findConflict('ml/newer', both)).toBe(
      'Production belongs to promotion ml/older; @champion belongs to promotion ml/older',
    );
  });

  it('is nobody else’s business', () => {
    expect(findConflict('ml/unheard-of', [claimant('a', production('3'))])).toBeUndefined();
  });
});

describe('a version that two promotions pin, each to its stage', () => {
  it('belongs to the older while nobody holds it on record', () => {
    const both = [claimant('older', staging('3')), claimant('newer', production('3'))];
    expect(winners(both)).toEqual(['older']);
    expect(findConflict('ml/newer', both)).toBe(
      'version 3, which can hold only one stage, belongs to promotion ml/older',
    );
  });

  it('belongs to the newer when the registry lets the older not in', () => {
    const older = claimant('older', production('3'), {}, { denied: true });
    expect(winners([older, claimant('newer', staging('3'))])).toEqual(['newer']);
  });

  it('belongs to the newer when that one holds it on record, and to nobody else', () => {
    const both = [
      claimant('older', staging('3')),
      claimant('newer', production('3'), { 'stage/Production': '3' }),
    ];
    expect(winners(both)).toEqual(['newer']);
  });

  it('is not held on record by who remembers another version there', () => {
    const both = [
      claimant('older', production('3'), { 'stage/Production': '2' }),
      claimant('newer', staging('3'), { 'stage/Staging': '3' }),
    ];
    expect(winners(both)).toEqual(['newer']);
  });

  it('may carry aliases of both', () => {
    expect(winners([claimant('a', production('3')), claimant('b', { aliases: { champion: '3' } })])).toEqual([
      'a',
      'b',
    ]);
  });
});

describe('a version that a stage follows to', () => {
  it('is claimed by what another promotion pins', () => {
    const both = [claimant('pins', staging('3')), claimant('follows', follows('champion'))];
    expect([...claimedVersions('ml/follows', both, chosen)]).toEqual([
      ['3', { by: 'ml/pins (Staging)', how: 'wanted' }],
    ]);
  });

  it('is claimed by what another promotion followed to before', () => {
    const both = [
      claimant('follows', follows('champion'), { 'stage/Production': '3' }),
      claimant('other', staging('3')),
    ];
    expect([...claimedVersions('ml/other', both, chosen).keys()]).toEqual(['3']);
  });

  it('stays with who holds it on record when an older promotion comes to pin it', () => {
    const both = [
      claimant('pins', staging('3')),
      claimant('follows', follows('champion'), { 'stage/Production': '3' }),
    ];
    expect([...claimedVersions('ml/follows', both, chosen)]).toEqual([]);
    expect([...claimedVersions('ml/pins', both, chosen).keys()]).toEqual(['3']);
  });

  it('is never claimed by aliases', () => {
    const both = [
      claimant('alias', { aliases: { champion: '3' } }, { 'alias/champion': '3' }),
      claimant('stage', follows('champion')),
    ];
    expect([...claimedVersions('ml/stage', both, chosen)]).toEqual([]);
  });
});

describe('two promotions that want one version', () => {
  const memories: readonly Remembered[] = [{}, { 'stage/Production': '3' }, { 'stage/Staging': '3' }];

  it.each(
    memories.flatMap((first) =>
      memories.flatMap((second) =>
        [production('3'), follows('champion')].map((wish) => ({ first, second, wish })),
      ),
    ),
  )('are never both allowed and never both refused: %j', ({ first, second, wish }) => {
    const both = [claimant('one', wish, first), claimant('two', staging('3'), second)];
    const allowed = winners(both).filter((name) => !claimedVersions(`ml/${name}`, both, chosen).has('3'));
    expect(allowed).toHaveLength(1);
  });
});
