import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { run, startChild } from '../../../src/cli/quickstart/child.ts';
import { childEnvironment } from '../../../src/cli/quickstart/environment.ts';
import { withFileLock } from '../../../src/cli/quickstart/file-lock.ts';

const CHILD_MODULE = new URL('../../../src/cli/quickstart/child.ts', import.meta.url).href;
/** Starts a process of its own in the background and says both process ids. */
const FAMILY = 'sleep 300 & echo "$$ $!"; wait';

let dir = '';
let log = '';
const options = { env: childEnvironment(), signal: new AbortController().signal };

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'modelpromotion-test-'));
  log = join(dir, 'log');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** The process ids that FAMILY wrote to the log, as soon as they are there. */
async function family(): Promise<number[]> {
  const written = () => readFile(log, 'utf8').catch(() => '');
  await vi.waitFor(async () => expect(await written()).toMatch(/^\d+ \d+\n/), 5_000);
  return (await written()).trim().split(' ').map(Number);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('a child process', () => {
  it('ends with everything it started when it is stopped', async () => {
    const child = startChild(['sh', '-c', FAMILY], log, options);
    const pids = await family();
    expect(pids.map(isAlive)).toEqual([true, true]);

    const before = performance.now();
    await child.stop();

    expect(pids.map(isAlive)).toEqual([false, false]);
    // Well before the grace is over, after which it would have been killed.
    expect(performance.now() - before).toBeLessThan(6_000);
  });

  it('is killed when it does not end by itself', async () => {
    const child = startChild(['sh', '-c', `trap "" TERM; ${FAMILY}; wait`], log, options);
    const pids = await family();
    await child.stop();
    expect(pids.map(isAlive)).toEqual([false, false]);
  });

  it('ends when the signal says so', async () => {
    const aborting = new AbortController();
    const running = run(['sleep', '300'], { ...options, signal: aborting.signal });
    aborting.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
  });

  it('ends when we are killed without warning', async () => {
    const program = `
      import { startChild } from ${JSON.stringify(CHILD_MODULE)};
      startChild(['sh', '-c', ${JSON.stringify(FAMILY)}], ${JSON.stringify(log)}, {
        env: { PATH: process.env.PATH }, signal: new AbortController().signal,
      });`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'ignore' });
    const pids = await family();

    parent.kill('SIGKILL');

    await vi.waitFor(() => expect(pids.map(isAlive)).toEqual([false, false]), 5_000);
  });
});

describe('a command', () => {
  it('gives what it printed, line by line and at the end', async () => {
    const lines: string[] = [];
    const output = await run(['sh', '-c', 'echo one; echo two >&2'], options, (line) => lines.push(line));
    expect(lines.toSorted()).toEqual(['one', 'two']);
    expect(output.split('\n').toSorted()).toEqual(['one', 'two']);
  });

  it('that fails says its exit code and its last words', async () => {
    await expect(run(['sh', '-c', 'echo "no such thing"; exit 3'], options)).rejects.toMatchObject({
      code: 3,
      output: 'no such thing',
    });
  });

  it('that is not there fails', async () => {
    await expect(run(['no-such-program'], options)).rejects.toMatchObject({ code: 127 });
  });
});

describe('a file lock', () => {
  const lockOptions = { python: 'python3', signal: options.signal, onWait: () => {} };

  it('lets one work at a time', async () => {
    const events: string[] = [];
    const work = (name: string) => async () => {
      events.push(`${name} begins`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      events.push(`${name} ends`);
    };
    await Promise.all(
      ['a', 'b', 'c'].map((name) => withFileLock(join(dir, 'lock'), lockOptions, work(name))),
    );
    expect(events).toHaveLength(6);
    for (const [index, event] of events.entries()) {
      if (index % 2 === 1) expect(event.split(' ')[0]).toBe(events[index - 1]?.split(' ')[0]);
    }
  });

  it('is held by a child that keeps it open', async () => {
    const path = join(dir, 'lock');
    const child = await withFileLock(path, lockOptions, (descriptor) =>
      Promise.resolve(startChild(['sleep', '300'], log, { ...options, keepOpen: descriptor })),
    );
    const impatient = { ...lockOptions, signal: AbortSignal.timeout(500) };
    await expect(withFileLock(path, impatient, () => Promise.resolve())).rejects.toThrow('timeout');

    await child.stop();
    await withFileLock(path, lockOptions, () => Promise.resolve());
  });
});
