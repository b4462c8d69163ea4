/** Files that are changed where they are: as a whole or not at all, and never over the change of somebody else. */
import { chmod, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readManifest, replaceManifest } from '../../../src/sources/folder-edit.ts';
import { temporaryFolder } from '../../support/git-repo.ts';

describe('a file', () => {
  it('gets its new text, and keeps its mode', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'a.yaml');
    await writeFile(file, 'a: 1\n');
    await chmod(file, 0o754);
    expect(await replaceManifest(file, await readManifest(file), 'a: 2\n')).toBe('written');
    expect(await readFile(file, 'utf8')).toBe('a: 2\n');
    expect((await stat(file)).mode & 0o777).toBe(0o754);
    expect(await readdir(folder.path)).toEqual(['a.yaml']);
  });

  it('is changed behind a link, which stays', async () => {
    await using folder = await temporaryFolder();
    await mkdir(join(folder.path, 'real'));
    await writeFile(join(folder.path, 'real', 'a.yaml'), 'a: 1\n');
    const link = join(folder.path, 'a.yaml');
    await symlink('real/a.yaml', link);
    await replaceManifest(link, await readManifest(link), 'a: 2\n');
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
    expect(await readFile(join(folder.path, 'real', 'a.yaml'), 'utf8')).toBe('a: 2\n');
  });

  it('that somebody changed meanwhile is left alone', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'a.yaml');
    await writeFile(file, 'a: 1\n');
    const before = await readManifest(file);
    await writeFile(file, 'a: theirs\n');
    expect(await replaceManifest(file, before, 'a: 2\n')).toBe('moved');
    expect(await readFile(file, 'utf8')).toBe('a: theirs\n');
    expect(await readdir(folder.path)).toEqual(['a.yaml']);
  });

  it('that cannot be written is told by its name', async () => {
    const file = '/proc/version';
    await expect(replaceManifest(file, await readManifest(file), 'x')).rejects.toMatchObject({
      reason: 'AccessDenied',
      message: expect.stringMatching(/^\/proc\/version cannot be changed: /),
    });
    await expect(readManifest('/nowhere.yaml')).rejects.toMatchObject({ reason: 'Unreachable' });
  });
});
