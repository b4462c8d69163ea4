/** Manifests of a folder that are changed where they are: whole files, or not at all. */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SourceError } from '../reconcile/ports.ts';
import { inWords } from './walk.ts';

/** @throws SourceError */
export async function readManifest(file: string): Promise<Uint8Array> {
  return readFile(file).catch((error: unknown) => {
    throw new SourceError('Unreachable', `${file}: ${inWords(error)}.`, { cause: error });
  });
}

/**
 * Puts a text in the place of what was read, unless somebody has changed the file since.
 * @throws SourceError when it cannot be written; it is then as it was
 */
export async function replaceManifest(
  file: string,
  before: Uint8Array,
  text: string,
): Promise<'written' | 'moved'> {
  const path = await realpath(file);
  const draft = join(dirname(path), `.${basename(path)}.${randomUUID().slice(0, 8)}`);
  try {
    // A rename asks for no right to the file itself.
    await access(path, constants.W_OK);
    const { mode } = await stat(path);
    await write(draft, text, mode);
    if (!Buffer.from(before).equals(await readFile(path))) return 'moved';
    await rename(draft, path);
    return 'written';
  } catch (error) {
    throw new SourceError('AccessDenied', `${file} cannot be changed: ${why(error)}.`, { cause: error });
  } finally {
    await rm(draft, { force: true });
  }
}

/** On the disk before it takes its place: a crash leaves the old file or the new one. */
async function write(path: string, text: string, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await file.chmod(mode);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
};

function why(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  return WORDS[code] ?? code;
}
