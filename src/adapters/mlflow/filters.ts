/** Search filters for lists of model names (MLflow's grammar: mlflow/utils/search_utils.py). */

/** Proxies often allow 8 kB of URL; about 200 short names fit below this. */
const LONGEST_FILTER = 6_000;

/**
 * Filters that together find all of these models, each short enough for one GET. What they find beside them must
 * be dropped by comparing names: a name that MLflow's quoting cannot express is asked for with LIKE.
 */
export function nameFilters(
  names: readonly string[],
  { inOperator, chunk }: { inOperator: boolean; chunk: number },
): string[] {
  const plain = names.filter((name) => !isOdd(name));
  const odd = names.filter(isOdd).map((name) => `name LIKE '${name.replaceAll(UNQUOTABLE, '_')}'`);
  const exact = inOperator
    ? chunks(plain.map(quote), chunk).map((list) => `name IN (${list.join(',')})`)
    : plain.map((name) => `name = ${quote(name)}`);
  return [...exact, ...odd];
}

// eslint-disable-next-line no-control-regex -- MLflow accepts tabs and the like in names
const UNQUOTABLE = /['"\\\u0000-\u001f]/g;

function isOdd(name: string): boolean {
  // eslint-disable-next-line no-control-regex -- as above
  return /[\\\u0000-\u001f]/.test(name) || (name.includes("'") && name.includes('"'));
}

function quote(name: string): string {
  return name.includes("'") ? `"${name}"` : `'${name}'`;
}

function chunks(items: readonly string[], most: number): string[][] {
  const result: string[][] = [];
  let length = Infinity;
  for (const item of items) {
    const current = result.at(-1);
    const size = encodeURIComponent(item).length + 3;
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
