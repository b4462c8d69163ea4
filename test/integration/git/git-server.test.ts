/** The git server that the quickstart and these tests run on. */
import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { startGitServer } from '../../../src/cli/quickstart/git-server.ts';
import { createRepo, temporaryFolder } from '../../support/git-repo.ts';

/** The git processes that serve a folder, found by their environment. */
function backends(root: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`GIT_PROJECT_ROOT=${root}`);
    } catch {
      return false;
    }
  });
}

function statusOf(url: string, authorization?: string): Promise<number | undefined> {
  return fetch(url, { headers: authorization === undefined ? {} : { authorization } }).then(
    ({ status }) => status,
  );
}

it('leaves no process behind when it closes in the middle of a request', async () => {
  await using folder = await temporaryFolder();
  await createRepo(join(folder.path, 'models.git'));
  const server = await startGitServer({ root: folder.path });
  const headers = { 'content-type': 'application/x-git-upload-pack-request' };
  const unfinished = request(`${server.url}/models.git/git-upload-pack`, { method: 'POST', headers });
  unfinished.on('error', () => undefined);
  unfinished.write('0');
  await vi.waitUntil(() => backends(folder.path).length > 0);
  await server.close();
  expect(backends(folder.path)).toEqual([]);
  await expect(statusOf(server.url)).rejects.toThrow();
});

it('lets in whom it knows, and lets only writers push', async () => {
  await using folder = await temporaryFolder();
  await createRepo(join(folder.path, 'models.git'));
  const users = [
    { name: 'reader', password: 'r', access: 'read' },
    { name: 'writer', password: 'w', access: 'write' },
  ] as const;
  const server = await startGitServer({ root: folder.path, users });
  const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`;
  const read = `${server.url}/models.git/info/refs?service=git-upload-pack`;
  const push = `${server.url}/models.git/info/refs?service=git-receive-pack`;
  expect(await statusOf(read)).toBe(401);
  expect(await statusOf(read, basic('reader:wrong'))).toBe(401);
  expect(await statusOf(read, basic('reader:r'))).toBe(200);
  expect(await statusOf(push, basic('reader:r'))).toBe(403);
  expect(await statusOf(push, basic('writer:w'))).toBe(200);
  expect(await statusOf(`${server.url}/../etc/passwd`, basic('writer:w'))).toBe(404);
  await server.close();
});

it('says so when its port is taken', async () => {
  await using folder = await temporaryFolder();
  const server = await startGitServer({ root: folder.path });
  const port = Number(new URL(server.url).port);
  await expect(startGitServer({ root: folder.path, port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await server.close();
});
