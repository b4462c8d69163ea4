/** Commits that a person makes from a prompt, on a real server: on top of what is there, never over it. */
import { chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configuredAuthor } from '../../../src/adapters/git/author.ts';
import { parseGitUrl } from '../../../src/adapters/git/url.ts';
import { GitManifests, type GitChange } from '../../../src/sources/git-edit.ts';
import { temporaryFolder } from '../../support/git-repo.ts';
import { gitWorld, type GitWorld, never, promotion } from './world.ts';

const ADA = { name: 'Ada Rückwärts', email: 'ada@example.com' };

interface Options {
  readonly path?: string;
  readonly user?: string;
}

/** As one command: with a mirror of its own. */
async function manifests({ url, cacheDir }: GitWorld, { path = '.', user }: Options = {}) {
  await mkdir(cacheDir, { recursive: true });
  const own = await mkdtemp(join(cacheDir, 'command-'));
  const readCredentials = () =>
    Promise.resolve(user === undefined ? {} : { username: user, password: 'word-of-pass' });
  return new GitManifests({ url: parseGitUrl(url), branch: 'main', path, cacheDir: own, readCredentials });
}

function change(name: string, version: string, branch?: string): GitChange {
  const message = `Roll back ${name}\n\nPromotion: ml/${name}\nRollback-To: ${version}\n`;
  return { file: `${name}.yaml`, text: promotion(name, version), message, author: ADA, branch };
}

describe('a commit from the prompt', () => {
  it.each(['sha1', 'sha256'] as const)('changes one file on top of the branch (%s)', async (objectFormat) => {
    await using world = await gitWorld({ objectFormat });
    const before = await world.repo.commit({
      'a.yaml': promotion('a'),
      'deep/b.yaml': promotion('b'),
      'notes.txt': 'x',
    });
    const place = await manifests(world);
    expect((await place.list(never)).promotions).toHaveLength(2);
    expect(Buffer.from(await place.bytes('deep/b.yaml', never)).toString()).toBe(promotion('b'));
    const landing = await place.commit(change('a', '2'), never);

    expect(landing).toMatchObject({ kind: 'landed', branch: 'main', commit: await world.repo.tip() });
    expect(await world.repo.git('log', '--format=%P %an <%ae> %cn', '-1', 'main')).toBe(
      `${before} Ada Rückwärts <ada@example.com> Ada Rückwärts`,
    );
    expect(await world.repo.git('log', '--format=%(trailers:only,unfold)', '-1', 'main')).toBe(
      'Promotion: ml/a\nRollback-To: 2',
    );
    expect(await world.repo.git('diff-tree', '-r', '--name-only', before, 'main')).toBe('a.yaml');
    expect(await world.repo.show('main', 'a.yaml')).toBe(promotion('a', '2').trimEnd());
  });

  it('keeps the mode of the file', async () => {
    await using world = await gitWorld();
    await world.repo.commit({ 'a.yaml': promotion('a') });
    const [, , oid = ''] = (await world.repo.git('ls-tree', 'main', 'a.yaml')).split(/\s/);
    await world.repo.git('read-tree', '--empty');
    await world.repo.git('update-index', '--add', '--cacheinfo', `100755,${oid},a.yaml`);
    const executable = await world.repo.git('commit-tree', await world.repo.git('write-tree'), '-m', 'x');
    await world.repo.git('update-ref', 'refs/heads/main', executable);

    const place = await manifests(world);
    await place.list(never);
    await place.commit(change('a', '2'), never);
    expect(await world.repo.git('ls-tree', 'main', 'a.yaml')).toMatch(/^100755 /);
  });

  it('does not land on a branch that moved, and does after another look', async () => {
    await using world = await gitWorld();
    await world.repo.commit({ 'a.yaml': promotion('a') });
    const place = await manifests(world);
    await place.list(never);
    const theirs = await world.repo.commit({ 'b.yaml': promotion('b') });

    expect(await place.commit(change('a', '2'), never)).toEqual({ kind: 'moved' });
    expect(await world.repo.tip()).toBe(theirs);
    expect((await place.list(never)).promotions).toHaveLength(2);
    expect(await place.commit(change('a', '2'), never)).toMatchObject({ kind: 'landed' });
    expect(await world.repo.git('log', '--format=%P', '-1', 'main')).toBe(theirs);
    expect(await world.repo.show('main', 'b.yaml')).toBe(promotion('b').trimEnd());
  });

  it('does not bring back what a force-push took away', async () => {
    await using world = await gitWorld();
    await world.repo.commit({ 'a.yaml': promotion('a') });
    const place = await manifests(world);
    await place.list(never);
    const rewritten = await world.repo.commit({ 'a.yaml': promotion('a', '7') }, { rewrite: true });
    expect(await place.commit(change('a', '2'), never)).toEqual({ kind: 'moved' });
    expect(await world.repo.tip()).toBe(rewritten);
  });

  it('goes to a new branch for review, and never to one that is there', async () => {
    await using world = await gitWorld();
    const before = await world.repo.commit({ 'a.yaml': promotion('a') });
    const place = await manifests(world);
    await place.list(never);
    expect(await place.commit(change('a', '2', 'back/to-2'), never)).toMatchObject({ branch: 'back/to-2' });
    expect(await world.repo.tip()).toBe(before);
    expect(await world.repo.git('log', '--format=%P', '-1', 'back/to-2')).toBe(before);

    await expect(place.commit(change('a', '1', 'back/to-2'), never)).rejects.toMatchObject({
      reason: 'Refused',
      message: 'There is a branch back/to-2 already; name another one.',
    });
    expect(await world.repo.show('back/to-2', 'a.yaml')).toBe(promotion('a', '2').trimEnd());
  });

  it('is refused in clear words by a repository that may only be read, and by a rule of the server', async () => {
    const users = [
      { name: 'reader', password: 'word-of-pass', access: 'read' },
      { name: 'writer', password: 'word-of-pass', access: 'write' },
    ] as const;
    await using world = await gitWorld({ users });
    const before = await world.repo.commit({ 'a.yaml': promotion('a') });
    const reading = await manifests(world, { user: 'reader' });
    await reading.list(never);
    await expect(reading.commit(change('a', '2'), never)).rejects.toMatchObject({ reason: 'AccessDenied' });

    const hook = join(world.repo.directory, 'hooks', 'pre-receive');
    await mkdir(join(hook, '..'), { recursive: true });
    await writeFile(hook, '#!/bin/sh\necho "main is protected" >&2\nexit 1\n');
    await chmod(hook, 0o755);
    const writing = await manifests(world, { user: 'writer' });
    await writing.list(never);
    await expect(writing.commit(change('a', '2'), never)).rejects.toMatchObject({
      reason: 'AccessDenied',
      message: expect.stringMatching(/refuses the push to main: pre-receive hook declined/),
    });
    expect(await world.repo.tip()).toBe(before);
  });

  it('needs none of the other files, however many and large they are', async () => {
    await using world = await gitWorld({ settings: { 'uploadpack.allowFilter': 'true' } });
    const others = Object.fromEntries(
      Array.from({ length: 2_100 }, (_, index) => [`code/${index % 7}/${index}.py`, 'x = 1\n']),
    );
    const large = 'z'.repeat(1_500_000);
    await world.repo.commit({
      ...others,
      'models/a.yaml': promotion('a'),
      'models/weights.bin': large,
      'top.bin': `${large}!`,
    });
    const before = await world.repo.tip();
    const place = await manifests(world, { path: 'models' });
    await place.list(never);
    await place.commit({ ...change('a', '2'), file: 'models/a.yaml' }, never);
    expect(await world.repo.git('diff-tree', '-r', '--name-only', before ?? '', 'main')).toBe(
      'models/a.yaml',
    );
    expect((await world.repo.git('ls-tree', '-r', '--name-only', 'main')).split('\n')).toHaveLength(2_103);
  });
});

describe('who commits', () => {
  it('is told by the variables of git, then by its files, in its own order', async () => {
    await using folder = await temporaryFolder();
    const home = folder.path;
    expect(await configuredAuthor({ HOME: home }, never)).toBeUndefined();
    await mkdir(join(home, '.config', 'git'), { recursive: true });
    await writeFile(
      join(home, '.config', 'git', 'config'),
      '[user]\n\tname = Xdg\n\temail = xdg@example.com\n',
    );
    await writeFile(join(home, 'more'), '[user]\n\temail = included@example.com\n');
    expect(await configuredAuthor({ HOME: home }, never)).toEqual({ name: 'Xdg', email: 'xdg@example.com' });
    await writeFile(join(home, '.gitconfig'), '[include]\n\tpath = ~/more\n');
    expect(await configuredAuthor({ HOME: home }, never)).toEqual({
      name: 'Xdg',
      email: 'included@example.com',
    });
    const env = { HOME: home, GIT_AUTHOR_NAME: 'Env' };
    expect(await configuredAuthor(env, never)).toEqual({ name: 'Env', email: 'included@example.com' });
    expect(
      await configuredAuthor({ HOME: home, GIT_CONFIG_GLOBAL: join(home, 'more') }, never),
    ).toBeUndefined();
  });
});
