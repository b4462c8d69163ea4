/**
 * One of several operators that share the promotions of a cluster by a hash of registry and model. All of them watch
 * everything, so that each knows every claim; only one ever writes to a model.
 */
import { hash } from 'node:crypto';
import { isFields } from '../../api/fields.ts';
import { addressOf, OPERATOR_REGISTRY } from '../../adapters/mlflow/directory.ts';
import type { Shard } from '../../config.ts';
import type { Promotion } from '../../domain/desired.ts';
import { ALL, type Share } from '../../reconcile/share.ts';
import { waitsForRelease } from './finalizer.ts';
import { ownStatusOf } from './remembered.ts';
import type { Watches } from './watches.ts';

/** The shard that has what goes by this name. */
export function shardOf(name: string, count: number): number {
  return Number.parseInt(hash('sha256', name).slice(0, 8), 16) % count;
}

/**
 * Looks at what the API server says of registries and at nothing that only this process knows, so that all agree.
 * @param own address of the registry that the options name
 */
export function shareOf(
  shard: Shard | undefined,
  { promotions, registries }: Pick<Watches, 'promotions' | 'registries'>,
  own: string | undefined,
): Share {
  const isLeaving = (key: string): boolean => {
    const served = promotions.get(key);
    return served !== undefined && waitsForRelease(served);
  };
  if (shard === undefined) return { ...ALL, isLeaving };
  const isOursByName = (name: string): boolean => shardOf(name, shard.count) === shard.index;
  const addressAt = (registry: string): string => {
    if (own !== undefined && registry.endsWith(`/${OPERATOR_REGISTRY}`)) return own;
    // Of one that cannot be read as well: its last good version may be in use, and hardly ever led elsewhere.
    const served = registries.get(registry);
    const spec = served?.reading.kind === 'valid' ? served.reading.object.spec : served?.object.spec;
    const { uri, workspace } = isFields(spec) ? spec : {};
    if (typeof uri !== 'string' || !URL.canParse(uri)) return '';
    return addressOf(uri, typeof workspace === 'string' ? workspace : undefined);
  };
  return {
    isOurs: ({ registry, model }: Pick<Promotion, 'registry' | 'model'>) =>
      isOursByName(`${addressAt(registry)}\n${model}`),
    isOursByName,
    statusOf: (key) => ownStatusOf(promotions.get(key)),
    isLeaving,
  };
}
