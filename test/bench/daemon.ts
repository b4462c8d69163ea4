/** The built program, started as users start it, and watched through its own metrics and log. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const NODE = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
/** Node is started as in the image. */
const NODE_FLAGS = flagsIn(readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8'));
const DEADLINE_MS = 30 * 60_000;
const LOOK_EVERY_MS = 500;

export interface LogLine {
  readonly msg: string;
  /** By `performance.now()`, when it reached us. */
  readonly at: number;
  readonly [field: string]: unknown;
}

export class Metrics {
  readonly #series: ReadonlyMap<string, number>;

  constructor(text: string) {
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    this.#series = new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
    );
  }

  /** The sum of all series of this name that carry these labels. */
  sum(name: string, ...labels: readonly string[]): number {
    return [...this.#series]
      .filter(([key]) => key === name || key.startsWith(`${name}{`))
      .filter(([key]) => labels.every((label) => key.includes(label)))
      .reduce((sum, [, value]) => sum + value, 0);
  }

  /** Requests to registries by call; those that were never made are left out. */
  requests(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const [key, value] of this.#series) {
      const [, call] = /^modelpromotion_registry_requests_total\{call="([\w-]+)"/.exec(key) ?? [];
      if (call !== undefined && value > 0) counts.set(call, (counts.get(call) ?? 0) + value);
    }
    return counts;
  }
}

export interface Daemon extends AsyncDisposable {
  readonly pid: number;
  readonly url: string;
  /** By `performance.now()`. */
  readonly startedAt: number;
  readonly log: readonly LogLine[];
  metrics(): Promise<Metrics>;
  /** Resolves with the time at which it came true, by `performance.now()`. */
  until(isTrue: (metrics: Metrics) => boolean, every?: number): Promise<number>;
  /** Resolves with the first line that this says yes to, from now on or before. */
  logged(isIt: (line: LogLine) => boolean): Promise<LogLine>;
}

/** Starts `modelpromotion run …`. `node` are arguments of Node itself, such as those of its profiler. */
export async function startDaemon(args: readonly string[], node: readonly string[] = []): Promise<Daemon> {
  const startedAt = performance.now();
  const child = spawn(
    NODE,
    [...NODE_FLAGS, ...node, PROGRAM, 'run', '--listen', '127.0.0.1:0', '--log-format', 'json', ...args],
    {
      cwd: tmpdir(),
      env: { PATH: process.env['PATH'] ?? '', HOME: tmpdir(), LC_ALL: 'C' },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const closed = once(child, 'close');
  const log: LogLine[] = [];
  const raw: string[] = [];
  let waiting: { isIt: (line: LogLine) => boolean; resolve: (line: LogLine) => void }[] = [];
  createInterface({ input: child.stderr }).on('line', (text) => {
    const line = parse(text);
    if (line === undefined) return raw.push(text);
    log.push(line);
    waiting = waiting.filter(({ isIt, resolve }) => !isIt(line) || resolve(line));
    return undefined;
  });
  const ended = closed.then(() => Promise.reject(new Error(`the daemon ended: ${raw.join('\n')}`)));
  ended.catch(() => undefined);
  const logged = (isIt: (line: LogLine) => boolean): Promise<LogLine> => {
    const known = log.find(isIt);
    if (known !== undefined) return Promise.resolve(known);
    const { promise, resolve } = Promise.withResolvers<LogLine>();
    waiting.push({ isIt, resolve });
    return Promise.race([promise, ended, late()]);
  };
  const url = String((await logged(({ msg }) => msg === 'started'))['listen']);
  const metrics = async (): Promise<Metrics> => new Metrics(await (await fetch(`${url}/metrics`)).text());
  return {
    pid: child.pid ?? 0,
    url,
    startedAt,
    log,
    metrics,
    logged,
    async until(isTrue, every = LOOK_EVERY_MS) {
      const deadline = performance.now() + DEADLINE_MS;
      for (;;) {
        const now = performance.now();
        if (isTrue(await metrics())) return now;
        if (now > deadline)
          throw new Error(`it does not come true: ${JSON.stringify(log.slice(-20), null, 2)}`);
        await Promise.race([sleep(every), ended]);
      }
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGCONT');
      child.kill('SIGTERM');
      await closed;
    },
  };
}

/** How many promotions are ready. */
export function readyIn(metrics: Metrics): number {
  return metrics.sum('modelpromotion_promotions', 'ready="True"');
}

function flagsIn(dockerfile: string): string[] {
  const [, entrypoint = '[]'] = /^ENTRYPOINT (\[.*\])$/m.exec(dockerfile) ?? [];
  const argv = JSON.parse(entrypoint) as string[];
  return argv.slice(argv.indexOf('node') + 1, -1);
}

function parse(text: string): LogLine | undefined {
  try {
    return { ...(JSON.parse(text) as { msg: string }), at: performance.now() };
  } catch {
    return undefined;
  }
}

async function late(): Promise<never> {
  await sleep(DEADLINE_MS, undefined, { ref: false });
  throw new Error('the daemon never says it');
}
