/** Finds the manifests below a folder, without leaving it. */
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { isManifestName, nameMistake, printableName } from '../api/manifest-files.ts';
import { checkCount } from './parse.ts';

/** A file that may be read. `name` is what people see, `path` where it really is. */
export interface Found {
  readonly name: string;
  readonly path: string;
  /** A user named this very file: it may be a pipe. */
  readonly isNamed?: true;
}

/** Something that looks like a manifest, or like a folder with some, and is not read. */
export interface Refused {
  readonly name: string;
  readonly mistake: string;
}

export const NOT_A_FILE = 'this is not a regular file';

interface Folder {
  readonly name: string;
  readonly path: string;
}

/**
 * Every manifest below `folder`, once, however many symbolic links lead to it. Links that stay inside are followed,
 * as the folders that Kubernetes mounts consist of them; those that leave are refused.
 * @throws SourceError (Refused) when there are too many.
 */
export async function findManifests(folder: string, signal: AbortSignal): Promise<(Found | Refused)[]> {
  const walk = new Walk(await realpath(folder));
  await walk.enter({ name: folder, path: folder }, signal);
  return walk.results();
}

class Walk {
  readonly #root: string;
  readonly #found = new Map<string, Found>();
  readonly #refused: Refused[] = [];
  readonly #visited = new Set<string>();
  /** Looked at last, so that a file is known by its own name rather than by a link's. */
  readonly #links: Folder[] = [];

  constructor(root: string) {
    this.#root = root;
  }

  async enter(folder: Folder, signal: AbortSignal): Promise<void> {
    await this.#list(folder, signal);
    for (let link = this.#links.shift(); link !== undefined; link = this.#links.shift()) {
      await this.#follow(link, signal);
    }
  }

  results(): (Found | Refused)[] {
    return [...this.#found.values(), ...this.#refused];
  }

  async #list(folder: Folder, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const path = await this.#enterOnce(folder);
    if (path === undefined) return;
    const real = { name: folder.name, path };
    for (const entry of await this.#entries(real)) await this.#visit(entry, real, signal);
  }

  /** Where the folder really is; undefined the second time. */
  async #enterOnce({ name, path }: Folder): Promise<string | undefined> {
    try {
      const real = await realpath(path);
      if (this.#visited.has(real)) return undefined;
      this.#visited.add(real);
      return real;
    } catch (error) {
      this.#refused.push({ name, mistake: inWords(error) });
      return undefined;
    }
  }

  /** Whatever is found may be gone a moment later. */
  async #entries({ name, path }: Folder): Promise<Dirent<Buffer>[]> {
    try {
      const entries = await readdir(path, { withFileTypes: true, encoding: 'buffer' });
      return entries.toSorted((a, b) => a.name.compare(b.name));
    } catch (error) {
      this.#refused.push({ name, mistake: inWords(error) });
      return [];
    }
  }

  async #visit(entry: Dirent<Buffer>, parent: Folder, signal: AbortSignal): Promise<void> {
    if (
      isInternal(entry) ||
      (!entry.isDirectory() && !entry.isSymbolicLink() && !isManifestName(entry.name))
    ) {
      return;
    }
    const mistake = nameMistake(entry.name);
    if (mistake !== undefined) {
      this.#refused.push({ name: join(parent.name, printableName(entry.name)), mistake });
      return;
    }
    const text = entry.name.toString();
    const place = { name: join(parent.name, text), path: join(parent.path, text) };
    if (entry.isDirectory()) await this.#list(place, signal);
    else if (entry.isSymbolicLink()) this.#links.push(place);
    else if (entry.isFile()) this.#add(place.name, place.path);
    else this.#refused.push({ name: place.name, mistake: NOT_A_FILE });
  }

  async #follow(link: Folder, signal: AbortSignal): Promise<void> {
    try {
      const path = await realpath(link.path);
      const target = await stat(path);
      const matters = target.isDirectory() || isManifestName(link.name);
      if (!matters) return;
      if (!isWithin(this.#root, path)) {
        this.#refused.push({ name: link.name, mistake: 'this is a symbolic link that leaves the folder' });
      } else if (target.isDirectory()) await this.#list({ name: link.name, path }, signal);
      else this.#add(link.name, path);
    } catch (error) {
      signal.throwIfAborted();
      if (isManifestName(link.name)) this.#refused.push({ name: link.name, mistake: inWords(error) });
    }
  }

  #add(name: string, path: string): void {
    if (!this.#found.has(path)) this.#found.set(path, { name, path });
    checkCount(this.#found.size);
  }
}

/** git's own folder, and the folders behind the links of a Kubernetes mount. */
function isInternal({ name }: Dirent<Buffer>): boolean {
  const text = name.toString('latin1');
  return text === '.git' || text.startsWith('..');
}

function isWithin(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'there is no such file or folder',
  EACCES: 'it cannot be read: permission denied',
  EPERM: 'it cannot be read: permission denied',
  ELOOP: 'its symbolic links go round in a circle',
};

/** Why the file system refused, for people. */
export function inWords(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  return WORDS[code] ?? `it cannot be read: ${code}`;
}
