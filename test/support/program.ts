/** The built program, as users start it: its one-shot commands, and `run` as a daemon that is watched from outside. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import type { Condition, ModelPromotion } from '../../src/api/generated/types.ts';
import type { StatusPage } from '../../src/cli/daemon/status-page.ts';
import { findPython } from '../../src/cli/quickstart/python.ts';

const NODE = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** Generous: only a test that fails waits this long. */
const DEADLINE_MS = 40_000;
const LOOK_EVERY_MS = 100;

export type Variables = Readonly<Record<string, string>>;

interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface CommandOptions {
  readonly env?: Variables;
  readonly input?: string;
  readonly cwd?: string;
  /** Ctrl-C is pressed once this resolves. */
  readonly interrupt?: Promise<unknown>;
}

/** Runs one command to its end. */
export async function modelpromotion(
  args: readonly string[],
  { env = {}, input = '', cwd, interrupt }: CommandOptions = {},
): Promise<CommandResult> {
  const child = start(args, env, cwd);
  const output = collect(child);
  child.stdin?.on('error', () => undefined).end(input);
  void interrupt?.then(() => child.kill('SIGINT'));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout: output.stdout(), stderr: output.stderr() };
}

export interface Dialogue {
  /** Types the answer, and waits for the end. */
  answer(text: string): Promise<{ readonly code: number | null; readonly output: string }>;
}

/** A terminal of its own for the command line that follows; exits as that does. */
const ON_TERMINAL = `import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))`;

/** Runs one command on a terminal until it asks. */
export async function startOnTerminal(args: readonly string[], question: string): Promise<Dialogue> {
  const python = await findPython(AbortSignal.timeout(DEADLINE_MS));
  const child = spawn(python, ['-c', ON_TERMINAL, NODE, PROGRAM, ...args], {
    env: variables({ NO_COLOR: '1' }),
  });
  const output = collect(child);
  const closed = once(child, 'close');
  await eventually(() => {
    if (!output.stdout().includes(question)) throw new Error(`it does not ask: ${output.stdout()}`);
  });
  return {
    async answer(text) {
      child.stdin.write(`${text}\n`);
      await closed;
      return { code: child.exitCode, output: output.stdout() };
    },
  };
}

/** One line of the daemon's log. */
interface LogLine {
  readonly level: string;
  readonly time: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** An object as `GET /status` shows it; one that was never valid has no spec. */
export type Shown = Pick<ModelPromotion, 'metadata'> & Partial<Pick<ModelPromotion, 'spec' | 'status'>>;

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly milliseconds: number;
}

export interface Daemon extends AsyncDisposable {
  readonly pid: number;
  /** Where /status, /healthz, /readyz and /metrics are. */
  readonly url: string;
  /** The log so far. */
  log(): LogLine[];
  /** Everything that was printed so far, on both outputs. */
  output(): string;
  status(): Promise<StatusPage>;
  /** The object of this name in /status. */
  promotion(key: string): Promise<Shown | undefined>;
  /** Waits until the promotion has this reason at its current generation and, if given, at this commit or a later one. */
  settled(key: string, reason: string, commit?: string): Promise<Shown>;
  /** Waits until this commit was read. */
  read(commit: string): Promise<void>;
  /** Waits until the registry was looked at this many times from now on. */
  sweeps(count: number): Promise<void>;
  /** The value of one line of /metrics, such as `name{label="value"}`. */
  metric(series: string): Promise<number>;
  /** Waits until a line with this message, and all of these fields, is logged. */
  logged(msg: string, fields?: Readonly<Record<string, unknown>>): Promise<LogLine>;
  /** Sends the signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Ended>;
}

/**
 * Starts `modelpromotion run …` on a free port and waits until it serves.
 * @param through a command line that ends by becoming the one that follows it
 */
export async function startDaemon(
  args: readonly string[],
  env: Variables = {},
  through: readonly string[] = [],
): Promise<Daemon> {
  const own = ['run', '--listen', '127.0.0.1:0', '--log-format', 'json'];
  const child = start([...own, ...args], env, undefined, through);
  child.stdin?.end();
  const output = collect(child);
  const closed = once(child, 'close');
  const log = () => output.stderr().split('\n').flatMap(parseLine);
  const started = await eventually(() => {
    if (child.exitCode !== null) return undefined;
    const line = log().find(({ msg }) => msg === 'started');
    if (line === undefined) throw new Error(`the daemon does not say that it started: ${output.stderr()}`);
    return line;
  });
  if (started === undefined) throw new Error(`the daemon ended with ${child.exitCode}: ${output.stderr()}`);
  return observe(child, closed, String(started['listen']), log, () => output.stdout() + output.stderr());
}

function observe(
  child: ChildProcess,
  closed: Promise<unknown>,
  url: string,
  log: () => LogLine[],
  output: () => string,
): Daemon {
  const status = async () => (await (await fetch(`${url}/status`)).json()) as StatusPage;
  const metrics = async () => (await fetch(`${url}/metrics`)).text();
  const promotion = async (key: string) => find(await status(), key);
  const daemon: Daemon = {
    pid: child.pid ?? 0,
    url,
    log,
    output,
    status,
    promotion,
    settled: (key, reason, commit) =>
      eventually(async () => {
        const page = await status();
        const shown = find(page, key);
        const found = isCurrent(shown) ? conditionOf(shown, 'Ready') : undefined;
        const isRead = commit === undefined || page.source.revision?.endsWith(commit) === true;
        if (shown !== undefined && isRead && found?.reason === reason) return shown;
        throw new Error(
          `${key} is not ${reason}${commit === undefined ? '' : ` at ${commit}`} but at ${page.source.revision}: ` +
            JSON.stringify(shown?.status, null, 2),
        );
      }),
    read: (commit) =>
      eventually(async () => {
        const { source } = await status();
        if (source.revision?.endsWith(commit) !== true) throw new Error(`read so far: ${source.revision}`);
      }),
    async sweeps(count) {
      const series = 'modelpromotion_registry_requests_total{call="search-models",result="ok"}';
      const before = await daemon.metric(series);
      await eventually(async () => {
        const now = await daemon.metric(series);
        if (now < before + count) throw new Error(`${now - before} sweeps of ${count}`);
      });
    },
    async metric(series) {
      const line = (await metrics()).split('\n').find((line) => line.startsWith(`${series} `));
      if (line === undefined) throw new Error(`/metrics has no ${series}`);
      return Number(line.slice(series.length));
    },
    logged: (msg, fields = {}) =>
      eventually(() => {
        const wanted = Object.entries(fields);
        const line = log().find(
          (line) => line.msg === msg && wanted.every(([key, value]) => line[key] === value),
        );
        if (line === undefined) throw new Error(`no line ${msg} ${JSON.stringify(fields)} in\n${output()}`);
        return line;
      }),
    async stop(signal = 'SIGTERM') {
      const asked = performance.now();
      child.kill(signal);
      await closed;
      return { code: child.exitCode, signal: child.signalCode, milliseconds: performance.now() - asked };
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await closed;
    },
  };
  return daemon;
}

/** Waits until this no longer throws, and gives what it gives. */
export function eventually<T>(look: () => T | Promise<T>, timeout = DEADLINE_MS): Promise<T> {
  return vi.waitFor(look, { timeout, interval: LOOK_EVERY_MS });
}

export function conditionOf(shown: Shown | undefined, type: string): Condition | undefined {
  return shown?.status?.conditions?.find((condition) => condition.type === type);
}

function find({ promotions }: StatusPage, key: string): Shown | undefined {
  return promotions.find(({ metadata }) => `${metadata.namespace}/${metadata.name}` === key);
}

function isCurrent(shown: Shown | undefined): boolean {
  return shown?.status?.observedGeneration === shown?.metadata.generation;
}

function start(
  args: readonly string[],
  env: Variables,
  cwd?: string,
  through: readonly string[] = [],
): ChildProcess {
  const [command = NODE, ...argv] = [...through, NODE, PROGRAM, ...args];
  return spawn(command, argv, {
    cwd: cwd ?? tmpdir(),
    env: variables(env),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/** Nothing of the developer's own settings. */
function variables(more: Variables): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: tmpdir(), LC_ALL: 'C', ...more };
}

function collect({ stdout, stderr }: ChildProcess): { stdout: () => string; stderr: () => string } {
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  stdout?.on('data', (chunk: Buffer) => out.push(chunk));
  stderr?.on('data', (chunk: Buffer) => err.push(chunk));
  return { stdout: () => Buffer.concat(out).toString(), stderr: () => Buffer.concat(err).toString() };
}

function parseLine(line: string): LogLine[] {
  try {
    return [JSON.parse(line) as LogLine];
  } catch {
    return [];
  }
}
