/** The status as our memory: records are kept in it, and read back from it after a restart. */
import type { AppliedRecord, ModelPromotionStatus } from '../api/generated/types.ts';
import type { TargetId } from './desired.ts';
import type { Records, TargetRecord } from './record.ts';

export function recordsOf(status: ModelPromotionStatus | undefined): Records {
  const records = new Map<TargetId, TargetRecord>();
  for (const { target, applied, since } of status?.targets ?? []) {
    if (applied !== undefined) records.set(target as TargetId, { ...fromStatus(applied), since });
  }
  return records;
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
