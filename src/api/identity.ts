/** Whose document it is: ours, somebody else's, or one that was meant to be ours. */
import type { Finding } from './finding.ts';
import { isFields, type Fields } from './fields.ts';
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
const [ourName = ''] = ourGroup.split('.');

/** Tells by apiVersion and kind what to do with a document. */
export function classify(value: unknown): Classification {
  if (Array.isArray(value)) return value.some(isMeant) ? mistaken(undefined, bareList) : { is: 'foreign' };
  if (!isFields(value)) return { is: 'foreign' };
  const { apiVersion: written, kind, items } = value;
  if (written === 'v1' && kind === 'List' && Array.isArray(items)) return { is: 'list', items };
  const heading = classifyHeading(value);
  const holdsOurs = heading.is === 'foreign' && Array.isArray(items) && items.some(isMeant);
  return holdsOurs ? mistaken(undefined, { ...bareList, path: ['items'] }) : heading;
}

function classifyHeading(value: Fields): Classification {
  const [versionKey, kindKey] = [keyLike('apiVersion', value), keyLike('kind', value)];
  const [written, kind] = [value[versionKey], value[kindKey]];
  const misspelt = [...misspelling(versionKey, 'apiVersion'), ...misspelling(kindKey, 'kind')];
  const known = kinds.find((known) => known === kind);
  if (typeof written !== 'string') {
    if (known) return mistaken(known, ...misspelt, apiVersionMissing(written));
    const bare = written === undefined && kind === undefined && isPromotionLike(value);
    return bare
      ? mistaken('ModelPromotion', apiVersionMissing(written), unknownKind(kind))
      : { is: 'foreign' };
  }
  const [group = '', version] = written.split('/', 2);
  const isOurs = group === ourGroup;
  if (!isOurs && !isNearlyOurs(group) && !(known && isNobodysGroup(known, group))) return { is: 'foreign' };
  const findings = [
    ...misspelt,
    ...(isOurs ? [] : [unknownGroup(written)]),
    ...(!isOurs || version === ourVersion ? [] : [unknownVersion(written)]),
    ...(known ? [] : [unknownKind(kind)]),
  ];
  return known && findings.length === 0 ? { is: 'ours', kind: known } : mistaken(known, ...findings);
}

/** Whether a document is ours, or was meant to be. */
function isMeant(value: unknown): boolean {
  const classification = classify(value);
  return classification.is === 'list' ? classification.items.some(isMeant) : classification.is !== 'foreign';
}

const bareList: Finding = {
  path: [],
  message:
    'a list of manifests is not read: write them as documents with a line "---" between them, or as items of a List of apiVersion v1',
};

/** The key itself, or one that differs in capitals alone. */
function keyLike(key: string, value: Fields): string {
  if (key in value) return key;
  return Object.keys(value).find((written) => written.toLowerCase() === key.toLowerCase()) ?? key;
}

function misspelling(written: string, meant: string): Finding[] {
  if (written === meant) return [];
  return [{ path: [written], at: 'key', message: `unknown field ${quote(written)}${didYouMean(meant)}` }];
}

/** A promotion without its first two lines. */
function isPromotionLike({ metadata, spec }: Fields): boolean {
  if (!isFields(metadata) || !isFields(spec) || typeof spec['model'] !== 'string') return false;
  return Array.isArray(spec['stages']) || Array.isArray(spec['aliases']);
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
  if (group.length > 2 * ourGroup.length) return false;
  return group.toLowerCase().includes(ourName) || editDistance(group.toLowerCase(), ourGroup) <= 3;
}

/** Nobody else has promotions of models; other projects have registries of models, in groups of theirs. */
function isNobodysGroup(kind: Kind, group: string): boolean {
  return kind === 'ModelPromotion' || !group.includes('.');
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
