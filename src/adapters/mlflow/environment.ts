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
  for (const name of ['MLFLOW_TRACKING_AWS_SIGV4', 'MLFLOW_TRACKING_AUTH']) {
    if (isTrue(env[name]) || (name.endsWith('AUTH') && (env[name] ?? '') !== '')) {
      throw new Error(
        `${name} is set, and that way to authenticate is not supported; use a token, or user name and password`,
      );
    }
  }
  const seconds = Number(env['MLFLOW_HTTP_REQUEST_TIMEOUT'] ?? '');
  return {
    uri: `${url.origin}${url.pathname}`.replace(/\/+$/, ''),
    credentials: credentialsFrom(env, url),
    tls: tlsFrom(env, readFile),
    workspace: env['MLFLOW_WORKSPACE'] || undefined,
    timeout: seconds > 0 ? seconds * 1_000 : undefined,
  };
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
  const username = env['MLFLOW_TRACKING_USERNAME'] || decodeURIComponent(url.username);
  const password = env['MLFLOW_TRACKING_PASSWORD'] || decodeURIComponent(url.password);
  if (username !== '' && password !== '') return { kind: 'basic', username, password };
  const token = env['MLFLOW_TRACKING_TOKEN'] ?? '';
  return token === '' ? { kind: 'none' } : { kind: 'bearer', token };
}

function tlsFrom(env: Environment, readFile: (path: string) => string): Tls {
  const insecure = isTrue(env['MLFLOW_TRACKING_INSECURE_TLS']);
  const ca = env['MLFLOW_TRACKING_SERVER_CERT_PATH'] ?? '';
  const client = env['MLFLOW_TRACKING_CLIENT_CERT_PATH'] ?? '';
  if (insecure && ca !== '') {
    throw new Error('MLFLOW_TRACKING_INSECURE_TLS and MLFLOW_TRACKING_SERVER_CERT_PATH exclude each other');
  }
  return {
    insecure,
    ...(ca === '' ? {} : { ca: readFile(ca) }),
    ...(client === '' ? {} : { clientCertificate: readFile(client) }),
  };
}

function isTrue(value: string | undefined): boolean {
  return ['true', '1'].includes((value ?? '').toLowerCase());
}
