/** Promotions that are declared and were never valid: all there is to show of them is what is wrong. */
import type { ModelPromotionStatus } from '../api/generated/types.ts';
import type { ObjectIdentity, Problem } from '../api/listing.ts';
import type { RejectedDocument } from '../api/status-file.ts';
import { timestamp } from '../api/timestamp.ts';
import { ownProvenance, type Catalog } from '../domain/catalog.ts';
import { describeProblems } from '../domain/conditions.ts';

type Rejected = ReadonlyMap<string, RejectedDocument>;

/** What is said of the rejected at this listing. What is still wrong in the same way is said in the same words and times. */
export function rejectedDocuments(catalog: Catalog, before: Rejected, now: number): Rejected {
  const { revision = '' } = catalog;
  return new Map(
    [...problemsByKey(catalog)].map(([key, problems]) => {
      const message = describeProblems(problems);
      const known = before.get(key);
      const own = problems.map(({ object }) => ownProvenance(object)).find((one) => one !== undefined);
      const isKnown = own === undefined || own.generation === known?.metadata.generation;
      if (known !== undefined && isKnown && readyOf(known)?.message === message) return [key, known];
      return [
        key,
        toDocument(key, {
          message,
          revision: own?.revision ?? revision,
          generation: own?.generation,
          known,
          now,
        }),
      ];
    }),
  );
}

/** The mistakes in what no good document is known of. */
function problemsByKey({ entries, problems }: Catalog): Map<string, Problem[]> {
  const rejected = new Map<string, Problem[]>();
  for (const problem of problems) {
    if (problem.object?.kind !== 'ModelPromotion') continue;
    const key = keyOf(problem.object);
    if (entries.has(key)) continue;
    const known = rejected.get(key);
    if (known === undefined) rejected.set(key, [problem]);
    else known.push(problem);
  }
  return rejected;
}

export function keyOf({ namespace, name }: Pick<ObjectIdentity, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`;
}

interface Rejection {
  readonly message: string;
  readonly revision: string;
  /** Undefined where nobody but us counts. */
  readonly generation: number | undefined;
  readonly known: RejectedDocument | undefined;
  readonly now: number;
}

/** Each other mistake is another generation: the document changed. */
function toDocument(key: string, { message, revision, known, now, ...of }: Rejection): RejectedDocument {
  const [namespace = '', name = ''] = key.split('/');
  const generation = of.generation ?? (known?.metadata.generation ?? 0) + 1;
  const condition = {
    reason: 'InvalidSpec',
    message,
    observedGeneration: generation,
    lastTransitionTime: (known && readyOf(known)?.lastTransitionTime) ?? timestamp(now),
  } as const;
  const status: ModelPromotionStatus = {
    // What is remembered of it, from when it was valid, outlives one mistake after the other.
    ...known?.status,
    observedGeneration: generation,
    conditions: [
      { type: 'Ready', status: 'False', ...condition },
      { type: 'Stalled', status: 'True', ...condition },
    ],
    summary: { ready: 'False', reason: 'InvalidSpec' },
    lastAttemptedRevision: revision,
  };
  return {
    apiVersion: 'modelpromotion.dev/v1alpha1',
    kind: 'ModelPromotion',
    metadata: { namespace, name, generation },
    status,
  };
}

function readyOf({ status }: RejectedDocument) {
  return status.conditions?.find(({ type }) => type === 'Ready');
}
