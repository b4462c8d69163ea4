/** Manifests in files and folders of this machine. */
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Listing } from '../../../src/api/listing.ts';
import { FolderSource, readPaths } from '../../../src/sources/folder.ts';
import { temporaryFolder } from '../../support/git-repo.ts';
import { never, promotion } from '../git/world.ts';

let temporary: Awaited<ReturnType<typeof temporaryFolder>>;
let folder: string;

beforeEach(async () => {
  temporary = await temporaryFolder();
  folder = join(temporary.path, 'models');
  await mkdir(folder);
});

afterEach(async () => temporary[Symbol.asyncDispose]());

async function put(name: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, name)), { recursive: true });
  await writeFile(join(folder, name), text);
}

function relative(text: string): string {
  return text.replace(`${folder}/`, '');
}

function names(listing: Listing | undefined): string[] | undefined {
  return listing?.promotions.map(
    ({ object, location }) => `${relative(location.file)}: ${object.metadata.name}`,
  );
}

function problems(listing: Listing): [string, string][] {
  return listing.problems.map(({ file, message }) => [relative(file), message]);
}

function read(...paths: string[]): Promise<Listing> {
  return readPaths(paths, Readable.from([]), never);
}

describe('a folder that is watched', () => {
  it('shows a change of a file at rest that keeps its size and its time', async () => {
    await put('a.yaml', promotion('a'));
    await put('b.yaml', promotion('b'));
    const source = new FolderSource(folder);
    await source.poll(never);
    // So long ago that a file is known by its time of change.
    await setTimeout(2_100);
    expect(await source.poll(never)).toBeUndefined();
    const path = join(folder, 'a.yaml');
    const { atime, mtime } = await stat(path);
    await writeFile(path, promotion('c'));
    await utimes(path, atime, mtime);
    expect(names(await source.poll(never))).toEqual(['a.yaml: c', 'b.yaml: b']);
  });

  it('is listed once, and again only when something in it changed', async () => {
    await put('a.yaml', promotion('a'));
    await put('deep/b.yml', promotion('b'));
    await put('notes.txt', 'not a manifest');
    await put('.git/config.yaml', promotion('not-ours'));
    const source = new FolderSource(folder);
    const first = await source.poll(never);
    expect(names(first)).toEqual(['a.yaml: a', 'deep/b.yml: b']);
    expect(first?.revision).toMatch(/^folder@sha256:[0-9a-f]{64}$/);
    expect(await source.poll(never)).toBeUndefined();
    await put('notes.txt', 'still not a manifest');
    expect(await source.poll(never)).toBeUndefined();
    await rename(join(folder, 'a.yaml'), join(folder, 'c.yaml'));
    expect(names(await source.poll(never))).toEqual(['c.yaml: a', 'deep/b.yml: b']);
    await put('c.yaml', promotion('c'));
    expect(names(await source.poll(never))).toEqual(['c.yaml: c', 'deep/b.yml: b']);
  });

  it('may be a single file', async () => {
    await put('a.yaml', promotion('a'));
    await put('b.yaml', promotion('b'));
    expect(names(await new FolderSource(join(folder, 'b.yaml')).poll(never))).toEqual(['b.yaml: b']);
  });

  it('is an error while it is gone, and works again by itself', async () => {
    await put('a.yaml', promotion('a'));
    const source = new FolderSource(folder);
    await source.poll(never);
    await rename(folder, `${folder}.gone`);
    await expect(source.poll(never)).rejects.toMatchObject({
      reason: 'Unreachable',
      message: `${folder}: there is no such file or folder.`,
    });
    await rename(`${folder}.gone`, folder);
    expect(await source.poll(never)).toBeUndefined();
  });

  it('may be a mount of Kubernetes, whose files are links that stay inside', async () => {
    await put('..2026_11_23/a.yaml', promotion('a'));
    await put('..2026_11_23/deep/b.yaml', promotion('b'));
    await symlink('..2026_11_23', join(folder, '..data'));
    await symlink('..data/a.yaml', join(folder, 'a.yaml'));
    await symlink('..data/deep', join(folder, 'deep'));
    const source = new FolderSource(folder);
    expect(names(await source.poll(never))).toEqual(['a.yaml: a', 'deep/b.yaml: b']);
    await put('..2026_11_24/a.yaml', promotion('a', '4'));
    await rm(join(folder, '..data'));
    await symlink('..2026_11_24', join(folder, '..data'));
    expect(names(await source.poll(never))).toEqual(['a.yaml: a']);
  });
});

describe('what cannot be read in a folder', () => {
  it('is reported, and the rest is listed', async () => {
    await put('good.yaml', promotion('good'));
    await put('good/inner.yaml', promotion('inner'));
    await put('large.yaml', '#'.repeat(1024 * 1024 + 1));
    await put('line\nend.yaml', promotion('line-end'));
    await put('new\nline/a.yaml', promotion('a'));
    await mkdir(join(temporary.path, 'outside'));
    await writeFile(join(temporary.path, 'outside', 'secret.yaml'), promotion('secret'));
    await symlink('../outside', join(folder, 'linked-folder'));
    await symlink('../outside/secret.yaml', join(folder, 'link.yaml'));
    await symlink('nowhere.yaml', join(folder, 'dangling.yaml'));
    await symlink('circle.yaml', join(folder, 'circle.yaml'));
    await symlink('.', join(folder, 'itself'));
    await symlink('good.yaml', join(folder, 'another-name.yaml'));
    execFileSync('/usr/bin/mkfifo', [join(folder, 'pipe.yaml'), join(folder, 'pipe')]);
    await symlink('pipe', join(folder, 'to-a-pipe.yaml'));
    const listing = await read(folder);
    expect(names(listing)).toEqual(['good.yaml: good', 'good/inner.yaml: inner']);
    expect(problems(listing)).toEqual([
      ['circle.yaml', 'its symbolic links go round in a circle'],
      ['dangling.yaml', 'there is no such file or folder'],
      ['large.yaml', 'the file is larger than 1 MiB; split it'],
      ['line\\x0aend.yaml', 'its name holds a control character; rename it'],
      ['link.yaml', 'this is a symbolic link that leaves the folder'],
      ['linked-folder', 'this is a symbolic link that leaves the folder'],
      ['new\\x0aline', 'its name holds a control character; rename it'],
      ['pipe.yaml', 'this is not a regular file'],
      ['to-a-pipe.yaml', 'this is not a regular file'],
    ]);
  });

  it.skipIf(process.getuid?.() === 0)('is reported when we may not read it', async () => {
    await put('closed.yaml', promotion('closed'));
    await chmod(join(folder, 'closed.yaml'), 0);
    expect(problems(await read(folder))).toEqual([['closed.yaml', 'it cannot be read: permission denied']]);
  });
});

describe('the paths of a command', () => {
  it('may be files of any name, folders and standard input, each read once', async () => {
    await put('a.yaml', promotion('a'));
    await put('b.txt', promotion('b'));
    const listing = await readPaths(
      [folder, join(folder, 'a.yaml'), join(folder, 'b.txt'), '-', '-'],
      Readable.from([Buffer.from(promotion('piped'))]),
      never,
    );
    expect(names(listing)?.toSorted()).toEqual(['<stdin>: piped', 'a.yaml: a', 'b.txt: b']);
    expect(listing.problems).toEqual([]);
  });

  it('are told together when they are missing', async () => {
    const listing = await read(join(folder, 'none.yaml'), join(folder, 'nowhere'));
    expect(problems(listing)).toEqual([
      ['none.yaml', 'there is no such file or folder'],
      ['nowhere', 'there is no such file or folder'],
    ]);
  });

  it('may be a pipe, as a shell makes it', async () => {
    await put('a.yaml', promotion('a'));
    const pipe = join(folder, 'pipe');
    execFileSync('/usr/bin/mkfifo', [pipe]);
    const [listing] = await Promise.all([read(pipe), writeFile(pipe, promotion('piped'))]);
    expect(names(listing)).toEqual(['pipe: piped']);
  });

  it('give up on standard input that does not end', async () => {
    const listing = await readPaths(['-'], endless(), never);
    expect(problems(listing)).toEqual([['<stdin>', 'the file is larger than 1 MiB; split it']]);
  });
});

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield Buffer.alloc(100_000, '#');
}
