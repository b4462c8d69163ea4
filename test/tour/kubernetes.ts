/**
 * `npm run quickstart:kubernetes`: the tour of the operator. A real API server, a real MLflow, and the operator between
 * them with no more permissions than manifests/ gives it. Every step is checked against MLflow itself.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Child, startChild } from '../../src/cli/quickstart/child.ts';
import { childEnvironment } from '../../src/cli/quickstart/environment.ts';
import { installMlflow, MLFLOW_VERSION } from '../../src/cli/quickstart/install.ts';
import { startMlflow } from '../../src/cli/quickstart/mlflow.ts';
import { train } from '../../src/cli/quickstart/playground.ts';
import { freePort } from '../../src/cli/quickstart/port.ts';
import {
  describeHoldings,
  holdingsOf,
  readRegistry,
  type RegistryReader,
} from '../../src/cli/quickstart/registry.ts';
import { Screen } from '../../src/cli/quickstart/screen.ts';
import { MODEL } from '../../src/cli/quickstart/subject.ts';
import { readTail } from '../../src/cli/quickstart/tail.ts';
import { until } from '../../src/cli/quickstart/until.ts';
import { versionsTable } from '../../src/cli/quickstart/versions-table.ts';
import { KUBERNETES_VERSION } from '../support/controlplane/build.ts';
import { type ControlPlane, startControlPlane } from '../support/controlplane/control-plane.ts';
import { type Hands, STEPS, StepFailed } from './steps.ts';

const ROOT = join(import.meta.dirname, '../..');
const OVERLAY = 'manifests/overlays/cluster-wide';
const ACCOUNT = 'modelpromotion-system/modelpromotion';
const DEADLINE_MS = 60_000;

const USAGE = `The tour of the operator: Kubernetes ${KUBERNETES_VERSION}, MLflow ${MLFLOW_VERSION} and the operator on this machine.

Usage: npm run quickstart:kubernetes

The first time, MLflow is installed and Kubernetes is built, which takes ten minutes; then it takes one. On a terminal
everything stays up until Ctrl-C.
`;

const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h', default: false } } });
if (values.help) process.stdout.write(USAGE);
else process.exitCode = await tour();

async function tour(): Promise<number> {
  const screen = new Screen(process.stdout);
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stopping.abort());
  const { signal } = stopping;
  await using owner = new AsyncDisposableStack();
  try {
    screen.heading('modelpromotion quickstart, on Kubernetes');
    screen.text('A real API server, a real MLflow, and the operator between them. Ctrl-C ends it.');
    const stage = await setUp(screen, owner, signal);
    if (!(await walk(stage, screen, signal))) return 1;
    if (screen.isTerminal) await stay(stage, screen, signal);
    return 0;
  } catch (error) {
    if (!signal.aborted) throw error;
    screen.heading('Stopped. Nothing is left running.');
    return 130;
  }
}

interface Stage {
  readonly cluster: ControlPlane;
  readonly mlflowUrl: string;
  readonly registry: RegistryReader;
  readonly operator: Child;
  readonly log: string;
}

async function setUp(screen: Screen, owner: AsyncDisposableStack, signal: AbortSignal): Promise<Stage> {
  const report = (line: string): void => screen.text(line);
  screen.heading('Setting up');
  const dir = await mkdtemp(join(tmpdir(), 'modelpromotion-tour-'));
  owner.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  const { python } = await installMlflow({ signal, report });
  const cluster = await screen.busy('the API server is starting', startControlPlane({ signal, report }));
  owner.defer(() => cluster.stop());
  screen.fact(`Kubernetes ${KUBERNETES_VERSION}`, cluster.server);
  const mlflow = await screen.busy('MLflow is starting', startMlflow({ dir, signal }));
  owner.defer(() => mlflow.stop());
  screen.fact(`MLflow ${MLFLOW_VERSION}`, mlflow.url);
  await screen.busy('training', train(python, mlflow.url, signal));
  screen.fact('Four versions', `of ${MODEL}, trained and registered`);

  await kubectl(cluster, screen, ['apply', '--server-side', '-k', OVERLAY]);
  await cluster.kubectl(['wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all']);
  const { operator, log } = await startOperator(cluster, dir, screen, signal);
  owner.defer(() => operator.stop());
  return { cluster, mlflowUrl: mlflow.url, registry: readRegistry(mlflow.url, signal), operator, log };
}

/** There are no nodes to run its pod: it runs here, as the service account of its pod. */
async function startOperator(
  cluster: ControlPlane,
  dir: string,
  screen: Screen,
  signal: AbortSignal,
): Promise<{ operator: Child; log: string }> {
  const kubeconfig = await cluster.kubeconfigOf(ACCOUNT);
  const [port, log] = [await freePort(), join(dir, 'operator.log')];
  screen.command(`modelpromotion run --source kubernetes     # as service account ${ACCOUNT}`);
  const argv = ['run', '--source', 'kubernetes', '--kubeconfig', kubeconfig, '--listen', `127.0.0.1:${port}`];
  const operator = startChild(
    [process.execPath, join(ROOT, 'dist/main.js'), ...argv, '--log-format', 'pretty'],
    log,
    {
      env: childEnvironment({ POD_NAMESPACE: 'modelpromotion-system', POD_NAME: 'modelpromotion-0' }),
      signal,
    },
  );
  const isReady = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
  await screen.busy(
    'the operator is starting',
    until(isReady, { child: operator, deadlineMs: DEADLINE_MS, signal }),
  );
  return { operator, log };
}

/** False when a step did not come true, which is then told. */
async function walk(stage: Stage, screen: Screen, signal: AbortSignal): Promise<boolean> {
  const started = performance.now();
  let shown = await stage.registry.versions(MODEL);
  const hands = handsOf(stage, screen);
  for (const [index, step] of STEPS.entries()) {
    screen.heading(`${index + 1}  ${step.title}`);
    screen.text(step.story);
    try {
      await step.act(hands);
      const versions = await comesTrue(stage, describeHoldings(step.expected), signal);
      screen.blank();
      screen.aside('MLflow says:');
      screen.table(versionsTable(shown, versions));
      shown = versions;
      await step.inspect?.(hands);
    } catch (error) {
      if (!(error instanceof StepFailed)) throw error;
      screen.heading(`Step ${index + 1} did not come true.`);
      screen.fact('Expected', error.expected);
      screen.fact('Seen', error.seen);
      screen.text("The end of the operator's log:");
      screen.aside(await readTail(stage.log));
      return false;
    }
  }
  screen.heading(
    `All ${STEPS.length} steps came true in ${((performance.now() - started) / 1_000).toFixed(1)} s.`,
  );
  return true;
}

async function comesTrue({ registry, operator }: Stage, wanted: string, signal: AbortSignal) {
  let seen = await registry.versions(MODEL);
  const isTrue = async (): Promise<boolean> => {
    seen = await registry.versions(MODEL);
    return describeHoldings(holdingsOf(seen)) === wanted;
  };
  try {
    await until(isTrue, { child: operator, deadlineMs: DEADLINE_MS, signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new StepFailed(wanted, describeHoldings(holdingsOf(seen)), { cause: error });
  }
  return seen;
}

function handsOf({ cluster, mlflowUrl, registry }: Stage, screen: Screen): Hands {
  return {
    async apply(file, changes = {}) {
      const original = await readFile(join(ROOT, file), 'utf8');
      const adapted = {
        'http://mlflow.mlflow.svc:5000': mlflowUrl,
        'sweepInterval: 60s': 'sweepInterval: 2s',
        ...changes,
      };
      const text = Object.entries(adapted).reduce((all, [from, to]) => all.replaceAll(from, to), original);
      screen.command(`kubectl apply -f ${file}`);
      screen.aside(text.replaceAll(/^ *#.*\n/gm, '').trimEnd());
      return outcome(screen, cluster.kubectl(['apply', '-f', '-'], text));
    },
    kubectl: (...args) => outcome(screen, kubectl(cluster, screen, args)),
    async transitionByHand(version, target) {
      screen.command(
        `client.transition_model_version_stage("${MODEL}", "${version}", "${target}")   # by hand, in MLflow`,
      );
      await registry.transition(MODEL, version, target);
    },
  };
}

async function kubectl(cluster: ControlPlane, screen: Screen, args: readonly string[]) {
  screen.command(`kubectl ${args.join(' ')}`);
  const ran = await cluster.kubectl(args);
  screen.output(ran.stdout);
  return ran;
}

/** What kubectl printed, whether it succeeded or not. */
async function outcome(
  screen: Screen,
  running: Promise<{ stdout: string }>,
): Promise<{ ok: boolean; text: string }> {
  try {
    return { ok: true, text: (await running).stdout };
  } catch (error) {
    const text = (error as { stderr?: string }).stderr ?? String(error);
    screen.output(text);
    return { ok: false, text };
  }
}

async function stay({ cluster, mlflowUrl, log }: Stage, screen: Screen, signal: AbortSignal): Promise<void> {
  screen.text('Everything stays up until Ctrl-C.');
  screen.blank();
  screen.fact('MLflow', `${mlflowUrl}/#/models/${MODEL}`);
  screen.fact('kubectl', `export KUBECONFIG=${cluster.kubeconfig} PATH=${cluster.binaries}:$PATH`);
  screen.fact('Log', log);
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  screen.heading('Stopping.');
}
