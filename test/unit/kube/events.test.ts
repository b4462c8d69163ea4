/** What a server can hardly be made to show: an answer that was lost. */
import { expect, it } from 'vitest';
import { type KubeApi, KubeError } from '../../../src/adapters/kube/api.ts';
import { EventRecorder } from '../../../src/adapters/kube/events.ts';

it('An event that had arrived although its answer was lost is not said to be refused', async () => {
  const asked: string[] = [];
  const lines: object[] = [];
  const api: Pick<KubeApi, 'request'> = {
    request: ({ method }) => {
      asked.push(method);
      return Promise.reject(new KubeError('it is there', { status: 409, reason: 'AlreadyExists' }));
    },
  };
  const logger = { warn: (fields: object) => void lines.push(fields) };
  const events = new EventRecorder({ api: api as KubeApi, instance: 'pod', logger });
  const regarding = {
    apiVersion: 'modelpromotion.dev/v1alpha1',
    kind: 'ModelPromotion',
    namespace: 'ml',
    name: 'churn',
    uid: 'a',
    resourceVersion: '1',
  };
  events.tell(regarding, { type: 'Normal', reason: 'Promoted', action: 'Reconcile', note: 'moved' });
  await events.flush(AbortSignal.timeout(5_000));
  expect(asked).toEqual(['POST']);
  expect(lines).toEqual([]);
});
