/** Secrets in a folder, as Kubernetes mounts them: `DIR/<secret name>/<key>`, one file a key, read anew at each use. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSecretKey } from '../../runtime/secrets.ts';

const NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
/** The key that lists where a secret may be sent, one origin a line. */
const ORIGINS = 'origins';
const LARGEST_KEY = 1024 * 1024;

export class SecretFolder {
  readonly #folder: string | undefined;
  readonly #learned: (value: string) => void;

  /** `learned` is told every value, so that it can be kept out of all output. */
  constructor(folder: string | undefined, learned: (value: string) => void) {
    this.#folder = folder;
    this.#learned = learned;
  }

  /** Where a key lies, for programs that want a file. */
  path(name: string, key: string): string {
    return join(this.#folder ?? '', name, key);
  }

  /**
   * All keys of a secret, without a newline at their end.
   * @throws Error that says what to do and holds no secret
   */
  async read(name: string): Promise<ReadonlyMap<string, string>> {
    if (this.#folder === undefined)
      throw new Error(`secret ${name} is named, and there is no --secrets-dir to read it from`);
    if (!NAME.test(name) || name.includes('..'))
      throw new Error(`${JSON.stringify(name)} is not the name of a secret`);
    const folder = join(this.#folder, name);
    const entries = await readdir(folder).catch((error: unknown) => {
      throw new Error(`secret ${name} cannot be read: ${folder}: ${inWords(error)}; look at --secrets-dir`, {
        cause: error,
      });
    });
    const keys = new Map<string, string>();
    for (const key of entries) {
      if (key.startsWith('.')) continue;
      const value = await readKey(join(folder, key), name, key);
      if (value !== undefined) keys.set(key, value);
    }
    for (const [key, value] of keys) if (key !== ORIGINS && isSecretKey(key)) this.#learned(value);
    return keys;
  }

  /**
   * As `read`, for a secret that a manifest names: it is used only towards the origins that its own key `origins`
   * lists, so nobody can have it sent elsewhere by editing a uri.
   */
  async readFor(name: string, origin: string): Promise<ReadonlyMap<string, string>> {
    const keys = await this.read(name);
    const origins = (keys.get(ORIGINS) ?? '').split(/\s+/).filter((line) => line !== '');
    if (origins.includes(origin)) return keys;
    throw new Error(
      `secret ${name} is not for ${origin}; if it should be, add a line ${origin} to its key ${ORIGINS}`,
    );
  }
}

async function readKey(path: string, name: string, key: string): Promise<string | undefined> {
  const bytes = await readFile(path).catch((error: unknown) => {
    if (codeOf(error) === 'EISDIR') return undefined;
    throw new Error(`key ${key} of secret ${name} cannot be read: ${path}: ${inWords(error)}`, {
      cause: error,
    });
  });
  if (bytes === undefined) return undefined;
  if (bytes.length > LARGEST_KEY) throw new Error(`key ${key} of secret ${name} is larger than 1 MiB`);
  return bytes.toString('utf8').replace(/\r?\n$/, '');
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'there is no such folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
};

function inWords(error: unknown): string {
  return WORDS[codeOf(error)] ?? codeOf(error);
}

function codeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}
