import { describe, expect, it } from 'vitest';
import { Snapshot } from '../../../src/adapters/mlflow/snapshot.ts';
import { readVersion, toModel, toVersion } from '../../../src/adapters/mlflow/wire.ts';
import { pack, unpack } from '../../../src/adapters/mlflow/packed.ts';
import type { Fact, Model } from '../../../src/domain/observed.ts';
import { aModel } from '../../support/builders.ts';

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

describe('a packed model', () => {
  const model = aModel({
    name: 'Umsatz – Ünïcode "quoted" \u{1F680}',
    tags: { team: 'ml', __proto__x: '', constructor: 'a' },
    aliases: { champion: '2', toString: '1' },
    versions: {
      1: { stage: 'Archived', tags: { b: '2', a: '1' }, description: 'line\nline', statusMessage: 'x' },
      2: 'Production',
      10: { status: 'FAILED_REGISTRATION', source: '', runId: '' },
    },
  });

  it('is unpacked as it was', () => {
    expect(unpack(pack(model))).toEqual(model);
  });

  it('is the same text whatever the order of its tags and aliases', () => {
    const turned = (map: ReadonlyMap<string, string>) => new Map([...map].toReversed());
    const other = { ...model, tags: turned(model.tags), aliases: turned(model.aliases) };
    expect(pack(other)).toBe(pack(model));
  });

  it.each([
    ['an alias', { ...model, aliases: new Map([['champion', '1']]) }],
    ['a tag', { ...model, tags: new Map([['team', 'other']]) }],
    ['its last update', { ...model, lastUpdatedTimestamp: 1 }],
    ['a version less', { ...model, versions: new Map([...model.versions].slice(1)) }],
  ])('is another text with %s changed', (_, changed) => {
    expect(pack(changed)).not.toBe(pack(model));
  });
});

it.each([
  ['absent', '{"model_version":{"name":"m","version":"1"}}'],
  ['null', '{"model_version":{"name":"m","version":"1","tags":null}}'],
  ['empty', '{"model_version":{"name":"m","version":"1","tags":[]}}'],
])('tags that are %s are none', (_, answer) => {
  expect(toVersion(readVersion(JSON.parse(answer))).tags).toEqual(new Map());
});
