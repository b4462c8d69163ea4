/** What one fuzz target is: inputs without an end, and what must hold for each of them. */
import * as fc from 'fast-check';

export interface Fuzz {
  readonly name: string;
  /** How many of the inputs of a long run are for this one, relative to the others. */
  readonly weight: number;
  /** How many inputs the short run tries. */
  readonly short: number;
  readonly property: fc.IAsyncProperty<unknown> | fc.IProperty<unknown>;
}

export interface FuzzSpec<T> extends Omit<Fuzz, 'property' | 'name'> {
  readonly input: fc.Arbitrary<T>;
  /** Throws when something does not hold. */
  readonly holds: (input: T) => void | Promise<void>;
}

export function fuzz<T>(name: string, { input, holds, ...rest }: FuzzSpec<T>): Fuzz {
  const property = fc.asyncProperty(input, async (one) => holds(one));
  return { name, ...rest, property };
}

/** Throws unless the condition holds; the detail is shown. */
export function ensure(condition: boolean, message: string, detail?: unknown): asserts condition {
  if (!condition) throw new Error(detail === undefined ? message : `${message}: ${JSON.stringify(detail)}`);
}

/** What a terminal obeys, and what makes text look like another one. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u{202a}-\u{202e}\u{2066}-\u{2069}]/u;

export function ensurePrintable(text: string, longest: number): void {
  ensure(text.length > 0, 'a text is empty');
  ensure(text.length <= longest, `a text has ${text.length} characters`, text.slice(0, 200));
  ensure(!UNPRINTABLE.test(text), 'a text holds what cannot be printed', text);
}
