/** A huge repository of which a few files are ours: what is fetched, in requests and in objects. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openRepo, type TestRepo } from '../../support/git-repo.ts';
import {
  gitWorld,
  type GitWorld,
  listen,
  never,
  promotion,
  proxy,
  type WorldOptions,
  relay,
} from './world.ts';

const OTHERS = 2_500;
const OURS = 20;
const FOLDERS = 25;

/** `OTHERS` files in `FOLDERS` folders, and ours in `models/`, in one commit on top of a history of its own length. */
async function hugeWorld(options: WorldOptions = {}, history = 1): Promise<GitWorld> {
  const world = await gitWorld(options);
  const commit = (lines: readonly string[], index: number) =>
    [
      'commit refs/heads/main',
      `committer Ada <ada@example.com> ${1_700_000_000 + index} +0000`,
      'data 0',
      ...lines,
      '',
    ].join('\n');
  const file = (path: string, text: string) =>
    `M 100644 inline ${path}\ndata ${Buffer.byteLength(text)}\n${text}`;
  const others = Array.from({ length: OTHERS }, (_, index) =>
    file(`code/${index % FOLDERS}/${index}.py`, `# ${index}\n${'x = 1\n'.repeat(50)}`),
  );
  const ours = Array.from({ length: OURS }, (_, index) =>
    file(`models/m${index}.yaml`, promotion(`m${index}`)),
  );
  const more = Array.from({ length: history }, (_, index) =>
    commit([file(`code/0/${index}.py`, `# again ${index}\n`)], index + 1),
  );
  await fastImport(world.repo, [commit([...others, ...ours], 0), ...more].join('\n'));
  return world;
}

async function fastImport({ directory }: TestRepo, stream: string): Promise<void> {
  const git = spawn('git', [`--git-dir=${directory}`, 'fast-import', '--quiet'], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  git.stdin.end(stream);
  expect(await once(git, 'close')).toEqual([0, null]);
}

async function mirrorOf({ cacheDir }: GitWorld): Promise<string> {
  const [hash] = await readdir(join(cacheDir, 'git'));
  return join(cacheDir, 'git', hash ?? '');
}

/** How many objects of each kind the mirror holds. */
async function held(world: GitWorld): Promise<Record<string, number>> {
  const mirror = openRepo(await mirrorOf(world));
  const kinds = await mirror.git('cat-file', '--batch-all-objects', '--batch-check=%(objecttype)');
  const counts: Record<string, number> = {};
  for (const kind of kinds.split('\n')) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** Requests that carry a question; each follows a GET. */
function questions({ requests }: GitWorld): number {
  return requests.filter((request) => request.startsWith('POST')).length;
}

describe('a huge repository of which little is ours', () => {
  it('comes as its folders and our files alone, without its history, in three questions', async () => {
    await using world = await hugeWorld({}, 100);
    const listing = await world.source({ path: 'models' }).poll(never);
    expect(listing?.promotions).toHaveLength(OURS);
    // The root, code/ and its folders, models/.
    expect(await held(world)).toEqual({ commit: 1, tree: 3 + FOLDERS, blob: OURS });
    expect(questions(world)).toBe(3);
  });

  it('costs in proportion to the change afterwards, also after a restart', async () => {
    await using world = await hugeWorld();
    const source = world.source({ path: 'models' });
    await source.poll(never);
    const before = await held(world);

    world.requests.length = 0;
    await world.repo.commit({ 'code/0/0.py': 'changed', 'code/1/1.py': 'changed' });
    expect((await source.poll(never))?.promotions).toHaveLength(OURS);
    // The commit, and the trees on the way to what changed: none of our files.
    expect(await held(world)).toEqual({ ...before, commit: 2, tree: (before['tree'] ?? 0) + 4 });
    expect(questions(world)).toBe(2);

    world.requests.length = 0;
    await world.repo.commit({ 'models/m3.yaml': promotion('m3', '4'), 'code/2/2.py': 'changed' });
    const again = world.source({ path: 'models' });
    expect((await again.poll(never))?.promotions).toHaveLength(OURS);
    expect(await held(world)).toMatchObject({ commit: 3, blob: OURS + 1 });
    expect(questions(world)).toBe(3);

    world.requests.length = 0;
    expect(await again.poll(never)).toBeUndefined();
    expect(questions(world)).toBe(1);
  });

  it('is read on when others move a file of theirs to us, and ours are links, submodules and other things', async () => {
    await using world = await hugeWorld();
    const source = world.source({ path: 'models' });
    await source.poll(never);
    const moved = await world.repo.git('rev-parse', 'main:code/7/7.py');
    await world.repo.git('cat-file', '-e', moved);
    await world.repo.commit({
      'code/7/7.py': null,
      'models/README.py': await world.repo.show('main', 'code/7/7.py'),
      'models/link': { symlink: '../code' },
      'models/vendored': { submodule: 'c'.repeat(40) },
    });
    const listing = await source.poll(never);
    expect(listing?.promotions).toHaveLength(OURS);
    expect(listing?.problems.map(({ file }) => file)).toEqual(['models/link', 'models/vendored']);
  });

  it('is fetched once more where a file is gone from the mirror', async () => {
    await using world = await hugeWorld();
    await world.source({ path: 'models' }).poll(never);
    const packs = join(await mirrorOf(world), 'objects', 'pack');
    for (const name of await readdir(packs)) {
      if (name.endsWith('.pack'))
        await writeFile(join(packs, name), (await readFile(join(packs, name))).subarray(0, 99));
    }
    expect((await world.source({ path: 'models' }).poll(never))?.promotions).toHaveLength(OURS);
  });

  it.each([
    ['does not know filters', { 'uploadpack.allowFilter': 'false' }],
    ['refuses filters', { 'uploadpackfilter.allow': 'false' }],
  ])(
    'comes whole from a server that %s, and costs in proportion to the change afterwards',
    async (_, settings) => {
      await using world = await hugeWorld({ settings });
      const source = world.source({ path: 'models' });
      expect((await source.poll(never))?.promotions).toHaveLength(OURS);
      const { blob = 0 } = await held(world);
      expect(blob).toBeGreaterThan(OTHERS);
      world.requests.length = 0;
      await world.repo.commit({ 'models/m3.yaml': promotion('m3', '4') });
      expect((await source.poll(never))?.promotions).toHaveLength(OURS);
      expect(await held(world)).toMatchObject({ blob: blob + 1 });
      expect(questions(world)).toBe(2);
    },
  );

  it('comes whole from a server of the first protocol, which gives out no single files', async () => {
    await using world = await hugeWorld();
    const origin = new URL(world.url).origin;
    await using old = await listen((request, response) => {
      const { 'git-protocol': _version, ...older } = request.headers;
      relay(origin, request, response, older);
    });
    const source = world.source({ url: `${old.url}/models.git`, path: 'models' });
    expect((await source.poll(never))?.promotions).toHaveLength(OURS);
    const { blob = 0 } = await held(world);
    expect(blob).toBeGreaterThan(OTHERS);
    await world.repo.commit({ 'models/m3.yaml': promotion('m3', '4') });
    expect((await source.poll(never))?.promotions).toHaveLength(OURS);
    expect(await held(world)).toMatchObject({ blob: blob + 1 });
  });

  it('comes whole, and too large a file not at all, where single files take too long', async () => {
    await using world = await hugeWorld();
    const sha = await world.repo.commit({ 'models/large.yaml': '#'.repeat(1024 * 1024 + 1) });
    const origin = new URL(world.url).origin;
    let posts = 0;
    // The tip, the folders, and then the files.
    await using slow = await proxy(origin, (method) => method === 'POST' && (posts += 1) === 3);
    const source = world.source({ url: `${slow.url}/models.git`, path: 'models', deadlineMs: 5_000 });
    const listing = await source.poll(never);
    expect(listing).toMatchObject({ revision: `main@sha1:${sha}` });
    expect(listing?.promotions).toHaveLength(OURS);
    expect(listing?.problems).toMatchObject([{ file: 'models/large.yaml' }]);
    const large = await world.repo.git('rev-parse', 'main:models/large.yaml');
    await expect(openRepo(await mirrorOf(world)).git('cat-file', '-e', large)).rejects.toThrow();
  });
});

describe('a repository that is not huge', () => {
  it('comes whole where a path is given, so that a change costs one fetch', async () => {
    await using world = await gitWorld();
    await world.repo.commit({ 'models/a.yaml': promotion('a'), 'README.md': 'hello' });
    const source = world.source({ path: 'models' });
    await source.poll(never);
    expect(await held(world)).toEqual({ commit: 1, tree: 2, blob: 2 });
    world.requests.length = 0;
    await world.repo.commit({ 'models/b.yaml': promotion('b') });
    expect((await source.poll(never))?.promotions).toHaveLength(2);
    expect(questions(world)).toBe(2);
  });

  it('with a file that is too large is not fetched anew for each change', async () => {
    await using world = await gitWorld();
    await world.repo.commit({ 'a.yaml': promotion('a'), 'large.json': '#'.repeat(1024 * 1024 + 1) });
    const source = world.source();
    await source.poll(never);
    world.requests.length = 0;
    await world.repo.commit({ 'b.yaml': promotion('b') });
    expect((await source.poll(never))?.promotions).toHaveLength(2);
    expect(questions(world)).toBe(2);
  });
});
