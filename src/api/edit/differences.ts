/** Where two values that were read from YAML differ. */
import { isFields } from '../fields.ts';
import type { Path } from '../path.ts';

/** The path of the first difference; undefined when there is none. Fields that come in another order do not differ. */
export function firstDifference(one: unknown, other: unknown, path: Path = []): Path | undefined {
  if (Object.is(one, other)) return undefined;
  const segments = segmentsOf(one, other);
  if (segments === undefined) return path;
  const [a, b] = [one, other] as readonly Readonly<Record<string | number, unknown>>[];
  for (const segment of segments) {
    const found = firstDifference(a?.[segment], b?.[segment], [...path, segment]);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What both consist of; undefined for what has no parts, or not the same ones. */
function segmentsOf(one: unknown, other: unknown): readonly (string | number)[] | undefined {
  if (Array.isArray(one) && Array.isArray(other))
    return Array.from({ length: Math.max(one.length, other.length) }, (_, index) => index);
  if (!isFields(one) || !isFields(other)) return undefined;
  return [...new Set([...Object.keys(one), ...Object.keys(other)])];
}

/** A copy of the value in which the field has this value; maps that are missing on the way are made. */
export function withField(root: unknown, path: Path, value: unknown): unknown {
  const [segment, ...rest] = path;
  if (segment === undefined) return value;
  if (Array.isArray(root))
    return root.map((item: unknown, index) => (index === segment ? withField(item, rest, value) : item));
  const fields = isFields(root) ? root : {};
  return { ...fields, [segment]: withField(fields[segment], rest, value) };
}

/** The value at the path; undefined where there is none. */
export function fieldOf(root: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, segment) =>
      isFields(value) || Array.isArray(value)
        ? (value as Readonly<Record<string | number, unknown>>)[segment]
        : undefined,
    root,
  );
}
