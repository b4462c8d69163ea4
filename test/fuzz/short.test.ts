/** The short run of what `npm run fuzz` does at length. A failure prints a seed and a path for the long one. */
import * as fc from 'fast-check';
import { it } from 'vitest';
import { everything } from './properties/index.ts';

it.each(everything)('$name', { timeout: 120_000 }, async ({ property, short }) => {
  await fc.assert(property, { numRuns: short });
});
