/** Names for objects that are made from models: DNS labels, no two alike, and the same for the same set of models. */
import { fingerprint } from './fingerprint.ts';

/** Of a DNS label. */
const LONGEST = 63;
/** Digits of the fingerprint that tells apart what would otherwise have one name. */
const DIGITS = 8;

/** A model, or one of the parts that its promotion is split into; the first is 1. */
export interface Named {
  readonly model: string;
  readonly part: number;
}

/**
 * A name for each, in their order. Of several that come to one label, the one that is that label keeps it, and the
 * others get a fingerprint of theirs.
 */
export function objectNames(all: readonly Named[]): string[] {
  const wishes = all.map((named) => ({ named, label: labelOf(named) }));
  const sharers = Map.groupBy(wishes, ({ label }) => label);
  const keepsIt = ({ named: { model, part }, label }: Wish): boolean =>
    sharers.get(label)?.length === 1 || (model === label && part === 1);
  const taken = new Set(wishes.filter(keepsIt).map(({ label }) => label));
  return wishes.map((wish) => {
    const { named, label } = wish;
    if (keepsIt(wish)) return label;
    const name = free(label, fingerprint(`${named.model} ${named.part}`), taken);
    taken.add(name);
    return name;
  });
}

interface Wish {
  readonly named: Named;
  readonly label: string;
}

/** As few digits as tell it from all that are taken. */
function free(label: string, print: string, taken: ReadonlySet<string>): string {
  for (let digits = DIGITS; digits < print.length; digits += 1) {
    const name = suffixed(label, print.slice(0, digits));
    if (!taken.has(name)) return name;
  }
  for (let count = 1; ; count += 1) {
    const name = suffixed(label, `${print}-${count}`);
    if (!taken.has(name)) return name;
  }
}

function labelOf({ model, part }: Named): string {
  return part === 1 ? toLabel(model) : suffixed(toLabel(model), String(part));
}

/** `Customer_Churn (é)` becomes `customer-churn-e`. */
function toLabel(model: string): string {
  const plain = model.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase();
  const label = plain
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^-/, '')
    .slice(0, LONGEST)
    .replace(/-$/, '');
  return label === '' ? 'model' : label;
}

function suffixed(label: string, suffix: string): string {
  const start = label.slice(0, LONGEST - suffix.length - 1).replace(/-$/, '');
  return `${start}-${suffix}`;
}
