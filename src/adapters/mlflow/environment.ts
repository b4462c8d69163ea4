/**
 * The registry that MLflow's own environment variables name, with their meaning in every MLflow client
 * (mlflow/environment_variables.py, mlflow/utils/rest_utils.py).
 */
import type { Credentials, Tls } from './transport.ts';

export interface EnvironmentRegistry {
  /** Without user name and password, and without a trailing slash. */
  readonly uri: string;
  readonly credentials: Credentials;
  readonly tls: Tls;
  readonly workspace: string | undefined;
  /** Milliseconds. */
  readonly timeout: number | undefined;
}

/** Seconds: the 24 days that a timer can hold. */
const LONGEST_TIMEOUT = 2_073_600;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * @param address what `--registry-uri` says; it wins over the variables
 * @param readFile reads a file that a variable names
 * @returns undefined when nothing names a registry
 * @throws Error with a sentence for people
 */
export function registryFromEnvironment(
  env: Environment,
  address: string | undefined,
  readFile: (path: string) => string,
): EnvironmentRegistry | undefined {
  const given = address ?? (env['MLFLOW_REGISTRY_URI'] || env['MLFLOW_TRACKING_URI']);
  if (given === undefined || given === '') return undefined;
  const url = parseRegistryUri(given);
  const isVariable = [env['MLFLOW_REGISTRY_URI'], env['MLFLOW_TRACKING_URI']].includes(given);
  if (!isVariable && (url.username !== '' || url.password !== ''))
    throw new Error(
      'it holds a user name or password, which others may see; give them as MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN',
    );
  refuseOtherAuthentication(env);
  return {
    uri: `${url.origin}${url.pathname}`.replace(/\/+$/, ''),
    credentials: credentialsFrom(env, url),
    tls: tlsFrom(env, readFile),
    workspace: workspaceFrom(env),
    timeout: timeoutFrom(env),
  };
}

function refuseOtherAuthentication(env: Environment): void {
  const unsupported = (name: string): Error =>
    new Error(
      `${name} is set, and that way to authenticate is not supported; use a token, or user name and password`,
    );
  if (isTrue(env['MLFLOW_TRACKING_AWS_SIGV4'])) throw unsupported('MLFLOW_TRACKING_AWS_SIGV4');
  if ((env['MLFLOW_TRACKING_AUTH'] ?? '') !== '') throw unsupported('MLFLOW_TRACKING_AUTH');
}

function workspaceFrom(env: Environment): string | undefined {
  const workspace = env['MLFLOW_WORKSPACE'] ?? '';
  if (workspace === '') return undefined;
  if (/^[a-z0-9]+(-[a-z0-9]+)*$/.test(workspace) && workspace.length >= 2 && workspace.length <= 63)
    return workspace;
  throw new Error(`MLFLOW_WORKSPACE: ${JSON.stringify(workspace)} is not the name of a workspace`);
}

function timeoutFrom(env: Environment): number | undefined {
  const given = env['MLFLOW_HTTP_REQUEST_TIMEOUT'] ?? '';
  if (given === '') return undefined;
  const seconds = Number(given);
  if (seconds > 0 && seconds <= LONGEST_TIMEOUT) return Math.ceil(seconds * 1_000);
  throw new Error(
    `MLFLOW_HTTP_REQUEST_TIMEOUT: ${JSON.stringify(given)} is not a number of seconds up to ${LONGEST_TIMEOUT}`,
  );
}

/** @throws Error that names what is wrong, and never the password. */
export function parseRegistryUri(uri: string): URL {
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*)(?::|$)/.exec(uri)?.[1]?.toLowerCase() ?? '';
  if (scheme.startsWith('databricks')) {
    throw new Error(
      'a Databricks registry is not supported; give the address of an MLflow server (http or https)',
    );
  }
  if (/^(?:sqlite|postgresql|mysql|mssql|file)/.test(scheme)) {
    throw new Error(
      `"${scheme}:" is a store, not a server; give the address of an MLflow server (http or https)`,
    );
  }
  if (!/^https?$/.test(scheme) || !URL.canParse(uri)) {
    throw new Error('the registry address must be an http or https URL, such as http://127.0.0.1:5000');
  }
  const url = new URL(uri);
  if (url.search !== '' || url.hash !== '')
    throw new Error('the registry address must have no query and no fragment');
  return url;
}

/** User name and password win over a token, as in rest_utils.http_request. */
function credentialsFrom(env: Environment, url: URL): Credentials {
  const username = env['MLFLOW_TRACKING_USERNAME'] || decoded(url.username);
  const password = env['MLFLOW_TRACKING_PASSWORD'] || decoded(url.password);
  if (username !== '' && password !== '') return { kind: 'basic', username, password };
  const token = env['MLFLOW_TRACKING_TOKEN'] ?? '';
  return token === '' ? { kind: 'none' } : { kind: 'bearer', token };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Error('user name and password in the registry address must be percent-encoded');
  }
}

function tlsFrom(env: Environment, readFile: (path: string) => string): Tls {
  const insecure = isTrue(env['MLFLOW_TRACKING_INSECURE_TLS']);
  const ca = env['MLFLOW_TRACKING_SERVER_CERT_PATH'] ?? '';
  const client = env['MLFLOW_TRACKING_CLIENT_CERT_PATH'] ?? '';
  if (insecure && ca !== '') {
    throw new Error('MLFLOW_TRACKING_INSECURE_TLS and MLFLOW_TRACKING_SERVER_CERT_PATH exclude each other');
  }
  const read = (variable: string, path: string): string => {
    try {
      return readFile(path);
    } catch (error) {
      throw new Error(`${variable}: ${path} cannot be read`, { cause: error });
    }
  };
  return {
    insecure,
    ...(ca === '' ? {} : { ca: read('MLFLOW_TRACKING_SERVER_CERT_PATH', ca) }),
    ...(client === '' ? {} : { clientCertificate: read('MLFLOW_TRACKING_CLIENT_CERT_PATH', client) }),
  };
}

function isTrue(value: string | undefined): boolean {
  return ['true', '1'].includes((value ?? '').toLowerCase());
}
