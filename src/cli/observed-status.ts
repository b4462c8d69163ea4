/** Reading what a controller says: from its `GET /status`, or from the status branch when there is no server to ask. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isFields, type Fields } from '../api/fields.ts';
import type { ModelPromotionStatus } from '../api/generated/types.ts';
import { readStatusFile } from '../api/status-file.ts';
import type { Config, OptionName } from '../config.ts';
import { listObjects } from '../adapters/kube/promotions.ts';
import { LOG_OPTIONS, openOutput } from './assembly.ts';
import type { StatusPage } from './daemon/status-page.ts';
import { isFormerKey } from '../reconcile/former.ts';
import { problemLine } from './render/problems.ts';
import { CLUSTER_OPTIONS, forPeople, openCluster } from './kube-access.ts';
import { collectionPath, PROMOTIONS } from './operator/kinds.ts';
import { checkCache, GIT_OPTIONS, openGit, openStatusBranch } from './git-access.ts';

export const STATUS_SOURCE_OPTIONS = [
  'source',
  'server',
  ...GIT_OPTIONS,
  ...CLUSTER_OPTIONS,
  'all-namespaces',
  'secrets-dir',
  'installation',
  ...LOG_OPTIONS,
] as const satisfies readonly OptionName[];

export interface ObservedPromotion {
  readonly key: string;
  readonly model: string;
  readonly generation: number | undefined;
  readonly status: ModelPromotionStatus;
  /** The whole object, for output as data. */
  readonly document: unknown;
}

/** The message of a promotion's Ready condition. */
export function messageOf({ status }: ObservedPromotion): string {
  const ready = status.conditions?.find((condition) => condition.type === 'Ready');
  return ready?.message ?? 'not looked at yet';
}

/** What the controller says of its source. The status branch says nothing of it. */
export interface ObservedSource {
  /** The one that it has read and believes. */
  readonly revision: string | undefined;
  /** Everything wrong in the manifests, one line each. */
  readonly mistakes: readonly string[];
  /** A revision that it has read and does not believe, and why. */
  readonly held: { readonly revision: string; readonly reason: string; readonly message: string } | undefined;
  /** Why it cannot be read. */
  readonly failure: string | undefined;
}

export interface ObservedStatus {
  readonly source: ObservedSource;
  readonly promotions: readonly ObservedPromotion[];
  /** What a person should know beside the promotions, one sentence each. */
  readonly notes: readonly string[];
  /** The whole answer, for output as data. */
  readonly document: unknown;
}

export interface StatusReader extends AsyncDisposable {
  /** @throws Error with a sentence that says what to do */
  read(signal: AbortSignal): Promise<ObservedStatus>;
}

type StatusConfig = Config<(typeof STATUS_SOURCE_OPTIONS)[number]>;

/** Where statuses are read: of objects in a cluster only where one is named. */
export function statusHome(config: StatusConfig): 'cluster' | 'branch' | 'server' {
  if (config.source === 'kubernetes') return 'cluster';
  if (config['git-url'] !== undefined) return 'branch';
  return config.kubeconfig === undefined && config.context === undefined ? 'server' : 'cluster';
}

/**
 * To be opened with `await using`.
 * @param names of promotions; in a cluster they tell which namespaces are read
 */
export async function openStatus(config: StatusConfig, names: readonly string[]): Promise<StatusReader> {
  const home = statusHome(config);
  if (home === 'cluster') return openObjects(config, names);
  if (home === 'branch') return openBranch(config);
  return {
    read: (signal) => readServer(config.server, signal),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** What a controller answers at this address. @throws Error with a sentence that says what to do */
export async function readServer(server: string, signal: AbortSignal): Promise<ObservedStatus> {
  if (!/^https?:\/\//.test(server) || !URL.canParse(server))
    throw new Error(`--server: ${JSON.stringify(server)} is not an http address`);
  const url = new URL('/status', server);
  const document: unknown = await fetch(url, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]),
    redirect: 'error',
  })
    .then((response) =>
      response.ok ? response.json() : Promise.reject(new Error(`HTTP ${response.status}`)),
    )
    .catch((error: unknown) => {
      throw new Error(
        `no controller answers at ${url.origin}: ${reasonOf(error)}; say where it is with --server, or read the status branch with --git-url`,
        { cause: error },
      );
    });
  if (!isStatusPage(document))
    throw new Error(`what answers at ${url.origin} is not a modelpromotion controller`);
  return {
    source: sourceOf(document),
    promotions: document.promotions.map((promotion) => toObserved({ ...promotion })),
    notes: notesOf(document),
    document,
  };
}

function isStatusPage(document: unknown): document is StatusPage {
  return (
    isFields(document) &&
    isFields(document['source']) &&
    Array.isArray(document['promotions']) &&
    Array.isArray(document['registries'])
  );
}

function sourceOf({ source: { revision, problems, held, failure } }: StatusPage): ObservedSource {
  return {
    revision,
    mistakes: problems.filter(({ neverRead }) => neverRead !== true).map(problemLine),
    held: held && { ...held, message: HELD[held.reason] },
    failure: failure?.message,
  };
}

/** What goes wrong outside of single promotions: the status branch, the source, a file of it, a registry. */
function notesOf({ source, statusBranch, registries }: StatusPage): string[] {
  const { failure, held, problems } = source;
  const orphans = problems.filter(({ object }) => object?.kind !== 'ModelPromotion');
  const sick = registries.flatMap(({ name, status }) => {
    const failing = status.conditions?.filter((condition) => condition.status === 'False') ?? [];
    return failing.map(({ message }) => `registry ${name}: ${message}`);
  });
  return [
    ...(statusBranch?.failure === undefined
      ? []
      : [
          `the status branch cannot be read, and nothing is done before it is: ${statusBranch.failure.message}`,
        ]),
    ...(statusBranch?.unwritten === undefined
      ? []
      : [`statuses cannot be written to the status branch, which is out of date: ${statusBranch.unwritten}`]),
    ...(failure === undefined ? [] : [`the source cannot be read: ${failure.message}`]),
    ...(held === undefined ? [] : [HELD[held.reason]]),
    ...orphans.map(problemLine),
    ...sick,
  ];
}

const HELD = {
  EmptySource:
    'the source holds no manifest any more; nothing is changed unless the controller runs with --allow-empty',
  UnreadableFile: 'a file cannot be read, so nothing is removed at this revision',
} as const;

/** With a mirror of its own, since that of a controller on this machine is in use. */
async function openBranch(config: StatusConfig): Promise<StatusReader> {
  const { logger, scrubber } = openOutput(config);
  const git = openGit(config, scrubber, logger);
  await checkCache(git);
  const cacheDir = await mkdtemp(join(git.cacheDir, 'command-'));
  const store = openStatusBranch(config, { ...git, cacheDir }, scrubber);
  return {
    async read(signal) {
      return fromFiles((await store?.read(signal)) ?? new Map<string, string>());
    },
    [Symbol.asyncDispose]: () => rm(cacheDir, { recursive: true, force: true }),
  };
}

async function openObjects(config: StatusConfig, names: readonly string[]): Promise<StatusReader> {
  const cluster = await openCluster(config, openOutput(config).scrubber);
  const named = names.map((name) => (name.includes('/') ? name.slice(0, name.indexOf('/')) : undefined));
  const own = named.length === 0 || named.includes(undefined) ? [cluster.namespace] : [];
  const spaces = config['all-namespaces']
    ? [undefined]
    : new Set([...own, ...named.filter((name) => name !== undefined)]);
  return {
    async read(signal) {
      const listed = [...spaces].map((space) =>
        listObjects(cluster.api, collectionPath(PROMOTIONS, space), signal),
      );
      const objects = (await Promise.all(listed).catch((error: unknown) => {
        throw forPeople(error);
      })).flat().filter(isFields).map(asShown); // prettier-ignore
      return {
        source: { revision: undefined, mistakes: [], held: undefined, failure: undefined },
        promotions: objects.map(toObserved),
        notes: [],
        document: { promotions: objects },
      };
    },
    async [Symbol.asyncDispose]() {
      await cluster[Symbol.asyncDispose]();
    },
  };
}

/** As kubectl shows it: who manages which field is left out. */
function asShown(object: Fields): Fields {
  const { managedFields: _, ...metadata } = isFields(object['metadata']) ? object['metadata'] : {};
  return { ...object, metadata };
}

function fromFiles(files: ReadonlyMap<string, string>): ObservedStatus {
  const documents = [...files]
    .flatMap(([path, text]) => readStatusFile(path, text) ?? [])
    .flatMap(({ key, document, rejected }) => (isFormerKey(key) ? [] : (document ?? rejected ?? [])));
  return {
    source: { revision: undefined, mistakes: [], held: undefined, failure: undefined },
    promotions: documents.map((document) => toObserved({ ...document })),
    notes: [],
    document: { promotions: documents },
  };
}

function toObserved(document: Readonly<Record<string, unknown>>): ObservedPromotion {
  const { metadata, spec, status } = document as {
    metadata?: { namespace?: string; name?: string; generation?: number };
    spec?: { model?: string };
    status?: ModelPromotionStatus;
  };
  return {
    key: `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`,
    model: spec?.model ?? '-',
    generation: metadata?.generation,
    status: status ?? {},
    document,
  };
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ECONNREFUSED' ? 'connection refused' : (code ?? message);
}
