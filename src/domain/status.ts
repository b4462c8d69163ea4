/** The status as our memory: records are kept in it, and read back from it after a restart. */
import type { AppliedRecord, ModelPromotionStatus } from '../api/generated/types.ts';
import type { TargetId } from './desired.ts';
import { sameVersion } from './observed.ts';
import type { Records, TargetRecord } from './record.ts';

export function recordsOf(status: ModelPromotionStatus | undefined): Records {
  const records = new Map<TargetId, TargetRecord>();
  for (const { target, applied, since } of status?.targets ?? []) {
    if (applied !== undefined) records.set(target as TargetId, { ...fromStatus(applied), since });
  }
  return records;
}

/** The status with records that another promotion leaves it. Where it has one of its own, it learns at most who applied it. */
export function inherit(status: ModelPromotionStatus | undefined, records: Records): ModelPromotionStatus {
  const own = recordsOf(status);
  const targets = new Map((status?.targets ?? []).map((target) => [target.target, target]));
  for (const [target, record] of records) {
    const known = own.get(target);
    if (known !== undefined && (known.how === 'Applied' || !sameVersion(known, record))) continue;
    const applied = toStatus(known === undefined ? record : { ...known, how: record.how });
    const since = known?.since ?? record.since;
    targets.set(target, { ...targets.get(target), target, ...(since && { since }), applied });
  }
  return { ...status, targets: [...targets.values()] };
}

export function toStatus(record: TargetRecord): AppliedRecord {
  const { version, how, creationTimestamp, source, runId, description, tags } = record;
  return {
    version,
    how,
    creationTimestamp,
    ...(source === '' ? {} : { source }),
    ...(runId === '' ? {} : { runId }),
    ...(description === undefined ? {} : { description }),
    ...(tags.size === 0 ? {} : { tags: Object.fromEntries(tags) }),
  };
}

function fromStatus(applied: AppliedRecord): Omit<TargetRecord, 'since'> {
  return {
    version: applied.version,
    how: applied.how,
    creationTimestamp: applied.creationTimestamp ?? 0,
    source: applied.source ?? '',
    runId: applied.runId ?? '',
    description: applied.description,
    tags: new Map(Object.entries(applied.tags ?? {})),
  };
}
