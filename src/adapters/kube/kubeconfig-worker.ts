/** Reads a kubeconfig in a thread of its own, which takes the 85 MiB of the client library with it when it ends. */
import type { RequestOptions } from 'node:https';
import { parentPort, workerData } from 'node:worker_threads';
import { KubeConfig } from '@kubernetes/client-node';
import type { KubeconfigRequest, KubeconfigResult, Login } from './kubeconfig.ts';

const result = await read(workerData as KubeconfigRequest);
// eslint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
parentPort?.postMessage(result);

async function read({ file, context }: KubeconfigRequest): Promise<KubeconfigResult> {
  try {
    return { kind: 'login', login: await login(file, context) };
  } catch (error) {
    return { kind: 'mistake', message: error instanceof Error ? error.message : String(error) };
  }
}

async function login(file: string | undefined, context: string | undefined): Promise<Login> {
  const config = new KubeConfig();
  if (file === undefined) config.loadFromDefault();
  else config.loadFromFile(file);
  if (context !== undefined) setContext(config, context);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('no context is chosen; name one with --context');
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const user = config.getCurrentUser();
  const name = config.getCurrentContext();
  return {
    server: cluster.server,
    name,
    namespace: config.getContextObject(name)?.namespace,
    tls: {
      ca: text(options.ca),
      cert: text(options.cert),
      key: text(options.key),
      servername: options.servername,
      insecure: options.rejectUnauthorized === false,
    },
    authorization: authorizationOf(options),
    tokenFile: user?.authProvider?.config?.tokenFile as string | undefined,
  };
}

function setContext(config: KubeConfig, context: string): void {
  const names = config.getContexts().map(({ name }) => name);
  if (!names.includes(context))
    throw new Error(
      `there is no context ${JSON.stringify(context)}; there are ${names.join(', ') || 'none'}`,
    );
  config.setCurrentContext(context);
}

function authorizationOf({ auth, headers }: RequestOptions): string | undefined {
  if (typeof auth === 'string') return `Basic ${Buffer.from(auth).toString('base64')}`;
  const value = (headers as Record<string, unknown> | undefined)?.['Authorization'];
  return typeof value === 'string' ? value : undefined;
}

function text(pem: RequestOptions['ca'] | RequestOptions['key']): string | undefined {
  if (pem === undefined) return undefined;
  return [pem].flat().map(String).join('\n');
}
