import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SecretFolder } from '../../../src/adapters/secrets/folder.ts';

let dir: string;
let learned: string[];
let secrets: SecretFolder;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'modelpromotion-secrets-'));
  learned = [];
  secrets = new SecretFolder(dir, (value) => learned.push(value));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function put(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text);
  }
}

/** As the kubelet lays a secret out: keys are links into a folder that is swapped whole. */
async function mount(name: string, keys: Readonly<Record<string, string>>, revision: string): Promise<void> {
  await put(
    Object.fromEntries(Object.entries(keys).map(([key, value]) => [`${name}/..${revision}/${key}`, value])),
  );
  await symlink(`..${revision}`, join(dir, name, '..data_tmp'));
  await rename(join(dir, name, '..data_tmp'), join(dir, name, '..data'));
  for (const key of Object.keys(keys))
    await symlink(join('..data', key), join(dir, name, key)).catch(() => undefined);
}

async function mistake(read: () => Promise<unknown>): Promise<string> {
  return read().then(
    () => 'no mistake',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

describe('a secret in a folder', () => {
  it('is its files, each without the newline that editors leave at the end', async () => {
    await put({
      's/a': 'one\n',
      's/b': 'two\r\n',
      's/c': 'three',
      's/d': 'four\n\n',
      's/e': '',
      's/f': ' kept ',
    });
    expect(Object.fromEntries(await secrets.read('s'))).toEqual({
      a: 'one',
      b: 'two',
      c: 'three',
      d: 'four\n',
      e: '',
      f: ' kept ',
    });
  });

  it('is read as Kubernetes mounts it, and anew after it was swapped', async () => {
    await mount('s', { token: 'first' }, '2026_1');
    expect(Object.fromEntries(await secrets.read('s'))).toEqual({ token: 'first' });
    await mount('s', { token: 'second' }, '2026_2');
    expect(Object.fromEntries(await secrets.read('s'))).toEqual({ token: 'second' });
  });

  it('holds no folders and no hidden files', async () => {
    await put({ 's/token': 't', 's/.hidden': 'x', 's/folder/file': 'y' });
    expect([...(await secrets.read('s')).keys()]).toEqual(['token']);
  });

  it('makes its values known as secrets, but not what everybody may see', async () => {
    await put({
      's/token': 't',
      's/password': 'p',
      's/username': 'u',
      's/ca.crt': 'c',
      's/origins': 'o',
      's/known_hosts': 'k',
    });
    await secrets.read('s');
    expect(learned.toSorted()).toEqual(['p', 't']);
  });

  it('that is missing, or has no folder to be in, says so', async () => {
    expect(await mistake(() => secrets.read('s'))).toBe(
      `secret s cannot be read: ${join(dir, 's')}: there is no such file or folder; look at --secrets-dir`,
    );
    const nowhere = new SecretFolder(undefined, () => undefined);
    expect(await mistake(() => nowhere.read('s'))).toBe(
      'secret s is named, and there is no --secrets-dir to read it from',
    );
    await put({ file: 'x' });
    expect(await mistake(() => secrets.read('file'))).toBe(
      `secret file cannot be read: ${join(dir, 'file')}: there is no such folder; look at --secrets-dir`,
    );
  });

  it.each(['..', '../s', 'a/b', '', 'a..b', '/etc', 'S', '.', 'a\u0000b'])(
    'is never looked for by %j',
    async (name) => {
      expect(await mistake(() => secrets.read(name))).toMatch(/is not the name of a secret$/);
    },
  );

  it('with a key that cannot be read names the key, and none of its words', async () => {
    await mkdir(join(dir, 's'));
    await symlink('nowhere', join(dir, 's', 'token'));
    expect(await mistake(() => secrets.read('s'))).toBe(
      `key token of secret s cannot be read: ${join(dir, 's/token')}: there is no such file or folder`,
    );
    await rm(join(dir, 's', 'token'));
    await put({ 's/token': 'secret'.repeat(200_000) });
    expect(await mistake(() => secrets.read('s'))).toBe('key token of secret s is larger than 1 MiB');
  });
});

describe('a secret that a manifest names', () => {
  it.each<[string, string | undefined, boolean]>([
    ['the only origin', 'https://mlflow.example.com\n', true],
    ['one of several', 'https://a\nhttps://mlflow.example.com\r\n\n  https://b', true],
    ['no origin at all', undefined, false],
    ['nothing', '', false],
    ['another origin', 'https://mlflow.example.org', false],
    ['the origin at another port', 'https://mlflow.example.com:8443', false],
    ['the origin over http', 'http://mlflow.example.com', false],
    ['the beginning of the origin', 'https://mlflow.example', false],
    ['a wildcard', '*', false],
  ])('is for what its key origins lists: %s', async (_what, origins, allowed) => {
    await put({ 's/token': 't', ...(origins === undefined ? {} : { 's/origins': origins }) });
    const result = await mistake(() => secrets.readFor('s', 'https://mlflow.example.com'));
    expect(result).toBe(
      allowed
        ? 'no mistake'
        : 'secret s is not for https://mlflow.example.com; if it should be, add a line https://mlflow.example.com to its key origins',
    );
  });
});
