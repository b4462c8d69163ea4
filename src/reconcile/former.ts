/**
 * What a promotion managed before its document named another model or registry, while that is still to be released.
 * It is remembered beside its successor, which goes by the same name.
 */
import type { Promotion } from '../domain/desired.ts';
import { sha256 } from './digest.ts';

/** No namespace and no name holds an underscore, so this is never the key of a promotion. */
const MARK = '_';

export function formerKey({ key, registry, model }: Promotion): string {
  const digest = sha256(`${registry}\n${model}`).slice('sha256:'.length);
  return `${key}${MARK}${digest.slice(0, 12)}`;
}

export function isFormerKey(key: string): boolean {
  return key.includes(MARK);
}
