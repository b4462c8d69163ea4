/**
 * Keeps a store equal to what an API server holds: a list, then a watch, for ever. Only its signal ends it. After
 * client-go's reflector; what a watch can end in is in docs/kubernetes.md.
 */
import { isFields, type Fields } from '../../api/fields.ts';
import { wordsOf } from '../../runtime/failure.ts';
import { backoff, sleep } from '../../runtime/time.ts';
import { type KubeApi, KubeError, type WatchLine } from './api.ts';
import type { Item, Store } from './store.ts';

export interface ReflectorLogger {
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
}

export interface ReflectorOptions<T> {
  readonly api: KubeApi;
  /** Of the collection, such as `/apis/modelpromotion.dev/v1alpha1/modelpromotions`. */
  readonly path: string;
  /** @throws Error for an object that cannot be used; it is left out, alone */
  readonly decode: (raw: unknown) => T;
  readonly store: Store<T>;
  readonly logger: ReflectorLogger;
  /** How long a watch may be silent: longer than the server's bookmarks are apart, which is a minute. */
  readonly silence?: number;
  readonly retry?: { readonly base: number; readonly max: number };
}

const SILENCE = 70_000;
const RETRY = { base: 800, max: 30_000 };
const PAGE = 500;
/** Seconds after which the server ends a watch, at random so that many do not come at once. */
const WATCH = { least: 290, most: 580 };
/** Milliseconds; a server ends no watch of its own accord that soon. */
const SHORTEST = 1_000;
/** After so many failures in a row from one place, all is listed anew. */
const STUBBORN = 3;
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

export class Reflector<T> {
  readonly #options: ReflectorOptions<T>;
  /** Where the watch goes on; undefined when all must be listed. */
  #from: string | undefined;
  /** Whether the server streams a list as the beginning of a watch (WatchList); until it refuses. */
  #streams = true;
  #failure: string | undefined;
  /** Ends the watch that goes on, so that all is listed anew. */
  #interrupt = new AbortController();
  #listed = Promise.withResolvers<void>();
  /** By key, the version of an object that could not be used, and that was said. */
  readonly #unusable = new Map<string, string>();

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
  }

  /** Why the server cannot be followed now; undefined while it can. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Lists everything anew: what a watch has brought so far may be late. Resolves when that is done. */
  refresh(): Promise<void> {
    this.#listed = Promise.withResolvers();
    this.#from = undefined;
    this.#interrupt.abort();
    return this.#listed.promise;
  }

  /** Resolves when the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted;) {
      this.#interrupt = new AbortController();
      const until = AbortSignal.any([signal, this.#interrupt.signal]);
      try {
        if (this.#from === undefined && !this.#streams) await this.#list(until);
        const started = performance.now();
        await this.#watch(until);
        // One that ends as soon as it begins would be asked for without a pause.
        if (performance.now() - started > SHORTEST) failures = 0;
        else await sleep(backoff(failures++, this.#options.retry ?? RETRY), until);
      } catch (error) {
        if (signal.aborted) return;
        if (this.#interrupt.signal.aborted) {
          this.#from = undefined;
          continue;
        }
        if (isExpired(error)) this.#from = undefined;
        else if (this.#refusesStream(error)) this.#streams = false;
        else {
          this.#failed(error);
          // A place that the server does not know yet: after its data was restored, it never will.
          if (failures >= STUBBORN) this.#from = undefined;
        }
        failures += 1;
        await sleep(backoff(failures - 1, this.#options.retry ?? RETRY), until);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { api, path, store } = this.#options;
    const items = new Map<string, Item<T>>();
    let token: string | undefined;
    let resourceVersion: string | undefined;
    do {
      const query = { limit: PAGE, continue: token };
      const page = await api.request<Fields>({ method: 'GET', path, query }, signal);
      const metadata = isFields(page['metadata']) ? page['metadata'] : {};
      resourceVersion ??= textOf(metadata['resourceVersion']);
      token = textOf(metadata['continue']) || undefined;
      for (const raw of Array.isArray(page['items']) ? page['items'] : []) this.#collect(raw, items);
    } while (token !== undefined);
    store.replace(items);
    this.#from = resourceVersion ?? '';
    this.#listed.resolve();
    this.#recovered();
  }

  /** Until the server ends it. */
  async #watch(signal: AbortSignal): Promise<void> {
    const { api, path, silence = SILENCE } = this.#options;
    const from = this.#from;
    const beginning = from === undefined ? new Map<string, Item<T>>() : undefined;
    const query = {
      allowWatchBookmarks: true,
      timeoutSeconds: Math.round(WATCH.least + Math.random() * (WATCH.most - WATCH.least)),
      ...(from === undefined
        ? { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' }
        : { resourceVersion: from }),
    };
    const lines = new Patient(signal, silence);
    try {
      let initial = beginning;
      for await (const line of api.watch({ path, query }, lines.signal)) {
        lines.heard();
        if (initial !== undefined) {
          if (this.#begin(line, initial)) initial = undefined;
        } else this.#take(line);
        if (initial === undefined) this.#recovered();
      }
      if (initial !== undefined) throw new KubeError('the API server ended a list before its end');
    } finally {
      lines.end();
    }
  }

  /** One line of the list that a watch begins with. True when that was the last one. */
  #begin(line: WatchLine, initial: Map<string, Item<T>>): boolean {
    if (line.type === 'ERROR') throw failureIn(line.object);
    if (line.type !== 'BOOKMARK') {
      this.#collect(line.object, initial);
      return false;
    }
    const metadata = metadataOf(line.object);
    const annotations = isFields(metadata['annotations']) ? metadata['annotations'] : {};
    if (annotations[INITIAL_EVENTS_END] !== 'true') return false;
    this.#options.store.replace(initial);
    this.#from = textOf(metadata['resourceVersion']);
    this.#listed.resolve();
    return true;
  }

  #take({ type, object }: WatchLine): void {
    const { store } = this.#options;
    if (type === 'ERROR') throw failureIn(object);
    const metadata = metadataOf(object);
    if (type === 'ADDED' || type === 'MODIFIED') {
      const one = new Map<string, Item<T>>();
      this.#collect(object, one);
      for (const [key, item] of one) store.set(key, item);
    } else if (type === 'DELETED') {
      store.delete(keyOf(metadata));
      this.#unusable.delete(keyOf(metadata));
    }
    this.#from = textOf(metadata['resourceVersion']) ?? this.#from;
  }

  /** What cannot be used is said once and left out: it keeps nobody else from being known. */
  #collect(raw: unknown, into: Map<string, Item<T>>): void {
    const metadata = metadataOf(raw);
    const key = keyOf(metadata);
    const resourceVersion = textOf(metadata['resourceVersion']) ?? '';
    try {
      into.set(key, {
        uid: textOf(metadata['uid']) ?? '',
        resourceVersion,
        value: this.#options.decode(raw),
      });
      this.#unusable.delete(key);
    } catch (error) {
      // Of the same object, what it said last still holds: what cannot be read was not deleted.
      const known = this.#options.store.item(key);
      const holds = known !== undefined && known.uid === metadata['uid'];
      if (holds) into.set(key, known);
      if (this.#unusable.get(key) === resourceVersion) return;
      this.#unusable.set(key, resourceVersion);
      const { path, logger } = this.#options;
      logger.warn(
        { path, object: key, detail: wordsOf(error) },
        holds
          ? 'an object cannot be used; what it said last holds'
          : 'an object cannot be used and is left out',
      );
    }
  }

  #refusesStream(error: unknown): boolean {
    if (this.#from !== undefined || !this.#streams || !(error instanceof KubeError)) return false;
    return error.status === 400 || error.status === 422;
  }

  #failed(error: unknown): void {
    const { path, logger } = this.#options;
    const detail = wordsOf(error);
    if (this.#failure !== detail)
      logger.warn({ path, detail }, 'objects cannot be watched; it is tried again');
    this.#failure = detail;
  }

  #recovered(): void {
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    this.#options.logger.info({ path: this.#options.path }, 'objects are watched again');
  }
}

/** A signal that aborts when nothing was heard for too long. */
class Patient {
  readonly #silent = new AbortController();
  readonly #silence: number;
  readonly signal: AbortSignal;
  #timer: NodeJS.Timeout;

  constructor(signal: AbortSignal, silence: number) {
    this.#silence = silence;
    this.signal = AbortSignal.any([signal, this.#silent.signal]);
    this.#timer = this.#start();
  }

  heard(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#start();
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #start(): NodeJS.Timeout {
    return setTimeout(() => {
      this.#silent.abort(new KubeError(`nothing was heard of a watch for ${this.#silence / 1_000} s`));
    }, this.#silence);
  }
}

function isExpired(error: unknown): boolean {
  if (!(error instanceof KubeError)) return false;
  return error.status === 410 || error.reason === 'Expired' || error.reason === 'Gone';
}

function failureIn(status: unknown): KubeError {
  const told = isFields(status) ? status : {};
  const code = typeof told['code'] === 'number' ? told['code'] : undefined;
  const message = textOf(told['message']) ?? 'it gave no reason';
  return new KubeError(`the API server ended a watch: ${message}`, {
    status: code,
    reason: textOf(told['reason']),
  });
}

function metadataOf(raw: unknown): Fields {
  return isFields(raw) && isFields(raw['metadata']) ? raw['metadata'] : {};
}

function keyOf({ namespace, name }: Fields): string {
  return typeof namespace === 'string' ? `${namespace}/${String(name)}` : String(name);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
