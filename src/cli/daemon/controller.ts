/**
 * The daemon: a source that is polled, registries that are swept, a queue of promotions between them and a few
 * workers, and statuses that go back. It decides nothing: the engine does.
 */
import type { Amendment, Listing } from '../../api/listing.ts';
import type { ModelPromotion } from '../../api/generated/types.ts';
import type { RejectedDocument } from '../../api/status-file.ts';
import type { Listed, RegistryDirectory } from '../../adapters/mlflow/directory.ts';
import type { MlflowRegistry, Sweep } from '../../adapters/mlflow/registry.ts';
import type { Next } from '../../domain/outcome.ts';
import type { Engine } from '../../reconcile/engine.ts';
import { SourceError, type Source } from '../../reconcile/ports.ts';
import { Bell } from '../../runtime/bell.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Rank } from '../../runtime/lanes.ts';
import type { WorkQueue } from '../../runtime/queue.ts';
import { backoff, jitter, sleep } from '../../runtime/time.ts';
import type { ControllerMetrics } from './metrics.ts';

/** How long a pass that has begun may take to end once we are asked to stop. */
const DRAIN = 20_000;
const LONGEST_GAP = 1_000;
const SOURCE_RETRY = { base: 1_000, max: 60_000 };
const SWEEP_RETRY = { base: 1_000, max: 15_000 };
/** Sweeps that hints ask for are this far apart, and take no more than this share of the time. */
const HINTED_SWEEPS = { gap: 1_000, share: 0.05 };

export interface ControllerOptions {
  readonly engine: Engine;
  readonly source: Source;
  /** Reads what was remembered before a restart. */
  readonly restore: (signal: AbortSignal) => Promise<Remembered>;
  readonly directory: RegistryDirectory;
  readonly queue: WorkQueue;
  readonly statusWriter: StatusSink | undefined;
  /** Milliseconds between looks at the source. */
  readonly pollInterval: number;
  readonly logger: Logger;
  readonly metrics: ControllerMetrics;
}

/** Brings statuses to where people read them. */
export interface StatusSink {
  /** Why statuses cannot be written; undefined when they can. */
  readonly failure: string | undefined;
  /** The status of this key is to be written. */
  changed(key: string): void;
  /** A registry was looked at. */
  swept?(registry: string): void;
  /** Writes whatever changes, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** Writes all that is due. */
  flush(signal: AbortSignal): Promise<unknown>;
}

/** What is remembered from before a restart: promotions with their status, and the keys of all statuses. */
export interface Remembered {
  readonly documents: readonly ModelPromotion[];
  /** What is still to be released although its name is used again. */
  readonly former: readonly ModelPromotion[];
  /** What was declared and never valid. */
  readonly rejected: readonly RejectedDocument[];
  readonly keys: readonly string[];
}

/** Why something could not be read. */
interface Failure {
  readonly reason: string;
  readonly message: string;
}

/** The source, as `GET /status` and `/readyz` tell of it. */
export interface SourceState {
  readonly lastRead: number | undefined;
  readonly failure: Failure | undefined;
  readonly listed: boolean;
}

export class Controller {
  readonly #options: ControllerOptions;
  readonly #sweeps = new Map<
    string,
    { registry: MlflowRegistry; bell: Bell; stop: AbortController; done: Promise<void> }
  >();
  readonly #sourceBell = new Bell();
  /** Files of the status branch that the first listing is to be held against: what it no longer knows goes. */
  #remembered: readonly string[] = [];
  #source: SourceState = { lastRead: undefined, failure: undefined, listed: false };
  #memoryFailure: Failure | undefined;
  /** Somebody said that there is something new. */
  #moved = false;
  /** Milliseconds before the source may be looked at again: what took long is not done at every ring. */
  #gap = 0;

  constructor(options: ControllerOptions) {
    this.#options = options;
  }

  get source(): SourceState {
    return this.#source;
  }

  /** Why the status branch cannot be read; until it is, nothing else begins. */
  get memoryFailure(): Failure | undefined {
    return this.#memoryFailure;
  }

  /** Has the source looked at now, or once more when that is going on already. */
  pollNow(): void {
    this.#moved = true;
    this.#sourceBell.ring();
  }

  /** Has a registry looked at as soon as its pace allows. */
  sweepSoon(registry: string): void {
    this.#sweeps.get(registry)?.bell.ring();
  }

  /** Why statuses cannot be written to the status branch; they are in `GET /status` all the same. */
  get unwritten(): string | undefined {
    return this.#options.statusWriter?.failure;
  }

  /** Runs until the signal aborts, then finishes what has begun. */
  async run(stop: AbortSignal): Promise<void> {
    const { queue, statusWriter, logger, source, directory } = this.#options;
    await this.#restore(stop);
    const kill = new AbortController();
    const writing = new AbortController();
    const work = this.#work(kill.signal);
    const writes = statusWriter?.run(writing.signal) ?? Promise.resolve();
    await this.#followSource(stop);
    logger.info({}, 'stopping: what has begun is finished');
    queue.close();
    for (const sweep of this.#sweeps.values()) sweep.stop.abort(new Error('stopping'));
    const patience = setTimeout(() => kill.abort(new Error('stopping')), DRAIN);
    await Promise.all([work, queue.idle(), ...[...this.#sweeps.values()].map(({ done }) => done)]);
    clearTimeout(patience);
    writing.abort(new Error('stopping'));
    await writes;
    await statusWriter?.flush(AbortSignal.timeout(DRAIN));
    await Promise.all([source.close(), directory.close()]);
  }

  /** Our memory comes first: without it a change by hand would pass for a new promotion. */
  async #restore(stop: AbortSignal): Promise<void> {
    const { engine, restore, logger } = this.#options;
    for (let attempt = 0; !stop.aborted; attempt += 1) {
      try {
        const { documents, former, rejected, keys } = await restore(stop);
        engine.restore(documents, former, rejected);
        this.#remembered = keys;
        if (this.#memoryFailure !== undefined) logger.info({}, 'the status branch can be read again');
        this.#memoryFailure = undefined;
        if (documents.length > 0)
          logger.info({ promotions: documents.length }, 'remembered statuses were read');
        return;
      } catch (error) {
        if (stop.aborted) return;
        this.#memoryFailed(error);
        await sleep(backoff(attempt, SOURCE_RETRY), stop);
      }
    }
  }

  async #followSource(stop: AbortSignal): Promise<void> {
    const { pollInterval } = this.#options;
    let failures = 0;
    while (!stop.aborted) {
      failures = (await this.#poll(stop)) ? 0 : failures + 1;
      const wait =
        failures === 0 ? jitter(pollInterval) : Math.max(pollInterval, backoff(failures, SOURCE_RETRY));
      await this.#sourceBell.wait(wait, this.#gap, stop);
    }
  }

  async #poll(stop: AbortSignal): Promise<boolean> {
    const { source, metrics } = this.#options;
    const started = performance.now();
    const seconds = (): number => (performance.now() - started) / 1_000;
    const moved = this.#moved;
    this.#moved = false;
    try {
      const listing = await source.poll(stop, moved);
      metrics.polled(listing === undefined ? 'unchanged' : 'changed', seconds());
      if (this.#source.failure !== undefined) this.#options.logger.info({}, 'the source can be read again');
      // What was there when we came can wait for what somebody changes now.
      const rank = this.#source.listed ? 'urgent' : 'routine';
      this.#source = { lastRead: Date.now(), failure: undefined, listed: true };
      if (listing !== undefined) await this.#accept(listing, rank);
      this.#gap = Math.min(LONGEST_GAP, performance.now() - started);
      return true;
    } catch (error) {
      if (stop.aborted) return true;
      metrics.polled('failed', seconds());
      this.#sourceFailed(error);
      return false;
    }
  }

  #sourceFailed(error: unknown): void {
    const before = this.#source;
    const failure = this.#explain(error);
    this.#source = { ...this.#source, failure };
    const { reason, message: detail } = failure;
    if (before.failure?.message !== detail)
      this.#options.logger.warn(
        { reason, detail },
        before.listed
          ? 'the source cannot be read; what was declared last still holds'
          : 'the source cannot be read; nothing is done before it is',
      );
  }

  #memoryFailed(error: unknown): void {
    const before = this.#memoryFailure;
    const { reason, message: detail } = (this.#memoryFailure = this.#explain(error));
    if (before?.message !== detail)
      this.#options.logger.warn(
        { reason, detail },
        'the status branch cannot be read; nothing is done before it is, for it tells drift from promotion',
      );
  }

  #explain(error: unknown): Failure {
    if (error instanceof SourceError) return { reason: error.reason, message: error.message };
    this.#options.logger.error({ err: error }, 'a look at the source failed unexpectedly');
    return { reason: 'Unreachable', message: 'an unexpected error; see the log' };
  }

  async #accept(listing: Listing | Amendment, rank: Rank): Promise<void> {
    const { engine, directory, queue } = this.#options;
    this.#tellListing(listing);
    const keys = await engine.accept(listing);
    for (const key of this.#remembered) this.#options.statusWriter?.changed(key);
    this.#remembered = [];
    const [refused, usable] = split(directory.list(), ({ refusal }) => refusal !== undefined);
    this.#followRegistries(usable);
    for (const { key } of refused) this.#options.statusWriter?.swept?.(key);
    const unswept = this.#unsweptAddresses();
    for (const key of keys) if (!unswept.has(engine.addressOf(key) ?? '')) queue.add(key, rank);
  }

  #tellListing(listing: Listing | Amendment): void {
    const { logger } = this.#options;
    const { revision } = listing;
    if ('amended' in listing) {
      logger.debug({ revision, promotions: listing.amended.length }, 'promotions changed');
      return;
    }
    const { promotions, registries, problems, ignored } = listing;
    const counts = {
      promotions: promotions.length,
      registries: registries.length,
      problems: problems.length,
      ignored,
    };
    logger.info({ revision, ...counts }, 'a revision was read');
  }

  /** Promotions of a registry that was never looked at wait for its first sweep, which serves them all. */
  #unsweptAddresses(): ReadonlySet<string> {
    const unswept = this.#options.directory.list().filter(({ registry, refusal }) => {
      const { lastSweep, failure } = registry.health;
      return refusal === undefined && lastSweep === undefined && failure === undefined;
    });
    return new Set(unswept.map(({ address }) => address));
  }

  #followRegistries(listed: readonly Listed[]): void {
    const current = new Map(listed.map((one) => [one.key, one]));
    for (const [key, sweep] of this.#sweeps) {
      if (current.get(key)?.registry === sweep.registry) continue;
      sweep.stop.abort(new Error('no longer declared'));
      this.#sweeps.delete(key);
    }
    for (const one of listed) {
      if (this.#sweeps.has(one.key)) continue;
      const [stop, bell] = [new AbortController(), new Bell()];
      const done = this.#sweep(one, bell, stop.signal);
      this.#sweeps.set(one.key, { registry: one.registry, bell, stop, done });
    }
  }

  /** Looks at one registry again and again, and wakes the promotions that its changes concern. */
  async #sweep(listed: Listed, bell: Bell, signal: AbortSignal): Promise<void> {
    const { engine, queue } = this.#options;
    let failures = 0;
    for (let known = false; !signal.aborted;) {
      const sweep = await this.#sweepOnce(listed, failures, signal);
      if (signal.aborted) return;
      const turned = sweep === undefined ? failures === 0 : !known || failures > 0;
      const models = turned ? undefined : (sweep?.changed ?? []);
      for (const promotion of engine.keysOf(listed.address, models))
        queue.add(promotion, models === undefined ? 'routine' : 'urgent');
      if (turned && sweep !== undefined) this.#tellSweep(listed, sweep);
      known ||= sweep !== undefined;
      failures = sweep === undefined ? failures + 1 : 0;
      const { sweepInterval } = listed;
      await bell.wait(
        failures === 0 ? jitter(sweepInterval) : Math.min(sweepInterval, backoff(failures, SWEEP_RETRY)),
        Math.max(HINTED_SWEEPS.gap, (sweep?.duration ?? 0) / HINTED_SWEEPS.share),
        signal,
      );
    }
  }

  async #sweepOnce(
    { key, registry }: Listed,
    failures: number,
    signal: AbortSignal,
  ): Promise<Sweep | undefined> {
    const { logger, statusWriter } = this.#options;
    try {
      const sweep = await registry.sweep(signal);
      statusWriter?.swept?.(key);
      if (sweep === undefined && failures === 0) {
        logger.warn(
          {
            registry: key,
            reason: registry.health.failure?.reason,
            detail: registry.health.failure?.message,
          },
          'a registry cannot be read',
        );
      }
      return sweep;
    } catch (error) {
      if (!signal.aborted)
        logger.error({ registry: key, err: error }, 'a sweep failed unexpectedly; it is tried again');
      return undefined;
    }
  }

  #tellSweep({ key, registry }: Listed, { kind, duration, requests }: Sweep): void {
    const { counts, capabilities, connections } = registry.health;
    this.#options.logger.info(
      {
        registry: key,
        server: capabilities?.version,
        connections,
        ...counts,
        sweep: kind,
        milliseconds: Math.round(duration),
        requests,
      },
      'a registry was read',
    );
  }

  /** Hands out keys as the queue lets them go; it bounds how many run at once. */
  async #work(kill: AbortSignal): Promise<void> {
    const { queue } = this.#options;
    for (let key = await queue.take(); key !== undefined; key = await queue.take())
      void this.#pass(key, kill);
  }

  async #pass(key: string, kill: AbortSignal): Promise<void> {
    this.#schedule(key, await this.#handle(key, kill));
    this.#options.queue.done(key);
  }

  /** One promotion's defect must not stop the others. */
  async #handle(key: string, kill: AbortSignal): Promise<Next> {
    try {
      return await this.#options.engine.handle(key, kill);
    } catch (error) {
      if (!kill.aborted)
        this.#options.logger.error(
          { promotion: key, err: error },
          'a pass failed unexpectedly; it is tried again',
        );
      return { kind: 'Retry' };
    }
  }

  #schedule(key: string, next: Next): void {
    const { queue } = this.#options;
    if (next.kind === 'Retry') {
      queue.retry(key);
      return;
    }
    queue.forget(key);
    if (next.kind === 'Now') queue.add(key);
    else if (next.kind === 'After') queue.addAfter(key, jitter(next.ms));
  }
}

function split<T>(all: readonly T[], is: (one: T) => boolean): [those: T[], others: T[]] {
  return [all.filter(is), all.filter((one) => !is(one))];
}
