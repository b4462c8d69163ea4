/** What the API server's refusals mean to whoever runs the controller. */
import { isFields } from '../../api/fields.ts';
import { clip } from '../../api/quote.ts';
import { KubeError, type KubeRequest } from './api.ts';

const LONGEST = 500;

const VERBS = { GET: 'get', POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' } as const;

/** What a path names, as a person would say it. */
export interface Asked {
  readonly group: string;
  /** With its subresource: `modelpromotions/status`. */
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

export function askedFor(path: string): Asked {
  const parts = path.split('/').filter((part) => part !== '');
  const rest = parts[0] === 'api' ? parts.slice(2) : parts.slice(3);
  const group = parts[0] === 'api' ? '' : (parts[1] ?? '');
  const namespaced = rest[0] === 'namespaces' && rest.length > 2;
  const [resource = '', name, sub] = namespaced ? rest.slice(2) : rest;
  return {
    group,
    resource: sub === undefined ? resource : `${resource}/${sub}`,
    namespace: namespaced ? decodeURIComponent(rest[1] ?? '') : undefined,
    name: name === undefined ? undefined : decodeURIComponent(name),
  };
}

/** `list modelpromotions.modelpromotion.dev in namespace ml` */
export function describeRequest({
  method,
  path,
  query,
}: Pick<KubeRequest, 'method' | 'path' | 'query'>): string {
  const { group, resource, namespace, name } = askedFor(path);
  const reading = query?.['watch'] === undefined ? 'list' : 'watch';
  const verb = method === 'GET' && name === undefined ? reading : VERBS[method];
  const of = name === undefined ? '' : ` ${name}`;
  return `${verb} ${resource}${group === '' ? '' : `.${group}`}${of}${namespace === undefined ? '' : ` in namespace ${namespace}`}`;
}

/** @param body the answer's, which is a Status object unless something else answered */
export function refusal(
  request: Pick<KubeRequest, 'method' | 'path' | 'query'>,
  answer: { readonly status: number; readonly body: unknown; readonly retryAfterMs?: number | undefined },
): KubeError {
  const { status, body, retryAfterMs } = answer;
  const told = isFields(body) ? body : {};
  const reason = typeof told['reason'] === 'string' ? told['reason'] : undefined;
  const said = typeof told['message'] === 'string' ? clip(told['message'], LONGEST) : `it answered ${status}`;
  const advice = adviceFor(status, request, said);
  return new KubeError(`cannot ${describeRequest(request)}: ${said}${advice}`, {
    status,
    reason,
    retryAfterMs,
  });
}

function adviceFor(status: number, { path }: Pick<KubeRequest, 'path'>, said: string): string {
  const { group, name } = askedFor(path);
  if (status === 401) return '; our credentials are not accepted any more';
  if (status === 403) return '; grant it to our service account: manifests/ holds the roles we need';
  if (group === 'modelpromotion.dev' && said.includes('field not declared in schema'))
    return '; the CRDs are older than this operator: kubectl apply --server-side -f crds/ of this release';
  const noKind =
    status === 404 && (name === undefined || said.includes('could not find the requested resource'));
  if (noKind && group === 'modelpromotion.dev')
    return '; the CRDs are not installed: kubectl apply -k manifests/overlays/cluster-wide, or kubectl apply -f crds/';
  return '';
}
