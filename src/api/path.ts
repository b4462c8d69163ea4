/** Paths of fields inside a document, as messages show them: `spec.stages[0].tags["a/b"]`. */
import { isFields } from './fields.ts';
import { clip } from './quote.ts';

export type Path = readonly (string | number)[];

export function formatPath(path: Path): string {
  return path.map((segment, index) => formatSegment(segment, index === 0)).join('');
}

function formatSegment(segment: string | number, first: boolean): string {
  if (typeof segment === 'number') return `[${segment}]`;
  if (/^[A-Za-z][\w-]{0,62}$/.test(segment)) return first ? segment : `.${segment}`;
  return `[${JSON.stringify(clip(segment))}]`;
}

/** The path behind a JSON pointer into `root`, with numbers for the indices of arrays. */
export function fromJsonPointer(pointer: string, root: unknown): Path {
  let value = root;
  const segments = pointer.split('/').slice(1);
  return segments.map((segment) => {
    const key = segment.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(value)) {
      value = value[Number(key)];
      return Number(key);
    }
    value = isFields(value) ? value[key] : undefined;
    return key;
  });
}

export function startsWith(path: Path, prefix: Path): boolean {
  return prefix.every((segment, index) => path[index] === segment);
}
