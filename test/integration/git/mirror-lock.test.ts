/** Two processes started by mistake on one mirror: the second waits, says for whom, and takes over when it may. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MirrorLock } from '../../../src/adapters/git/mirror-lock.ts';
import { temporaryFolder } from '../../support/git-repo.ts';

const MODULE = fileURLToPath(new URL('../../../src/adapters/git/mirror-lock.ts', import.meta.url));

/** Tries once, says how it went, and lives on. */
const PROGRAM = `
const { MirrorLock } = await import(process.argv[1]);
const lock = new MirrorLock(process.argv[2], 'models');
await lock.hold().then(() => console.log('held'), ({ message }) => console.log(message));
setInterval(() => undefined, 1000);`;

interface Other {
  readonly process: ChildProcess;
  readonly outcome: string;
}

/** Another process that tries to hold the lock. */
async function other(cacheDir: string): Promise<Other> {
  const argv = ['--input-type=module', '--eval', PROGRAM, MODULE, cacheDir];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { process: child, outcome: line.toString().trim() };
}

async function kill({ process }: Other): Promise<void> {
  process.kill('SIGKILL');
  await once(process, 'exit');
}

describe('a mirror', () => {
  it('belongs to one process, whose name another one is told', async () => {
    await using folder = await temporaryFolder();
    const first = await other(folder.path);
    expect(first.outcome).toBe('held');
    const lock = new MirrorLock(folder.path, 'models');
    await expect(lock.hold()).rejects.toMatchObject({
      reason: 'Refused',
      message: expect.stringMatching(
        new RegExp(
          `in use by process ${first.process.pid} on \\S+, since 20.*--cache-dir; until then it waits\\.$`,
        ),
      ),
    });
    await kill(first);
    await lock.hold();
    expect((await other(folder.path)).outcome).toContain(`process ${process.pid} on`);
  });

  it('belongs to a process that is stopped still, though that cannot say its name', async () => {
    await using folder = await temporaryFolder();
    const first = await other(folder.path);
    first.process.kill('SIGSTOP');
    await expect(new MirrorLock(folder.path, 'models').hold()).rejects.toThrow(/in use by another process/);
  });

  it('may be used from several places of its process, and other mirrors by other processes', async () => {
    await using folder = await temporaryFolder();
    const lock = new MirrorLock(folder.path, 'models');
    await lock.hold();
    await lock.hold();
    await new MirrorLock(folder.path, 'models').hold();
    await new MirrorLock(folder.path, 'others').hold();
    await expect(readdir(join(folder.path, 'locks'))).resolves.toEqual(['models', 'others']);
  });

  it('has one owner only when many take it over from a dead one at once', async () => {
    await using folder = await temporaryFolder();
    await kill(await other(folder.path));
    const all = await Promise.all(Array.from({ length: 5 }, () => other(folder.path)));
    const winners = all.filter(({ outcome }) => outcome === 'held');
    expect(winners).toHaveLength(1);
    for (const { outcome } of all.filter((one) => one !== winners[0])) {
      expect(outcome).toContain(`process ${winners[0]?.process.pid} on`);
    }
  });

  it('is held again when somebody removed the socket, unless another process was faster', async () => {
    await using folder = await temporaryFolder();
    const lock = new MirrorLock(folder.path, 'models');
    await lock.hold();
    await rm(join(folder.path, 'locks'), { recursive: true });
    await lock.hold();
    expect((await other(folder.path)).outcome).toContain(`process ${process.pid} on`);
    await rm(join(folder.path, 'locks'), { recursive: true });
    const faster = await other(folder.path);
    expect(faster.outcome).toBe('held');
    await expect(lock.hold()).rejects.toThrow(`process ${faster.process.pid} on`);
  });

  it('is not kept by a file that is no socket', async () => {
    await using folder = await temporaryFolder();
    await mkdir(join(folder.path, 'locks'));
    await writeFile(join(folder.path, 'locks', 'models'), '');
    await new MirrorLock(folder.path, 'models').hold();
    expect((await other(folder.path)).outcome).toContain(`process ${process.pid} on`);
  });

  it('may lie deeper than the path of a socket may be long', async () => {
    await using folder = await temporaryFolder();
    const deep = join(folder.path, 'd'.repeat(200));
    const lock = new MirrorLock(deep, 'models');
    await lock.hold();
    expect((await other(deep)).outcome).toContain(`process ${process.pid} on`);
    expect((await other(`${deep}er`)).outcome).toBe('held');
  });

  it('says so when its folder cannot be used', async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, 'file'), '');
    await expect(new MirrorLock(join(folder.path, 'file'), 'models').hold()).rejects.toMatchObject({
      reason: 'CacheUnusable',
      message: expect.stringContaining('--cache-dir cannot be used (ENOTDIR)'),
    });
  });
});
