/**
 * What the container image ships. No engine and no base image is needed: the steps of the Dockerfile are replayed in
 * folders, but for what its base image and its package manager bring.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { childEnvironment } from '../../src/cli/quickstart/environment.ts';
import { run, startChild } from '../../src/cli/quickstart/child.ts';
import { freePort } from '../../src/cli/quickstart/port.ts';
import { until } from '../../src/cli/quickstart/until.ts';
import { temporaryFolder } from '../support/git-repo.ts';

const ROOT = join(import.meta.dirname, '../..');

interface Instruction {
  readonly word: string;
  readonly rest: string;
}

/** Lines that go on, and comments between them, are one instruction. */
function instructionsOf(text: string): Instruction[] {
  const lines = text.split('\n').filter((line) => !/^\s*#/.test(line));
  const joined = lines.join('\n').replaceAll(/\\\n\s*/g, '');
  return joined.split('\n').flatMap((line) => {
    const [, word, rest] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    return word === undefined || rest === undefined ? [] : [{ word, rest }];
  });
}

/** Each stage in a folder of its own, which stands for its root. */
class Replay {
  readonly #root: string;
  readonly stages = new Map<string, string>();
  readonly environment: Record<string, string> = {};
  /** RUN steps of the package manager, which are not replayed. */
  readonly leftOut: string[] = [];
  user = 'root';
  entrypoint: string[] = [];
  command: string[] = [];
  #stage = '';
  workdir = '';

  constructor(root: string) {
    this.#root = root;
  }

  async take({ word, rest }: Instruction): Promise<void> {
    switch (word) {
      case 'FROM':
        return this.#from(rest);
      case 'WORKDIR':
        this.workdir = join(this.#stage, rest);
        await mkdir(this.workdir, { recursive: true });
        return undefined;
      case 'COPY':
        return this.#copy(rest);
      case 'RUN':
        return this.#run(rest);
      case 'ENV':
        for (const [, name = '', value = ''] of rest.matchAll(/(\w+)=(\S+)/g)) this.environment[name] = value;
        return undefined;
      case 'USER':
        this.user = rest;
        return undefined;
      case 'ENTRYPOINT':
        this.entrypoint = JSON.parse(rest) as string[];
        return undefined;
      case 'CMD':
        this.command = JSON.parse(rest) as string[];
        return undefined;
      case 'ARG':
      case 'EXPOSE':
        return undefined;
      default:
        throw new Error(`${word} cannot be replayed`);
    }
  }

  async #from(rest: string): Promise<void> {
    const name = /\bAS (\w+)/.exec(rest)?.[1] ?? 'last';
    this.#stage = join(this.#root, name);
    this.stages.set(name, this.#stage);
    await mkdir(this.#stage, { recursive: true });
  }

  async #copy(rest: string): Promise<void> {
    const from = /^--from=(\w+) /.exec(rest)?.[1];
    const names = rest.replace(/^--from=\w+ /, '').split(' ');
    const target = names.pop() ?? '.';
    for (const name of names) {
      const source = from === undefined ? join(ROOT, name) : join(this.stages.get(from) ?? '', name);
      const into = join(this.workdir, target.endsWith('/') ? join(target, basename(name)) : target);
      await cp(source, into, { recursive: true, verbatimSymlinks: true });
    }
  }

  async #run(command: string): Promise<void> {
    if (command.startsWith('apt-get')) {
      this.leftOut.push(command);
      return;
    }
    const env = childEnvironment();
    await promisify(execFile)('/bin/sh', ['-c', command], { cwd: this.workdir, env, maxBuffer: 2 ** 26 });
  }
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let replay: Replay;

beforeAll(async () => {
  folder = await temporaryFolder();
  replay = new Replay(folder.path);
  for (const instruction of instructionsOf(await readFile(join(ROOT, 'Dockerfile'), 'utf8')))
    await replay.take(instruction);
});
afterAll(() => folder?.[Symbol.asyncDispose]());

describe('The image, its steps replayed without an engine,', () => {
  it('brings git, ssh, certificates and an init, and runs as nobody in particular', () => {
    expect(replay.leftOut).toHaveLength(1);
    for (const name of ['git', 'openssh-client', 'ca-certificates', 'tini'])
      expect(replay.leftOut[0]).toContain(name);
    expect(replay.user).toBe('65532:65532');
    expect(replay.entrypoint.slice(0, 3)).toEqual(['/usr/bin/tini', '--', 'node']);
    expect(replay.entrypoint).toContain('--enable-source-maps');
  });

  it('holds the program and what it needs, and nothing that only tests need', async () => {
    const lines = await run(['find', '.', '-maxdepth', '2', '-not', '-path', './node_modules/.*'], {
      cwd: replay.workdir,
      env: childEnvironment(),
      signal: AbortSignal.timeout(30_000),
    });
    const found = lines.split('\n');
    expect(found).toEqual(
      expect.arrayContaining([
        './dist/main.js',
        './package.json',
        './LICENSE',
        './crds',
        './node_modules/undici',
      ]),
    );
    for (const name of ['./node_modules/vitest', './node_modules/typescript', './src', './test'])
      expect(found).not.toContain(name);
  });

  it('starts, and answers /readyz', async () => {
    const port = await freePort();
    const [, , , ...flags] = replay.entrypoint;
    const argv = [...flags, ...replay.command, '--source', 'folder', '--path', join(replay.workdir, 'crds')];
    const env = childEnvironment({ ...replay.environment, MODELPROMOTION_LISTEN: `127.0.0.1:${port}` });
    const { signal } = new AbortController();
    const child = startChild([process.execPath, ...argv], join(folder.path, 'log'), {
      cwd: replay.workdir,
      env,
      signal,
    });
    try {
      const isReady = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
      await until(isReady, { child, deadlineMs: 60_000, signal });
    } finally {
      await child.stop();
    }
  });

  it('knows how to reach a cluster', async () => {
    const [, , , ...flags] = replay.entrypoint;
    const argv = [...flags, 'run', '--source', 'kubernetes', '--kubeconfig', '/nowhere/config'];
    const env = childEnvironment({ MODELPROMOTION_LISTEN: '127.0.0.1:0' });
    const running = promisify(execFile)(process.execPath, argv, { cwd: replay.workdir, env });
    await expect(running).rejects.toThrow(/the kubeconfig \/nowhere\/config cannot be used/);
  });
});
