/** The peer of the operator: a small one of kopf and MlflowClient, as teams write it, at the same job. */
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '../../src/cli/quickstart/environment.ts';
import { installBeside, type MlflowProcess } from '../support/mlflow-server.ts';
import type { BenchCluster } from './cluster.ts';
import { peakMemory } from './memory.ts';

export const KOPF = 'kopf==1.45.2';
const OPERATOR = fileURLToPath(new URL('./kopf_operator.py', import.meta.url));
const NAMESPACE = 'kopf';
const LONGEST = 60 * 60_000;

export interface Taken {
  readonly seconds: number;
  /** MiB, at most. */
  readonly memory: number;
  readonly registryRequests: number;
  /** Writes to the API server beside those that declare. */
  readonly apiWrites: number;
}

/** Declares version 4 of each model, all at once, and waits until the last is done. The first one shows that it works. */
export async function promoteWithKopf(
  cluster: BenchCluster,
  server: MlflowProcess,
  [first = '', ...models]: readonly string[],
): Promise<Taken> {
  const signal = AbortSignal.timeout(LONGEST);
  const folder = await installBeside(server.python, KOPF, [], signal);
  await cluster.namespace(NAMESPACE);
  const argv = ['-m', 'kopf', 'run', '--standalone', '--quiet', '--namespace', NAMESPACE, OPERATOR];
  const env = { PYTHONPATH: folder, KUBECONFIG: cluster.plane.kubeconfig, REGISTRY: server.url };
  const child = spawn(server.python, argv, {
    env: childEnvironment(env),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  const ended = closed.then(() => Promise.reject(new Error('kopf ended')));
  ended.catch(() => undefined);
  const done = new Done(child.stdout);
  const sentAfter = (count: number): Promise<number> => Promise.race([done.after(count, signal), ended]);
  const declare = (names: readonly string[]): Promise<void> =>
    cluster.applyAll(names.map((model) => ({ model, version: '4', namespace: NAMESPACE })));
  try {
    await declare([first]);
    const before = { sent: await sentAfter(1), writes: await cluster.writes() };
    const started = performance.now();
    await declare(models);
    const sent = await sentAfter(1 + models.length);
    return {
      seconds: (performance.now() - started) / 1_000,
      memory: await peakMemory(child.pid ?? 0),
      registryRequests: sent - before.sent,
      apiWrites: (await cluster.writes()) - before.writes - models.length,
    };
  } finally {
    child.kill('SIGKILL');
    await closed;
  }
}

/** Counts the lines `done N` of an operator; N is the number of requests it has sent so far. */
class Done {
  readonly #told = new EventEmitter();
  #count = 0;
  #sent = 0;

  constructor(output: Readable) {
    createInterface({ input: output }).on('line', (line) => {
      this.#sent = Number(/^done (\d+)$/.exec(line)?.[1]);
      this.#count += 1;
      this.#told.emit('line');
    });
  }

  /** Requests that were sent when so many promotions were done. */
  async after(count: number, signal: AbortSignal): Promise<number> {
    while (this.#count < count) await once(this.#told, 'line', { signal });
    return this.#sent;
  }
}
