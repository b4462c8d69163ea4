/** The status of a ModelRegistry, from what its adapter knows. */
import type { Condition, ModelRegistryStatus } from '../../api/generated/types.ts';
import { timestamp } from '../../api/timestamp.ts';
import type { Listed } from '../../adapters/mlflow/directory.ts';

export interface RegistryDocument {
  readonly name: string;
  readonly uri: string;
  readonly status: ModelRegistryStatus;
}

export function registryDocument(listed: Listed, promotions: number, now: number): RegistryDocument {
  const { capabilities, counts, lastSweep, lastFull } = listed.registry.health;
  const status: ModelRegistryStatus = {
    observedGeneration: listed.entry?.generation ?? 1,
    conditions: [readyCondition(listed, now)],
    ...(capabilities === undefined
      ? {}
      : {
          serverVersion: capabilities.version,
          supports: ['Stages', 'Aliases', ...(capabilities.workspaces ? (['Workspaces'] as const) : [])],
        }),
    counts: { ...counts, promotions },
    ...(lastSweep === undefined
      ? {}
      : {
          lastSweep: {
            time: timestamp(lastSweep.time),
            duration: `${Math.round(lastSweep.duration)}ms`,
            requests: lastSweep.requests,
            kind: lastSweep.kind,
            ...(lastFull === undefined ? {} : { lastFull: timestamp(lastFull) }),
          },
        }),
  };
  return { name: listed.key, uri: listed.uri, status };
}

function readyCondition({ registry }: Listed, now: number): Condition {
  const { failure, capabilities, connections, since = now } = registry.health;
  const state = ((): Pick<Condition, 'status' | 'reason' | 'message'> => {
    if (failure !== undefined) return { status: 'False', reason: failure.reason, message: failure.message };
    if (capabilities === undefined)
      return { status: 'Unknown', reason: 'Progressing', message: 'not looked at yet' };
    return {
      status: 'True',
      reason: 'Reachable',
      message: `MLflow ${capabilities.version}, connections are ${connections === 'fresh' ? 'made anew for each call' : 'kept'}`,
    };
  })();
  return {
    type: 'Ready',
    ...state,
    lastTransitionTime: timestamp(since),
  };
}
