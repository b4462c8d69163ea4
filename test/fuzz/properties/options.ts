/** Whatever stands on the command line and in the environment. */
import * as fc from 'fast-check';
import { ConfigError, OPTIONS, resolveOptions, variableOf, type OptionName } from '../../../src/config.ts';
import { parseGitUrl } from '../../../src/adapters/git/url.ts';
import { SourceError } from '../../../src/reconcile/ports.ts';
import { ensure, ensurePrintable, fuzz, type Fuzz } from '../fuzz.ts';

const names = Object.keys(OPTIONS) as OptionName[];
const text = fc.oneof(
  fc.constantFrom(
    '',
    'true',
    'no',
    '5m',
    '1h30m',
    '-1',
    '8',
    '1e3',
    'git',
    'json',
    '0x10',
    '٣',
    '9'.repeat(400),
    '1h'.repeat(5_000),
    'http://u:p@h',
    '\u{1b}[2J',
  ),
  fc.string({ unit: 'binary', maxLength: 20 }),
);
const flags = fc.dictionary(fc.constantFrom(...names), fc.oneof(text, fc.boolean()), {
  noNullPrototype: true,
});
const variables = fc.dictionary(fc.constantFrom(...names.map(variableOf), 'MLFLOW_TRACKING_URI'), text, {
  noNullPrototype: true,
});

export const options: readonly Fuzz[] = [
  fuzz('options are values of their type, or a list of mistakes', {
    weight: 3,
    short: 500,
    input: fc.tuple(flags, variables),
    holds: ([flags, variables]) => {
      try {
        const values = Object.values(resolveOptions(names, flags, variables));
        ensure(
          values.every((value) => typeof value !== 'number' || Number.isSafeInteger(value)),
          'a number is none',
          values,
        );
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        ensure(
          error.mistakes.length > 0 && error.mistakes.length <= names.length,
          'the mistakes are not counted',
        );
        for (const mistake of error.mistakes) ensurePrintable(mistake, 12_000);
      }
    },
  }),
  fuzz('an address of a repository is accepted or refused in words', {
    weight: 2,
    short: 300,
    input: fc.oneof(
      text,
      fc.webUrl(),
      fc
        .tuple(
          fc.constantFrom('https://', 'http://', 'ssh://', 'file://', 'ext::'),
          fc.string({ unit: 'binary', maxLength: 20 }),
        )
        .map((parts) => parts.join('')),
    ),
    holds: (address) => {
      try {
        ensurePrintable(parseGitUrl(address, { allowFile: true }).href, 10_000);
      } catch (error) {
        if (!(error instanceof SourceError)) throw error;
        ensurePrintable(error.message, 500);
      }
    },
  }),
];
