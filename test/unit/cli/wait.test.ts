/** What `wait` makes of an answer of the controller. */
import { describe, expect, it } from 'vitest';
import type { ObservedPromotion, ObservedSource } from '../../../src/cli/observed-status.ts';
import { judge } from '../../../src/cli/wait.ts';

const NOW = 'main@sha1:aaaaaaaaaa';
const NEXT = 'main@sha1:bbbbbbbbbb';

function aSource(source: Partial<ObservedSource> = {}): ObservedSource {
  return { revision: NOW, mistakes: [], held: undefined, failure: undefined, ...source };
}

function aPromotion(key: string, type: 'Ready' | 'Stalled' = 'Ready'): ObservedPromotion {
  const condition = { type, status: 'True', reason: 'R', message: 'm', lastTransitionTime: '' } as const;
  return {
    key,
    model: 'm',
    generation: 1,
    status: { observedGeneration: 1, conditions: [condition] },
    document: {},
  };
}

const good = aPromotion('ml/good');
const empty = { revision: NEXT, reason: 'EmptySource', message: 'no manifest any more' };

describe('wait', () => {
  it('is over when all is ready, and passes on what is wrong in the source all the same', () => {
    const mistakes = ['bad.yaml:2:1 broken'];
    expect(judge({ source: aSource(), promotions: [good] }, [], NOW)).toMatchObject({
      kind: 'ready',
      mistakes: [],
    });
    expect(judge({ source: aSource({ mistakes }), promotions: [good] }, ['ml/good'], NOW)).toMatchObject({
      kind: 'ready',
      mistakes,
    });
  });

  it('is over when the revision holds no manifest and is not believed, for that will not change', () => {
    const verdict = judge({ source: aSource({ held: empty }), promotions: [good] }, [], 'bbbbbbbb');
    expect(verdict).toEqual({ kind: 'stalled', message: `${NEXT}: no manifest any more` });
  });

  it('goes on while the source cannot be read, and says so', () => {
    const source = aSource({ failure: 'connection refused' });
    expect(judge({ source, promotions: [] }, [], 'bbbbbbbb').message).toBe(
      `waiting for revision bbbbbbbb; the controller is at ${NOW}; the source cannot be read: connection refused`,
    );
    expect(judge({ source, promotions: [good] }, ['ml/new'], undefined).message).toBe(
      'waiting for ml/new to be declared; the source cannot be read: connection refused',
    );
  });

  it('is over for a promotion that never was valid, wherever its status is read', () => {
    const source = aSource({ revision: undefined });
    expect(judge({ source, promotions: [aPromotion('ml/new', 'Stalled')] }, ['ml/new'], undefined).kind).toBe(
      'stalled',
    );
  });
});
