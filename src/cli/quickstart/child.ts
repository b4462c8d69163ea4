/** Child processes that never outlive us, however we end: by return, by Ctrl-C, by `kill -9`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

export type Command = readonly [program: string, ...args: string[]];

export interface ChildOptions {
  readonly cwd?: string;
  readonly env: Readonly<Record<string, string>>;
  /** Ends the child and everything that it started. */
  readonly signal: AbortSignal;
  /** An open file that the child keeps open for as long as it lives: see `file-lock.ts`. */
  readonly keepOpen?: number;
}

export interface Child {
  /** Resolves with the exit code when the child has ended, by itself or by `stop()`. Never rejects. */
  readonly exited: Promise<number>;
  /** Resolves when nothing of the child's process group is left. */
  stop(): Promise<void>;
}

/** A command that ended with another exit code than 0. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly code: number;
  /** The last lines that it printed. */
  readonly output: string;

  constructor(command: Command, code: number, output: string) {
    super(`${command.slice(0, 4).join(' ')} … ended with exit code ${code}\n${output}`);
    this.code = code;
    this.output = output;
  }
}

/**
 * Stands between us and the command, in a process group of its own. Its standard input is a pipe that only we
 * hold open: when that closes, the group is asked to end, and killed after five seconds. When the command ends by itself,
 * what it left behind is asked to end too.
 */
const SUPERVISOR = `
exec 4<&0 </dev/null
trap : TERM INT HUP
"$@" 4<&- &
command=$!
(
  trap '' TERM INT HUP
  while read -r line; do :; done <&4
  kill -TERM 0
  waited=0
  while [ "$waited" -lt 50 ]; do
    sleep 0.1
    waited=$((waited + 1))
  done
  kill -KILL 0
) >/dev/null 2>&1 &
watcher=$!
exec 4<&-
while :; do
  wait "$command"
  code=$?
  kill -0 "$command" 2>/dev/null || break
done
kill -KILL "$watcher"
kill -TERM 0
exit "$code"
`;

const GRACE_MS = 7_000;
const LINES_KEPT = 30;

/** Starts a command whose output goes to the end of a file. */
export function startChild(command: Command, logFile: string, options: ChildOptions): Child {
  const log = openSync(logFile, 'a');
  try {
    return supervise(spawnGroup(command, log, options), options.signal);
  } finally {
    closeSync(log);
  }
}

/**
 * Runs a command to its end and resolves with what it printed.
 * @throws CommandFailed, or the signal's reason when that ended it.
 */
export async function run(
  command: Command,
  options: ChildOptions,
  onLine: (line: string) => void = () => {},
): Promise<string> {
  options.signal.throwIfAborted();
  const spawned = spawnGroup(command, 'pipe', options);
  const child = supervise(spawned, options.signal);
  const lines: string[] = [];
  const [code] = await Promise.all([
    child.exited,
    ...[spawned.stdout, spawned.stderr].map((stream) =>
      eachLine(stream, (line) => {
        lines.push(line);
        onLine(line);
      }),
    ),
  ]);
  options.signal.throwIfAborted();
  if (code !== 0) throw new CommandFailed(command, code, lines.slice(-LINES_KEPT).join('\n'));
  return lines.join('\n');
}

function spawnGroup(command: Command, output: number | 'pipe', options: ChildOptions): ChildProcess {
  return spawn('/bin/sh', ['-c', SUPERVISOR, 'sh', ...command], {
    detached: true,
    env: options.env,
    stdio: ['pipe', output, output, options.keepOpen ?? 'ignore'],
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  });
}

function supervise(spawned: ChildProcess, signal: AbortSignal): Child {
  const { promise: exited, resolve } = Promise.withResolvers<number>();
  spawned.once('exit', (code) => resolve(code ?? 1));
  spawned.once('error', () => resolve(127));
  // The supervisor may be gone before the pipe is closed.
  spawned.stdin?.on('error', () => {});

  const stop = async () => {
    spawned.stdin?.end();
    await exited;
    if (spawned.pid !== undefined) await groupEnded(spawned.pid);
  };
  const onAbort = () => void stop();
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  void exited.then(() => signal.removeEventListener('abort', onAbort));
  return { exited, stop };
}

/** Waits for every process of the group to end, and kills those that do not. */
async function groupEnded(group: number): Promise<void> {
  const deadline = performance.now() + GRACE_MS;
  while (signalGroup(group, 0)) {
    if (performance.now() > deadline) signalGroup(group, 'SIGKILL');
    await sleep(20);
  }
}

/** False when no process of the group is left. */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal);
  } catch {
    return false;
  }
}

async function eachLine(stream: Readable | null, onLine: (line: string) => void): Promise<void> {
  if (stream === null) return;
  for await (const line of createInterface({ input: stream })) onLine(line);
}
