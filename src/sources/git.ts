/** Manifests on a branch of a git repository, read from the objects of its commits: there is never a checkout. */
import type { ReadCredentials } from '../adapters/git/credentials.ts';
import { type GitLogger, Mirror, type Snapshot } from '../adapters/git/mirror.ts';
import type { Proxy } from '../adapters/git/proxy.ts';
import { Remote } from '../adapters/git/remote.ts';
import { SUBMODULE, SYMLINK, type TreeEntry } from '../adapters/git/tree.ts';
import { type GitUrl, repositoryPath } from '../adapters/git/url.ts';
import { combine, type FileResult } from '../api/documents.ts';
import type { Listing } from '../api/listing.ts';
import { isManifestName, nameMistake, printableName, TOO_LARGE } from '../api/manifest-files.ts';
import { limits } from '../api/yaml.ts';
import type { Source } from '../reconcile/ports.ts';
import { checkCount, checkTotal, missing, neverRead, parseFiles, unreadable } from './parse.ts';

export interface GitSourceOptions {
  readonly url: GitUrl;
  readonly branch: string;
  /** A folder or file inside the repository; `.` for all of it. */
  readonly path: string;
  readonly readCredentials?: ReadCredentials;
  readonly cacheDir: string;
  readonly proxy?: Proxy;
  /** The longest time one call to the server may take. Default 60 s. */
  readonly deadlineMs?: number;
  readonly logger?: GitLogger;
}

/** A file of the tree that may be read. */
interface Candidate {
  readonly name: string;
  readonly oid: string;
}

interface Parsed {
  readonly bytes: number;
  readonly result: FileResult;
}

/** Follows the branch wherever it goes, as Flux does: rewritten history is a new revision like any other. */
export class GitSource implements Source {
  readonly description: string;
  readonly #remote: Remote;
  readonly #mirror: Mirror;
  readonly #path: string;
  #listed: string | undefined;
  /** Of the last revision, by name and blob: an unchanged file is neither read nor parsed again. */
  #parsed: ReadonlyMap<string, Parsed> = new Map();

  /** @throws SourceError (Refused) when branch or path cannot be one. */
  constructor(options: GitSourceOptions) {
    this.#remote = new Remote(options);
    this.#path = repositoryPath(options.path);
    this.#mirror = new Mirror({
      ...options,
      remote: this.#remote,
      path: this.#path,
      maxFileBytes: limits.bytes,
    });
    const within = this.#path === '' ? '' : `, path ${this.#path}`;
    this.description = `${options.url.href} (branch ${options.branch}${within})`;
  }

  async poll(signal: AbortSignal, moved = false): Promise<Listing | undefined> {
    const read = (snapshot: Snapshot): Promise<Listing | undefined> => this.#listNew(snapshot, signal);
    const quick =
      moved && this.#listed !== undefined ? await this.#mirror.readMoved(read, signal) : undefined;
    if (quick !== undefined) return quick.value;
    const tip = await this.#remote.tip(signal);
    if (tip === this.#listed) return undefined;
    return this.#mirror.read(tip, (snapshot) => this.#list(snapshot, signal), signal);
  }

  /** Reads once more from the revision that was listed last, without asking the server. @throws SourceError */
  again<T>(reader: (snapshot: Snapshot, gitDir: string) => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.#listed === undefined) throw new TypeError('nothing was listed yet');
    return this.#mirror.read(this.#listed, (snapshot) => reader(snapshot, this.#mirror.gitDir), signal);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #listNew(snapshot: Snapshot, signal: AbortSignal): Promise<Listing | undefined> {
    return snapshot.sha === this.#listed ? undefined : this.#list(snapshot, signal);
  }

  async #list(snapshot: Snapshot, signal: AbortSignal): Promise<Listing> {
    const [entries, author] = await Promise.all([snapshot.tree(this.#path), snapshot.author()]);
    const candidates = entries.filter(isReadable).map(asCandidate);
    checkCount(candidates.length);
    const read = entries.filter((entry) => isReadable(entry) || isOrdinaryLink(entry));
    await snapshot.bring([...new Set(read.map(({ oid }) => oid))]);
    const parsed = await this.#parse(candidates, snapshot, signal);
    const results = [
      ...parsed.values().map(({ result }) => result),
      ...(await this.#refusals(entries, snapshot)),
    ];
    const listing = combine(results, this.#revision(snapshot.sha));
    this.#parsed = parsed;
    this.#listed = snapshot.sha;
    return { ...listing, author };
  }

  #revision(sha: string): string {
    return `${this.#remote.branch}@${sha.length === 64 ? 'sha256' : 'sha1'}:${sha}`;
  }

  async #parse(
    candidates: readonly Candidate[],
    snapshot: Snapshot,
    signal: AbortSignal,
  ): Promise<Map<string, Parsed>> {
    const added = candidates.filter((candidate) => !this.#parsed.has(cacheKey(candidate)));
    const fresh = await parseAdded(added, this.#keptBytes(candidates), snapshot, signal);
    const all = candidates
      .map(cacheKey)
      .map((key) => [key, fresh.get(key) ?? this.#parsed.get(key)] as const);
    return new Map(all.filter((entry): entry is [string, Parsed] => entry[1] !== undefined));
  }

  #keptBytes(candidates: readonly Candidate[]): number {
    return sum(candidates.map((candidate) => this.#parsed.get(cacheKey(candidate))?.bytes ?? 0));
  }

  /** What lies below the path, looks like manifests, and is not read. */
  async #refusals(entries: readonly TreeEntry[], snapshot: Snapshot): Promise<FileResult[]> {
    if (entries.length === 0 && this.#path !== '') {
      return [missing(this.#path, 'there is no such path in this revision; check --path')];
    }
    const otherLinks = entries.filter(isOrdinaryLink).map(({ name }) => name.toString());
    const folders = await snapshot.linksToFolders(otherLinks);
    return entries.flatMap((entry) => {
      const message = refusal(entry, folders);
      if (message === undefined) return [];
      const refuse = entry.mode === SYMLINK || entry.mode === SUBMODULE ? neverRead : unreadable;
      return [refuse(printableName(entry.name), message)];
    });
  }
}

export function isReadable({ mode, name }: TreeEntry): boolean {
  return mode !== SYMLINK && mode !== SUBMODULE && isManifestName(name) && nameMistake(name) === undefined;
}

function isOrdinaryLink({ mode, name }: TreeEntry): boolean {
  return mode === SYMLINK && !isManifestName(name) && nameMistake(name) === undefined;
}

function refusal({ mode, name }: TreeEntry, linksToFolders: ReadonlySet<string>): string | undefined {
  if (mode === SUBMODULE) return 'this is a submodule; submodules are not read';
  if (mode === SYMLINK && linksToFolders.has(name.toString())) {
    return 'this is a symbolic link to a folder; links are not followed';
  }
  if (!isManifestName(name)) return undefined;
  return (
    nameMistake(name) ?? (mode === SYMLINK ? 'this is a symbolic link; links are not followed' : undefined)
  );
}

function asCandidate({ name, oid }: TreeEntry): Candidate {
  return { name: name.toString(), oid };
}

function cacheKey({ name, oid }: Candidate): string {
  return `${oid} ${name}`;
}

async function parseAdded(
  candidates: readonly Candidate[],
  otherBytes: number,
  snapshot: Snapshot,
  signal: AbortSignal,
): Promise<Map<string, Parsed>> {
  const contents = await readAdded(candidates, otherBytes, snapshot);
  const files = candidates.flatMap((candidate) => {
    const bytes = contents.get(candidate.oid);
    return bytes === undefined ? [] : [{ ...candidate, bytes }];
  });
  const parsed = new Map<string, Parsed>();
  for (const candidate of candidates.filter(({ oid }) => !contents.has(oid))) {
    parsed.set(cacheKey(candidate), { bytes: 0, result: unreadable(candidate.name, TOO_LARGE) });
  }
  for (const [file, result] of await parseFiles(files, signal)) {
    parsed.set(cacheKey(file), { bytes: file.bytes.length, result });
  }
  return parsed;
}

/** The content of every file that is not too large. */
async function readAdded(
  candidates: readonly Candidate[],
  otherBytes: number,
  snapshot: Snapshot,
): Promise<Map<string, Buffer>> {
  const sizes = await snapshot.sizes([...new Set(candidates.map(({ oid }) => oid))]);
  const small = new Map(
    [...sizes].filter((entry): entry is [string, number] => (entry[1] ?? Infinity) <= limits.bytes),
  );
  // One blob may stand behind many names, each of which is parsed.
  checkTotal(otherBytes + sum(candidates.map(({ oid }) => small.get(oid) ?? 0)));
  return snapshot.contents([...small.keys()], sum([...small.values()]));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
