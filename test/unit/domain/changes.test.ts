/** What changed a model's targets: statuses and marks told as one history. */
import { describe, expect, it } from 'vitest';
import type { HistoryEntry } from '../../../src/api/generated/types.ts';
import { changesOf } from '../../../src/domain/changes.ts';
import { PROVENANCE_TAG } from '../../../src/domain/provenance.ts';
import { aModel } from '../../support/builders.ts';

const at = (minute: number) => `2026-03-01T12:${String(minute).padStart(2, '0')}:00Z`;

function mark(targets: readonly string[], minute: number, digest: string, by = 'default/ml/churn') {
  return {
    tags: {
      [PROVENANCE_TAG]: JSON.stringify({ by, targets, revision: 'main@sha1:2', digest, at: at(minute) }),
    },
  };
}

function entry(target: string, to: string, minute: number, digest: string): HistoryEntry {
  return { target, from: '1', to, cause: 'Promotion', revision: 'main@sha1:2', digest, time: at(minute) };
}

const told = (...args: Parameters<typeof changesOf>) =>
  changesOf(...args).map(({ time, target, to, promotion, told }) => [time, target, to, promotion, told]);

describe('the history of a model', () => {
  it('is what the marks on its versions tell where nothing else remembers, newest first', () => {
    const model = aModel({
      versions: {
        1: mark(['stage/Production'], 1, 'sha256:1'),
        2: mark(['stage/Production', 'alias/champion'], 7, 'sha256:2', 'other/ml/churn'),
        3: { tags: { [PROVENANCE_TAG]: 'not one of ours' } },
        4: 'Staging',
      },
    });
    expect(told(model, [], 'default')).toEqual([
      [at(7), 'stage/Production', '2', 'other/ml/churn', 'registry'],
      [at(7), 'alias/champion', '2', 'other/ml/churn', 'registry'],
      [at(1), 'stage/Production', '1', 'ml/churn', 'registry'],
    ]);
  });

  it('is one entry for a change that both tell of', () => {
    const model = aModel({ versions: { 2: mark(['stage/Production'], 5, 'sha256:2') } });
    const history = [entry('stage/Production', '2', 5, 'sha256:2')];
    expect(told(model, [{ key: 'ml/churn', history }], 'default')).toEqual([
      [at(5), 'stage/Production', '2', 'ml/churn', 'both'],
    ]);
  });

  it('is one entry also when the mark was left a moment before the status was written', () => {
    const model = aModel({ versions: { 2: mark(['stage/Production'], 4, 'sha256:2') } });
    const history = [entry('stage/Production', '2', 5, 'sha256:2')];
    expect(told(model, [{ key: 'ml/churn', history }], 'default')).toEqual([
      [at(5), 'stage/Production', '2', 'ml/churn', 'both'],
    ]);
  });

  it('believes the status of when a target moved that a later mark repeats', () => {
    const model = aModel({
      versions: { 2: mark(['stage/Production', 'alias/champion'], 9, 'sha256:9') },
    });
    const history = [
      entry('alias/champion', '2', 9, 'sha256:9'),
      entry('stage/Production', '2', 5, 'sha256:5'),
    ];
    expect(told(model, [{ key: 'ml/churn', history }], 'default')).toEqual([
      [at(9), 'alias/champion', '2', 'ml/churn', 'both'],
      [at(5), 'stage/Production', '2', 'ml/churn', 'status'],
    ]);
  });

  it('goes further back than a status remembers', () => {
    const model = aModel({ versions: { 1: mark(['stage/Production'], 1, 'sha256:1'), 2: 'None' } });
    const history = [entry('stage/Production', '2', 5, 'sha256:5')];
    expect(told(model, [{ key: 'ml/churn', history }], 'default')).toEqual([
      [at(5), 'stage/Production', '2', 'ml/churn', 'status'],
      [at(1), 'stage/Production', '1', 'ml/churn', 'registry'],
    ]);
  });

  it('keeps apart what two promotions of the model did', () => {
    const model = aModel({ versions: { 2: mark(['alias/a'], 5, 'sha256:5', 'default/ml/one') } });
    const remembered = [
      { key: 'ml/one', history: [entry('alias/a', '2', 5, 'sha256:5')] },
      { key: 'ml/two', history: [entry('alias/b', '2', 6, 'sha256:6')] },
    ];
    expect(told(model, remembered, 'default')).toEqual([
      [at(6), 'alias/b', '2', 'ml/two', 'status'],
      [at(5), 'alias/a', '2', 'ml/one', 'both'],
    ]);
  });

  it('is empty for a model that nobody knows', () => {
    expect(changesOf(undefined, [], 'default')).toEqual([]);
  });
});
