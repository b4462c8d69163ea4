/** What a removed promotion takes with it, by the deletion policy of its last good spec. */
import type { Action } from './action.ts';
import type { Promotion, Target, TargetId } from './desired.ts';
import { sameVersion, type Model } from './observed.ts';
import type { Records } from './record.ts';
import { isHeldBy } from './select.ts';

/**
 * Our aliases are removed, and what we ourselves promoted goes to Archived; a version that we found in its stage
 * stays there. Nothing is released that we have no record of, that has moved on since, or that another promotion declares by
 * now (`claimed`): a promotion that is renamed hands its targets over.
 */
export function planRelease(
  promotion: Promotion,
  model: Model,
  records: Records,
  claimed: ReadonlySet<TargetId>,
): Action[] {
  if (promotion.deletionPolicy === 'Orphan') return [];
  return promotion.targets
    .filter((target) => !claimed.has(target.id))
    .flatMap((target) => release(target, model, records));
}

function release(target: Target, model: Model, records: Records): Action[] {
  const record = records.get(target.id);
  const holder = record === undefined ? undefined : model.versions.get(record.version);
  if (record === undefined || holder === undefined) return [];
  if (!sameVersion(record, holder) || !isHeldBy(target.id, holder, model)) return [];
  if (target.kind === 'stage' && record.how !== 'Applied') return [];
  const common = { target: target.id, cause: 'Release' } as const;
  return target.kind === 'alias'
    ? [{ ...common, kind: 'DeleteAlias', alias: target.alias, expect: { version: holder.version } }]
    : [
        {
          ...common,
          kind: 'Transition',
          version: holder.version,
          to: 'Archived',
          archiveExisting: false,
          expect: { from: target.stage, holders: [] },
        },
      ];
}
