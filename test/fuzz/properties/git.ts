/** What git prints, and what servers make it print. */
import * as fc from 'fast-check';
import { parseBatch } from '../../../src/adapters/git/blobs.ts';
import { GitExitError } from '../../../src/adapters/git/door.ts';
import { explain } from '../../../src/adapters/git/failures.ts';
import { parseTree } from '../../../src/adapters/git/tree.ts';
import { parseGitUrl } from '../../../src/adapters/git/url.ts';
import { SourceError } from '../../../src/reconcile/ports.ts';
import { ensure, fuzz, type Fuzz } from '../fuzz.ts';

const oid = fc.constantFrom('0'.repeat(40), 'a1'.repeat(20), 'f'.repeat(64));
const name = fc
  .uint8Array({ minLength: 1, maxLength: 12 })
  .map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0)));
const entry = fc.record({ mode: fc.constantFrom('100644', '100755', '120000', '160000'), oid, name });
const blob = fc.tuple(oid, fc.uint8Array({ maxLength: 60 }));

const url = parseGitUrl('https://git.test/ml/models.git');

const phrase = fc.constantFrom(
  'fatal: ',
  'error: ',
  'remote: ',
  'Authentication failed',
  'returned error: 403',
  'returned error: 302',
  'returned error: 500',
  "couldn't find remote ref",
  'Could not resolve host: ',
  'hung up',
  '\n',
  '\r',
  '\u{1b}[31m',
  '\u2028',
  '\u{202e}',
  '\0',
);
const stderr = fc
  .array(
    fc.oneof(
      phrase,
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.nat(900).map((length) => 'x'.repeat(length)),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

export const git: readonly Fuzz[] = [
  fuzz('a tree is read as it was printed', {
    weight: 2,
    short: 300,
    input: fc.array(entry, { maxLength: 8 }),
    holds: (entries) => {
      const printed = entries.flatMap(({ mode, oid, name }) => [
        Buffer.from(`${mode} blob ${oid}\t`),
        name,
        Buffer.from([0]),
      ]);
      const read = parseTree(Buffer.concat(printed));
      ensure(read.length === entries.length, 'an entry is missing');
      read.forEach(({ mode, oid, name }, index) => {
        const wanted = entries[index];
        ensure(
          mode === wanted?.mode && oid === wanted.oid && name.equals(wanted.name),
          'an entry differs',
          index,
        );
      });
    },
  }),
  fuzz('a batch of objects is read as it was printed', {
    weight: 2,
    short: 300,
    input: fc.array(blob, { maxLength: 6 }),
    holds: (blobs) => {
      const printed = blobs.flatMap(([oid, content]) => [
        Buffer.from(`${oid} blob ${content.length}\n`),
        content,
        Buffer.from('\n'),
      ]);
      const read = parseBatch(Buffer.concat(printed));
      for (const [oid, content] of new Map(blobs))
        ensure(read.get(oid)?.equals(content) === true, 'an object differs', oid);
    },
  }),
  fuzz('whatever git says, it is told in a few words', {
    weight: 3,
    short: 500,
    input: fc.record({
      stderr,
      authenticated: fc.boolean(),
      stopped: fc.constantFrom(undefined, 'deadline' as const, 'output limit' as const),
    }),
    holds: ({ stderr, authenticated, stopped }) => {
      const error = new GitExitError({ exitCode: 128, stderr, stopped });
      const told = explain(error, { url, branch: 'main', authenticated, deadlineMs: 60_000 });
      ensure(told instanceof SourceError, 'it is no SourceError');
      ensure(told.message.length <= 600, 'they are many', told.message.length);
    },
  }),
];
