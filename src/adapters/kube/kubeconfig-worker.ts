/** Reads a kubeconfig in a thread of its own, which takes the 85 MiB of the client library with it when it ends. */
import type { RequestOptions } from 'node:https';
import { parentPort, workerData } from 'node:worker_threads';
import { KubeConfig } from '@kubernetes/client-node';
import type { KubeconfigRequest, KubeconfigResult, Login } from './kubeconfig.ts';
import { kubeconfigFiles, tokenFileOf } from './token-file.ts';

/** The context that the library makes up where it finds nothing, of a server at localhost:8080. */
const MADE_UP = 'loaded-context';

const result = await read(workerData as KubeconfigRequest);
// eslint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
parentPort?.postMessage(result);

async function read({ file, context }: KubeconfigRequest): Promise<KubeconfigResult> {
  try {
    return { kind: 'login', login: await login(file, context) };
  } catch (error) {
    return { kind: 'mistake', message: inWords(error) };
  }
}

async function login(file: string | undefined, context: string | undefined): Promise<Login> {
  const config = new KubeConfig();
  if (file === undefined) config.loadFromDefault();
  else config.loadFromFile(file);
  if (file === undefined && config.getCurrentContext() === MADE_UP)
    throw new Error('there is none in $KUBECONFIG or at ~/.kube/config, and no service account of a pod');
  if (context !== undefined) setContext(config, context);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('no context is chosen; name one with --context');
  // Ignored, it would lead around a proxy that somebody means to be used.
  if (cluster.proxyUrl !== undefined)
    throw new Error('its cluster has a proxy-url, and we speak to an API server directly; take it out');
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const user = config.getCurrentUser();
  const name = config.getCurrentContext();
  const files = kubeconfigFiles(file, process.env['KUBECONFIG']);
  const given = user === null ? undefined : tokenFileOf(user.name, files);
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
    tokenFile: (user?.authProvider?.config?.tokenFile as string | undefined) ?? (await given),
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

function inWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' && syscall?.startsWith('spawn'))
    return `it logs in with the program ${path}, which is not there; install it`;
  // A program that logs in, and ends badly, is quoted.
  return error.message.trim() || 'the program that it logs in with failed, and said nothing';
}
