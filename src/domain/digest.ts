/**
 * What a plan's digest covers: the change itself and nothing that moves by itself. Time, retries, the revision
 * and our own marks are left out, so an unrelated commit changes no digest; the digest applied before is in,
 * so that 3→4→3→4 never fits an old approval. The caller hashes the text.
 */
import type { Action } from './action.ts';
import type { Promotion } from './desired.ts';
import type { Model } from './observed.ts';
import { identityOf } from './record.ts';

export function digestText(
  promotion: Promotion,
  actions: readonly Action[],
  model: Model,
  previousDigest: string | undefined,
): string {
  return canonicalJson({
    uid: promotion.uid,
    registry: promotion.registry,
    model: promotion.model,
    previous: previousDigest ?? null,
    changes: actions.map((action) => {
      const { cause: _cause, ...change } = action;
      return { ...change, identity: 'version' in action ? identity(model, action.version) : null };
    }),
  });
}

function identity(model: Model, number: string): unknown {
  const version = model.versions.get(number);
  return version === undefined ? null : identityOf(version);
}

/** JSON with sorted keys and without undefined, so that equal values give equal text (after RFC 8785). */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}
