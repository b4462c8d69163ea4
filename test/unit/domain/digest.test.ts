/** What the digest of a plan covers, and what it does not. */
import { describe, expect, it } from 'vitest';
import type { Action } from '../../../src/domain/action.ts';
import { canonicalJson, digestText } from '../../../src/domain/digest.ts';
import { aModel, aPromotion, aVersion } from '../../support/builders.ts';

const promotion = aPromotion({ stages: { Production: '4' } });
const model = aModel({ versions: { 3: 'Production', 4: 'None' } });
const transition: Action = {
  kind: 'Transition',
  target: 'stage/Production',
  cause: 'Promotion',
  version: '4',
  to: 'Production',
  archiveExisting: true,
  expect: { from: 'None', holders: ['3'] },
};
const text = digestText(promotion, [transition], model, 'sha256:before');

function withVersion(rest: Parameters<typeof aVersion>[1]): typeof model {
  return { ...model, versions: new Map(model.versions).set('4', aVersion('4', rest)) };
}

describe('the digest of a plan', () => {
  it.each([
    [
      'the revision',
      digestText({ ...promotion, revision: 'main@sha1:2' }, [transition], model, 'sha256:before'),
    ],
    ['the generation', digestText({ ...promotion, generation: 9 }, [transition], model, 'sha256:before')],
    ['the cause', digestText(promotion, [{ ...transition, cause: 'Drift' }], model, 'sha256:before')],
    [
      'a foreign tag',
      digestText(promotion, [transition], withVersion({ tags: { theirs: 'x' } }), 'sha256:before'),
    ],
    [
      'the order of fields',
      digestText(
        promotion,
        [
          {
            expect: { holders: ['3'], from: 'None' },
            archiveExisting: true,
            to: 'Production',
            version: '4',
            cause: 'Promotion',
            target: 'stage/Production',
            kind: 'Transition',
          },
        ],
        model,
        'sha256:before',
      ),
    ],
  ])('stays when nothing but %s differs', (_, other) => {
    expect(other).toBe(text);
  });

  it.each([
    ['the uid', digestText({ ...promotion, uid: 'another' }, [transition], model, 'sha256:before')],
    [
      'the registry',
      digestText({ ...promotion, registry: 'ml/another' }, [transition], model, 'sha256:before'),
    ],
    ['the model', digestText({ ...promotion, model: 'another' }, [transition], model, 'sha256:before')],
    ['the plan applied before', digestText(promotion, [transition], model, 'sha256:other')],
    ['that nothing was applied before', digestText(promotion, [transition], model, undefined)],
    [
      'the holder it replaces',
      digestText(
        promotion,
        [{ ...transition, expect: { from: 'None', holders: ['2'] } }],
        model,
        'sha256:before',
      ),
    ],
    [
      'the version’s creation time',
      digestText(promotion, [transition], withVersion({ creationTimestamp: 1 }), 'sha256:before'),
    ],
    [
      'the version’s source',
      digestText(promotion, [transition], withVersion({ source: 's3://x' }), 'sha256:before'),
    ],
    ['the version’s run', digestText(promotion, [transition], withVersion({ runId: 'x' }), 'sha256:before')],
    ['another action', digestText(promotion, [transition, transition], model, 'sha256:before')],
  ])('is another one when %s differs', (_, other) => {
    expect(other).not.toBe(text);
  });

  it('can be taken of actions without a version, or on a version that is gone', () => {
    const removal: Action = {
      kind: 'DeleteAlias',
      target: 'alias/champion',
      cause: 'Release',
      alias: 'champion',
      expect: { version: '3' },
    };
    expect(JSON.parse(digestText(promotion, [removal], model, undefined))).toMatchObject({
      changes: [{ identity: null }],
    });
    expect(JSON.parse(digestText(promotion, [transition], aModel(), undefined))).toMatchObject({
      changes: [{ identity: null }],
    });
  });
});

describe('canonical JSON', () => {
  it.each([
    [{ b: 1, a: { d: [2, { f: 1, e: 2 }], c: null } }, '{"a":{"c":null,"d":[2,{"e":2,"f":1}]},"b":1}'],
    [{ a: undefined, b: 1 }, '{"b":1}'],
    [[1, undefined, 'x'], '[1,null,"x"]'],
    [undefined, 'null'],
    ['"', '"\\""'],
  ])('of %j is %s', (value, expected) => {
    expect(canonicalJson(value)).toBe(expected);
  });
});
