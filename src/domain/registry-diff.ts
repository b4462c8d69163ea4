/** What two registries hold differently: models, and who holds their stages and aliases. */
import { copiedFrom } from './copy.ts';
import type { TargetId } from './desired.ts';
import { optional } from './finding.ts';
import { holders, isPrompt, sameVersion, type Fact, type Model, type Version } from './observed.ts';

/** A registry that was read whole. */
export interface ReadRegistry {
  /** As `copy` names it in the tags of what it makes. */
  readonly uri: string;
  readonly models: ReadonlyMap<string, Fact<Model>>;
}

export interface HolderDifference {
  readonly target: TargetId;
  /** Numbers of the versions that hold it; absent where none does. A dangling alias names what does not exist. */
  readonly from?: string;
  readonly to?: string;
}

export interface ModelDifference {
  readonly model: string;
  /** Removed: only the first has it. Added: only the second. */
  readonly kind: 'Added' | 'Removed' | 'Changed' | 'Unknown';
  readonly differences: readonly HolderDifference[];
  /** Why it is not known. */
  readonly message?: string;
}

export function diffRegistries(first: ReadRegistry, second: ReadRegistry): ModelDifference[] {
  const names = [...new Set([...first.models.keys(), ...second.models.keys()])].toSorted();
  return names.flatMap((name): ModelDifference[] => {
    const [from, to] = [first.models.get(name), second.models.get(name)];
    for (const fact of [from, to])
      if (fact?.kind === 'unknown')
        return [{ model: name, kind: 'Unknown', differences: [], message: fact.message }];
    const [a, b] = [modelIn(from), modelIn(to)];
    const differences = targetsOf(a, b).flatMap((target) => compare(target, [a, first.uri], [b, second.uri]));
    if (a !== undefined && b !== undefined && differences.length === 0) return [];
    if (a === undefined && b === undefined) return [];
    const kind = a === undefined ? 'Added' : b === undefined ? 'Removed' : 'Changed';
    return [{ model: name, kind, differences }];
  });
}

function modelIn(fact: Fact<Model> | undefined): Model | undefined {
  return fact?.kind === 'known' && !isPrompt(fact.value) ? fact.value : undefined;
}

function targetsOf(...models: readonly (Model | undefined)[]): TargetId[] {
  const aliases = new Set(models.flatMap((model) => [...(model?.aliases.keys() ?? [])]));
  return [
    'stage/Production',
    'stage/Staging',
    ...[...aliases].toSorted().map((alias): TargetId => `alias/${alias}`),
  ];
}

type Side = readonly [model: Model | undefined, uri: string];

function compare(target: TargetId, first: Side, second: Side): HolderDifference[] {
  const [a, b] = [numbersOf(target, first[0]), numbersOf(target, second[0])];
  if (a.length === b.length && a.every((number, index) => isSame(number, b[index] ?? '', first, second)))
    return [];
  const text = (numbers: readonly string[]) => (numbers.length === 0 ? undefined : numbers.join(', '));
  return [{ target, ...optional('from', text(a)), ...optional('to', text(b)) }];
}

function numbersOf(target: TargetId, model: Model | undefined): string[] {
  if (model === undefined) return [];
  if (target === 'stage/Production' || target === 'stage/Staging')
    return holders(model, target === 'stage/Production' ? 'Production' : 'Staging').map(
      ({ version }) => version,
    );
  return [model.aliases.get(target.slice('alias/'.length)) ?? []].flat();
}

/**
 * Each registry numbers its own versions: two are the same when one says that it is a copy of the other, or when both
 * were made from one source by one run. Of a source alone, such as a folder that is written again, nobody can tell.
 */
function isSame(a: string, b: string, [first, firstUri]: Side, [second, secondUri]: Side): boolean {
  const [one, other] = [first?.versions.get(a), second?.versions.get(b)];
  if (one === undefined || other === undefined) return one === other && a === b;
  return (
    isCopyOf(other, one, first, firstUri) ||
    isCopyOf(one, other, second, secondUri) ||
    (one.source === other.source && one.runId === other.runId && one.source !== '' && one.runId !== '') ||
    sameVersion(one, other)
  );
}

function isCopyOf(copy: Version, { version }: Version, model: Model | undefined, uri: string): boolean {
  const from = copiedFrom(copy);
  return from?.registry === uri && from.model === model?.name && from.version === version;
}
