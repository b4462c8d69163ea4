/**
 * The rules between fields that a schema cannot say. They are the CEL rules of the CRDs, which do not follow aliases
 * further than one step: circles of three and more, and what two stages share through several aliases, are found
 * here alone. Every rule reads only what is well formed, so that it adds nothing to what the schema has said.
 */
import { isWithinBounds, longestDuration, parseDuration, shortestDuration } from './duration.ts';
import { isFields, type Fields } from './fields.ts';
import { FilterError, parseFilter } from './filter.ts';
import type { Finding } from './finding.ts';
import type { Path } from './path.ts';
import { quote } from './quote.ts';
import type { Kind } from './validate.ts';

/** A rule: what is wrong with the spec, and where below it. */
type Rule = (spec: Fields) => Finding[];

const rules: Readonly<Record<Kind, readonly Rule[]>> = {
  ModelPromotion: [
    modelIsNoPathSegment,
    someTargetIsDeclared,
    aliasesAreNotReserved,
    targetsAreDeclaredOnce,
    versionIsGivenOnce,
    versionHoldsOneStage,
    stageSelectsFromNoDeclaredStage,
    targetsSelectInNoCircle,
    tagKeysAreAccepted,
    filtersCanBeRead,
    boundsLeaveRoom,
    pinsStandBesideARule,
    eachHoldFor,
    duration('interval'),
  ],
  ModelRegistry: [
    address('uri'),
    address('webhook', 'url'),
    webhookHasASecretOfItsOwn,
    duration('sweepInterval'),
    duration('limits', 'requestTimeout'),
  ],
};

/** What the rules of the kind find wrong in a manifest whose defaults are filled in. */
export function checkRules(kind: Kind, manifest: unknown): Finding[] {
  const spec = fieldsOf(fieldsOf(manifest)?.['spec']);
  if (!spec) return [];
  return rules[kind].flatMap((rule) => rule(spec));
}

/** A stage or alias of the spec, as far as it is well formed. */
interface Target {
  readonly list: 'stages' | 'aliases';
  readonly path: Path;
  readonly name: string | undefined;
  readonly fields: Fields;
  readonly version: string | undefined;
  readonly fromStage: string | undefined;
  readonly fromAlias: string | undefined;
}

function targetsOf(spec: Fields, list: Target['list']): Target[] {
  const entries: unknown = spec[list];
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry: unknown, index) => {
    const fields = fieldsOf(entry);
    return fields ? [toTarget(list, index, fields)] : [];
  });
}

function toTarget(list: Target['list'], index: number, fields: Fields): Target {
  const from = fieldsOf(fields['versionFrom']);
  return {
    list,
    path: ['spec', list, index],
    name: textOf(fields['name']),
    fields,
    version: textOf(fields['version']),
    fromStage: textOf(from?.['stage']),
    fromAlias: textOf(from?.['alias']),
  };
}

function allTargets(spec: Fields): Target[] {
  return [...targetsOf(spec, 'stages'), ...targetsOf(spec, 'aliases')];
}

function modelIsNoPathSegment(spec: Fields): Finding[] {
  const model = spec['model'];
  if (model !== '.' && model !== '..') return [];
  return [{ path: ['spec', 'model'], message: 'MLflow refuses the model names "." and ".."' }];
}

function someTargetIsDeclared(spec: Fields): Finding[] {
  const { stages, aliases } = spec;
  const isEmpty = Array.isArray(stages) && Array.isArray(aliases) && stages.length + aliases.length === 0;
  if (!isEmpty) return [];
  return [
    {
      path: ['spec'],
      at: 'key',
      message: 'a promotion declares at least one stage or alias',
      unless: [
        ['spec', 'stages'],
        ['spec', 'aliases'],
      ],
    },
  ];
}

/** MLflow answers these with the newest version, or with the one of that number, and refuses to set them. */
const reservedAlias = /^(?:latest|v\d+)$/i;

function aliasesAreNotReserved(spec: Fields): Finding[] {
  const names = allTargets(spec).flatMap(({ list, path, name, fromAlias }): [Path, string | undefined][] => [
    [[...path, 'name'], list === 'aliases' ? name : undefined],
    [[...path, 'versionFrom', 'alias'], fromAlias],
  ]);
  return names.flatMap(([path, name]) =>
    name !== undefined && reservedAlias.test(name)
      ? [{ path, message: `${quote(name)} is an alias that MLflow reserves: "latest", or "v" and digits` }]
      : [],
  );
}

function targetsAreDeclaredOnce(spec: Fields): Finding[] {
  return [...repeated(targetsOf(spec, 'stages'), 'stage'), ...repeated(targetsOf(spec, 'aliases'), 'alias')];
}

function repeated(targets: readonly Target[], what: string): Finding[] {
  const first = new Map<string, number>();
  return targets.flatMap(({ name, path, list }, index) => {
    if (name === undefined) return [];
    const earlier = first.get(name);
    if (earlier === undefined) {
      first.set(name, index);
      return [];
    }
    return [
      {
        path: [...path, 'name'],
        message: `the ${what} ${quote(name)} is declared twice; it is in spec.${list}[${earlier}] already`,
      },
    ];
  });
}

function versionIsGivenOnce(spec: Fields): Finding[] {
  return allTargets(spec).flatMap(({ fields, path }): Finding[] => {
    const [pinned, selected] = [Object.hasOwn(fields, 'version'), Object.hasOwn(fields, 'versionFrom')];
    const [version, versionFrom] = [
      [...path, 'version'],
      [...path, 'versionFrom'],
    ];
    if (pinned && selected)
      return [{ path: versionFrom, at: 'key', message: 'give either version or versionFrom, not both' }];
    if (!pinned && !selected)
      return [{ path, message: 'give either version or versionFrom', unless: [version, versionFrom] }];
    return [];
  });
}

function versionHoldsOneStage(spec: Fields): Finding[] {
  const holder = new Map<string, string>();
  return targetsOf(spec, 'stages').flatMap((stage) => {
    const wanted = whatItWants(originOf(stage, spec));
    if (stage.name === undefined || wanted === undefined) return [];
    const other = holder.get(wanted) ?? stage.name;
    holder.set(wanted, other);
    if (other === stage.name) return [];
    return [
      {
        path: selectorOf(stage),
        message: `${other} asks for ${wanted} too; MLflow gives a version one stage`,
      },
    ];
  });
}

function stageSelectsFromNoDeclaredStage(spec: Fields): Finding[] {
  const stages = targetsOf(spec, 'stages');
  const declared = new Set(stages.map(({ name }) => name));
  return stages.flatMap((stage) => {
    const { fromStage } = originOf(stage, spec);
    if (fromStage === undefined || !declared.has(fromStage)) return [];
    const message =
      fromStage === stage.name
        ? stage.fromAlias === undefined
          ? 'a stage cannot select from itself'
          : 'a stage and an alias cannot select from each other'
        : `${fromStage} is declared in this promotion too; a version has one stage, so the two would fight`;
    return [{ path: selectorOf(stage), message }];
  });
}

/** The target itself, or the last of the declared aliases that it selects through. */
function originOf(target: Target, spec: Fields): Target {
  const aliases = new Map(targetsOf(spec, 'aliases').map((alias) => [alias.name, alias]));
  const passed = new Set<Target>();
  let origin = target;
  for (let next: Target | undefined = target; next && !passed.has(next); next = aliases.get(next.fromAlias)) {
    passed.add(next);
    origin = next;
  }
  return origin;
}

function whatItWants({ version, fromAlias }: Target): string | undefined {
  if (version !== undefined) return `the version ${quote(version)}`;
  return fromAlias === undefined ? undefined : `the version of the alias ${quote(fromAlias)}`;
}

/** The field that says which version the target gets. */
function selectorOf({ path, version, fromAlias }: Target): Path {
  if (version !== undefined) return [...path, 'version'];
  return [...path, 'versionFrom', fromAlias === undefined ? 'stage' : 'alias'];
}

/** Follows each target to the one it selects from. A circle is told once, at the target that comes first. */
function targetsSelectInNoCircle(spec: Fields): Finding[] {
  const targets = new Map(allTargets(spec).map((target) => [`${target.list}/${target.name}`, target]));
  const settled = new Set<Target>();
  return [...targets.values()].flatMap((start) => {
    const walked = new Set<Target>();
    let target: Target | undefined = start;
    while (target && !walked.has(target) && !settled.has(target)) {
      walked.add(target);
      target = sourceOf(target, targets);
    }
    for (const passed of walked) settled.add(passed);
    return target && walked.has(target) ? circle(target, targets) : [];
  });
}

/** The declared target that this one selects from. Of two stages one may not select from the other at all. */
function sourceOf(
  { list, fromStage, fromAlias }: Target,
  targets: ReadonlyMap<string, Target>,
): Target | undefined {
  if (fromAlias !== undefined) return targets.get(`aliases/${fromAlias}`);
  return list === 'aliases' && fromStage !== undefined ? targets.get(`stages/${fromStage}`) : undefined;
}

function circle(start: Target, targets: ReadonlyMap<string, Target>): Finding[] {
  const names: string[] = [];
  let target: Target | undefined = start;
  do {
    names.push(target.name ?? '');
    target = sourceOf(target, targets);
  } while (target && target !== start);
  const message =
    names.length === 1
      ? 'an alias cannot select from itself'
      : `targets select from each other in a circle: ${circleInWords(names)}`;
  return [{ path: selectorOf(start), message }];
}

function circleInWords(names: readonly string[]): string {
  const shown = names.length > 6 ? [...names.slice(0, 5), '…'] : names;
  return [...shown, names[0] ?? ''].map((name) => (name === '…' ? name : quote(name))).join(' from ');
}

const tagKey = /^[A-Za-z0-9_.: -]+(?:\/[A-Za-z0-9_.: -]+)*$/;
const unnormalisedTagKey = /(?:^|\/)\.{1,2}(?:\/|$)|^\.\./;
const reservedTagKey = /^(?:modelpromotion\.dev\/|mlflow\.prompt\.)/;
const longestTagKey = 250;

function tagKeysAreAccepted(spec: Fields): Finding[] {
  const registered = ['register', 'tags'];
  const created = ['register', 'createModel', 'tags'];
  return [
    ...targetsOf(spec, 'stages').flatMap(({ fields, path }) =>
      refusedTags(fields['tags'], [...path, 'tags']),
    ),
    ...[registered, created].flatMap((path) => refusedTags(valueAt(spec, path), ['spec', ...path])),
  ];
}

function refusedTags(tags: unknown, path: Path): Finding[] {
  return Object.keys(fieldsOf(tags) ?? {}).flatMap((key): Finding[] => {
    const message = refusalOfTagKey(key);
    return message === undefined ? [] : [{ path: [...path, key], at: 'key', message }];
  });
}

/** The rules that select, of all targets, with their place. */
function selectorsOf(spec: Fields): { path: Path; fields: Fields }[] {
  return allTargets(spec).flatMap(({ path, fields }) =>
    ['latest', 'best'].flatMap((rule) => {
      const selector = fieldsOf(valueAt(fields, ['versionFrom', rule]));
      return selector === undefined ? [] : [{ path: [...path, 'versionFrom', rule], fields: selector }];
    }),
  );
}

function filtersCanBeRead(spec: Fields): Finding[] {
  return selectorsOf(spec).flatMap(({ path, fields }): Finding[] => {
    const message = refusalOfFilter(fields['filter']);
    return message === undefined ? [] : [{ path: [...path, 'filter'], message }];
  });
}

function refusalOfFilter(filter: unknown): string | undefined {
  if (typeof filter !== 'string' || filter === '') return undefined;
  try {
    parseFilter(filter);
    return undefined;
  } catch (error) {
    if (error instanceof FilterError) return error.message;
    throw error;
  }
}

function boundsLeaveRoom(spec: Fields): Finding[] {
  return selectorsOf(spec).flatMap(({ path, fields: { min, max } }): Finding[] =>
    typeof min === 'number' && typeof max === 'number' && min > max
      ? [{ path: [...path, 'min'], message: 'min is above max, so that no version would be considered' }]
      : [],
  );
}

function eachHoldFor(spec: Fields): Finding[] {
  return selectorsOf(spec).flatMap(({ path, fields }) =>
    refusedDuration(fields['holdFor'], [...path, 'holdFor']),
  );
}

function pinsStandBesideARule(spec: Fields): Finding[] {
  return allTargets(spec).flatMap(({ fields, path }): Finding[] => {
    const pin = fieldsOf(fields['pin']);
    if (pin === undefined) return [];
    const { until } = pin;
    const isTime =
      typeof until !== 'string' || !/^\d{4}-\d{2}-\d{2}[Tt]/.test(until) || !Number.isNaN(Date.parse(until));
    return [
      ...(Object.hasOwn(fields, 'versionFrom')
        ? []
        : [
            {
              path: [...path, 'pin'],
              at: 'key' as const,
              message: 'a pin stands beside versionFrom; without a rule, version says it all',
            },
          ]),
      ...(isTime
        ? []
        : [{ path: [...path, 'pin', 'until'], message: `${quote(until)} is no time that there is` }]),
    ];
  });
}

function refusalOfTagKey(key: string): string | undefined {
  if (key.length > longestTagKey) return `a tag key has at most ${longestTagKey} characters`;
  if (!tagKey.test(key))
    return `${quote(key)} is not a tag key: letters, digits and "_.: -", in parts joined by "/"`;
  if (unnormalisedTagKey.test(key))
    return `MLflow refuses the tag key ${quote(key)}: no part of it may be "." or "..", and it may not start with ".."`;
  if (reservedTagKey.test(key))
    return 'tag keys under "modelpromotion.dev/" and "mlflow.prompt." are reserved';
  return undefined;
}

/** The rule that the address at this path below the spec is one: a pattern cannot say all that makes a URL. */
function address(...path: readonly string[]): Rule {
  return (spec) => {
    const text = valueAt(spec, path);
    if (typeof text !== 'string' || !/^https?:\/\//.test(text) || URL.canParse(text)) return [];
    return [{ path: ['spec', ...path], message: `${quote(text)} is not a URL` }];
  };
}

function webhookHasASecretOfItsOwn(spec: Fields): Finding[] {
  const path = ['webhook', 'secretRef', 'name'];
  const name = textOf(valueAt(spec, path));
  if (name === undefined || name !== valueAt(spec, ['auth', 'secretRef', 'name'])) return [];
  return [
    {
      path: ['spec', ...path],
      message: 'the webhook needs a secret of its own, not the one with the credentials',
    },
  ];
}

/** The rule that the duration at this path below the spec is neither too short nor too long. */
function duration(...path: readonly string[]): Rule {
  return (spec) => refusedDuration(valueAt(spec, path), ['spec', ...path]);
}

function refusedDuration(text: unknown, path: Path): Finding[] {
  if (typeof text !== 'string' || isAcceptable(text)) return [];
  const message = `${quote(text)} is not between ${shortestDuration} and ${longestDuration} (24 days)`;
  return [{ path, message }];
}

function isAcceptable(text: string): boolean {
  try {
    return isWithinBounds(parseDuration(text));
  } catch {
    return true;
  }
}

function valueAt(spec: Fields, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => fieldsOf(value)?.[key], spec);
}

function fieldsOf(value: unknown): Fields | undefined {
  return isFields(value) ? value : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
