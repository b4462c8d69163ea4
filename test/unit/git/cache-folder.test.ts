/** Whether there can be a folder for the mirror. */
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cacheObstacle, makeCacheFolder } from '../../../src/adapters/git/cache-folder.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cache-'));
  await writeFile(join(folder, 'file'), '');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the folder of the mirror', () => {
  it('is made with all that it lies in, by several at a time', async () => {
    const path = join(folder, 'a/b/c');
    await Promise.all([makeCacheFolder(path), makeCacheFolder(path), cacheObstacle(path)]);
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    expect(await cacheObstacle(path)).toBeUndefined();
  });

  it.each([
    ['file', 'it is not a folder'],
    ['file/below', 'it lies in something that is not a folder'],
  ])('cannot be %s', async (name, obstacle) => {
    expect(await cacheObstacle(join(folder, name))).toBe(obstacle);
    await expect(makeCacheFolder(join(folder, name))).rejects.toMatchObject({ reason: 'CacheUnusable' });
  });

  it.runIf(process.platform === 'linux')(
    'cannot be where no folder is ever made, which is soon told',
    async () => {
      expect(await cacheObstacle('/proc/nope/deeper')).toBe('no folder can be made there');
    },
  );
});
