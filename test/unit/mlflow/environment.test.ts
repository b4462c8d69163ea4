import { describe, expect, it } from 'vitest';
import { parseRegistryUri, registryFromEnvironment } from '../../../src/adapters/mlflow/environment.ts';

type Environment = Readonly<Record<string, string>>;

const URI = 'http://mlflow:5000';

function read(env: Environment, address?: string) {
  return registryFromEnvironment(env, address, (path) => {
    if (path.startsWith('/missing')) throw new Error(`ENOENT: ${path}`);
    return `contents of ${path}`;
  });
}

function mistake(env: Environment, address?: string): string {
  try {
    read(env, address);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return 'no mistake';
}

describe('the address of the registry', () => {
  it.each<[string, Environment, string | undefined, string | undefined]>([
    ['is nowhere', {}, undefined, undefined],
    ['is empty', { MLFLOW_REGISTRY_URI: '', MLFLOW_TRACKING_URI: '' }, undefined, undefined],
    ['comes from MLFLOW_TRACKING_URI', { MLFLOW_TRACKING_URI: 'http://t' }, undefined, 'http://t'],
    [
      'comes from MLFLOW_REGISTRY_URI before that',
      { MLFLOW_TRACKING_URI: 'http://t', MLFLOW_REGISTRY_URI: 'http://r' },
      undefined,
      'http://r',
    ],
    [
      'falls back where the first is empty',
      { MLFLOW_TRACKING_URI: 'http://t', MLFLOW_REGISTRY_URI: '' },
      undefined,
      'http://t',
    ],
    [
      'is what was given before both',
      { MLFLOW_TRACKING_URI: 'http://t', MLFLOW_REGISTRY_URI: 'http://r' },
      'http://given',
      'http://given',
    ],
    ['keeps its prefix and loses its slash', {}, 'https://host:8443/ml/flow//', 'https://host:8443/ml/flow'],
    [
      'loses user name and password',
      { MLFLOW_TRACKING_URI: 'http://me:secret@host/x' },
      undefined,
      'http://host/x',
    ],
  ])('%s', (_what, env, address, uri) => {
    expect(read(env, address)?.uri).toBe(uri);
  });

  it.each([
    ['databricks', /Databricks registry is not supported/],
    ['databricks://profile', /Databricks/],
    ['databricks-uc://profile', /Databricks/],
    ['sqlite:///mlflow.db', /^"sqlite:" is a store, not a server/],
    ['postgresql+psycopg2://me:secret@db/mlflow', /^"postgresql\+psycopg2:" is a store/],
    ['mysql://me:secret@db/mlflow', /^"mysql:" is a store/],
    ['file:///mlruns', /^"file:" is a store/],
    ['./mlruns', /must be an http or https URL/],
    ['uc', /must be an http or https URL/],
    ['mlflow:5000', /must be an http or https URL/],
    ['http://', /must be an http or https URL/],
    ['http://me:secret@host:port', /must be an http or https URL/],
    ['http://me:secret@host/?a=b', /no query and no fragment/],
    ['http://me:secret@host/#a', /no query and no fragment/],
    ['http://me:sec%ret@host/', /must be percent-encoded/],
  ])('%s is refused by name, without its secrets', (uri, words) => {
    const message = mistake({ MLFLOW_TRACKING_URI: uri });
    expect(message).toMatch(words);
    expect(message).not.toMatch(/sec%?ret/);
  });

  it('that is an option holds no password: others may see it', () => {
    const message = mistake({}, 'http://me:secret@host');
    expect(message).toMatch(/MLFLOW_TRACKING_USERNAME/);
    expect(message).not.toContain('secret');
  });

  it('of a manifest is held to the same rules', () => {
    expect(parseRegistryUri('https://mlflow.example.com/x').pathname).toBe('/x');
    expect(() => parseRegistryUri('sqlite:///x')).toThrow('store, not a server');
  });
});

describe('the credentials', () => {
  const user = { MLFLOW_TRACKING_USERNAME: 'me', MLFLOW_TRACKING_PASSWORD: 'pass' };
  const basic = { kind: 'basic', username: 'me', password: 'pass' };

  it.each<[string, Environment, string | undefined, object]>([
    ['are none', {}, URI, { kind: 'none' }],
    ['are user name and password', user, URI, basic],
    ['are a token', { MLFLOW_TRACKING_TOKEN: 't' }, URI, { kind: 'bearer', token: 't' }],
    ['are user name and password before a token', { ...user, MLFLOW_TRACKING_TOKEN: 't' }, URI, basic],
    [
      'are a token where the password is missing',
      { MLFLOW_TRACKING_USERNAME: 'me', MLFLOW_TRACKING_TOKEN: 't' },
      URI,
      { kind: 'bearer', token: 't' },
    ],
    [
      'are those of the address',
      { MLFLOW_TRACKING_URI: 'http://m%40e:p%3Ass@host' },
      undefined,
      { kind: 'basic', username: 'm@e', password: 'p:ss' },
    ],
    [
      'are those of the variables before those of the address',
      { ...user, MLFLOW_TRACKING_URI: 'http://a:b@host' },
      undefined,
      basic,
    ],
    [
      'are none where everything is empty',
      { MLFLOW_TRACKING_USERNAME: '', MLFLOW_TRACKING_PASSWORD: '', MLFLOW_TRACKING_TOKEN: '' },
      URI,
      { kind: 'none' },
    ],
  ])('%s', (_what, env, address, credentials) => {
    expect(read(env, address)?.credentials).toEqual(credentials);
  });

  it.each(['MLFLOW_TRACKING_AWS_SIGV4', 'MLFLOW_TRACKING_AUTH'])('of %s are refused by name', (variable) => {
    expect(mistake({ [variable]: 'true' }, URI)).toMatch(
      new RegExp(`^${variable} is set.*not supported; use a token`),
    );
    expect(mistake({ [variable]: '' }, URI)).toBe('no mistake');
  });

  it('of AWS_SIGV4 that is switched off are no matter', () => {
    expect(mistake({ MLFLOW_TRACKING_AWS_SIGV4: 'false' }, URI)).toBe('no mistake');
  });
});

describe('trust', () => {
  it.each<[Environment, object]>([
    [{}, { insecure: false }],
    [{ MLFLOW_TRACKING_INSECURE_TLS: 'true' }, { insecure: true }],
    [{ MLFLOW_TRACKING_INSECURE_TLS: '1' }, { insecure: true }],
    [{ MLFLOW_TRACKING_INSECURE_TLS: 'false' }, { insecure: false }],
    [{ MLFLOW_TRACKING_SERVER_CERT_PATH: '/ca' }, { insecure: false, ca: 'contents of /ca' }],
    [{ MLFLOW_TRACKING_CLIENT_CERT_PATH: '/me' }, { insecure: false, clientCertificate: 'contents of /me' }],
  ])('of %j is %j', (env, tls) => {
    expect(read(env, URI)?.tls).toEqual(tls);
  });

  it('cannot be both waived and declared', () => {
    const both = { MLFLOW_TRACKING_INSECURE_TLS: 'true', MLFLOW_TRACKING_SERVER_CERT_PATH: '/ca' };
    expect(mistake(both, URI)).toMatch(/exclude each other/);
  });

  it.each(['MLFLOW_TRACKING_SERVER_CERT_PATH', 'MLFLOW_TRACKING_CLIENT_CERT_PATH'])(
    'from a file that cannot be read names %s and the file',
    (variable) => {
      expect(mistake({ [variable]: '/missing' }, URI)).toBe(`${variable}: /missing cannot be read`);
    },
  );
});

describe('workspace and timeout', () => {
  it('are left to us where they are not said', () => {
    expect(read({ MLFLOW_WORKSPACE: '', MLFLOW_HTTP_REQUEST_TIMEOUT: '' }, URI)).toMatchObject({
      workspace: undefined,
      timeout: undefined,
    });
  });

  it('are taken as they are said', () => {
    expect(read({ MLFLOW_WORKSPACE: 'team-a', MLFLOW_HTTP_REQUEST_TIMEOUT: '0.5' }, URI)).toMatchObject({
      workspace: 'team-a',
      timeout: 500,
    });
  });

  it.each(['Team', 'a', '-a', 'a--b', 'a\r\nx-evil: 1', 'x'.repeat(64)])(
    'workspace %j is refused',
    (workspace) => {
      expect(mistake({ MLFLOW_WORKSPACE: workspace }, URI)).toMatch(/is not the name of a workspace/);
    },
  );

  it.each(['0', '-1', 'soon', 'Infinity', '99999999'])('a timeout of %s seconds is refused', (seconds) => {
    expect(mistake({ MLFLOW_HTTP_REQUEST_TIMEOUT: seconds }, URI)).toMatch(
      /^MLFLOW_HTTP_REQUEST_TIMEOUT: .* seconds up to/,
    );
  });
});
