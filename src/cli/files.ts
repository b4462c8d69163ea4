/** Files that a command makes: each is written whole or not at all. */
import { randomUUID } from 'node:crypto';
import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export interface FilesWritten {
  readonly written: readonly string[];
  /** Paths of files that said the same already. */
  readonly unchanged: readonly string[];
}

/** Files that are there and say something else: nothing was written. */
export class FilesInTheWay extends Error {
  readonly paths: readonly string[];

  constructor(paths: readonly string[]) {
    super(`${paths.length} files are there already`);
    this.paths = paths;
  }
}

/**
 * Writes files into a folder, which is made where it is missing.
 * @param files text by name
 * @throws FilesInTheWay unless `force`; Error that says how far it came
 */
export async function writeFiles(
  folder: string,
  files: ReadonlyMap<string, string>,
  { force }: { readonly force: boolean },
): Promise<FilesWritten> {
  const [unchanged, inTheWay, pending]: [string[], string[], [string, string][]] = [[], [], []];
  for (const [name, text] of files) {
    const path = join(folder, name);
    const found = await readIfThere(path);
    if (found === text) unchanged.push(path);
    else {
      if (found !== undefined) inTheWay.push(path);
      pending.push([path, text]);
    }
  }
  if (inTheWay.length > 0 && !force) throw new FilesInTheWay(inTheWay);
  const written: string[] = [];
  for (const [path, text] of pending) {
    try {
      await writeWhole(path, text);
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      const progress = `${written.length} of ${pending.length} files were written`;
      throw new Error(`${path} could not be written: ${words}; ${progress}`, { cause: error });
    }
    written.push(path);
  }
  return { written, unchanged };
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Node's own `recursive` never ends where a file system takes no folders, as /proc does. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    const parent = dirname(path);
    if (code !== 'ENOENT' || (await isThere(parent))) throw error;
    await makeFolder(parent);
    await makeFolder(path);
  }
}

export async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Beside it first, so that nobody ever meets half of it. */
async function writeWhole(path: string, text: string): Promise<void> {
  await makeFolder(dirname(path));
  const beside = `${path}.${randomUUID()}.part`;
  try {
    await writeFile(beside, text, { flush: true });
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}
