import { describe, expect, it } from 'vitest';
import { Snapshot } from '../../../src/adapters/mlflow/snapshot.ts';
import { toModel, toVersion } from '../../../src/adapters/mlflow/wire.ts';
import type { Fact, Model } from '../../../src/domain/observed.ts';

function fact(stage: string, aliases: readonly string[] = [], tags: readonly string[] = []): Fact<Model> {
  const model = toModel(
    {
      name: 'm',
      last_updated_timestamp: 1,
      aliases: aliases.map((alias) => ({ alias, version: '1' })),
      tags: tags.map((key) => ({ key })),
    },
    [toVersion({ name: 'm', version: '1', current_stage: stage })],
  );
  return { kind: 'known', value: model };
}

describe('a snapshot', () => {
  it('keeps the reading that began last, whichever ended last', () => {
    const snapshot = new Snapshot();
    snapshot.learn('m', fact('Production'), 20);
    snapshot.learn('m', fact('None'), 10);
    expect(snapshot.get('m')).toEqual(fact('Production'));
  });

  it('tells once what differs from before, and nothing of what is the same', () => {
    const snapshot = new Snapshot();
    snapshot.learn('m', fact('None'), 1);
    expect(snapshot.takeChanges()).toEqual(['m']);
    snapshot.learn('m', fact('None'), 2);
    expect(snapshot.takeChanges()).toEqual([]);
    snapshot.learn('m', fact('Staging'), 3);
    snapshot.learn('m', fact('Staging'), 4);
    expect(snapshot.takeChanges()).toEqual(['m']);
    snapshot.learn('m', { kind: 'absent' }, 5);
    expect(snapshot.takeChanges()).toEqual(['m']);
  });

  it('takes the order of aliases and tags for nothing', () => {
    const snapshot = new Snapshot();
    snapshot.learn('m', fact('None', ['a', 'b'], ['c', 'd']), 1);
    snapshot.takeChanges();
    snapshot.learn('m', fact('None', ['b', 'a'], ['d', 'c']), 2);
    expect(snapshot.takeChanges()).toEqual([]);
  });

  it('counts models and versions as they come and go', () => {
    const snapshot = new Snapshot();
    snapshot.learn('a', fact('None'), 1);
    snapshot.learn('a', fact('None'), 2);
    snapshot.learn('b', fact('None'), 2);
    snapshot.learn('c', { kind: 'absent' }, 2);
    expect(snapshot.counts).toEqual({ models: 2, versions: 2 });
    snapshot.learn('a', { kind: 'absent' }, 3);
    snapshot.forget('b');
    expect(snapshot.counts).toEqual({ models: 0, versions: 0 });
    expect(snapshot.get('b')).toBeUndefined();
    expect(snapshot.takeChanges()).toEqual(['a', 'c']);
  });
});
