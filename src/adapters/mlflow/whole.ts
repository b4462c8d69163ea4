/**
 * Reading a registry, or the models of some names, once and whole. Pages are cut by position: what is deleted while
 * they are read moves rows over an edge that was passed already. So whatever stood at an edge, or does not fit
 * together, is read again by its name.
 */
import { isPrompt, type Fact, type Model } from '../../domain/observed.ts';
import { matchesAny } from '../../domain/patterns.ts';
import { CHUNK } from './batch.ts';
import type { MlflowClient } from './client.ts';
import { patternFilters } from './filters.ts';
import { readAll, readLive } from './sweep.ts';

/** Names a filter; see `nameFilters`. */
const NAMES = 400;
/** More that does not fit together is no matter of pages: we may not read it. */
const MOST_AGAIN = 1_000;

export type Models = ReadonlyMap<string, Fact<Model>>;

/**
 * Models whose names match one of the patterns, all of them without any; prompts are none.
 * @throws RegistryError when the registry as such cannot be read
 */
export async function readMatching(
  client: MlflowClient,
  patterns: readonly string[],
  inOperator: boolean,
  signal: AbortSignal,
): Promise<Models> {
  const filters = patternFilters(patterns, { inOperator, chunk: NAMES });
  const edges = new Set<string>();
  const orphans = new Set<string>();
  const facts = await readAll(client, filters, signal, {
    turned: (names) => names.forEach((name) => edges.add(name)),
    orphaned: (name) => orphans.add(name),
  });
  const unknown = [...facts].flatMap(([name, fact]) => (fact.kind === 'unknown' ? [name] : []));
  const again = [...new Set([...edges, ...orphans, ...unknown])].slice(0, MOST_AGAIN);
  const read = again.length === 0 ? [] : await readLive(client, again, { inOperator, chunk: CHUNK }, signal);
  return new Map(
    [...new Map([...facts, ...read])].filter(
      ([name, fact]) =>
        fact.kind !== 'absent' &&
        !(fact.kind === 'known' && isPrompt(fact.value)) &&
        (patterns.length === 0 || matchesAny(patterns, name)),
    ),
  );
}
