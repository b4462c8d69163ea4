/** Files that a command makes. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FilesInTheWay, writeFiles } from '../../../src/cli/files.ts';
import { temporaryFolder } from '../../support/git-repo.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let count = 0;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder?.[Symbol.asyncDispose]());

const place = () => join(folder.path, String((count += 1)), 'deep');
const write = (dir: string, files: Readonly<Record<string, string>>, force = false) =>
  writeFiles(dir, new Map(Object.entries(files)), { force });

describe('files of a command', () => {
  it('are written into a folder that is made for them', async () => {
    const dir = place();
    expect(await write(dir, { 'a.yaml': 'A', 'b.yaml': 'B' })).toEqual({
      written: [join(dir, 'a.yaml'), join(dir, 'b.yaml')],
      unchanged: [],
    });
    expect(await readdir(dir)).toEqual(['a.yaml', 'b.yaml']);
    expect(await readFile(join(dir, 'b.yaml'), 'utf8')).toBe('B');
  });

  it.each(['/proc/nowhere', '/proc/nowhere/deep'])(
    'are refused where no folder can be made: %s',
    async (dir) => {
      await expect(write(dir, { 'a.yaml': 'A' })).rejects.toThrow('0 of 1 files were written');
    },
  );

  it('are none at all when one would be overwritten', async () => {
    const dir = place();
    await write(dir, { 'b.yaml': 'mine' });
    const refused = write(dir, { 'a.yaml': 'A', 'b.yaml': 'B' });
    await expect(refused).rejects.toThrow(FilesInTheWay);
    await expect(refused).rejects.toMatchObject({ paths: [join(dir, 'b.yaml')] });
    expect(await readdir(dir)).toEqual(['b.yaml']);
  });

  it('are overwritten by force, and left alone where they say the same', async () => {
    const dir = place();
    await write(dir, { 'a.yaml': 'A', 'b.yaml': 'old' });
    expect(await write(dir, { 'a.yaml': 'A', 'b.yaml': 'B' }, true)).toEqual({
      written: [join(dir, 'b.yaml')],
      unchanged: [join(dir, 'a.yaml')],
    });
    expect(await write(dir, { 'a.yaml': 'A', 'b.yaml': 'B' })).toMatchObject({ written: [] });
  });

  it('leave nothing behind when one cannot be written, and say how far it came', async () => {
    const dir = place();
    // Longer than a name may be once it is written beside.
    const long = `${'b'.repeat(240)}.yaml`;
    await expect(write(dir, { 'a.yaml': 'A', [long]: 'B' })).rejects.toThrow(
      /b\.yaml could not be written: .*; 1 of 2 files were written/,
    );
    expect(await readdir(dir)).toEqual(['a.yaml']);
  });
});
