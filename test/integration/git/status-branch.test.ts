/** Statuses on a branch of a real server, with other writers around. */
import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Remote } from '../../../src/adapters/git/remote.ts';
import { StatusBranch } from '../../../src/adapters/git/status-branch.ts';
import { parseGitUrl } from '../../../src/adapters/git/url.ts';
import type { GitUser } from '../../../src/cli/quickstart/git-server.ts';
import { gitWorld, type GitWorld, listen, never, promotion, relay } from './world.ts';

const BRANCH = 'modelpromotion/status';
const MESSAGE = 'Update 2 statuses\n\nModelPromotion-Revision: main@sha1:0123\n';

async function commits({ repo }: GitWorld): Promise<number> {
  return (await repo.tip(BRANCH)) === undefined ? 0 : Number(await repo.git('rev-list', '--count', BRANCH));
}

async function files({ repo }: GitWorld): Promise<string[]> {
  return (await repo.git('ls-tree', '-r', '--name-only', BRANCH)).split('\n');
}

async function hook({ repo }: GitWorld, script: string): Promise<void> {
  const path = join(repo.directory, 'hooks', 'pre-receive');
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

describe('the status branch', () => {
  it('holds nothing while it does not exist, and is made without a parent by the first write', async () => {
    await using world = await gitWorld();
    await world.repo.commit({ 'a.yaml': 'watched' });
    const store = world.statusBranch();
    expect(await store.read(never)).toEqual(new Map());
    await store.write(new Map([['ml/a.yaml', 'a: 1\n']]), MESSAGE, never);
    expect(await commits(world)).toBe(1);
    expect(await files(world)).toEqual(['prod/ml/a.yaml']);
  });

  it('gets one commit for all changes of a write, by the bot, with its trailers and without a pipeline', async () => {
    await using world = await gitWorld();
    const store = world.statusBranch();
    await store.write(new Map([['a.yaml', '1'], ['b.yaml', '1'], ['c.yaml', '1']]), 'First', never); // prettier-ignore
    await store.write(new Map([['a.yaml', '2'], ['b.yaml', null], ['d.yaml', 'ü']]), MESSAGE, never); // prettier-ignore
    expect(await commits(world)).toBe(2);
    expect(await world.statusBranch({ cache: 'other' }).read(never)).toEqual(
      new Map([['a.yaml', '2'], ['c.yaml', '1'], ['d.yaml', 'ü']]), // prettier-ignore
    );
    expect(await world.repo.git('log', '-1', '--format=%an <%ae> %cn%n%B', BRANCH)).toBe(
      'modelpromotion <modelpromotion@localhost> modelpromotion\nUpdate 2 statuses [skip ci]\n\nModelPromotion-Revision: main@sha1:0123',
    );
    expect(await world.repo.git('log', '-1', '--format=%(trailers:only)', BRANCH)).toBe(
      'ModelPromotion-Revision: main@sha1:0123',
    );
  });

  it('is left alone when nothing differs, without a request', async () => {
    await using world = await gitWorld();
    const store = world.statusBranch();
    await store.write(new Map([['a.yaml', '1'], ['gone.yaml', null]]), MESSAGE, never); // prettier-ignore
    world.requests.length = 0;
    await store.write(new Map([['a.yaml', '1'], ['gone.yaml', null]]), MESSAGE, never); // prettier-ignore
    await store.write(new Map(), MESSAGE, never);
    expect(world.requests).toEqual([]);
    expect(await commits(world)).toBe(1);
  });

  it('is not made for removals alone', async () => {
    await using world = await gitWorld();
    await world.statusBranch().write(new Map([['a.yaml', null]]), MESSAGE, never);
    expect(await commits(world)).toBe(0);
  });

  it('keeps what other installations wrote, and each reads its own', async () => {
    await using world = await gitWorld();
    await world
      .statusBranch({ installation: 'prod', cache: 'one' })
      .write(new Map([['a.yaml', 'p']]), 'p', never);
    await world
      .statusBranch({ installation: 'test', cache: 'two' })
      .write(new Map([['a.yaml', 't']]), 't', never);
    await world.repo.commit({ 'README.md': 'by hand' }, { branch: BRANCH });
    const store = world.statusBranch({ installation: 'prod', cache: 'one' });
    await store.write(new Map([['b.yaml', 'p']]), 'p', never);
    expect(await files(world)).toEqual(['README.md', 'prod/a.yaml', 'prod/b.yaml', 'test/a.yaml']);
    expect([...(await store.read(never)).keys()]).toEqual(['a.yaml', 'b.yaml']);
  });

  it('loses nothing when two write at once', async () => {
    await using world = await gitWorld();
    const writer = async (installation: string) => {
      const store = world.statusBranch({ installation, cache: installation });
      for (let round = 0; round < 5; round += 1) {
        await store.write(new Map([[`${round}.yaml`, installation]]), `${installation} ${round}`, never);
      }
    };
    await Promise.all([writer('one'), writer('two')]);
    expect(await files(world)).toHaveLength(10);
    expect(await commits(world)).toBe(10);
    expect(await world.repo.git('fsck', '--strict', '--no-dangling')).toBe('');
  });

  it('takes writes of one process in turn', async () => {
    await using world = await gitWorld();
    const store = world.statusBranch();
    const writes = ['a', 'b', 'c'].map((name) => store.write(new Map([[`${name}.yaml`, name]]), name, never));
    await Promise.all([store.read(never), ...writes]);
    expect(await files(world)).toEqual(['prod/a.yaml', 'prod/b.yaml', 'prod/c.yaml']);
  });

  it('is made again when somebody deleted or rewrote it', async () => {
    await using world = await gitWorld();
    const store = world.statusBranch();
    await store.write(new Map([['a.yaml', '1']]), MESSAGE, never);
    await world.repo.deleteBranch(BRANCH);
    // Removals alone make no branch, so what was lost is told by the next write.
    expect(await store.write(new Map([['a.yaml', null]]), MESSAGE, never)).toBe('written');
    expect(await store.write(new Map([['b.yaml', '1']]), MESSAGE, never)).toBe('anew');
    expect(await store.write(new Map([['b.yaml', '2']]), MESSAGE, never)).toBe('written');
    expect(await files(world)).toEqual(['prod/b.yaml']);
    await world.repo.commit({ 'prod/x.yaml': 'x' }, { branch: BRANCH, rewrite: true });
    expect(await store.write(new Map([['b.yaml', '3']]), MESSAGE, never)).toBe('written');
    expect(await files(world)).toEqual(['prod/b.yaml', 'prod/x.yaml']);
  });

  it('is made in the format of its repository', async () => {
    await using world = await gitWorld({ objectFormat: 'sha256' });
    const store = world.statusBranch();
    await world.repo.commit({ 'a.yaml': promotion('a') });
    expect(await store.read(never)).toEqual(new Map());
    for (const text of ['1', '2']) await store.write(new Map([['a.yaml', text]]), MESSAGE, never);
    expect(await world.repo.tip(BRANCH)).toHaveLength(64);
    expect(await world.statusBranch({ cache: 'other' }).read(never)).toEqual(new Map([['a.yaml', '2']]));
    await world.repo.deleteBranch(BRANCH);
    expect(await store.write(new Map([['b.yaml', '1']]), MESSAGE, never)).toBe('anew');
  });

  it('is written on when our mirror of it was lost', async () => {
    await using world = await gitWorld();
    const store = world.statusBranch();
    await store.write(new Map([['a.yaml', '1']]), MESSAGE, never);
    const mirrors = join(world.cacheDir, '..', 'status', 'git');
    for (const name of await readdir(mirrors)) await rm(join(mirrors, name), { recursive: true });
    await store.write(new Map([['b.yaml', '1']]), MESSAGE, never);
    expect(await files(world)).toEqual(['prod/a.yaml', 'prod/b.yaml']);
  });
});

describe('a push that the server refuses', () => {
  it('is told as denied when a rule protects the branch, with the reason of the server', async () => {
    await using world = await gitWorld();
    await hook(world, 'echo "protected branch" >&2; exit 1');
    await expect(
      world.statusBranch().write(new Map([['a.yaml', '1']]), MESSAGE, never),
    ).rejects.toMatchObject({
      reason: 'AccessDenied',
      message: `${world.url} refuses the push to ${BRANCH}: pre-receive hook declined.`,
    });
  });

  it('is told as denied when the credential may only read, and reading goes on', async () => {
    const reader: GitUser = { name: 'reader', password: 'p4ssword', access: 'read' };
    await using world = await gitWorld({ users: [reader] });
    await world.repo.commit({ 'prod/a.yaml': '1' }, { branch: BRANCH });
    const readCredentials = () => Promise.resolve({ username: 'reader', password: 'p4ssword' });
    const store = world.statusBranch({ readCredentials });
    await expect(store.write(new Map([['b.yaml', '1']]), MESSAGE, never)).rejects.toMatchObject({
      reason: 'AccessDenied',
      message: expect.stringContaining('The credential lacks the right'),
    });
    expect(await store.read(never)).toEqual(new Map([['a.yaml', '1']]));
  });
});

describe('a push', () => {
  it('that is redirected goes nowhere, and its target is named', async () => {
    await using world = await gitWorld();
    const headers: (string | undefined)[] = [];
    await using other = await listen((request, response) => {
      headers.push(request.headers.authorization);
      response.writeHead(404).end();
    });
    const origin = new URL(world.url).origin;
    await using redirecting = await listen((request, response) => {
      if (request.url?.includes('receive-pack') === true) {
        response.writeHead(307, { location: `${other.url}${request.url}` }).end();
        return;
      }
      relay(origin, request, response);
    });
    const store = world.statusBranch({
      url: `${redirecting.url}/models.git`,
      readCredentials: () => Promise.resolve({ username: 'bot', password: 'p4ssword' }),
    });
    await expect(store.write(new Map([['a.yaml', '1']]), MESSAGE, never)).rejects.toMatchObject({
      reason: 'Redirected',
      message: `${redirecting.url}/models.git answers with a redirect (307) to ${other.url}/models.git. Redirects are not followed; configure the address that is right.`,
    });
    expect(headers).toEqual([]);
    expect(await commits(world)).toBe(0);
  });

  it('goes on with a credential that was rotated, and is the only thing that needs the right to write', async () => {
    const users: GitUser[] = [
      { name: 'reader', password: 'r3ad', access: 'read' },
      { name: 'bot', password: 'old-password', access: 'write' },
    ];
    await using world = await gitWorld({ users });
    await world.repo.commit({ 'a.yaml': promotion('a') });
    const source = world.source({
      readCredentials: () => Promise.resolve({ username: 'reader', password: 'r3ad' }),
    });
    let password = 'old-password';
    const store = world.statusBranch({
      readCredentials: () => Promise.resolve({ username: 'bot', password }),
    });
    await source.poll(never);
    await store.write(new Map([['a.yaml', '1']]), MESSAGE, never);
    users[1] = { name: 'bot', password: 'new-password', access: 'write' };
    const refused = store.write(new Map([['a.yaml', '2']]), MESSAGE, never);
    await expect(refused).rejects.toMatchObject({ reason: 'AccessDenied' });
    password = 'new-password';
    await store.write(new Map([['a.yaml', '2']]), MESSAGE, never);
    expect(await world.repo.show(BRANCH, 'prod/a.yaml')).toBe('2');
    expect(await source.poll(never)).toBeUndefined();
  });
});

describe('a status branch that would do harm', () => {
  it.each(['../main', '', '-x', 'a/b', 'a b'])('has no installation %j', async (installation) => {
    await using world = await gitWorld();
    expect(() => world.statusBranch({ installation })).toThrow(/cannot name a folder on the status branch/);
  });

  it.each(['../x.yaml', '/x.yaml', 'a//b.yaml', '.git/config', 'a\nb'])('gets no file %j', async (path) => {
    await using world = await gitWorld();
    await expect(world.statusBranch().write(new Map([[path, 'x']]), MESSAGE, never)).rejects.toThrow(
      RangeError,
    );
  });

  it('is never the watched branch', async () => {
    const remote = new Remote({
      url: parseGitUrl('https://example.com/m.git'),
      branch: 'main',
      cacheDir: '/nowhere',
    });
    expect(
      () => new StatusBranch({ remote, watchedBranch: 'main', installation: 'prod', cacheDir: '/nowhere' }),
    ).toThrow(/main is the watched branch/);
  });
});
