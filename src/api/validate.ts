/** Checks values against the schemas, fills in defaults, and says what is wrong in words for people. */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { Finding } from './finding.ts';
import { isFields } from './fields.ts';
import {
  modelPromotionSchema,
  modelPromotionStatusSchema,
  modelRegistrySchema,
} from './generated/schemas.ts';
import type { ModelPromotion, ModelPromotionStatus, ModelRegistry } from './generated/types.ts';
import { fromJsonPointer, type Path } from './path.ts';
import { patternInWords } from './patterns.ts';
import { clip, quote } from './quote.ts';
import { suggest } from './suggest.ts';

export const apiVersion = 'modelpromotion.dev/v1alpha1';

export const kinds = ['ModelPromotion', 'ModelRegistry'] as const;

export type Kind = (typeof kinds)[number];

const ajv = new Ajv({ allErrors: true, verbose: true, useDefaults: true, strict: true });

const validators: Readonly<Record<Kind, ValidateFunction<ModelPromotion | ModelRegistry>>> = {
  ModelPromotion: ajv.compile(modelPromotionSchema),
  ModelRegistry: ajv.compile(modelRegistrySchema),
};

const checkStatus = ajv.compile<ModelPromotionStatus>(modelPromotionStatusSchema);

/** Whether a value that was read back is a promotion's status. */
export function isStatus(value: unknown): value is ModelPromotionStatus {
  return checkStatus(value);
}

/** The text of the plain scalar at a path, as it was typed. */
export type SourceOf = (path: Path) => string | undefined;

export interface Validated {
  /** The value with all defaults filled in; absent when the schema finds something wrong. */
  readonly object?: ModelPromotion | ModelRegistry;
  readonly findings: readonly Finding[];
}

/** Checks the value against the schema of the kind, and fills the defaults into the value itself. */
export function validate(kind: Kind, value: unknown, sourceOf: SourceOf): Validated {
  const check = validators[kind];
  if (check(value)) return { object: value, findings: [] };
  const errors = check.errors ?? [];
  const findings = errors
    .toSorted((a, b) => Number(isUnknownField(b)) - Number(isUnknownField(a)))
    .slice(0, mostFindings)
    .map((error) => toFinding(error, fromJsonPointer(error.instancePath, value), sourceOf));
  return { findings };
}

/** More findings in one document are not worth their time. */
const mostFindings = 200;

function isUnknownField(error: ErrorObject): boolean {
  return error.keyword === 'additionalProperties';
}

function toFinding(error: ErrorObject, path: Path, sourceOf: SourceOf): Finding {
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownField(error, path);
    case 'required':
      return missingField(error, path);
    default:
      return { path, message: inWords(error, sourceOf(path)) };
  }
}

function unknownField(error: ErrorObject, path: Path): Finding {
  const field = String(error.params['additionalProperty']);
  const fields = Object.keys(error.parentSchema?.['properties'] ?? {});
  const meant = suggest(field, fields);
  return {
    path: [...path, field],
    at: 'key',
    message: writtenByOthers(path, field) ?? `unknown field ${quote(field)}${didYouMean(meant)}`,
    explains: meant === undefined ? [] : [[...path, meant]],
  };
}

export function didYouMean(meant: string | undefined): string {
  return meant === undefined ? '' : `; did you mean ${quote(meant)}?`;
}

const writtenByApiServer = new Set([
  'creationTimestamp',
  'deletionTimestamp',
  'generation',
  'managedFields',
  'resourceVersion',
  'selfLink',
  'uid',
]);

function writtenByOthers(path: Path, field: string): string | undefined {
  if (path.length === 0 && field === 'status') return 'status is written by the controller; remove it';
  if (path.length === 1 && path[0] === 'metadata' && writtenByApiServer.has(field)) {
    return `${field} is written by the API server; remove it`;
  }
  return undefined;
}

function missingField(error: ErrorObject, path: Path): Finding {
  const field = String(error.params['missingProperty']);
  return { path: [...path, field], at: 'parent', message: `the field ${quote(field)} is missing` };
}

function inWords(error: ErrorObject, source: string | undefined): string {
  const { keyword, data, params, parentSchema: schema = {} } = error;
  switch (keyword) {
    case 'type':
      return wrongType(error, source);
    case 'enum':
      return notOneOf(data, schema['enum']);
    case 'pattern':
      return isNot(nameOf(data), schema['pattern']);
    case 'minLength':
      return 'must not be empty';
    case 'maxLength':
      return `has ${Array.from(String(data)).length} characters; at most ${params['limit']} are allowed`;
    case 'minimum':
    case 'maximum':
      return outOfRange(error);
    case 'minItems':
    case 'maxItems':
    case 'minProperties':
    case 'maxProperties':
      return wrongCount(error);
    default:
      return error.message ?? keyword;
  }
}

const typesInWords: Readonly<Record<string, string>> = {
  object: 'a map of fields',
  array: 'a list',
  string: 'a string',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
};

function wrongType(error: ErrorObject, source: string | undefined): string {
  const { data, parentSchema: schema = {} } = error;
  const wanted: string = schema['type'];
  if (data === null) return `must be ${typesInWords[wanted]}, but is empty; give a value or remove the line`;
  if (wanted === 'string' && source !== undefined) return unquoted(source, schema['pattern']);
  return `must be ${typesInWords[wanted]}, not ${nameOf(data)}`;
}

/** A number or boolean stands where a string belongs: quoting helps, unless the text is wrong in quotes too. */
function unquoted(source: string, pattern: string | undefined): string {
  if (pattern !== undefined && !new RegExp(pattern, 'u').test(source)) return isNot(clip(source), pattern);
  return `must be a string; quote it: ${quote(source)}`;
}

function isNot(shown: string, pattern: string): string {
  return `${shown} is not ${patternInWords(pattern) ?? `of the form ${pattern}`}`;
}

function nameOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (isFields(value)) return 'a map of fields';
  if (typeof value === 'string') return quote(value);
  return clip(typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? ''));
}

/** The value may be of any kind: the schema says both that it is no string and that it is none of these. */
function notOneOf(value: unknown, allowed: readonly string[]): string {
  const meant = typeof value === 'string' ? suggest(value, allowed) : undefined;
  return `must be ${allowed.join(' or ')}, not ${nameOf(value)}${didYouMean(meant)}`;
}

function outOfRange({ data, parentSchema = {} }: ErrorObject): string {
  const { minimum, maximum } = parentSchema;
  const bounds = maximum === undefined ? `at least ${minimum}` : `between ${minimum} and ${maximum}`;
  return `must be ${bounds}, not ${clip(String(data))}`;
}

function wrongCount({ keyword, data, params, parentSchema = {} }: ErrorObject): string {
  const { minProperties, maxProperties, properties } = parentSchema;
  if (minProperties === 1 && maxProperties === 1)
    return `give exactly one selector: ${Object.keys(properties)
      .join(', ')
      .replace(/, ([^,]+)$/, ' or $1')}`;
  if (keyword.startsWith('min')) return 'must not be empty';
  const count = Array.isArray(data) ? data.length : Object.keys(isFields(data) ? data : {}).length;
  return `has ${count} entries; at most ${params['limit']} are allowed`;
}
