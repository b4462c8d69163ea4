/** Events of events.k8s.io/v1. Telling never waits and never fails: an event is a courtesy. */
import { createHash, randomBytes } from 'node:crypto';
import { sleep } from '../../runtime/time.ts';
import { type KubeApi, KubeError } from './api.ts';
import { EventRules, type Ruling, type Told } from './event-rules.ts';
import { microtime } from './microtime.ts';
import type { ObjectRef } from './status.ts';

export interface EventsOptions {
  readonly api: KubeApi;
  /** The pod, or the host. */
  readonly instance: string;
  readonly logger: { warn(fields: object, message: string): void };
}

type Regarding = Omit<ObjectRef, 'resource'>;

interface Waiting {
  readonly regarding: Regarding;
  readonly told: Told;
  readonly ruling: Exclude<Ruling, { kind: 'drop' }>;
  readonly time: number;
}

const CONTROLLER = 'modelpromotion.dev/modelpromotion';
const MOST_WAITING = 1_000;
const MOST_TRIES = 12;
const PAUSE = 10_000;
const LONGEST_NOTE = 1_024;

export class EventRecorder {
  readonly #options: EventsOptions;
  readonly #rules = new EventRules();
  readonly #waiting: Waiting[] = [];
  /** Names of the events that may become series. */
  readonly #names = new Map<string, string>();
  #sending: Promise<void> | undefined;
  #refused = false;
  readonly #stop = new AbortController();

  constructor(options: EventsOptions) {
    this.#options = options;
  }

  /** @param event what is told; secrets were taken out of it before */
  tell(regarding: Regarding, event: Omit<Told, 'uid'>): void {
    const told = { ...event, uid: regarding.uid };
    const ruling = this.#rules.rule(told, performance.now());
    if (ruling.kind === 'drop' || this.#waiting.length >= MOST_WAITING || this.#stop.signal.aborted) return;
    this.#waiting.push({ regarding, told, ruling, time: Date.now() });
    this.#sending ??= this.#send().finally(() => (this.#sending = undefined));
  }

  /** Sends what waits, as long as the signal allows. */
  async flush(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#stop.abort();
    signal.addEventListener('abort', stop, { once: true });
    await this.#sending;
    this.#stop.abort();
  }

  async #send(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      for (let attempt = 1; attempt <= MOST_TRIES && !this.#stop.signal.aborted; attempt += 1) {
        if (await this.#sendOnce(next)) break;
        await sleep(PAUSE, this.#stop.signal);
      }
    }
  }

  /** False when another try may help. */
  async #sendOnce(waiting: Waiting): Promise<boolean> {
    const { api } = this.#options;
    try {
      await api.request(this.#requestFor(waiting), this.#stop.signal);
      this.#refused = false;
      return true;
    } catch (error) {
      if (isThere(error)) return true;
      // The server forgot the event, or never had it: the series begins anew.
      if (waiting.ruling.kind === 'count' && isMissing(error)) {
        const { id, note } = waiting.ruling;
        return this.#sendOnce({ ...waiting, ruling: { kind: 'create', id, note } });
      }
      const isRefused = error instanceof KubeError && (error.status ?? 500) < 500 && error.status !== 429;
      if (isRefused) this.#tellRefused(error);
      return isRefused;
    }
  }

  #tellRefused(error: KubeError): void {
    if (!this.#refused) this.#options.logger.warn({ detail: error.message }, 'events cannot be told');
    this.#refused = true;
  }

  #requestFor({ regarding, told, ruling, time }: Waiting): Parameters<KubeApi['request']>[0] {
    const { namespace, name } = regarding;
    const path = `/apis/events.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/events`;
    if (ruling.kind === 'count') {
      const series = { count: ruling.count, lastObservedTime: microtime(time) };
      return {
        method: 'PATCH',
        path: `${path}/${this.#nameOf(ruling.id, name)}`,
        patch: 'merge',
        body: { series },
      };
    }
    this.#names.delete(ruling.id);
    const { resourceVersion: _, ...ref } = regarding;
    const body = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { namespace, name: this.#nameOf(ruling.id, name) },
      eventTime: microtime(time),
      reportingController: CONTROLLER,
      reportingInstance: this.#options.instance,
      action: told.action,
      reason: told.reason,
      regarding: ref,
      note: clipBytes(ruling.note),
      type: told.type,
    };
    return { method: 'POST', path, body };
  }

  /** A DNS name, new for each event that is not a repetition. */
  #nameOf(id: string, object: string): string {
    const known = this.#names.get(id);
    if (known !== undefined) return known;
    const unique = createHash('sha256').update(id).update(randomBytes(8)).digest('hex').slice(0, 16);
    const name = `${object.slice(0, 230).replace(/[.-]+$/, '')}.${unique}`;
    this.#names.set(id, name);
    const [oldest] = this.#names.keys();
    if (this.#names.size > 4_096 && oldest !== undefined) this.#names.delete(oldest);
    return name;
  }
}

/** An attempt before this one had arrived. */
function isThere(error: unknown): boolean {
  return error instanceof KubeError && error.reason === 'AlreadyExists';
}

function isMissing(error: unknown): boolean {
  return error instanceof KubeError && error.status === 404;
}

function clipBytes(note: string): string {
  const bytes = Buffer.from(note);
  if (bytes.length <= LONGEST_NOTE) return note;
  // Where a character was cut in two, its half is left out.
  return `${bytes
    .subarray(0, LONGEST_NOTE - 3)
    .toString()
    .replace(/�+$/, '')}…`;
}
