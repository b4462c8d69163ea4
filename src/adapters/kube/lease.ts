/**
 * Which of several processes works: whoever holds a Lease. After client-go's leaderelection: whether another one's
 * lease has run out is told by our own monotonic clock alone, from when we last saw it change.
 */
import { wordsOf } from '../../runtime/failure.ts';
import { sleep } from '../../runtime/time.ts';
import { type KubeApi, KubeError } from './api.ts';
import { microtime } from './microtime.ts';

interface LeaseTimes {
  /** How long others wait after the last change that they saw, before they take over. */
  readonly duration: number;
  /** How long we go on without a renewal that succeeded. */
  readonly renewDeadline: number;
  readonly retry: number;
  /** How long before that no write begins any more: it could not end in time. */
  readonly margin: number;
}

/** In Flux's proportions: 35, 30 and 5 seconds. */
export function leaseTimes(duration: number): LeaseTimes {
  const part = (share: number): number => Math.round(duration * share);
  return { duration, renewDeadline: part(6 / 7), retry: part(1 / 7), margin: part(2 / 7) };
}

export interface ElectorLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface ElectorOptions {
  readonly api: KubeApi;
  readonly namespace: string;
  readonly name: string;
  /** Of this process alone. */
  readonly identity: string;
  /** Milliseconds. */
  readonly duration: number;
  readonly logger: ElectorLogger;
}

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

export interface Lease {
  readonly metadata: { readonly resourceVersion: string };
  readonly spec?: LeaseSpec;
}

/** What was seen of the lease, and when that was seen to change, by the monotonic clock. */
export interface Seen {
  readonly lease: Lease | undefined;
  readonly changedAt: number;
}

export type Step = 'create' | 'take' | 'renew' | 'wait';

/** What to do about a lease. @param now of the monotonic clock, like `changedAt` */
export function nextStep({ lease, changedAt }: Seen, identity: string, now: number): Step {
  if (lease === undefined) return 'create';
  const { holderIdentity = '', leaseDurationSeconds = 0 } = lease.spec ?? {};
  if (holderIdentity === identity) return 'renew';
  if (holderIdentity === '') return 'take';
  return now - changedAt >= leaseDurationSeconds * 1_000 ? 'take' : 'wait';
}

export class Elector {
  readonly #options: ElectorOptions;
  readonly #times: LeaseTimes;
  #seen: Seen = { lease: undefined, changedAt: performance.now() };
  /** When the renewal began that succeeded last. */
  #renewedAt: number | undefined;
  #failure: string | undefined;

  constructor(options: ElectorOptions) {
    this.#options = options;
    this.#times = leaseTimes(options.duration);
  }

  /**
   * Whether a write may begin now: it will have ended before anybody else takes over. Asked immediately before each
   * write, for a process that was paused does not know it.
   */
  fence(): boolean {
    if (this.#renewedAt === undefined) return false;
    return performance.now() - this.#renewedAt < this.#times.renewDeadline - this.#times.margin;
  }

  /**
   * Waits for the lease, works while it holds, and gives it back. The work is told whether it had to wait.
   * Resolves with `lost` when another one may have it now.
   */
  async lead(
    work: (stop: AbortSignal, stoodBy: boolean) => Promise<void>,
    stop: AbortSignal,
  ): Promise<'stopped' | 'lost'> {
    const acquired = await this.#acquire(stop);
    if (acquired === 'never') return 'stopped';
    const lost = new AbortController();
    const end = new AbortController();
    const renewing = this.#renew(lost, end.signal);
    try {
      await work(AbortSignal.any([stop, lost.signal]), acquired === 'in the end');
    } finally {
      end.abort();
      await renewing;
    }
    if (lost.signal.aborted) return 'lost';
    await this.#release();
    return 'stopped';
  }

  async #acquire(stop: AbortSignal): Promise<'at once' | 'in the end' | 'never'> {
    const { logger, identity, name, namespace } = this.#options;
    for (let [told, tries] = ['', 1]; !stop.aborted; tries += 1) {
      if (await this.#try(stop)) {
        logger.info({ lease: `${namespace}/${name}`, identity }, 'leading');
        return tries === 1 ? 'at once' : 'in the end';
      }
      const holder = this.#seen.lease?.spec?.holderIdentity ?? '';
      if (holder !== '' && holder !== told) logger.info({ holder }, 'standing by: another replica leads');
      told = holder;
      await sleep(this.#times.retry * (1 + Math.random() * 0.2), stop);
    }
    return 'never';
  }

  async #renew(lost: AbortController, end: AbortSignal): Promise<void> {
    while (!end.aborted) {
      await sleep(Math.min(this.#times.retry, this.#left()), end);
      if (end.aborted) return;
      const renewed = await this.#try(end, this.#left());
      if (renewed || (this.#left() > 0 && !this.#isTaken())) continue;
      this.#renewedAt = undefined;
      lost.abort(new Error('the lease was lost'));
      return;
    }
  }

  /** How long we go on if no renewal succeeds, in milliseconds; an attempt that hangs does not make it longer. */
  #left(): number {
    return Math.max(0, this.#times.renewDeadline - (performance.now() - (this.#renewedAt ?? -Infinity)));
  }

  #isTaken(): boolean {
    const holder = this.#seen.lease?.spec?.holderIdentity;
    return holder !== undefined && holder !== '' && holder !== this.#options.identity;
  }

  /** One attempt to have the lease, or to keep it. */
  async #try(signal: AbortSignal, longest = Infinity): Promise<boolean> {
    const started = performance.now();
    const limit = Math.round(Math.min(this.#times.renewDeadline / 2, longest));
    const until = AbortSignal.any([signal, AbortSignal.timeout(limit)]);
    try {
      await this.#look(until);
      const step = nextStep(this.#seen, this.#options.identity, performance.now());
      if (step === 'wait') return false;
      await this.#write(step, until);
      // From before the call: the server may have taken it at any time since.
      this.#renewedAt = started;
      this.#failure = undefined;
      return true;
    } catch (error) {
      if (!signal.aborted) this.#failed(error);
      return false;
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { api } = this.#options;
    try {
      this.#see(await api.request<Lease>({ method: 'GET', path: this.#path() }, signal));
    } catch (error) {
      if (!(error instanceof KubeError) || error.status !== 404) throw error;
      this.#seen = { lease: undefined, changedAt: performance.now() };
    }
  }

  #see(lease: Lease): void {
    const same = this.#seen.lease?.metadata.resourceVersion === lease.metadata.resourceVersion;
    this.#seen = { lease, changedAt: same ? this.#seen.changedAt : performance.now() };
  }

  async #write(step: 'create' | 'take' | 'renew', signal: AbortSignal): Promise<void> {
    const { identity } = this.#options;
    const before = this.#seen.lease?.spec ?? {};
    const now = microtime(Date.now());
    await this.#put(
      {
        holderIdentity: identity,
        leaseDurationSeconds: Math.ceil(this.#times.duration / 1_000),
        acquireTime: step === 'renew' ? (before.acquireTime ?? now) : now,
        renewTime: now,
        leaseTransitions: (before.leaseTransitions ?? 0) + (step === 'take' ? 1 : 0),
      },
      signal,
    );
  }

  /** Only over the very lease that was seen. */
  async #put(spec: LeaseSpec, signal: AbortSignal): Promise<void> {
    const { api, namespace, name } = this.#options;
    const { lease } = this.#seen;
    const metadata = { namespace, name, ...(lease && { resourceVersion: lease.metadata.resourceVersion }) };
    const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
    const path = this.#path();
    const written = await (lease === undefined
      ? api.request<Lease>({ method: 'POST', path: path.slice(0, path.lastIndexOf('/')), body }, signal)
      : api.request<Lease>({ method: 'PUT', path, body }, signal));
    this.#see(written);
  }

  /** Others need not wait until it runs out. */
  async #release(): Promise<void> {
    this.#renewedAt = undefined;
    const { leaseTransitions = 0 } = this.#seen.lease?.spec ?? {};
    const now = microtime(Date.now());
    const spec = {
      holderIdentity: '',
      leaseDurationSeconds: 1,
      acquireTime: now,
      renewTime: now,
      leaseTransitions,
    };
    try {
      await this.#put(spec, AbortSignal.timeout(this.#times.retry));
    } catch (error) {
      const detail = wordsOf(error);
      this.#options.logger.warn(
        { detail },
        'the lease could not be given back; others wait until it runs out',
      );
    }
  }

  #failed(error: unknown): void {
    const detail = wordsOf(error);
    if (this.#failure !== detail)
      this.#options.logger.warn({ detail }, 'the lease cannot be had; it is tried again');
    this.#failure = detail;
  }

  #path(): string {
    const { namespace, name } = this.#options;
    return `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/leases/${encodeURIComponent(name)}`;
  }
}
