/** The hazards of simple-git 4 and of git's helpers, each with the outcome that we promise instead. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { GitExitError, localGit, runGit } from '../../../src/adapters/git/door.ts';
import { createRepo, temporaryFolder, type TestRepo } from '../../support/git-repo.ts';
import { commandLines, listen, never, processesWith } from './world.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let repo: TestRepo;

beforeAll(async () => {
  folder = await temporaryFolder();
  repo = await createRepo(join(folder.path, 'door.git'));
  await repo.commit({ 'large.bin': 'x'.repeat(200_000) });
});

afterAll(async () => folder[Symbol.asyncDispose]());

function local(...argv: string[]): Promise<string> {
  return localGit(argv, { directory: repo.directory, gitDir: repo.directory, signal: never });
}

const OVER_HTTP = { GIT_ALLOW_PROTOCOL: 'http' };

describe('a short local command', () => {
  it('gives its output', async () => {
    expect(await local('rev-parse', '--verify', 'main')).toBe(await repo.tip());
  });

  it('fails when git fails without a word', async () => {
    await expect(local('rev-parse', '--verify', '--quiet', 'refs/heads/none')).rejects.toMatchObject({
      name: 'GitExitError',
      exitCode: 1,
      stderr: '',
    });
  });

  it('fails with the exit code and what git said', async () => {
    const error = await local('rev-parse', '--verify', 'none').catch((error: unknown) => error);
    expect(error).toBeInstanceOf(GitExitError);
    expect(error).toMatchObject({
      exitCode: 128,
      stderr: expect.stringContaining('Needed a single revision'),
    });
  });

  it('fails when git is killed', async () => {
    // Waits for standard input, which simple-git leaves open.
    const pending = local('cat-file', '--batch').catch((error: unknown) => error);
    const [pid] = await vi.waitUntil(() => {
      const found = processesWith(`--git-dir=${repo.directory} cat-file`);
      return found.length > 0 && found;
    });
    process.kill(pid ?? 0, 'SIGKILL');
    expect(await pending).toMatchObject({ name: 'GitExitError', exitCode: null });
  });

  it('fails when git is killed after it has said something', async () => {
    // Announces its refs, and waits for what is wanted.
    const pending = local('upload-pack', repo.directory).catch((error: unknown) => error);
    const [pid] = await vi.waitUntil(() => {
      const found = processesWith(`--git-dir=${repo.directory} upload-pack`);
      return found.length > 0 && found;
    });
    await pause(200);
    process.kill(pid ?? 0, 'SIGKILL');
    expect(await pending).toMatchObject({ name: 'GitExitError', exitCode: null });
  });

  it('fails where the answer is no, and that is all git says', async () => {
    const first = await repo.tip();
    const second = await repo.commit({ 'a.txt': 'a' }, { branch: 'other' });
    await expect(local('merge-base', '--is-ancestor', second, first ?? '')).rejects.toMatchObject({
      exitCode: 1,
    });
  });

  it('ends when its signal aborts', async () => {
    const controller = new AbortController();
    const options = { directory: repo.directory, gitDir: repo.directory, signal: controller.signal };
    const pending = localGit(['cat-file', '--batch'], options).catch((error: unknown) => error);
    await vi.waitUntil(() => processesWith(`--git-dir=${repo.directory} cat-file`).length > 0);
    controller.abort(new Error('shutting down'));
    expect(await pending).toMatchObject({ message: 'shutting down' });
    expect(commandLines(`--git-dir=${repo.directory} cat-file`)).toEqual([]);
  });

  it('sees nothing of the configuration in our own environment', async () => {
    vi.stubEnv('GIT_CONFIG_COUNT', '1');
    vi.stubEnv('GIT_CONFIG_KEY_0', 'core.sshCommand');
    vi.stubEnv('GIT_CONFIG_VALUE_0', 'evil');
    vi.stubEnv('GIT_SSL_NO_VERIFY', '1');
    try {
      expect(await local('config', '--list')).not.toContain('evil');
      const config = await runGit(['config', '--list'], { gitDir: repo.directory, signal: never });
      expect(config.toString()).not.toContain('evil');
      expect(config.toString()).toContain('core.hookspath=/dev/null');
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

describe('a command of the runner', () => {
  it('gets an end of its input even when it has none', async () => {
    const output = await runGit(['cat-file', '--batch'], { gitDir: repo.directory, signal: never });
    expect(output).toHaveLength(0);
  });

  it('ends at the limit of its output', async () => {
    const pending = runGit(['cat-file', 'blob', 'main:large.bin'], {
      gitDir: repo.directory,
      maxOutputBytes: 100_000,
      signal: never,
    });
    await expect(pending).rejects.toMatchObject({ name: 'GitExitError', stopped: 'output limit' });
  });

  it('ends at its deadline with all helpers, however silent the server is', async () => {
    await using silent = await listen(() => undefined);
    const begin = performance.now();
    const pending = runGit(['ls-remote', `${silent.url}/x.git`], {
      environment: OVER_HTTP,
      deadlineMs: 500,
      signal: never,
    });
    await expect(pending).rejects.toMatchObject({ stopped: 'deadline' });
    expect(performance.now() - begin).toBeLessThan(3_000);
    expect(commandLines(silent.url)).toEqual([]);
  });

  it('ends at its deadline when the server goes on sending a little', async () => {
    await using dribbling = await listen((_, response) => {
      response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-advertisement' });
      const timer = setInterval(() => response.write('0'), 50);
      response.once('close', () => clearInterval(timer));
    });
    const pending = runGit(['ls-remote', `${dribbling.url}/x.git`], {
      environment: OVER_HTTP,
      deadlineMs: 500,
      signal: never,
    });
    await expect(pending).rejects.toMatchObject({ stopped: 'deadline' });
    expect(commandLines(dribbling.url)).toEqual([]);
  });

  it('ends with all helpers when its signal aborts, and fails with the reason of the signal', async () => {
    const controller = new AbortController();
    await using silent = await listen(() => controller.abort(new Error('shutting down')));
    const pending = runGit(['ls-remote', `${silent.url}/x.git`], {
      environment: OVER_HTTP,
      signal: controller.signal,
    });
    await expect(pending).rejects.toThrow('shutting down');
    expect(commandLines(silent.url)).toEqual([]);
  });

  it('leaves no helper behind when git alone is killed', async () => {
    await using silent = await listen(() => undefined);
    const pending = runGit(['ls-remote', `${silent.url}/x.git`], { environment: OVER_HTTP, signal: never });
    const failed = expect(pending).rejects.toMatchObject({ exitCode: null, stopped: undefined });
    const [leader] = await vi.waitUntil(() => {
      const found = processesWith(silent.url).toSorted((a, b) => a - b);
      return found.length > 1 && found;
    });
    process.kill(leader ?? 0, 'SIGKILL');
    await failed;
    await vi.waitUntil(() => commandLines(silent.url).length === 0);
  });

  it('ends at its deadline although nobody in it hears SIGTERM', async () => {
    await using silent = await listen(() => undefined);
    const pending = runGit(['ls-remote', `${silent.url}/x.git`], {
      environment: OVER_HTTP,
      deadlineMs: 1_500,
      signal: never,
    });
    const failed = expect(pending).rejects.toMatchObject({ stopped: 'deadline' });
    const all = await vi.waitUntil(() => {
      const found = processesWith(silent.url);
      return found.length > 1 && found;
    });
    for (const pid of all) process.kill(pid, 'SIGSTOP');
    await failed;
    expect(commandLines(silent.url)).toEqual([]);
  });

  it('never takes what comes from users for an option', async () => {
    const proof = join(folder.path, 'option');
    const argv = ['ls-remote', '--end-of-options', `--upload-pack=touch ${proof};`, repo.directory];
    await expect(
      runGit(argv, { environment: { GIT_ALLOW_PROTOCOL: 'file' }, signal: never }),
    ).rejects.toBeInstanceOf(GitExitError);
    expect(existsSync(proof)).toBe(false);
  });

  it('never lets ssh take a host for an option', async () => {
    const proof = join(folder.path, 'host');
    const argv = ['ls-remote', '--end-of-options', `ssh://-oProxyCommand=touch%20${proof}/x`];
    await expect(runGit(argv, { environment: { GIT_ALLOW_PROTOCOL: 'ssh' }, signal: never })).rejects.toThrow(
      /strange hostname/,
    );
    expect(existsSync(proof)).toBe(false);
  });

  it('fails without starting anything when its signal has aborted already', async () => {
    const pending = runGit(['version'], { signal: AbortSignal.abort(new Error('too late')) });
    await expect(pending).rejects.toThrow('too late');
  });

  it.each(['ext::sh -c touch%20TARGET', 'file://TARGET', 'ssh://127.0.0.1/TARGET'])(
    'never lets git speak %s',
    async (url) => {
      const target = join(folder.path, 'proof');
      const address = url.replace('TARGET', target);
      await expect(runGit(['ls-remote', address], { environment: OVER_HTTP, signal: never })).rejects.toThrow(
        /not allowed/,
      );
      await pause(50);
      expect(existsSync(target)).toBe(false);
    },
  );
});
