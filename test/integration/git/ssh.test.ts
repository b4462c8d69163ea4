/** Repositories over SSH, on a real server: which key is used, whose host key is believed, and what a person is told. */
import { readdirSync, statSync } from 'node:fs';
import { chmod, mkdir, readdir, utimes } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { GitCredentials } from '../../../src/adapters/git/credentials.ts';
import { sshKey, startSshServer, type SshServer, type SshUser } from '../../support/ssh-server.ts';
import { commandLines, gitWorld, type GitWorld, never, promotion, start } from './world.ts';

const BRANCH = 'modelpromotion/status';

interface SshWorld extends AsyncDisposable {
  readonly world: GitWorld;
  readonly server: SshServer;
  readonly url: string;
  /** Whom the server knows; may be changed. */
  readonly users: SshUser[];
  readonly good: GitCredentials;
  poll(credentials?: GitCredentials): Promise<unknown>;
}

async function sshWorld(
  options: { banner?: string; onCommand?: (cacheDir: string) => void } = {},
): Promise<SshWorld> {
  const world = await gitWorld();
  const key = sshKey();
  const users: SshUser[] = [{ key, access: 'write' }];
  const { banner, onCommand } = options;
  const server = await startSshServer({
    root: world.root,
    users,
    ...(banner !== undefined && { banner }),
    ...(onCommand && { onCommand: () => onCommand(world.cacheDir) }),
  });
  const url = `${server.url}/models.git`;
  const good = { identity: key.private, knownHosts: server.knownHosts };
  return {
    world,
    server,
    url,
    users,
    good,
    poll: (credentials = good) =>
      world.source({ url, readCredentials: () => Promise.resolve(credentials) }).poll(never),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

describe('a repository over ssh', () => {
  it('is read, and read again when it moved, with one login for each call', async () => {
    await using ssh = await sshWorld({ banner: 'Welcome!\n' });
    await ssh.world.repo.commit({ 'a.yaml': promotion('a') });
    const source = ssh.world.source({ url: ssh.url, readCredentials: () => Promise.resolve(ssh.good) });
    expect(await source.poll(never)).toMatchObject({ promotions: [{ location: { file: 'a.yaml' } }] });
    expect(await source.poll(never)).toBeUndefined();
    await ssh.world.repo.commit({ 'b.yaml': promotion('b') });
    expect((await source.poll(never))?.promotions).toHaveLength(2);
    expect(ssh.server.commands).toEqual(Array(5).fill("git-upload-pack '/models.git'"));
  });

  it('gets its status branch over ssh too', async () => {
    await using ssh = await sshWorld();
    const store = ssh.world.statusBranch({
      url: ssh.url,
      readCredentials: () => Promise.resolve(ssh.good),
    });
    await store.write(new Map([['ml/a.yaml', 'a: 1\n']]), 'Status', never);
    expect(await store.read(never)).toEqual(new Map([['ml/a.yaml', 'a: 1\n']]));
    expect(await ssh.world.repo.show(BRANCH, 'prod/ml/a.yaml')).toBe('a: 1');
  });

  it('is told apart from its branch, also where the server greets', async () => {
    await using ssh = await sshWorld({ banner: 'Welcome!\n' });
    await expect(ssh.poll()).rejects.toMatchObject({
      reason: 'BranchNotFound',
      message: `${ssh.url} has no branch main.`,
    });
    const none = ssh.world.source({
      url: `${ssh.server.url}/none.git`,
      readCredentials: () => Promise.resolve(ssh.good),
    });
    await expect(none.poll(never)).rejects.toThrow(
      `There is no repository at ${ssh.server.url}/none.git, or the credential may not see it.`,
    );
  });

  it('is read and written on when key and known_hosts were replaced', async () => {
    await using ssh = await sshWorld();
    await ssh.world.repo.commit({ 'a.yaml': promotion('a') });
    let credentials = ssh.good;
    const readCredentials = () => Promise.resolve(credentials);
    const source = ssh.world.source({ url: ssh.url, readCredentials });
    const store = ssh.world.statusBranch({ url: ssh.url, readCredentials });
    await source.poll(never);
    await store.write(new Map([['a.yaml', '1']]), 'Status', never);
    const key = sshKey();
    ssh.users[0] = { key, access: 'write' };
    await expect(source.poll(never)).rejects.toMatchObject({ reason: 'AccessDenied' });
    await expect(store.write(new Map([['a.yaml', '2']]), 'Status', never)).rejects.toMatchObject({
      reason: 'AccessDenied',
    });
    credentials = { ...ssh.good, identity: key.private };
    expect(await source.poll(never)).toBeUndefined();
    await store.write(new Map([['a.yaml', '2']]), 'Status', never);
    expect(await ssh.world.repo.show(BRANCH, 'prod/a.yaml')).toBe('2');
  });
});

describe('the key', () => {
  it.each([
    ['with the line ends of Windows', (text: string) => text.replaceAll('\n', '\r\n')],
    ['without a line end', (text: string) => text.trimEnd()],
  ])('may come %s', async (_, change) => {
    await using ssh = await sshWorld();
    await ssh.world.repo.commit({ 'a.yaml': promotion('a') });
    const { identity = '', knownHosts = '' } = ssh.good;
    await expect(
      ssh.poll({ identity: change(identity), knownHosts: change(knownHosts) }),
    ).resolves.toMatchObject({ promotions: [{}] });
  });

  it('is the only one that is tried: no agent is asked, whatever our environment says', async () => {
    await using ssh = await sshWorld();
    const calls: string[] = [];
    const agent = createServer((socket) => socket.destroy()).on('connection', () => calls.push('agent'));
    const path = join(ssh.world.root, 'agent.sock');
    await new Promise<void>((resolve) => agent.listen(path, resolve));
    onTestFinished(() => void agent.close());
    vi.stubEnv('SSH_AUTH_SOCK', path);
    vi.stubEnv('GIT_SSH_COMMAND', 'evil');
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(ssh.poll({ ...ssh.good, identity: sshKey().private })).rejects.toMatchObject({
      reason: 'AccessDenied',
      message: expect.stringContaining(`${ssh.url} did not accept the key identity`),
    });
    expect(calls).toEqual([]);
    expect(ssh.server.logins).toEqual(['none', 'publickey']);
  });

  it('lies on disk for the time of a call, for us alone, and in no command line', async () => {
    const modes: string[] = [];
    const lines: string[] = [];
    const look = (cacheDir: string) => {
      for (const entry of readdirSync(join(cacheDir, 'ssh'), { recursive: true, withFileTypes: true })) {
        const { mode } = statSync(join(entry.parentPath, entry.name));
        modes.push(`${entry.isDirectory() ? 'folder' : entry.name} ${(mode & 0o777).toString(8)}`);
      }
      lines.push(...commandLines('ssh -F /dev/null'));
    };
    await using ssh = await sshWorld({ onCommand: look });
    await mkdir(ssh.world.cacheDir, { recursive: true });
    await chmod(ssh.world.cacheDir, 0o755);
    await ssh.world.repo.commit({ 'a.yaml': promotion('a') });
    await ssh.poll();
    expect([...new Set(modes)].toSorted()).toEqual(['folder 700', 'identity 600', 'known_hosts 600']);
    expect(lines).not.toEqual([]);
    expect(lines.join()).not.toContain(ssh.world.cacheDir);
    expect(await readdir(join(ssh.world.cacheDir, 'ssh'))).toEqual([]);
  });

  it('that a killed process left is removed by a later call', async () => {
    await using ssh = await sshWorld();
    const [old, current] = ['call-old', 'call-new'].map((name) => join(ssh.world.cacheDir, 'ssh', name));
    await mkdir(old ?? '', { recursive: true });
    await mkdir(current ?? '');
    await utimes(old ?? '', new Date(0), new Date(0));
    await ssh.poll().catch(() => undefined);
    expect(await readdir(join(ssh.world.cacheDir, 'ssh'))).toEqual(['call-new']);
  });

  it('may lie below a folder whose name a shell would take apart', async () => {
    await using ssh = await sshWorld();
    await ssh.world.repo.commit({ 'a.yaml': promotion('a') });
    const store = ssh.world.statusBranch({
      url: ssh.url,
      cache: `a b'"$(x)%h`,
      readCredentials: () => Promise.resolve(ssh.good),
    });
    await store.write(new Map([['a.yaml', '1']]), 'Status', never);
    expect(await ssh.world.repo.show(BRANCH, 'prod/a.yaml')).toBe('1');
  });

  it('shows in no error', async () => {
    await using ssh = await sshWorld();
    const identity = sshKey().private;
    const error = await ssh.poll({ ...ssh.good, identity }).catch((error: unknown) => error);
    const secret = identity.split('\n')[3] ?? '';
    expect(secret.length).toBeGreaterThan(40);
    expect(inspect(error, { depth: 10 })).not.toContain(secret);
  });
});

describe('a server over ssh that cannot be used', () => {
  it('is told when known_hosts does not know it, and when it shows another key', async () => {
    await using ssh = await sshWorld();
    await expect(ssh.poll({ ...ssh.good, knownHosts: '# nobody\n' })).rejects.toMatchObject({
      reason: 'Unreachable',
      message: expect.stringContaining(
        `known_hosts has no line for 127.0.0.1:${ssh.server.port}. Add what ssh-keyscan -p ${ssh.server.port} 127.0.0.1 prints`,
      ),
    });
    const other = `[127.0.0.1]:${ssh.server.port} ${sshKey().public}\n`;
    await expect(ssh.poll({ ...ssh.good, knownHosts: other })).rejects.toMatchObject({
      reason: 'Unreachable',
      message: expect.stringMatching(/shows another key \(SHA256:[\w+/]{43}\) than known_hosts has for it/),
    });
    expect(ssh.server.logins).toEqual([]);
  });

  it('is told when the key may only read, with the words of the server', async () => {
    await using ssh = await sshWorld();
    ssh.users[0] = { key: ssh.users[0]?.key ?? sshKey(), access: 'read' };
    const store = ssh.world.statusBranch({ url: ssh.url, readCredentials: () => Promise.resolve(ssh.good) });
    await expect(store.write(new Map([['a.yaml', '1']]), 'Status', never)).rejects.toMatchObject({
      reason: 'AccessDenied',
      message: `${ssh.url} refuses: this key may only read.`,
    });
  });

  it('is told when it is down, and when its name is unknown', async () => {
    await using ssh = await sshWorld();
    await ssh.server[Symbol.asyncDispose]();
    await expect(ssh.poll()).rejects.toMatchObject({
      reason: 'Unreachable',
      message: `127.0.0.1:${ssh.server.port} does not accept connections.`,
    });
    const readCredentials = () => Promise.resolve(ssh.good);
    const nowhere = ssh.world.source({ url: 'ssh://git@no-such-host.invalid/m.git', readCredentials });
    await expect(nowhere.poll(never)).rejects.toThrow(/unknown to the name service/);
  });

  it('is given up at the deadline when it says nothing, and no process is left', async () => {
    await using ssh = await sshWorld();
    const silent = createServer(() => undefined);
    const port = await start(silent);
    onTestFinished(() => void silent.close());
    const url = `ssh://git@127.0.0.1:${port}/models.git`;
    const source = ssh.world.source({
      url,
      deadlineMs: 700,
      readCredentials: () => Promise.resolve(ssh.good),
    });
    await expect(source.poll(never)).rejects.toMatchObject({
      reason: 'Unreachable',
      message: `127.0.0.1:${port} did not answer within 0.7 s.`,
    });
    expect(commandLines(`-p ${port} git@127.0.0.1`)).toEqual([]);
    expect(commandLines(url)).toEqual([]);
    expect(await readdir(join(ssh.world.cacheDir, 'ssh'))).toEqual([]);
  });

  it('is told when it closes the connection at once', async () => {
    await using ssh = await sshWorld();
    const closing = createServer((socket) => socket.destroy());
    const port = await start(closing);
    onTestFinished(() => void closing.close());
    const source = ssh.world.source({
      url: `ssh://git@127.0.0.1:${port}/models.git`,
      readCredentials: () => Promise.resolve(ssh.good),
    });
    await expect(source.poll(never)).rejects.toThrow(`127.0.0.1:${port} broke off the connection.`);
  });
});
