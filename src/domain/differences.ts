/** What lies between a target and its candidate, as actions; empty when the candidate is in place. */
import type { Action, Cause } from './action.ts';
import type { AliasTarget, StageTarget } from './desired.ts';
import { holders, type Model, type Version } from './observed.ts';
import type { TargetRecord } from './record.ts';

export function stageDifferences(
  target: StageTarget,
  candidate: Version,
  model: Model,
  record: TargetRecord | undefined,
): Action[] {
  const cause: Cause = record === undefined ? 'Promotion' : 'Drift';
  const actions: Action[] = [];
  const others = holders(model, target.stage).filter((holder) => holder.version !== candidate.version);
  const stage = model.versions.get(candidate.version)?.stage ?? candidate.stage;
  if (stage !== target.stage) {
    actions.push({
      kind: 'Transition',
      target: target.id,
      cause,
      version: candidate.version,
      to: target.stage,
      archiveExisting: target.archiveExisting,
      expect: { from: stage, holders: others.map((holder) => holder.version) },
    });
  } else if (target.archiveExisting) {
    for (const other of others) actions.push(archive(other, target, cause));
  }
  return [...actions, ...metadataDifferences(target, candidate, record)];
}

/** MLflow lets several versions hold one stage (its own archiving races); the surplus goes to Archived. */
function archive(other: Version, target: StageTarget, cause: Cause): Action {
  return {
    kind: 'Transition',
    target: target.id,
    cause,
    version: other.version,
    to: 'Archived',
    archiveExisting: false,
    expect: { from: target.stage, holders: [] },
  };
}

function metadataDifferences(
  target: StageTarget,
  candidate: Version,
  record: TargetRecord | undefined,
): Action[] {
  const { version } = candidate;
  const actions: Action[] = [];
  for (const [key, value] of target.tags) {
    const found = candidate.tags.get(key);
    const cause = record?.tags.get(key) === value ? 'Drift' : 'Promotion';
    if (found !== value) {
      actions.push({
        kind: 'SetTag',
        target: target.id,
        cause,
        version,
        key,
        value,
        expect: { value: found },
      });
    }
  }
  if (target.description !== undefined && target.description !== candidate.description) {
    actions.push({
      kind: 'SetDescription',
      target: target.id,
      cause: record?.description === target.description ? 'Drift' : 'Promotion',
      version,
      description: target.description,
      expect: { description: candidate.description },
    });
  }
  return actions;
}

export function aliasDifferences(
  target: AliasTarget,
  candidate: Version,
  model: Model,
  record: TargetRecord | undefined,
): Action[] {
  const found = model.aliases.get(target.alias);
  if (found === candidate.version) return [];
  return [
    {
      kind: 'SetAlias',
      target: target.id,
      cause: record === undefined ? 'Promotion' : 'Drift',
      alias: target.alias,
      version: candidate.version,
      expect: { version: found },
    },
  ];
}
