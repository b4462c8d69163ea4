/** `npm run cluster`: a control plane for hands. */
import { parseArgs } from 'node:util';
import { KUBERNETES_VERSION } from './build.ts';
import { startControlPlane } from './control-plane.ts';

const USAGE = `Starts a Kubernetes ${KUBERNETES_VERSION} API server with our CRDs, for trying things out. It has no nodes: nothing runs in it.

Usage: npm run cluster

The first time it is built, which takes five to ten minutes. Ctrl-C ends it, and nothing stays.
`;

const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h', default: false } } });
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const stopping = new AbortController();
const stopped = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
});
const cluster = await startControlPlane({ signal: stopping.signal });
try {
  await cluster.applyCrds();
  process.stdout.write(
    `export KUBECONFIG=${cluster.kubeconfig}\nexport PATH=${cluster.binaries}:$PATH\n\n` +
      'The API server is up, with our CRDs. Paste the two lines into another terminal, then for example:\n' +
      '  kubectl apply -f examples/kubernetes/\n' +
      `  kubectl patch modelregistry default -n ml --type merge -p '{"spec":{"uri":"http://127.0.0.1:5000"}}'   # your MLflow\n` +
      '  npx modelpromotion run --source kubernetes\n' +
      '  kubectl get mp -A -o wide\n' +
      'Ctrl-C ends it.\n',
  );
  await stopped;
} finally {
  await cluster.stop();
}
