/** A real kube-apiserver on a real etcd, as controller-runtime's envtest starts them. There are no nodes and no controllers. */
import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Child, startChild } from '../../../src/cli/quickstart/child.ts';
import { childEnvironment } from '../../../src/cli/quickstart/environment.ts';
import { freePort } from '../../../src/cli/quickstart/port.ts';
import { readTail } from '../../../src/cli/quickstart/tail.ts';
import { until } from '../../../src/cli/quickstart/until.ts';
import { certificate, type Certificate } from '../certificate.ts';
import { buildControlPlane } from './build.ts';

const run = promisify(execFile);
const START_DEADLINE_MS = 120_000;
const CRDS = join(import.meta.dirname, '..', '..', '..', 'crds');

export interface ControlPlaneOptions {
  readonly signal: AbortSignal;
  readonly report?: (line: string) => void;
}

export interface Kubectl {
  readonly stdout: string;
  readonly stderr: string;
}

/** One of the two servers. It can die and come back, on the same port with the same data. */
export interface Server {
  kill(): Promise<void>;
  start(): Promise<void>;
}

export interface ControlPlane extends AsyncDisposable {
  /** `https://127.0.0.1:<port>` */
  readonly server: string;
  readonly caFile: string;
  /** Of somebody who may do everything. */
  readonly kubeconfig: string;
  /** Of a user `guest`, who may do nothing. */
  readonly guest: Certificate;
  /** Folder of `kubectl`. */
  readonly binaries: string;
  readonly apiserver: Server;
  readonly etcd: Server;
  /** @throws Error with what kubectl printed */
  kubectl(args: readonly string[], input?: string): Promise<Kubectl>;
  /** A kubeconfig of a service account, `namespace/name`, which is made when it is not there. */
  kubeconfigOf(serviceAccount: string): Promise<string>;
  /** Installs our CRDs and waits until they are served. */
  applyCrds(): Promise<void>;
  /** Forgets every revision but the last. */
  compact(): Promise<void>;
  stop(): Promise<void>;
}

export async function startControlPlane({
  signal,
  report = (line) => void process.stderr.write(`${line}\n`),
}: ControlPlaneOptions): Promise<ControlPlane> {
  const binaries = await buildControlPlane({ signal, report });
  const dir = await mkdtemp(join(tmpdir(), 'modelpromotion-controlplane-'));
  const token = randomBytes(16).toString('hex');
  const [port, client, peer] = [await freePort(), await freePort(), await freePort()];
  const { certFile, keyFile, guest } = await prepare(dir, token);
  const server = `https://127.0.0.1:${port}`;
  const etcdUrl = `http://127.0.0.1:${client}`;
  const etcd = new Process({
    command: [join(binaries, 'etcd'), ...etcdFlags(dir, etcdUrl, peer)],
    log: join(dir, 'etcd.log'),
    isReady: () => answers(`${etcdUrl}/health`),
    signal,
  });
  const kubeconfig = join(dir, 'admin.kubeconfig');
  const kubectl = (args: readonly string[], input?: string): Promise<Kubectl> =>
    runKubectl(join(binaries, 'kubectl'), kubeconfig, args, input);
  const apiserver = new Process({
    command: [
      join(binaries, 'kube-apiserver'),
      ...apiserverFlags(dir, { port, etcdUrl, certFile, keyFile, clientCaFile: guest.certFile }),
    ],
    log: join(dir, 'apiserver.log'),
    isReady: async () => (await kubectl(['get', '--raw', '/readyz'])).stdout === 'ok',
    signal,
  });
  const configFor = (bearer: string): string => kubeconfigText(server, certFile, bearer);
  await writeFile(kubeconfig, configFor(token));
  const stop = async (): Promise<void> => {
    await apiserver.kill();
    await etcd.kill();
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await etcd.start();
    await apiserver.start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    server,
    caFile: certFile,
    kubeconfig,
    guest,
    binaries,
    apiserver,
    etcd,
    kubectl,
    stop,
    [Symbol.asyncDispose]: stop,
    async kubeconfigOf(serviceAccount) {
      const [namespace = '', name = ''] = serviceAccount.split('/');
      await kubectl(['create', 'namespace', namespace]).catch(() => undefined);
      await kubectl(['create', 'serviceaccount', '-n', namespace, name]).catch(() => undefined);
      const { stdout } = await kubectl(['create', 'token', '-n', namespace, name, '--duration=24h']);
      const file = join(dir, `${namespace}-${name}-${randomBytes(4).toString('hex')}.kubeconfig`);
      await writeFile(file, configFor(stdout.trim()));
      return file;
    },
    async applyCrds() {
      await kubectl(['apply', '--server-side', '-f', CRDS]);
      await kubectl(['wait', '--for=condition=Established', '--timeout=60s', '-f', CRDS]);
      await eventually(() => kubectl(['get', 'modelpromotions,modelregistries', '-A']));
    },
    async compact() {
      const range = await post(`${etcdUrl}/v3/kv/range`, { key: Buffer.from('/').toString('base64') });
      const { revision } = (range as { header: { revision: string } }).header;
      await post(`${etcdUrl}/v3/kv/compaction`, { revision, physical: true });
    },
  };
}

interface ProcessOptions {
  readonly command: readonly [string, ...string[]];
  readonly log: string;
  readonly isReady: () => Promise<boolean>;
  readonly signal: AbortSignal;
}

class Process implements Server {
  readonly #options: ProcessOptions;
  #child: Child | undefined;

  constructor(options: ProcessOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { command, log, isReady, signal } = this.#options;
    // The shell gives its process id away before it becomes the server.
    const script = 'echo $$ > "$0"; exec "$@"';
    const child = startChild(['/bin/sh', '-c', script, `${log}.pid`, ...command], log, {
      env: childEnvironment(),
      signal,
    });
    this.#child = child;
    try {
      await until(isReady, { child, deadlineMs: START_DEADLINE_MS, signal });
    } catch (error) {
      throw new Error(`${command[0]} did not start:\n${await readTail(log)}`, { cause: error });
    }
  }

  /** SIGKILL: it has no time for anything. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    const pid = Number(await readFile(`${this.#options.log}.pid`, 'utf8').catch(() => '0'));
    try {
      if (pid > 0) process.kill(pid, 'SIGKILL');
    } catch {
      // ESRCH: it ended before.
    }
    await child.stop();
  }
}

interface Prepared {
  readonly certFile: string;
  readonly keyFile: string;
  readonly guest: Certificate;
}

async function prepare(dir: string, token: string): Promise<Prepared> {
  const { certFile } = await certificate(dir, '127.0.0.1');
  const guest = await certificate(dir, 'guest');
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  await writeFile(join(dir, 'sa.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
  await writeFile(join(dir, 'sa.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await writeFile(join(dir, 'tokens.csv'), `${token},admin,admin,"system:masters"\n`);
  return { certFile, keyFile: certFile.replace(/\.crt$/, '.key'), guest };
}

function etcdFlags(dir: string, url: string, peer: number): string[] {
  return [
    `--data-dir=${join(dir, 'etcd')}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    '--unsafe-no-fsync=true',
  ];
}

interface ApiserverFlags {
  readonly port: number;
  readonly etcdUrl: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile: string;
}

function apiserverFlags(
  dir: string,
  { port, etcdUrl, certFile, keyFile, clientCaFile }: ApiserverFlags,
): string[] {
  return [
    `--etcd-servers=${etcdUrl}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--tls-cert-file=${certFile}`,
    `--tls-private-key-file=${keyFile}`,
    `--client-ca-file=${clientCaFile}`,
    `--cert-dir=${dir}`,
    '--authorization-mode=RBAC',
    `--token-auth-file=${join(dir, 'tokens.csv')}`,
    '--service-cluster-ip-range=10.0.0.0/24',
    '--allow-privileged=true',
    '--disable-admission-plugins=ServiceAccount',
    '--service-account-issuer=https://127.0.0.1/',
    `--service-account-key-file=${join(dir, 'sa.pub')}`,
    `--service-account-signing-key-file=${join(dir, 'sa.key')}`,
  ];
}

function kubeconfigText(server: string, ca: string, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority': ca } }],
    users: [{ name: 'test', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  });
}

async function runKubectl(
  program: string,
  kubeconfig: string,
  args: readonly string[],
  input?: string,
): Promise<Kubectl> {
  const options = { env: childEnvironment({ KUBECONFIG: kubeconfig }), maxBuffer: 64 * 1024 * 1024 };
  const running = run(program, [...args], options);
  if (input !== undefined) running.child.stdin?.end(input);
  return running;
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(url);
  await response.body?.cancel();
  return response.ok;
}

async function post(url: string, body: unknown): Promise<unknown> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return response.json();
}

/** What was just established is not served at once. */
async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (tries === 50) throw error;
      await sleep(200);
    }
  }
}
