/** Search filters for lists of model names (MLflow's grammar: mlflow/utils/search_utils.py). */

/** Proxies often allow 8 kB of URL; the rest of it is for paths and other parameters. */
const LONGEST_FILTER = 7_000;

/**
 * Filters that together find all of these models, each short enough for one GET. What they find beside them must
 * be dropped by comparing names: a name that MLflow's quoting cannot express is asked for with LIKE.
 */
export function nameFilters(
  names: readonly string[],
  { inOperator, chunk }: { inOperator: boolean; chunk: number },
): string[] {
  const listed = inOperator ? names.filter(isListable) : [];
  const single = inOperator ? names.filter((name) => !isListable(name)) : names;
  return [
    ...chunks(listed.map(quote), chunk).map((list) => `name IN (${list.join(',')})`),
    ...single.map((name) => (isQuotable(name) ? `name = ${quote(name)}` : `name LIKE '${harmless(name)}'`)),
  ];
}

/** Beyond these, reading the whole registry takes fewer requests. */
const FEW_PATTERNS = 4;

/**
 * Filters that together find every model whose name matches one of these patterns, and more: what they find must be
 * compared again. Undefined stands for the whole registry.
 */
export function patternFilters(
  patterns: readonly string[],
  options: { inOperator: boolean; chunk: number },
): (string | undefined)[] {
  const wild = patterns.filter((pattern) => pattern.includes('*'));
  if (patterns.length === 0 || wild.length > FEW_PATTERNS || patterns.length > options.chunk)
    return [undefined];
  const names = patterns.filter((pattern) => !pattern.includes('*'));
  return [
    ...nameFilters([...new Set(names)], options),
    ...wild.map((pattern) => `name LIKE '${harmless(pattern).replaceAll('*', '%')}'`),
  ];
}

/** MLflow reads a list as Python would: there a backslash escapes, and no line may end. */
function isListable(name: string): boolean {
  // eslint-disable-next-line no-control-regex -- MLflow accepts control characters in names
  return isQuotable(name) && !/[\\\u0000-\u001f]/.test(name);
}

function isQuotable(name: string): boolean {
  return !name.includes("'") || !name.includes('"');
}

/** Of LIKE, `_` finds any one character; what it finds beside the wanted one is dropped later. */
function harmless(name: string): string {
  return name.replaceAll(/['"\\%[]/g, '_');
}

function quote(name: string): string {
  return name.includes("'") ? `"${name}"` : `'${name}'`;
}

function chunks(items: readonly string[], most: number): string[][] {
  const result: string[][] = [];
  let length = 0;
  for (const item of items) {
    const current = result.at(-1);
    const size = lengthInUrl(`${item},`);
    if (current === undefined || current.length >= most || length + size > LONGEST_FILTER) {
      result.push([item]);
      length = size;
    } else {
      current.push(item);
      length += size;
    }
  }
  return result;
}

function lengthInUrl(text: string): number {
  return new URLSearchParams([['', text]]).toString().length - 1;
}
