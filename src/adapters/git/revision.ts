/** Files at a revision of a repository that somebody works in. Nothing of it is changed. */
import { SourceError } from '../../reconcile/ports.ts';
import { blobSizes, readBlobs } from './blobs.ts';
import { GitExitError, localGit } from './door.ts';
import { listTree, type TreeEntry } from './tree.ts';
import { repositoryPath } from './url.ts';

export interface Revision {
  readonly sha: string;
  /** Below the path that was asked for, or the file itself. */
  readonly entries: readonly TreeEntry[];
  readonly sizes: (oids: readonly string[]) => Promise<ReadonlyMap<string, number | undefined>>;
  readonly contents: (oids: readonly string[], totalBytes: number) => Promise<ReadonlyMap<string, Buffer>>;
}

/**
 * @param folder any folder of the repository
 * @param revision as git knows them, such as `HEAD~1` or `v1.2`
 * @param path from the root of the repository; empty for all of it
 * @throws SourceError (Refused)
 */
export async function openRevision(
  folder: string,
  revision: string,
  path: string,
  signal: AbortSignal,
): Promise<Revision> {
  const within = repositoryPath(path);
  const ask = (...argv: readonly string[]) => localGit(argv, { directory: folder, signal });
  const gitDir = await ask('rev-parse', '--absolute-git-dir').catch(
    refusing(`${folder} is in no git repository`),
  );
  // What names the revision is no option, whatever it begins with.
  const sha = await ask('rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`).catch(
    refusing(`git knows no revision ${JSON.stringify(revision)}`),
  );
  return {
    sha,
    entries: await listTree(gitDir, sha, within, signal),
    sizes: (oids) => blobSizes(gitDir, oids, signal),
    contents: (oids, totalBytes) => readBlobs(gitDir, oids, totalBytes, signal),
  };
}

function refusing(message: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof GitExitError)) throw error;
    throw new SourceError('Refused', message, { cause: error });
  };
}
