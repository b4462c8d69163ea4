/** Manifests at one revision of a local git repository. */
import { openRevision } from '../adapters/git/revision.ts';
import { combine } from '../api/documents.ts';
import type { Listing } from '../api/listing.ts';
import { TOO_LARGE } from '../api/manifest-files.ts';
import { limits } from '../api/yaml.ts';
import { isReadable } from './git.ts';
import { checkCount, checkTotal, missing, parseFiles, unreadable } from './parse.ts';

/** @throws SourceError (Refused) for a revision or a repository that is not there */
export async function readRevision(
  folder: string,
  revision: string,
  path: string,
  signal: AbortSignal,
): Promise<Listing> {
  const { sha, entries, sizes, contents } = await openRevision(folder, revision, path, signal);
  if (entries.length === 0 && path !== '')
    return combine([missing(path, `there is no such path at ${revision}`)], sha);
  const files = entries.filter(isReadable).map(({ name, oid }) => ({ name: name.toString(), oid }));
  checkCount(files.length);
  const found = await sizes([...new Set(files.map(({ oid }) => oid))]);
  const sizeOf = (oid: string): number => found.get(oid) ?? Infinity;
  const small = files.filter(({ oid }) => sizeOf(oid) <= limits.bytes);
  const total = small.reduce((sum, { oid }) => sum + sizeOf(oid), 0);
  checkTotal(total);
  const texts = await contents([...new Set(small.map(({ oid }) => oid))], total);
  const parsed = await parseFiles(
    small.map(({ name, oid }) => ({ name, bytes: texts.get(oid) ?? new Uint8Array() })),
    signal,
  );
  const tooLarge = files.filter(({ oid }) => sizeOf(oid) > limits.bytes);
  return combine(
    [...parsed.map(([, result]) => result), ...tooLarge.map(({ name }) => unreadable(name, TOO_LARGE))],
    sha,
  );
}
