/** The home of a daemon without a cluster: manifests in git or a folder, statuses on a branch. */
import { readStatusFile } from '../../api/status-file.ts';
import { ConfigError, type Config, type OptionName } from '../../config.ts';
import { isFormerKey } from '../../reconcile/former.ts';
import type { Source, StatusStore } from '../../reconcile/ports.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Scrubber } from '../../runtime/secrets.ts';
import { FolderSource } from '../../sources/folder.ts';
import { GitSource } from '../../sources/git.ts';
import { uidOf } from '../../sources/uid.ts';
import { checkCache, GIT_OPTIONS, openGit, openStatusBranch, usable } from '../git-access.ts';
import type { Remembered } from './controller.ts';
import type { Home } from './home.ts';
import { StatusWriter } from './status-writer.ts';

export const FILE_OPTIONS = [
  'path',
  ...GIT_OPTIONS,
  'git-interval',
  'allow-empty',
] as const satisfies readonly OptionName[];

type FileConfig = Config<(typeof FILE_OPTIONS)[number] | 'secrets-dir' | 'installation'>;

/** Where manifests are and where their statuses are kept. */
interface Place {
  readonly source: Source;
  readonly store: StatusStore | undefined;
  /** Where it keeps what it reads; undefined where it keeps nothing. */
  readonly cacheDir?: string;
  /** Tells objects of this source from those of another. */
  readonly identity: readonly [place: string, branch: string];
}

/** @throws ConfigError */
export function openFileHome(
  kind: 'git' | 'folder',
  config: FileConfig,
  scrubber: Scrubber,
  logger: Logger,
): Home {
  const { source, store, cacheDir, identity } = openPlace(kind, config, scrubber, logger);
  return {
    source,
    check: () => (cacheDir === undefined ? Promise.resolve() : checkCache({ cacheDir })),
    uidOf: (key) => uidOf(...identity, key),
    allowEmpty: config['allow-empty'],
    pollInterval: config['git-interval'],
    restore: (signal) => restore(store, signal),
    access: undefined,
    // A daemon of its own is a single instance by design: it always leads.
    fence: () => true,
    lead: (work, stop) => work(stop).then(() => 'stopped'),
    sink: ({ engine, queue, metrics }) =>
      store &&
      new StatusWriter({
        store,
        documentOf: (key) => engine.document(key),
        keys: () => engine.keys(),
        scrubber,
        idle: () => queue.idle(),
        revision: () => engine.catalog.revision,
        logger,
        written: (result) => metrics.statusWritten(result),
      }),
  };
}

function openPlace(kind: 'git' | 'folder', config: FileConfig, scrubber: Scrubber, logger: Logger): Place {
  if (kind === 'folder') {
    if (config['git-url'] !== undefined)
      throw new ConfigError(['--git-url: not used with --source folder; leave one of the two out']);
    return { source: new FolderSource(config.path), store: undefined, identity: [config.path, ''] };
  }
  const git = openGit(config, scrubber, logger);
  return usable(() => ({
    source: new GitSource({ ...git, branch: config['git-branch'], path: config.path }),
    store: openStatusBranch(config, git, scrubber),
    identity: [git.url.href, config['git-branch']],
    cacheDir: git.cacheDir,
  }));
}

async function restore(store: StatusStore | undefined, signal: AbortSignal): Promise<Remembered> {
  const files = (await store?.read(signal)) ?? new Map<string, string>();
  const known = [...files].flatMap(([path, file]) => readStatusFile(path, file) ?? []);
  const documentsOf = (former: boolean) =>
    known.flatMap(({ key, document }) => (isFormerKey(key) === former ? (document ?? []) : []));
  return {
    documents: documentsOf(false),
    former: documentsOf(true),
    rejected: known.flatMap(({ rejected }) => rejected ?? []),
    keys: known.map(({ key }) => key),
  };
}
