/** Which versions a filter lets through, as MLflow itself would say. */
import type { Condition, Filter } from '../api/filter.ts';
import { readyVersions, type Model, type Version } from './observed.ts';

/** The READY versions that pass, highest number first. */
export function passing(filter: Filter, model: Model): Version[] {
  return readyVersions(model).filter((version) => passes(filter, version, model.name));
}

/** @param model name of the registered model */
export function passes(filter: Filter, version: Version, model: string): boolean {
  return filter.every((condition) => holds(condition, version, model));
}

/** What is not there is neither equal nor unequal to anything: a version without the tag never passes. */
function holds({ of, comparison, values }: Condition, version: Version, model: string): boolean {
  const actual = 'tag' in of ? version.tags.get(of.tag) : attributeOf(of.attribute, version, model);
  const [value = ''] = values;
  if (actual === undefined) return false;
  switch (comparison) {
    case '=':
      return isEqual(actual, value);
    case '!=':
      return !isEqual(actual, value);
    case 'LIKE':
    case 'ILIKE':
      return isLike(actual, value, comparison === 'ILIKE');
    case 'IN':
      return values.includes(String(actual));
    case 'NOT IN':
      return !values.includes(String(actual));
    case '<':
      return Number(actual) < Number(value);
    case '<=':
      return Number(actual) <= Number(value);
    case '>':
      return Number(actual) > Number(value);
    case '>=':
      return Number(actual) >= Number(value);
    default:
      return comparison satisfies never;
  }
}

function attributeOf(
  attribute: Extract<Condition['of'], { attribute: unknown }>['attribute'],
  { version, runId, source }: Version,
  model: string,
): string | number {
  switch (attribute) {
    case 'name':
      return model;
    case 'run_id':
      return runId;
    case 'source_path':
      return source;
    case 'version_number':
      return Number(version);
    default:
      return attribute satisfies never;
  }
}

function isEqual(actual: string | number, value: string): boolean {
  return typeof actual === 'number' ? actual === Number(value) : actual === value;
}

/** SQL's LIKE: `%` for any characters, `_` for one. Linear in what it reads, like all that strangers may write. */
function isLike(actual: string | number, pattern: string, ignoreCase: boolean): boolean {
  const [text, like] = [String(actual), pattern].map((one) =>
    Array.from(ignoreCase ? one.toLowerCase() : one),
  );
  return text !== undefined && like !== undefined && matchesLike(text, like);
}

/** Goes back to the last `%` only, which is enough: what stands before it has matched already. */
function matchesLike(text: readonly string[], like: readonly string[]): boolean {
  let [at, part] = [0, 0];
  let [star, from] = [-1, 0];
  while (at < text.length) {
    if (part < like.length && like[part] !== '%' && (like[part] === '_' || like[part] === text[at])) {
      at += 1;
      part += 1;
    } else if (like[part] === '%') {
      star = part;
      from = at;
      part += 1;
    } else if (star >= 0) {
      from += 1;
      at = from;
      part = star + 1;
    } else return false;
  }
  return like.slice(part).every((rest) => rest === '%');
}
