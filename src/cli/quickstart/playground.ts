/** Everything that the tour runs on: MLflow with four versions, a repository over HTTP, and the controller between. */
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { run } from './child.ts';
import { type Controller, controllerArguments, startController } from './controller.ts';
import { childEnvironment } from './environment.ts';
import { tryFileLock } from './file-lock.ts';
import { startGitServer } from './git-server.ts';
import { installMlflow, MLFLOW_VERSION, QUICKSTART_FILES } from './install.ts';
import { type MlflowServer, startMlflow } from './mlflow.ts';
import { claimPort, freePort } from './port.ts';
import { readRegistry, type RegistryReader } from './registry.ts';
import { Clone, createBareRepository } from './repository.ts';
import type { Screen } from './screen.ts';
import { SetupError } from './setup-error.ts';
import { MODEL } from './subject.ts';

/** Ports to listen on; any free one where none is given. */
export interface Ports {
  readonly mlflow?: number;
  readonly git?: number;
  readonly controller?: number;
}

export interface PlaygroundOptions {
  /** Where MLflow is installed. */
  readonly cacheDir: string;
  /** Where everything else goes; emptied at the start. */
  readonly dir: string;
  readonly ports: Ports;
  readonly signal: AbortSignal;
}

export interface Playground {
  readonly mlflow: MlflowServer;
  readonly registry: RegistryReader;
  readonly gitUrl: string;
  readonly clone: Clone;
  readonly controller: Controller;
  /** Where commands keep what they fetch. */
  readonly cache: string;
}

/**
 * Sets everything up and gives `owner` every server to stop.
 * @throws SetupError when this machine lacks what it takes.
 */
export async function openPlayground(
  { cacheDir, dir: folder, ports, signal }: PlaygroundOptions,
  screen: Screen,
  owner: AsyncDisposableStack,
): Promise<Playground> {
  const installing = installMlflow({ cacheDir, signal, report: (line) => screen.text(line) });
  const { python } = await screen.busy('installing', installing);
  const dir = resolve(folder);
  await claimFolder(dir, { python, signal }, owner);

  const mlflowPort = await portFor('MLflow', ports.mlflow);
  const starting = startMlflow({ cacheDir, dir: join(dir, 'mlflow'), port: mlflowPort, signal });
  const mlflow = await screen.busy('MLflow is starting', starting);
  owner.defer(() => mlflow.stop());
  screen.fact(`MLflow ${MLFLOW_VERSION}`, mlflow.url);

  await screen.busy('training', train(python, mlflow.url, signal));
  screen.fact('Four versions', `of ${MODEL}, trained and registered`);

  const gitUrl = await serveRepository(join(dir, 'git'), ports.git, signal, owner);
  const clone = await Clone.of(gitUrl, join(dir, 'models'), signal);
  screen.fact('Git repository', gitUrl);

  const controllerPort = await portFor('The controller', ports.controller);
  const options = { dir, gitUrl, registryUri: mlflow.url, port: controllerPort, signal };
  screen.command(
    `modelpromotion ${controllerArguments(options)
      .map((line) => line.join(' '))
      .join(' \\\n')}`,
  );
  const controller = await screen.busy('the controller is starting', startController(options));
  owner.defer(() => controller.stop());

  return {
    mlflow,
    registry: readRegistry(mlflow.url, signal),
    clone,
    gitUrl,
    controller,
    cache: join(dir, 'cache'),
  };
}

/** Makes the folder ours until `owner` is disposed, and empties it. */
async function claimFolder(
  dir: string,
  { python, signal }: { readonly python: string; readonly signal: AbortSignal },
  owner: AsyncDisposableStack,
): Promise<void> {
  const release = await tryFileLock(`${dir}.lock`, { python, signal });
  if (release === undefined) {
    throw new SetupError(
      `Another quickstart is running in ${dir}. End it, or start this one in another folder.`,
    );
  }
  owner.defer(release);
  await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  await mkdir(dir, { recursive: true });
}

function portFor(wantedBy: string, port: number | undefined): Promise<number> {
  return port === undefined ? freePort() : claimPort(port, wantedBy);
}

/** Four versions of the tour's model, with their runs. */
export async function train(python: string, trackingUri: string, signal: AbortSignal): Promise<void> {
  const env = childEnvironment({ MLFLOW_TRACKING_URI: trackingUri });
  await run([python, join(QUICKSTART_FILES, 'train.py')], { env, signal });
}

async function serveRepository(
  root: string,
  port: number | undefined,
  signal: AbortSignal,
  owner: AsyncDisposableStack,
): Promise<string> {
  await createBareRepository(root, signal);
  const server = await startGitServer({ root, port: await portFor('The git server', port) });
  owner.defer(() => server.close());
  return `${server.url}/models.git`;
}
