/** Manifests on a branch, read from a real server. */
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Listing } from '../../../src/api/listing.ts';
import { type Change, openRepo } from '../../support/git-repo.ts';
import { commandLines, gitWorld, type GitWorld, never, promotion, proxy } from './world.ts';

function names(listing: Listing | undefined): string[] | undefined {
  return listing?.promotions.map(({ object, location }) => `${location.file}: ${object.metadata.name}`);
}

function problems(listing: Listing | undefined): [string, string][] | undefined {
  return listing?.problems.map(({ file, message }) => [file, message]);
}

/** What git sends to the server for one question. */
const CALL = ['GET /models.git/info/refs?service=git-upload-pack', 'POST /models.git/git-upload-pack'];

async function mirrorOf({ cacheDir }: GitWorld): Promise<string> {
  const [hash] = await readdir(join(cacheDir, 'git'));
  return join(cacheDir, 'git', hash ?? '');
}

describe('a branch', () => {
  it('is listed with its revision, its author and every manifest below the path', async () => {
    await using world = await gitWorld();
    const sha = await world.repo.commit({
      'models/churn.yaml': promotion('churn'),
      'models/deep/er/fraud.YML': `${promotion('fraud')}---\n${promotion('fraud-eu')}`,
      'models/README.md': 'not a manifest',
      'models/service.yaml': 'apiVersion: v1\nkind: Service\nmetadata: { name: web }\n',
      'elsewhere/other.yaml': promotion('other'),
    });
    const listing = await world.source({ path: './models/' }).poll(never);
    expect(listing).toMatchObject({
      revision: `main@sha1:${sha}`,
      author: 'Ada Reviewer <ada@example.com>',
      ignored: 1,
      problems: [],
    });
    expect(names(listing)).toEqual([
      'models/churn.yaml: churn',
      'models/deep/er/fraud.YML: fraud',
      'models/deep/er/fraud.YML: fraud-eu',
    ]);
  });

  it('costs two requests to ask about, and nothing more while it stands still', async () => {
    await using world = await gitWorld();
    await world.repo.commit({ 'a.yaml': promotion('a') });
    const source = world.source();
    await source.poll(never);
    world.requests.length = 0;
    expect(await source.poll(never)).toBeUndefined();
    expect(world.requests).toEqual(CALL);
  });

  it('is fetched once when it moved, and not at all after a restart when it did not', async () => {
    await using world = await gitWorld();
    await world.repo.commit({ 'a.yaml': promotion('a') });
    const source = world.source();
    await source.poll(never);
    await world.repo.commit({ 'b.yaml': promotion('b') });
    world.requests.length = 0;
    expect(names(await source.poll(never))).toEqual(['a.yaml: a', 'b.yaml: b']);
    expect(world.requests).toEqual([...CALL, ...CALL]);
    world.requests.length = 0;
    expect(names(await world.source().poll(never))).toEqual(['a.yaml: a', 'b.yaml: b']);
    expect(world.requests).toHaveLength(2);
  });

  it('of which somebody says that it moved is fetched without a question before', async () => {
    await using world = await gitWorld();
    await world.repo.commit({ 'a.yaml': promotion('a') });
    const source = world.source();
    await source.poll(never, true);
    await world.repo.commit({ 'b.yaml': promotion('b') });
    world.requests.length = 0;
    expect(names(await source.poll(never, true))).toEqual(['a.yaml: a', 'b.yaml: b']);
    expect(world.requests.length).toBeLessThan(2 * CALL.length);
    expect(await source.poll(never)).toBeUndefined();
  });

  it('of which somebody says in vain that it moved has nothing new', async () => {
    await using world = await gitWorld();
    await world.repo.commit({ 'a.yaml': promotion('a') });
    const source = world.source();
    await source.poll(never);
    expect(await source.poll(never, true)).toBeUndefined();
    await world.repo.commit({ 'b.yaml': promotion('b') });
    expect(names(await source.poll(never))).toEqual(['a.yaml: a', 'b.yaml: b']);
  });

  it('that is gone when somebody says that it moved is told as ever', async () => {
    await using world = await gitWorld();
    await world.repo.commit({ 'a.yaml': promotion('a') });
    const source = world.source();
    await source.poll(never);
    await world.repo.git('update-ref', '-d', 'refs/heads/main');
    await expect(source.poll(never, true)).rejects.toMatchObject({ reason: 'BranchNotFound' });
  });

  it('is followed when a manifest moves, changes and disappears', async () => {
    await using world = await gitWorld();
    await world.repo.commit({ 'a.yaml': promotion('a'), 'b.yaml': promotion('b') });
    const source = world.source();
    await source.poll(never);
    await world.repo.commit({
      'a.yaml': null,
      'moved/a.yaml': promotion('a'),
      'b.yaml': promotion('b', '4'),
    });
    const listing = await source.poll(never);
    expect(names(listing)).toEqual(['b.yaml: b', 'moved/a.yaml: a']);
    expect(listing?.promotions[0]?.object.spec.stages?.[0]).toMatchObject({ version: '4' });
    await world.repo.commit({ 'b.yaml': null });
    expect(names(await source.poll(never))).toEqual(['moved/a.yaml: a']);
  });

  it('is followed when its history is rewritten', async () => {
    await using world = await gitWorld();
    await world.repo.commit({ 'a.yaml': promotion('a') });
    await world.repo.commit({ 'b.yaml': promotion('b') });
    const source = world.source();
    await source.poll(never);
    const sha = await world.repo.commit({ 'c.yaml': promotion('c') }, { rewrite: true });
    expect(await source.poll(never)).toMatchObject({ revision: `main@sha1:${sha}` });
    expect(await source.poll(never)).toBeUndefined();
  });

  it('is an error when it is deleted, and followed again when it is back', async () => {
    await using world = await gitWorld();
    const sha = await world.repo.commit({ 'a.yaml': promotion('a') });
    const source = world.source();
    await source.poll(never);
    await world.repo.deleteBranch();
    await expect(source.poll(never)).rejects.toMatchObject({
      reason: 'BranchNotFound',
      message: `${world.url} has no branch main.`,
    });
    await world.repo.git('update-ref', 'refs/heads/main', sha);
    expect(await source.poll(never)).toBeUndefined();
    await world.repo.commit({ 'b.yaml': promotion('b') });
    expect(names(await source.poll(never))).toEqual(['a.yaml: a', 'b.yaml: b']);
  });

  it('works again by itself when the repository was gone', async () => {
    await using world = await gitWorld();
    await world.repo.commit({ 'a.yaml': promotion('a') });
    const source = world.source();
    await source.poll(never);
    await rename(world.repo.directory, `${world.repo.directory}.gone`);
    await expect(source.poll(never)).rejects.toMatchObject({
      reason: 'Unreachable',
      message: expect.stringContaining(`no repository at ${world.url}`),
    });
    await rename(`${world.repo.directory}.gone`, world.repo.directory);
    await world.repo.commit({ 'b.yaml': promotion('b') });
    expect(names(await source.poll(never))).toEqual(['a.yaml: a', 'b.yaml: b']);
  });

  it('may use SHA-256, also after it was made again with another format', async () => {
    await using world = await gitWorld({ objectFormat: 'sha256' });
    const sha = await world.repo.commit({ 'a.yaml': promotion('a') });
    expect(await world.source().poll(never)).toMatchObject({ revision: `main@sha256:${sha}` });
    await rm(world.repo.directory, { recursive: true });
    await mkdir(world.repo.directory);
    await world.repo.git('init', '--quiet', '--bare', '--object-format=sha1');
    await world.repo.commit({ 'b.yaml': promotion('b') });
    expect(names(await world.source().poll(never))).toEqual(['b.yaml: b']);
  });

  it('is not read over file:// unless that is allowed', async () => {
    await using world = await gitWorld();
    await expect(async () =>
      world.source({ url: `file://${world.repo.directory}` }).poll(never),
    ).rejects.toThrow(/--git-allow-file/);
  });
});

describe('what is not a manifest that can be read', () => {
  it('is reported once, with its name escaped, and never followed', async () => {
    await using world = await gitWorld();
    const sha = 'c'.repeat(40);
    await world.repo.commit(
      new Map<string | Uint8Array, Change>([
        ['good.yaml', promotion('good')],
        ['folder/inner.yaml', promotion('inner')],
        ['link.yaml', { symlink: '/etc/passwd' }],
        ['linked-folder', { symlink: 'folder' }],
        ['readme-link', { symlink: 'good.yaml' }],
        ['dangling', { symlink: 'no\nwhere' }],
        ['outside', { symlink: '../../etc' }],
        ['vendored', { submodule: sha }],
        ['line\nend.yaml', promotion('line-end')],
        ['back\\slash.yaml', promotion('back-slash')],
        ['escape\u001b[2J.json', promotion('escape')],
        [Buffer.from([0xff, 0xfe, ...Buffer.from('.yml')]), promotion('bytes')],
      ]),
    );
    const listing = await world.source().poll(never);
    expect(names(listing)).toEqual(['folder/inner.yaml: inner', 'good.yaml: good']);
    expect(problems(listing)).toEqual([
      ['\\xff\\xfe.yml', 'its name is not UTF-8; rename it'],
      ['back\\\\slash.yaml', 'its name holds a backslash; rename it'],
      ['escape\\x1b[2J.json', 'its name holds a control character; rename it'],
      ['line\\x0aend.yaml', 'its name holds a control character; rename it'],
      ['link.yaml', 'this is a symbolic link; links are not followed'],
      ['linked-folder', 'this is a symbolic link to a folder; links are not followed'],
      ['vendored', 'this is a submodule; submodules are not read'],
    ]);
  });

  it('is reported where the path itself is missing, a link, or behind one', async () => {
    await using world = await gitWorld();
    await world.repo.commit({ 'a/a.yaml': promotion('a'), link: { symlink: 'a' } });
    const missing = 'there is no such path in this revision; check --path';
    expect(problems(await world.source({ path: 'none' }).poll(never))).toEqual([['none', missing]]);
    expect(problems(await world.source({ path: 'link/a.yaml' }).poll(never))).toEqual([
      ['link/a.yaml', missing],
    ]);
    expect(problems(await world.source({ path: 'link' }).poll(never))).toEqual([
      ['link', 'this is a symbolic link to a folder; links are not followed'],
    ]);
    expect(problems(await world.source({ path: ':(top)a' }).poll(never))).toEqual([[':(top)a', missing]]);
  });

  it('stays outside when the path names one file', async () => {
    await using world = await gitWorld();
    await world.repo.commit({ 'a.yaml': promotion('a'), 'b.yaml': promotion('b') });
    expect(names(await world.source({ path: 'b.yaml' }).poll(never))).toEqual(['b.yaml: b']);
  });

  it('is reported when it is broken, and the rest is listed', async () => {
    await using world = await gitWorld();
    await world.repo.commit({ 'a.yaml': promotion('a'), 'bad.yaml': 'a: [\n' });
    const listing = await world.source().poll(never);
    expect(names(listing)).toEqual(['a.yaml: a']);
    expect(listing?.problems).toMatchObject([{ file: 'bad.yaml', line: expect.any(Number) }]);
  });
});

describe('a file that is too large', () => {
  it.each([
    ['keeps files back when asked', {}],
    ['does not know filters', { 'uploadpack.allowFilter': 'false' }],
    ['refuses filters', { 'uploadpackfilter.allow': 'false' }],
  ])('is reported, and the rest is listed, when the server %s', async (_, settings) => {
    await using world = await gitWorld({ settings });
    await world.repo.commit({ 'a.yaml': promotion('a'), 'large.yaml': '#'.repeat(1024 * 1024 + 1) });
    const source = world.source();
    for (const name of ['b', 'c']) {
      await world.repo.commit({ [`${name}.yaml`]: promotion(name) });
      const listing = await source.poll(never);
      expect(names(listing)).toContain(`${name}.yaml: ${name}`);
      expect(problems(listing)).toEqual([['large.yaml', 'the file is larger than 1 MiB; split it']]);
    }
  });

  it('is not even fetched when the server can keep it back', async () => {
    await using world = await gitWorld();
    const noise = Buffer.from(Array.from({ length: 2_000_000 }, (_, index) => (index * index * 31) % 251));
    await world.repo.commit({ 'a.yaml': promotion('a'), 'large.bin': noise });
    await world.source().poll(never);
    const mirror = await mirrorOf(world);
    const blob = await world.repo.git('rev-parse', 'main:large.bin');
    await expect(openRepo(mirror).git('cat-file', '-e', blob)).rejects.toThrow();
  });
});

describe('too much at once', () => {
  it('is refused as a whole when the manifests are too many', async () => {
    await using world = await gitWorld();
    const files = Array.from({ length: 20_001 }, (_, index) => [`${index}.yaml`, '# nothing'] as const);
    await world.repo.commit(Object.fromEntries(files));
    await expect(world.source().poll(never)).rejects.toMatchObject({
      reason: 'Refused',
      message: 'There are 20,001 manifests, and at most 20,000 are read; narrow --path.',
    });
  });

  it('is refused as a whole when the manifests are too large together', async () => {
    await using world = await gitWorld();
    const mebibyte = `#${' '.repeat(1024 * 1024 - 1)}`;
    const files = Array.from({ length: 65 }, (_, index) => [`${index}.yaml`, mebibyte] as const);
    await world.repo.commit(Object.fromEntries(files));
    await expect(world.source().poll(never)).rejects.toMatchObject({
      reason: 'Refused',
      message: 'The manifests take more than 64 MiB together; narrow --path.',
    });
  });
});

describe('the mirror', () => {
  it('is made again when it is damaged', async () => {
    await using world = await gitWorld();
    await world.repo.commit({ 'a.yaml': promotion('a') });
    await world.source().poll(never);
    const mirror = await mirrorOf(world);
    await rm(join(mirror, 'objects'), { recursive: true });
    expect(names(await world.source().poll(never))).toEqual(['a.yaml: a']);
    await writeFile(join(mirror, 'config'), 'not a configuration');
    await world.repo.commit({ 'b.yaml': promotion('b') });
    expect(names(await world.source().poll(never))).toEqual(['a.yaml: a', 'b.yaml: b']);
    await writeFile(join(mirror, 'HEAD'), '');
    await world.repo.commit({ 'c.yaml': promotion('c') });
    expect(names(await world.source().poll(never))).toHaveLength(3);
  });

  it('is made again when single files are missing, which are never taken for empty', async () => {
    await using world = await gitWorld();
    await world.repo.commit({ 'a.yaml': promotion('a') });
    const first = world.source();
    await first.poll(never);
    const packs = join(await mirrorOf(world), 'objects', 'pack');
    const holdsA = await readdir(packs);
    await world.repo.commit({ 'b.yaml': promotion('b') });
    await first.poll(never);
    await Promise.all(holdsA.map((name) => rm(join(packs, name))));
    expect(names(await world.source().poll(never))).toEqual(['a.yaml: a', 'b.yaml: b']);
  });

  it('recovers from the locks that a killed fetch left', async () => {
    await using world = await gitWorld();
    await world.repo.commit({ 'a.yaml': promotion('a') });
    const source = world.source();
    await source.poll(never);
    const mirror = await mirrorOf(world);
    for (const lock of ['shallow.lock', 'HEAD.lock', 'config.lock', 'refs/modelpromotion/tip.lock']) {
      await writeFile(join(mirror, lock), '');
    }
    await world.repo.commit({ 'b.yaml': promotion('b') });
    expect(names(await source.poll(never))).toEqual(['a.yaml: a', 'b.yaml: b']);
    expect((await readdir(mirror, { recursive: true })).filter((name) => name.endsWith('.lock'))).toEqual([]);
  });

  it('recovers from a fetch that hung until its deadline, and no process is left', async () => {
    await using world = await gitWorld();
    await world.repo.commit({ 'a.yaml': promotion('a') });
    let isStuck = true;
    // The first two requests ask for the tip; the last one carries the objects.
    await using slow = await proxy(new URL(world.url).origin, (_, count) => isStuck && count > 3);
    const source = world.source({ url: `${slow.url}/models.git`, deadlineMs: 1_000 });
    await expect(source.poll(never)).rejects.toMatchObject({
      reason: 'Unreachable',
      message: expect.stringContaining('did not answer within 1 s'),
    });
    expect(commandLines(slow.url)).toEqual([]);
    isStuck = false;
    expect(names(await source.poll(never))).toEqual(['a.yaml: a']);
  });

  it('starts afresh instead of growing for ever', async () => {
    await using world = await gitWorld();
    await world.repo.commit({ 'a.yaml': promotion('a') });
    const source = world.source();
    await source.poll(never);
    const packs = join(await mirrorOf(world), 'objects', 'pack');
    for (let index = 0; index < 101; index += 1) await writeFile(join(packs, `pack-${index}.pack`), '');
    await world.repo.commit({ 'b.yaml': promotion('b') });
    expect(names(await source.poll(never))).toEqual(['a.yaml: a', 'b.yaml: b']);
    expect((await readdir(packs)).filter((name) => name.endsWith('.pack'))).toHaveLength(1);
  });
});
