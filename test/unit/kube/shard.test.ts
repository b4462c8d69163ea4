/** Who of several operators has which promotions. */
import { describe, expect, it } from 'vitest';
import { shardOf, shareOf } from '../../../src/cli/operator/shard.ts';
import type { Watches } from '../../../src/cli/operator/watches.ts';

function registries(uris: Readonly<Record<string, string>>): Pick<Watches, 'promotions' | 'registries'> {
  const served = Object.entries(uris).map(([key, uri]) => [
    key,
    uri.startsWith('broken ')
      ? { reading: { kind: 'invalid' }, object: { spec: { uri: uri.slice(7), colour: 'blue' } } }
      : { reading: { kind: 'valid', object: { spec: { uri } } } },
  ]);
  return { promotions: new Map(), registries: new Map(served as []) } as unknown as Watches;
}

const names = Array.from({ length: 3_000 }, (_, index) => `model-${index}`);

/** Indexes of the shards that say that a place is theirs. */
function holders(
  count: number,
  watches: ReturnType<typeof registries>,
  registry: string,
  model: string,
  own?: string,
) {
  return Array.from({ length: count }, (_, index) => index).filter((index) =>
    shareOf({ index, count }, watches, own).isOurs({ registry, model }),
  );
}

describe('A model of a registry', () => {
  it.each([1, 2, 3, 7])('belongs to exactly one of %i shards', (count) => {
    const watches = registries({ 'ml/mlflow': 'http://mlflow.test' });
    for (const model of names.slice(0, 200))
      expect(holders(count, watches, 'ml/mlflow', model)).toHaveLength(1);
  });

  it('belongs to the same one whatever its registry is called', () => {
    const watches = registries({ 'ml/one': 'http://mlflow.test', 'team/two': 'http://mlflow.test/' });
    for (const model of names.slice(0, 50)) {
      const own = holders(5, watches, 'ml/default', model, 'http://mlflow.test#default');
      expect(holders(5, watches, 'ml/one', model)).toEqual(own);
      expect(holders(5, watches, 'team/two', model)).toEqual(own);
    }
  });

  it('belongs to the same one when a registry that leads there has mistakes: its last good version may be in use', () => {
    const watches = registries({ 'ml/one': 'broken http://mlflow.test', 'team/two': 'http://mlflow.test' });
    for (const model of names.slice(0, 50))
      expect(holders(5, watches, 'ml/one', model)).toEqual(holders(5, watches, 'team/two', model));
  });

  it('belongs to one when its registry is not there or cannot be read, too', () => {
    const watches = registries({ 'ml/broken': 'broken no address' });
    expect(holders(3, watches, 'ml/broken', 'churn')).toHaveLength(1);
    expect(holders(3, watches, 'ml/none', 'churn')).toHaveLength(1);
  });
});

it('the work is spread evenly', () => {
  for (const shard of [0, 1, 2]) {
    const size = names.filter((name) => shardOf(name, 3) === shard).length;
    expect(Math.abs(size - 1_000)).toBeLessThan(100);
  }
});

it('one that has no shard has all', () => {
  const share = shareOf(undefined, registries({}), undefined);
  expect([share.isOurs({ registry: 'ml/x', model: 'y' }), share.isOursByName('ml/x')]).toEqual([true, true]);
});
