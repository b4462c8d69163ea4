/** What is said of an API server's refusals. */
import { describe, expect, it } from 'vitest';
import { askedFor, describeRequest, refusal } from '../../../src/adapters/kube/explain.ts';

const OURS = '/apis/modelpromotion.dev/v1alpha1';

describe('A request', () => {
  it.each([
    [
      `${OURS}/modelpromotions`,
      { group: 'modelpromotion.dev', resource: 'modelpromotions', namespace: undefined, name: undefined },
    ],
    [
      `${OURS}/namespaces/ml/modelpromotions/churn/status`,
      { group: 'modelpromotion.dev', resource: 'modelpromotions/status', namespace: 'ml', name: 'churn' },
    ],
    ['/api/v1/namespaces', { group: '', resource: 'namespaces', namespace: undefined, name: undefined }],
    [
      '/api/v1/namespaces/ml/secrets/login',
      { group: '', resource: 'secrets', namespace: 'ml', name: 'login' },
    ],
  ])('to %s is understood', (path, expected) => {
    expect(askedFor(path)).toEqual(expected);
  });

  it.each([
    [{ method: 'GET', path: `${OURS}/modelpromotions` }, 'list modelpromotions.modelpromotion.dev'],
    [
      { method: 'GET', path: `${OURS}/modelpromotions`, query: { watch: true } },
      'watch modelpromotions.modelpromotion.dev',
    ],
    [{ method: 'GET', path: '/api/v1/namespaces/ml/secrets/login' }, 'get secrets login in namespace ml'],
    [
      { method: 'PATCH', path: `${OURS}/namespaces/ml/modelpromotions/churn/status` },
      'patch modelpromotions/status.modelpromotion.dev churn in namespace ml',
    ],
  ] as const)('is put into words: %j', (request, words) => {
    expect(describeRequest(request)).toBe(words);
  });
});

describe('A refusal', () => {
  const status = (reason: string, message: string) => ({ kind: 'Status', reason, message });

  it.each([
    [
      'a missing permission',
      `${OURS}/modelpromotions`,
      403,
      status('Forbidden', 'modelpromotions is forbidden'),
      /cannot list modelpromotions.*forbidden; grant it to our service account/,
    ],
    [
      'missing CRDs',
      `${OURS}/modelpromotions`,
      404,
      'page not found',
      /the CRDs are not installed: kubectl apply -k manifests/,
    ],
    [
      'an object that is gone',
      `${OURS}/namespaces/ml/modelpromotions/churn`,
      404,
      status('NotFound', 'modelpromotions "churn" not found'),
      /"churn" not found$/,
    ],
    [
      'credentials that ran out',
      `${OURS}/modelpromotions`,
      401,
      status('Unauthorized', 'Unauthorized'),
      /our credentials are not accepted any more$/,
    ],
    ['a web page of a gateway', `${OURS}/modelpromotions`, 503, undefined, /it answered 503$/],
  ])('by %s says what to do', (_what, path, code, body, message) => {
    const error = refusal({ method: 'GET', path }, { status: code, body });
    expect(error.message).toMatch(message);
    expect(error.status).toBe(code);
  });

  it('with a long message is cut short', () => {
    const { message } = refusal(
      { method: 'GET', path: OURS },
      { status: 400, body: status('BadRequest', 'x'.repeat(10_000)) },
    );
    expect(message.length).toBeLessThan(700);
  });
});
