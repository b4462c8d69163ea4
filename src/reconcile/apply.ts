/** Carries a plan out: one action after the other, each checked before it is sent and settled when no answer came. */
import { describeAction, expectationBroken, isDone, simulate, type Action } from '../domain/action.ts';
import type { Attempt } from '../domain/finding.ts';
import { movesOf } from '../domain/record.ts';
import type { Model } from '../domain/observed.ts';
import type { Obstacle } from '../domain/plan.ts';
import { WriteError, type Registry } from './ports.ts';

export interface ApplyOptions {
  /** Checked right before each write: whether we still may. */
  readonly fence: () => boolean;
  /** Called before each write is sent. */
  readonly progress?: (action: Action) => void;
  /** Called after each write that was carried out. */
  readonly done?: (action: Action) => void;
}

/**
 * Applies actions to the model as it was just read. Stops at the first action that is neither applied nor
 * already done, and says why; what was applied before it stands.
 */
export async function applyActions(
  registry: Registry,
  model: Model,
  actions: readonly Action[],
  digest: string,
  options: ApplyOptions,
  signal: AbortSignal,
): Promise<Attempt> {
  const applied: Action[] = [];
  let current = model;
  for (const action of actions) {
    if (isDone(current, action)) continue;
    const failure = await applyOne(registry, current, action, options, signal);
    if (failure !== undefined) {
      const { unsettled, ...obstacle } = failure;
      const moves = movesOf(applied, model, unsettled === true ? action : undefined);
      return { applied, digest, failure: obstacle, moves };
    }
    applied.push(action);
    options.done?.(action);
    current = simulate(current, action);
  }
  return { applied, digest, failure: undefined, moves: movesOf(applied, model) };
}

interface Failure extends Obstacle {
  /** The write may have been carried out, or may still be: nobody could tell. */
  readonly unsettled?: boolean;
}

async function applyOne(
  registry: Registry,
  model: Model,
  action: Action,
  { fence, progress }: ApplyOptions,
  signal: AbortSignal,
): Promise<Failure | undefined> {
  const broken = expectationBroken(model, action);
  if (broken !== undefined) return retry(`${broken}; the plan is made again`);
  if (!fence() || signal.aborted) return retry('this pass may no longer write; the next one goes on');
  progress?.(action);
  try {
    await registry.write(model.name, action, signal);
    return undefined;
  } catch (error) {
    if (!(error instanceof WriteError)) throw error;
    const found = error.ambiguous ? await tookPlace(registry, model.name, action, signal) : false;
    if (found === true) return undefined;
    const message = `could not ${describeAction(action)}: ${error.message}`;
    return { reason: reasonOf(error), message, unsettled: found === undefined };
  }
}

/** Whether a write whose answer was lost was carried out after all; undefined when that cannot be read. */
async function tookPlace(
  registry: Registry,
  model: string,
  action: Action,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const fact = await registry.read(model, signal);
  if (fact.kind === 'unknown') return undefined;
  return fact.kind === 'known' && isDone(fact.value, action);
}

/** An unanswered write that did not take place is tried again; a refused one waits for a person. */
function reasonOf({ reason, ambiguous }: WriteError): Obstacle['reason'] {
  return reason === 'RegistryRefused' && ambiguous ? 'ProgressingWithRetry' : reason;
}

function retry(message: string): Obstacle {
  return { reason: 'ProgressingWithRetry', message };
}
