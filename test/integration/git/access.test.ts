/** Who may read, what a person is told when something stands in the way, and where a credential never shows. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { GitUser } from '../../../src/cli/quickstart/git-server.ts';
import { commandLines, gitWorld, listen, never, promotion, relay } from './world.ts';

const CANARY = 'cAnary/p@ss+wörd-0815';
const READER: GitUser = { name: 'reader', password: CANARY, access: 'read' };

/** Every form in which a secret may surface. */
const FORMS = [
  CANARY,
  encodeURIComponent(CANARY),
  Buffer.from(CANARY).toString('base64'),
  Buffer.from(`reader:${CANARY}`).toString('base64'),
];

function holdsCanary(text: string): boolean {
  return FORMS.some((form) => text.includes(form));
}

describe('a repository that wants a credential', () => {
  it('is read with the right one, without a refused request before', async () => {
    await using world = await gitWorld({ users: [READER] });
    await world.repo.commit({ 'a.yaml': promotion('a') });
    const readCredentials = () => Promise.resolve({ username: 'reader', password: CANARY });
    const listing = await world.source({ readCredentials }).poll(never);
    expect(listing?.promotions).toHaveLength(1);
    expect(world.requests).toHaveLength(4);
  });

  it('is read on when the credential was rotated', async () => {
    const users: GitUser[] = [{ ...READER, password: 'old-password' }];
    await using world = await gitWorld({ users });
    await world.repo.commit({ 'a.yaml': promotion('a') });
    let password = 'old-password';
    const source = world.source({ readCredentials: () => Promise.resolve({ username: 'reader', password }) });
    await source.poll(never);
    users[0] = { ...READER, password: 'new-password' };
    await expect(source.poll(never)).rejects.toMatchObject({ reason: 'AccessDenied' });
    password = 'new-password';
    expect(await source.poll(never)).toBeUndefined();
  });

  it('tells when the credential is wrong, and when there is none', async () => {
    await using world = await gitWorld({ users: [READER] });
    await world.repo.commit({ 'a.yaml': promotion('a') });
    const readCredentials = () => Promise.resolve({ username: 'reader', password: 'wrong' });
    await expect(world.source({ readCredentials }).poll(never)).rejects.toMatchObject({
      reason: 'AccessDenied',
      message: expect.stringContaining(`${world.url} did not accept the credential`),
    });
    await expect(world.source().poll(never)).rejects.toMatchObject({
      reason: 'AccessDenied',
      message: expect.stringContaining('Name a secret with --git-secret'),
    });
  });
});

describe('a credential', () => {
  it('shows in no command line, error or file, whether it is right or wrong', async () => {
    const seen: string[] = [];
    await using world = await gitWorld({ users: [{ ...READER, name: 'somebody' }, READER] });
    await world.repo.commit({ 'a.yaml': promotion('a') });
    await using watched = await listen((_, response) => {
      seen.push(...commandLines(''));
      response.writeHead(401, { 'www-authenticate': `Basic realm="${CANARY}"` }).end(CANARY);
    });
    const wrong = world.source({
      url: `${watched.url}/models.git`,
      readCredentials: () => Promise.resolve({ username: 'reader', password: CANARY }),
    });
    const error = await wrong.poll(never).catch((error: unknown) => error);
    const right = world.source({
      readCredentials: () => Promise.resolve({ username: 'reader', password: CANARY }),
    });
    const listing = await right.poll(never);
    expect(seen.some((line) => line.includes('ls-remote'))).toBe(true);
    expect(seen.filter(holdsCanary)).toEqual([]);
    expect(holdsCanary(inspect(error, { depth: 10 }) + (error instanceof Error ? error.stack : ''))).toBe(
      false,
    );
    expect(holdsCanary(JSON.stringify(listing) + right.description)).toBe(false);
    for (const name of await readdir(world.cacheDir, { recursive: true })) {
      const content = await readFile(join(world.cacheDir, name)).catch(() => Buffer.alloc(0));
      expect([name, holdsCanary(content.toString('latin1'))]).toEqual([name, false]);
    }
  });

  it('is scrubbed from what a server sends back', async () => {
    await using echo = await listen((request, response) => {
      const secret = request.headers.authorization ?? '';
      const line = `ERR your header was ${secret}\n`;
      const packet = `${(line.length + 4).toString(16).padStart(4, '0')}${line}`;
      const head = '001e# service=git-upload-pack\n0000';
      response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-advertisement' });
      response.end(head + packet);
    });
    await using world = await gitWorld();
    const source = world.source({
      url: `${echo.url}/models.git`,
      readCredentials: () => Promise.resolve({ username: 'reader', password: CANARY }),
    });
    const error = await source.poll(never).catch((error: unknown) => error);
    expect(error).toMatchObject({ message: expect.stringMatching(/your header was Basic/) });
    expect(holdsCanary(inspect(error, { depth: 10 }))).toBe(false);
  });

  it('is sent to no other host, even when the server redirects there', async () => {
    const headers: (string | undefined)[] = [];
    await using other = await listen((request, response) => {
      headers.push(request.headers.authorization);
      response.writeHead(404).end();
    });
    await using redirecting = await listen((request, response) => {
      response.writeHead(301, { location: `${other.url}${request.url}&token=s3cret` }).end();
    });
    await using world = await gitWorld();
    const source = world.source({
      url: `${redirecting.url}/models.git`,
      readCredentials: () => Promise.resolve({ username: 'reader', password: CANARY }),
    });
    await expect(source.poll(never)).rejects.toMatchObject({
      reason: 'Redirected',
      message: `${redirecting.url}/models.git answers with a redirect (301) to ${other.url}/models.git. Redirects are not followed; configure the address that is right.`,
    });
    expect(headers).toEqual([]);
  });
});

describe('a server that is not there, or not what it seems', () => {
  it.each([
    [404, 'Unreachable', /no repository at/],
    [403, 'AccessDenied', /forbids this \(403\)/],
    [429, 'Unreachable', /error 429/],
    [502, 'Unreachable', /error 502/],
  ])('is told by its answer %i', async (status, reason, sentence) => {
    await using server = await listen((_, response) => response.writeHead(status).end('<html>'));
    await using world = await gitWorld();
    await expect(world.source({ url: `${server.url}/m.git` }).poll(never)).rejects.toMatchObject({
      reason,
      message: expect.stringMatching(sentence),
    });
  });

  it('is not taken for a repository without the branch when it answers with a web page', async () => {
    await using page = await listen((_, response) => {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<html>Sign in</html>');
    });
    await using world = await gitWorld();
    await expect(world.source({ url: `${page.url}/m.git` }).poll(never)).rejects.toMatchObject({
      reason: 'Unreachable',
      message: expect.stringContaining('answers with a web page'),
    });
  });

  it('is not taken for a repository without branches when one page came in between', async () => {
    await using world = await gitWorld();
    await world.repo.commit({ 'a.yaml': promotion('a') });
    await world.repo.commit({ 'prod/a.yaml': '1' }, { branch: 'modelpromotion/status' });
    const origin = new URL(world.url).origin;
    let pages = 1;
    await using gateway = await listen((request, response) => {
      pages -= 1;
      if (pages >= 0) {
        response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Sign in</html>');
        return;
      }
      relay(origin, request, response);
    });
    const url = `${gateway.url}/models.git`;
    const source = world.source({ url });
    await expect(source.poll(never)).rejects.toMatchObject({ reason: 'Unreachable' });
    expect((await source.poll(never))?.promotions).toHaveLength(1);
    // It is our memory, which must never pass for empty.
    pages = 1;
    const store = world.statusBranch({ url });
    await expect(store.read(never)).rejects.toMatchObject({ reason: 'Unreachable' });
    expect(await store.read(never)).toEqual(new Map([['a.yaml', '1']]));
  });

  it('is told when it refuses connections, breaks them off, or has no name', async () => {
    await using world = await gitWorld();
    await using broken = await listen((request) => request.socket.destroy());
    const poll = (url: string) => world.source({ url }).poll(never);
    await expect(poll(`${broken.url}/m.git`)).rejects.toThrow(/broke off the connection/);
    await broken[Symbol.asyncDispose]();
    await expect(poll(`${broken.url}/m.git`)).rejects.toThrow(/does not accept connections/);
    await expect(poll('https://no-such-host.invalid/m.git')).rejects.toThrow(/unknown to the name service/);
  });
});
