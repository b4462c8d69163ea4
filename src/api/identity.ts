/** Whose document it is: ours, somebody else's, or one that was meant to be ours. */
import type { Finding } from './finding.ts';
import { isFields } from './fields.ts';
import type { ObjectIdentity } from './listing.ts';
import { quote } from './quote.ts';
import { editDistance, suggest } from './suggest.ts';
import { apiVersion, didYouMean, kinds, type Kind } from './validate.ts';

export type Classification =
  | { readonly is: 'ours'; readonly kind: Kind }
  | { readonly is: 'list'; readonly items: readonly unknown[] }
  | { readonly is: 'mistaken'; readonly kind?: Kind; readonly findings: readonly Finding[] }
  | { readonly is: 'foreign' };

const [ourGroup = '', ourVersion = ''] = apiVersion.split('/');

/** Tells by apiVersion and kind what to do with a document. */
export function classify(value: unknown): Classification {
  if (!isFields(value)) return { is: 'foreign' };
  const { apiVersion: written, kind, items } = value;
  if (written === 'v1' && kind === 'List' && Array.isArray(items)) return { is: 'list', items };
  const known = kinds.find((known) => known === kind);
  if (typeof written !== 'string')
    return known ? mistaken(known, apiVersionMissing(written)) : { is: 'foreign' };
  const [group = '', version] = written.split('/', 2);
  if (group !== ourGroup)
    return known && isNearlyOurs(group) ? mistaken(known, unknownGroup(written)) : { is: 'foreign' };
  const findings = [
    ...(version === ourVersion ? [] : [unknownVersion(written)]),
    ...(known ? [] : [unknownKind(kind)]),
  ];
  return known && findings.length === 0 ? { is: 'ours', kind: known } : mistaken(known, ...findings);
}

const objectName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const namespaceName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** The object that a document of this kind declares, where its name can be read and could be one. */
export function identify(kind: Kind, value: unknown): ObjectIdentity | undefined {
  const metadata = isFields(value) ? value['metadata'] : undefined;
  if (!isFields(metadata)) return undefined;
  const { name, namespace = 'default' } = metadata;
  if (typeof name !== 'string' || name.length > 253 || !objectName.test(name)) return undefined;
  if (typeof namespace !== 'string' || namespace.length > 63 || !namespaceName.test(namespace))
    return undefined;
  return { kind, namespace, name };
}

function mistaken(kind: Kind | undefined, ...findings: readonly Finding[]): Classification {
  return { is: 'mistaken', findings, ...(kind && { kind }) };
}

function isNearlyOurs(group: string): boolean {
  return group.length <= 2 * ourGroup.length && editDistance(group.toLowerCase(), ourGroup) <= 3;
}

function apiVersionMissing(written: unknown): Finding {
  if (written === undefined)
    return {
      path: ['apiVersion'],
      at: 'parent',
      message: `the field "apiVersion" is missing: ${apiVersion}`,
    };
  return { path: ['apiVersion'], message: `must be ${quote(apiVersion)}` };
}

function unknownGroup(written: string): Finding {
  return { path: ['apiVersion'], message: `unknown group ${quote(written)}${didYouMean(apiVersion)}` };
}

function unknownVersion(written: string): Finding {
  return { path: ['apiVersion'], message: `unknown version ${quote(written)}${didYouMean(apiVersion)}` };
}

function unknownKind(kind: unknown): Finding {
  const known = kinds.join(' or ');
  if (kind === undefined)
    return { path: ['kind'], at: 'parent', message: `the field "kind" is missing: ${known}` };
  if (typeof kind !== 'string') return { path: ['kind'], message: `must be ${known}` };
  const meant = suggest(kind, kinds);
  return {
    path: ['kind'],
    message: `unknown kind ${quote(kind)}${meant ? didYouMean(meant) : `; the kinds are ${known}`}`,
  };
}
