/** A plan that was shown before it is applied, and the registry as it is by then. */
import { expectationBroken, isDone, simulate, type Action } from './action.ts';
import { sameVersion, type Model } from './observed.ts';

/**
 * What is left of it on the model as it is now.
 * Undefined when the registry moved away from what the plan expects: it is stale, and must be made again.
 */
export function remainder(actions: readonly Action[], planned: Model, model: Model): Action[] | undefined {
  if (actions.some((action) => 'version' in action && !isSameIn(planned, model, action.version)))
    return undefined;
  const left: Action[] = [];
  let projected = model;
  for (const action of actions) {
    if (isDone(projected, action)) continue;
    if (expectationBroken(projected, action) !== undefined) return undefined;
    left.push(action);
    projected = simulate(projected, action);
  }
  return left;
}

/**
 * Whether a plan that was made anew brings about nothing but what the one that was shown does: the same targets at the
 * same versions, and nobody else out of a stage. So it may be applied where we ourselves moved the registry in between.
 */
export function leadsToTheSame(
  shown: readonly Action[],
  planned: Model,
  anew: readonly Action[],
  model: Model,
): boolean {
  const ends = new Set(shown.flatMap(endsOf));
  return anew.every(
    (action) =>
      endsOf(action).every((end) => ends.has(end)) &&
      (!('version' in action) || isSameIn(planned, model, action.version)),
  );
}

/** What an action comes to, whatever was there before. */
function endsOf(action: Action): string[] {
  switch (action.kind) {
    case 'Transition': {
      const archived = action.archiveExisting ? action.expect.holders : [];
      return [`${action.version} in ${action.to}`, ...archived.map((version) => `${version} in Archived`)];
    }
    case 'SetAlias':
      return [`@${action.alias} at ${action.version}`];
    case 'DeleteAlias':
      return [`@${action.alias} gone`];
    case 'SetTag':
      return [`tag ${action.key} of ${action.version} is ${action.value}`];
    case 'SetDescription':
      return [`description of ${action.version} is ${action.description}`];
    case 'CreateModel':
      return ['model created'];
    case 'Register':
      return [`registered from ${action.from}`];
    default:
      return action satisfies never;
  }
}

/** A model that was deleted and made again counts its versions anew: its version 3 is a stranger. */
function isSameIn(planned: Model, model: Model, number: string): boolean {
  const [before, now] = [planned.versions.get(number), model.versions.get(number)];
  return before !== undefined && now !== undefined && sameVersion(before, now);
}
