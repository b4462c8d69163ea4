/** A real SSH server on loopback that runs git for those whose key it knows, as forges do. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2, { type AuthContext, type Connection, type ServerChannel } from 'ssh2';
import { FROZEN_ENVIRONMENT } from '../../src/adapters/git/environment.ts';

export interface SshKey {
  /** In OpenSSH's format. */
  readonly private: string;
  readonly public: string;
}

export interface SshUser {
  readonly key: SshKey;
  readonly access: 'read' | 'write';
}

export interface SshServerOptions {
  /** The folder whose bare repositories are served; `<url>/models.git` is `<root>/models.git`. */
  readonly root: string;
  /** Whose keys are known; read at each login, so that a test may change it. */
  readonly users: readonly SshUser[];
  /** Shown before the login, as many servers do. */
  readonly banner?: string;
  /** Told of every command before it is run. */
  readonly onCommand?: () => void;
}

export interface SshServer extends AsyncDisposable {
  /** With the user name `git`, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** The line for `known_hosts`. */
  readonly knownHosts: string;
  /** Every command that was run, such as `git-upload-pack '/models.git'`. */
  readonly commands: string[];
  /** How often a client tried to log in, by the method it used. */
  readonly logins: string[];
}

/** @param passphrase encrypts the private key */
export function sshKey(passphrase = ''): SshKey {
  const folder = mkdtempSync(join(tmpdir(), 'modelpromotion-key-'));
  const file = join(folder, 'key');
  try {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-C', '', '-f', file]);
    return { private: readFileSync(file, 'utf8'), public: readFileSync(`${file}.pub`, 'utf8').trim() };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export async function startSshServer(options: SshServerOptions): Promise<SshServer> {
  const host = sshKey();
  const connections = new Set<Connection>();
  const [commands, logins]: [string[], string[]] = [[], []];
  const server = new ssh2.Server({
    hostKeys: [host.private],
    ...(options.banner !== undefined && { banner: options.banner }),
  });
  server.on('connection', (connection: Connection) => {
    connections.add(connection);
    let user: SshUser | undefined;
    connection.on('error', () => undefined);
    connection.on('close', () => connections.delete(connection));
    connection.on('authentication', (context) => {
      logins.push(context.method);
      user = options.users.find(({ key }) => isKeyOf(context, key));
      if (user === undefined || context.username !== 'git') context.reject(['publickey']);
      else context.accept();
    });
    connection.on('session', (accept) => {
      accept().on('exec', (acceptCommand, _reject, { command }) => {
        commands.push(command);
        options.onCommand?.();
        serve(command, acceptCommand(), options.root, user);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `ssh://git@127.0.0.1:${port}`,
    port,
    knownHosts: `[127.0.0.1]:${port} ${host.public}\n`,
    commands,
    logins,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const connection of connections) connection.end();
      await closed;
    },
  };
}

/** Clients ask first whether a key would do, and sign then. */
function isKeyOf(context: AuthContext, known: SshKey): boolean {
  if (context.method !== 'publickey') return false;
  const key = ssh2.utils.parseKey(known.public);
  if (key instanceof Error || !context.key.data.equals(key.getPublicSSH())) return false;
  if (context.signature === undefined || context.blob === undefined) return true;
  return key.verify(context.blob, context.signature, context.hashAlgo);
}

const COMMAND = /^(git-upload-pack|git-receive-pack) '\/([\w./-]+)'$/;

function serve(command: string, channel: ServerChannel, root: string, user: SshUser | undefined): void {
  const [, service = '', path = ''] = COMMAND.exec(command) ?? [];
  const isPush = service === 'git-receive-pack';
  if (service === '' || path.includes('..') || (isPush && user?.access !== 'write')) {
    channel.stderr.write(`ERROR: ${isPush ? 'this key may only read' : 'unknown command'}.\n`);
    channel.exit(1);
    channel.end();
    return;
  }
  const settings = { 'uploadpack.allowFilter': 'true', 'receive.autogc': 'false' };
  const config = Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
  const git = spawn('git', [...config, service.replace('git-', ''), `${root}/${path}`], {
    env: { ...FROZEN_ENVIRONMENT, GIT_PROTOCOL: 'version=2' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  git.stdin.on('error', () => undefined);
  channel.on('error', () => undefined);
  channel.pipe(git.stdin);
  git.stdout.pipe(channel, { end: false });
  git.stderr.pipe(channel.stderr, { end: false });
  channel.on('close', () => git.kill());
  git.on('close', (code) => {
    channel.exit(code ?? 1);
    channel.end();
  });
}
