/** An engine on a registry in memory, and what it asked to be looked at. */
import { Engine } from '../../src/reconcile/engine.ts';
import { NOW } from '../support/builders.ts';
import { only, type MemoryRegistry } from '../support/memory-registry.ts';

export const live = new AbortController().signal;

export interface Home {
  readonly engine: Engine;
  /** Keys that the engine wants looked at. */
  readonly woken: Set<string>;
}

export function anEngine(registry: MemoryRegistry): Home {
  const woken = new Set<string>();
  const nothing = (): void => undefined;
  const engine = new Engine({
    installation: 'main',
    allowEmpty: false,
    uidOf: (key) => `uid-of-${key}`,
    registries: only(registry),
    observer: { info: nothing, warn: nothing, event: nothing, reconciled: nothing, applied: nothing },
    wake: (key) => woken.add(key),
    onStatus: nothing,
    fence: () => true,
    now: () => NOW,
    sleep: () => Promise.resolve(),
  });
  return { engine, woken };
}
