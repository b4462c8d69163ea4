/** An object as an API server gives it: defaulted and validated, or what is wrong with it. It may be older than our rules. */
import type { Finding } from './finding.ts';
import { isFields, type Fields } from './fields.ts';
import type { ModelPromotion, ModelRegistry } from './generated/types.ts';
import { NOWHERE, type ObjectIdentity, type Problem } from './listing.ts';
import { formatPath } from './path.ts';
import { checkRules } from './rules.ts';
import { apiVersion, isStatus, validate, type Kind } from './validate.ts';

/** What every object of an API server has. */
export interface ServedObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly generation: number;
    readonly creationTimestamp: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: unknown;
  readonly status?: unknown;
}

export type Reading<T> =
  | { readonly kind: 'valid'; readonly object: T }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] };

/** Leaves what it is given as it is. The status is taken over where it is one of ours. */
export function readObject(kind: 'ModelPromotion', served: ServedObject): Reading<ModelPromotion>;
export function readObject(kind: 'ModelRegistry', served: ServedObject): Reading<ModelRegistry>;
export function readObject(kind: Kind, served: ServedObject): Reading<ModelPromotion | ModelRegistry> {
  const { name, namespace, labels, annotations, ...stamped } = served.metadata;
  const metadata = { name, namespace, ...(labels && { labels }), ...(annotations && { annotations }) };
  const manifest: Fields = { apiVersion, kind, metadata, spec: structuredClone(served.spec) };
  const { findings, object } = validate(kind, manifest, () => undefined);
  const all = [...findings, ...checkRules(kind, manifest)];
  if (object === undefined || all.length > 0) {
    const identity = { kind, namespace, name, uid: stamped.uid, generation: stamped.generation };
    return { kind: 'invalid', problems: all.map((finding) => toProblem(finding, identity)) };
  }
  const { uid, generation, creationTimestamp } = stamped;
  return {
    kind: 'valid',
    object: {
      ...object,
      metadata: { ...object.metadata, uid, generation, creationTimestamp },
      ...(kind === 'ModelPromotion' && isOurs(served.status) && { status: served.status }),
    } as ModelPromotion | ModelRegistry,
  };
}

/** The API server's default is no status that we wrote. */
function isOurs(status: unknown): boolean {
  return isFields(status) && status['observedGeneration'] !== -1 && isStatus(status);
}

function toProblem({ path, message }: Finding, object: ObjectIdentity): Problem {
  return { ...NOWHERE, path: formatPath(path), message, object };
}
