/** Folders of any shape, and folders that change while they are read. */
import { execFileSync } from 'node:child_process';
import { constants, mkdir, mkdtemp, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { SourceError } from '../../../src/reconcile/ports.ts';
import { FolderSource, readPaths } from '../../../src/sources/folder.ts';
import { bytes } from '../arbitraries/texts.ts';
import { ensure, ensurePrintable, fuzz, type Fuzz } from '../fuzz.ts';

const never = new AbortController().signal;

const WRITE = constants.O_WRONLY | constants.O_CREAT | constants.O_NONBLOCK;

const part = fc.constantFrom(
  'a',
  'b',
  '..data',
  '.git',
  'c.yaml',
  'd.yml',
  'e.json',
  'f.txt',
  'é',
  'a b',
  '-',
  '\u{202e}x.yaml',
  'back\\slash.yaml',
  'line\nend.yaml',
  '__proto__',
  'x'.repeat(200),
);
const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
const manifestPath = fc.tuple(path, fc.constantFrom('m.yaml', 'n.json')).map((parts) => parts.join('/'));

/** Links that may lead out of the folder have names of their own: nothing is ever written through them. */
const outward = fc.constantFrom('out', 'out.yaml');

type Change =
  | { readonly kind: 'write' | 'append'; readonly path: string; readonly bytes: Uint8Array }
  | { readonly kind: 'link'; readonly path: string; readonly to: string }
  | { readonly kind: 'move'; readonly path: string; readonly to: string }
  | { readonly kind: 'remove' | 'truncate' | 'folder' | 'pipe'; readonly path: string };

const anyPath = fc.oneof(path, manifestPath);
const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('write' as const, 'append' as const),
      path: anyPath,
      bytes,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('link' as const),
      path: anyPath,
      to: anyPath,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('link' as const),
      path: fc.tuple(path, outward).map((parts) => parts.join('/')),
      to: fc.constantFrom('.', '..', '../..', '/', '/dev/zero', '/proc/self/mem', '/nonexistent'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('move' as const), path: anyPath, to: anyPath }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('remove' as const, 'truncate' as const, 'folder' as const),
      path: anyPath,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pipe' as const), path: manifestPath }) },
);

export const folders: readonly Fuzz[] = [
  fuzz('a folder is read, whatever is in it and whatever becomes of it meanwhile', {
    weight: 1,
    short: 40,
    input: fc.record({
      before: fc.array(change, { maxLength: 8 }),
      meanwhile: fc.array(change, { maxLength: 6 }),
    }),
    holds: async ({ before, meanwhile }) => {
      const root = await mkdtemp(join(tmpdir(), 'modelpromotion-fuzz-'));
      try {
        for (const one of before) await make(root, one);
        const source = new FolderSource(root);
        await Promise.all([poll(source), changeAll(root, meanwhile)]);
        await poll(source);
        const fresh = await new FolderSource(root).poll(never);
        ensure(
          isDeepStrictEqual(await listed(source, root), fresh),
          'what is remembered differs from what is there',
        );
        const { problems } = await readPaths([root, join(root, 'none')], nothing(), never);
        for (const { file, message } of problems)
          ensurePrintable(`${file.slice(root.length)} ${message}`, 5_000);
      } finally {
        await rm(root, { recursive: true, force: true });
      }
    },
  }),
];

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function poll(source: FolderSource): Promise<unknown> {
  try {
    return await source.poll(never);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    ensurePrintable(error.message, 1_000);
    return undefined;
  }
}

/** The listing of a source that has seen other states before: a last file tells it to look. */
async function listed(source: FolderSource, root: string): Promise<unknown> {
  const added = join(root, 'zz-last.yaml');
  await writeFile(added, 'a: 1');
  await poll(source);
  await rm(added);
  return poll(source);
}

async function changeAll(root: string, changes: readonly Change[]): Promise<void> {
  for (const one of changes) await make(root, one);
}

/** What the file system refuses does not happen. */
async function make(root: string, change: Change): Promise<void> {
  const place = join(root, change.path);
  try {
    await mkdir(change.kind === 'folder' ? place : dirname(place), { recursive: true });
    switch (change.kind) {
      // Without waiting for a reader where the place is a pipe.
      case 'write':
        return await writeFile(place, change.bytes, { flag: WRITE | constants.O_TRUNC });
      case 'append':
        return await writeFile(place, change.bytes, { flag: WRITE | constants.O_APPEND });
      case 'truncate':
        return await truncate(place, 10);
      case 'link':
        return await symlink(
          change.to.startsWith('/') || change.to.startsWith('.') ? change.to : join(root, change.to),
          place,
        );
      case 'move':
        return await rename(place, join(root, change.to));
      case 'remove':
        return await rm(place, { recursive: true });
      case 'pipe':
        execFileSync('/usr/bin/mkfifo', ['--', place], { stdio: 'ignore' });
        return;
      case 'folder':
        return;
      default:
        change satisfies never;
    }
  } catch (error) {
    if (!(error instanceof Error && ('code' in error || 'status' in error))) throw error;
  }
}
