/** Promotions in a folder: a change is made in the file itself. */
import { readPaths } from '../../sources/folder.ts';
import { readManifest, replaceManifest } from '../../sources/folder-edit.ts';
import { wordsOf } from '../../runtime/failure.ts';
import { ConfigError } from '../../config.ts';
import { readServer } from '../observed-status.ts';
import { nothingFound } from '../terminal.ts';
import { CommandError, EXIT } from '../exit.ts';
import { findPromotion } from './find.ts';
import type { Declared, EditHome, Memory, Proposal, Written } from './home.ts';
import { changeLine, editManifest, inFile, type InFile } from './manifest.ts';
import type { EditConfig } from './options.ts';

/** @throws ConfigError for options that only git has a use for */
export function openFolderHome(config: EditConfig): EditHome {
  if (config.branch !== undefined)
    throw new ConfigError(['--branch: needs a repository; name it with --git-url']);
  if (config.path === '-') throw new ConfigError(['--path: standard input cannot be changed']);
  return new FolderHome(config);
}

const CARRIED_OUT_BY_OTHERS =
  'Nothing is carried out by this: commit the file, apply it, or let the controller that reads it see it.';

class FolderHome implements EditHome {
  readonly access = undefined;
  readonly #config: EditConfig;
  /** By file: what was there when a change was last previewed or found. */
  readonly #seen = new Map<string, Uint8Array>();

  constructor(config: EditConfig) {
    this.#config = config;
  }

  async find(name: string, signal: AbortSignal): Promise<InFile> {
    const { path, namespace } = this.#config;
    const listing = await readPaths([path], process.stdin, signal);
    if (listing.promotions.length + listing.problems.length === 0)
      throw new CommandError(EXIT.invalid, `${nothingFound([path])}; name their folder with --path`);
    const declared = inFile(findPromotion(listing, name, namespace), listing);
    this.#seen.set(declared.file, await readManifest(declared.file));
    return declared;
  }

  /** Statuses of a folder live in its controller. */
  async remember({ key, object }: Declared, signal: AbortSignal): Promise<Memory> {
    try {
      const { promotions } = await readServer(this.#config.server, signal);
      const found = promotions.find((one) => one.key === key && one.model === object.spec.model);
      const note = `the controller at ${this.#config.server} knows nothing of ${key}`;
      return found === undefined ? { status: undefined, note } : { status: found.status };
    } catch (error) {
      signal.throwIfAborted();
      return { status: undefined, note: wordsOf(error) };
    }
  }

  preview(declared: Declared, proposal: Proposal): Promise<readonly string[]> {
    return Promise.resolve(this.#edit(declared as InFile, proposal)?.changes.map(changeLine) ?? []);
  }

  async write(declared: Declared, proposal: Proposal): Promise<Written> {
    const { file, key } = declared as InFile;
    const edited = this.#edit(declared as InFile, proposal);
    if (edited === undefined)
      return { kind: 'written', message: `${key} says so already.`, next: CARRIED_OUT_BY_OTHERS };
    const result = await replaceManifest(file, this.#before(file), edited.text);
    return result === 'moved'
      ? { kind: 'moved' }
      : { kind: 'written', message: `Changed ${file}.`, next: CARRIED_OUT_BY_OTHERS };
  }

  #edit(declared: InFile, proposal: Proposal) {
    return editManifest(declared, this.#before(declared.file), proposal);
  }

  #before(file: string): Uint8Array {
    return this.#seen.get(file) ?? new Uint8Array();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
