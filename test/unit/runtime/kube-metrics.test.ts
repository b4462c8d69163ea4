/** What dashboards made for controller-runtime and Flux find. */
import { describe, expect, it } from 'vitest';
import { KubeMetrics } from '../../../src/runtime/kube-metrics.ts';
import { Metrics } from '../../../src/runtime/metrics.ts';

function opened() {
  const metrics = new Metrics();
  const state = { depth: 0, isLeader: false };
  const kube = new KubeMetrics({
    metrics,
    lease: 'modelpromotion-default',
    depth: () => state.depth,
    isLeader: () => state.isLeader,
  });
  const lines = async () => (await metrics.render()).split('\n');
  return { kube, state, lines };
}

const churn = { kind: 'ModelPromotion', name: 'churn', namespace: 'ml' };

describe('The metrics of the operator', () => {
  it('are there with 0 before anything happened, where their labels are known', async () => {
    const { lines } = opened();
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'controller_runtime_reconcile_total{controller="modelpromotion",result="success"} 0',
        'controller_runtime_reconcile_total{controller="modelpromotion",result="requeue_after"} 0',
        'controller_runtime_reconcile_total{controller="modelpromotion",result="error"} 0',
        'controller_runtime_reconcile_errors_total{controller="modelpromotion"} 0',
        'controller_runtime_reconcile_time_seconds_count{controller="modelpromotion"} 0',
        'workqueue_adds_total{name="modelpromotion"} 0',
        'workqueue_retries_total{name="modelpromotion"} 0',
        'workqueue_depth{name="modelpromotion"} 0',
        'leader_election_master_status{name="modelpromotion-default"} 0',
      ]),
    );
  });

  it('count reconciliations, by their result and by their object', async () => {
    const { kube, lines } = opened();
    kube.reconciled(churn, 'success', 0.5);
    kube.reconciled(churn, 'error', 1.5);
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'controller_runtime_reconcile_total{controller="modelpromotion",result="success"} 1',
        'controller_runtime_reconcile_total{controller="modelpromotion",result="error"} 1',
        'controller_runtime_reconcile_errors_total{controller="modelpromotion"} 1',
        'controller_runtime_reconcile_time_seconds_sum{controller="modelpromotion"} 2',
        'gotk_reconcile_duration_seconds_count{kind="ModelPromotion",name="churn",namespace="ml"} 2',
        'gotk_reconcile_duration_seconds_bucket{le="1800",kind="ModelPromotion",name="churn",namespace="ml"} 2',
        'workqueue_work_duration_seconds_sum{name="modelpromotion"} 2',
      ]),
    );
  });

  it('forget an object that is gone', async () => {
    const { kube, lines } = opened();
    kube.reconciled(churn, 'success', 0.5);
    kube.forget(churn);
    expect((await lines()).filter((line) => line.includes('churn'))).toEqual([]);
  });

  it('tell of the queue, of leading and of requests', async () => {
    const { kube, state, lines } = opened();
    Object.assign(state, { depth: 3, isLeader: true });
    kube.added();
    kube.retried();
    kube.taken(0.25);
    kube.requested('10.0.0.1:443', 'GET', '200');
    kube.requested('10.0.0.1:443', 'PATCH', 'error');
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'workqueue_depth{name="modelpromotion"} 3',
        'workqueue_adds_total{name="modelpromotion"} 1',
        'workqueue_retries_total{name="modelpromotion"} 1',
        'workqueue_queue_duration_seconds_sum{name="modelpromotion"} 0.25',
        'leader_election_master_status{name="modelpromotion-default"} 1',
        'rest_client_requests_total{code="200",method="GET",host="10.0.0.1:443"} 1',
        'rest_client_requests_total{code="<error>",method="PATCH",host="10.0.0.1:443"} 1',
      ]),
    );
  });

  it('have series for some objects alone where there are very many', async () => {
    const { kube, lines } = opened();
    for (let index = 0; index < 700; index += 1)
      kube.reconciled({ ...churn, name: `model-${index}` }, 'success', 0.1);
    const series = async (): Promise<number> =>
      (await lines()).filter((line) => line.startsWith('gotk_reconcile_duration_seconds_count')).length;
    expect(await series()).toBe(500);
    kube.forget({ ...churn, name: 'model-0' });
    kube.reconciled({ ...churn, name: 'model-699' }, 'success', 0.1);
    expect(await series()).toBe(500);
  });
});
