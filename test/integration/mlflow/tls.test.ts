import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createHttp, request as httpRequest, type Server } from 'node:http';
import { createServer as createHttps, type ServerOptions } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { MlflowRegistryOptions } from '../../../src/adapters/mlflow/registry.ts';
import type { Tls } from '../../../src/adapters/mlflow/transport.ts';
import { rest, sharedMlflow, uniqueModel } from '../../support/mlflow.ts';
import { openRegistry, plain, soon, write } from './world.ts';

const name = uniqueModel();
let dir: string;
const servers: Server[] = [];

beforeAll(async () => {
  await rest(sharedMlflow()).seed(name, 1);
  dir = await mkdtemp(join(tmpdir(), 'modelpromotion-tls-'));
});
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** A certificate that vouches for itself, for one host name. */
function certificate(host: string): { cert: string; key: string } {
  const [certFile, keyFile] = [join(dir, `${host}.crt`), join(dir, `${host}.key`)];
  const subject = [
    '-subj',
    `/CN=${host}`,
    '-addext',
    `subjectAltName=${/^[\d.]+$/.test(host) ? 'IP' : 'DNS'}:${host}`,
  ];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...key, '-out', certFile, ...subject], {
    stdio: 'pipe',
  });
  return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
}

/** The shared MLflow behind https. */
async function behindTls(options: ServerOptions): Promise<string> {
  const server = createHttps(options, (request, response) => {
    const { method, url, headers } = request;
    const outgoing = httpRequest(`${sharedMlflow()}${url}`, { method, headers }, (incoming) => {
      response.writeHead(incoming.statusCode ?? 0, incoming.headers);
      incoming.pipe(response);
    });
    request.pipe(outgoing);
  });
  return `https://127.0.0.1:${await listen(server)}`;
}

function trusting(uri: string, tls: Tls, options: Partial<MlflowRegistryOptions> = {}) {
  return openRegistry(uri, [name], { tls: () => Promise.resolve(tls), ...options }).registry;
}

describe('a registry behind TLS', () => {
  it('is refused while nobody vouches for its certificate, with what to declare', async () => {
    const registry = trusting(await behindTls(certificate('127.0.0.1')), {});
    expect(await registry.sweep(soon())).toBeUndefined();
    expect(registry.health.failure).toMatchObject({
      reason: 'RegistryRefused',
      message: expect.stringMatching(
        /^https:\/\/127.0.0.1:\d+: TLS failed \(DEPTH_ZERO_SELF_SIGNED_CERT\); declare the authority in spec.tls/,
      ),
    });
  });

  it.each([
    ['the authority that is declared', (cert: string) => ({ ca: cert })],
    ['nobody, where TLS was declared insecure', () => ({ insecure: true })],
  ])('is read and written by the word of %s', async (_what, tls) => {
    const own = certificate('127.0.0.1');
    const registry = trusting(await behindTls(own), tls(own.cert));
    expect(await registry.sweep(soon())).toMatchObject({ kind: 'Full' });
    await registry.write(name, write.setAlias('champion', '1'), soon());
    expect(plain(await registry.read(name, soon()))).toMatchObject({ aliases: { champion: '1' } });
  });

  it('is refused when its certificate is for another host', async () => {
    const other = certificate('mlflow.example.com');
    const registry = trusting(await behindTls(other), { ca: other.cert });
    await registry.sweep(soon());
    expect(registry.health.failure?.message).toContain('the certificate is for another host name');
  });

  it('is refused while its authority is no certificate at all', async () => {
    const registry = trusting(await behindTls(certificate('127.0.0.1')), { ca: 'not a certificate' });
    await registry.sweep(soon());
    expect(registry.health.failure?.message).toContain('TLS failed');
  });

  it('is trusted as soon as the right authority is in place, without a restart', async () => {
    const own = certificate('127.0.0.1');
    let ca = certificate('another').cert;
    const registry = trusting(await behindTls(own), {}, { tls: () => Promise.resolve({ ca }) });
    expect(await registry.sweep(soon())).toBeUndefined();
    ca = own.cert;
    expect(await registry.sweep(soon())).toMatchObject({ kind: 'Full' });
  });

  it('that wants a certificate of its client gets the one that is declared', async () => {
    const [own, client] = [certificate('127.0.0.1'), certificate('client')];
    const uri = await behindTls({ ...own, ca: client.cert, requestCert: true });
    const registry = trusting(uri, { ca: own.cert, clientCertificate: `${client.cert}${client.key}` });
    expect(await registry.sweep(soon())).toMatchObject({ kind: 'Full' });
    const stranger = trusting(uri, { ca: own.cert });
    expect(await stranger.sweep(soon())).toBeUndefined();
    const broken = trusting(uri, { ca: own.cert, clientCertificate: 'no PEM' });
    expect(await broken.sweep(soon())).toBeUndefined();
    expect(broken.health.failure?.message).toContain('TLS failed');
  });
});

describe('a proxy of the environment', () => {
  const VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];
  const before = VARIABLES.map((variable) => [variable, process.env[variable]] as const);
  afterEach(() => {
    for (const [variable, value] of before) {
      if (value === undefined) delete process.env[variable];
      else process.env[variable] = value;
    }
  });

  function proxies(values: Readonly<Record<string, string>>): void {
    for (const variable of VARIABLES) delete process.env[variable];
    Object.assign(process.env, values);
  }

  /** A proxy as companies have them: absolute addresses for http, CONNECT for https. */
  async function startProxy(): Promise<{ url: string; seen: Set<string> }> {
    const seen = new Set<string>();
    const server = createHttp((request, response) => {
      const { method, url = '', headers } = request;
      seen.add(`${method} ${new URL(url).host}`);
      const outgoing = httpRequest(url, { method, headers }, (incoming) => {
        response.writeHead(incoming.statusCode ?? 0, incoming.headers);
        incoming.pipe(response);
      });
      request.pipe(outgoing);
    });
    server.on('connect', (request, socket) => {
      seen.add(`CONNECT ${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim());
      const target = new URL(`tcp://${request.url}`);
      const upstream = connect(Number(target.port), target.hostname, () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        upstream.pipe(socket).pipe(upstream);
      });
      upstream.on('error', () => socket.destroy());
      socket.on('error', () => upstream.destroy());
    });
    return { url: `http://127.0.0.1:${await listen(server)}`, seen };
  }

  it('is on the way to an http registry', async () => {
    const { url, seen } = await startProxy();
    proxies({ HTTP_PROXY: url });
    const registry = trusting(sharedMlflow(), {}, { proxy: true });
    expect(await registry.sweep(soon())).toMatchObject({ kind: 'Full' });
    expect([...seen].join()).toContain(new URL(sharedMlflow()).host);
  });

  it('is on the way to an https registry, whose certificate is still checked against the declared authority', async () => {
    const { url, seen } = await startProxy();
    const own = certificate('127.0.0.1');
    const uri = await behindTls(own);
    proxies({ HTTPS_PROXY: url.replace('//', '//me:secret@') });
    expect(await trusting(uri, { ca: own.cert }, { proxy: true }).sweep(soon())).toMatchObject({
      kind: 'Full',
    });
    expect([...seen]).toEqual([
      `CONNECT ${new URL(uri).host} Basic ${Buffer.from('me:secret').toString('base64')}`,
    ]);
    expect(await trusting(uri, {}, { proxy: true }).sweep(soon())).toBeUndefined();
  });

  it.each([
    ['where NO_PROXY names the registry', { NO_PROXY: '127.0.0.1' }, true],
    ['where proxies are not asked for', {}, false],
  ])('is passed by %s', async (_what, more, proxy) => {
    const { url, seen } = await startProxy();
    proxies({ HTTP_PROXY: url, ...more });
    expect(await trusting(sharedMlflow(), {}, { proxy }).sweep(soon())).toMatchObject({ kind: 'Full' });
    expect([...seen]).toEqual([]);
  });

  it('whose address is none is named, without what it holds', async () => {
    proxies({ HTTP_PROXY: 'socks9://me:secret@proxy' });
    const registry = trusting(sharedMlflow(), {}, { proxy: true });
    expect(await registry.sweep(soon())).toBeUndefined();
    expect(registry.health.failure?.message).toMatch(/proxy/i);
    expect(registry.health.failure?.message).not.toContain('secret');
  });

  it('that is down is an outage, in words without its password', async () => {
    proxies({ HTTP_PROXY: 'http://me:secret@127.0.0.1:9' });
    const registry = trusting(sharedMlflow(), {}, { proxy: true });
    expect(await registry.sweep(soon())).toBeUndefined();
    expect(registry.health.failure).toMatchObject({ reason: 'RegistryUnavailable' });
    expect(registry.health.failure?.message).not.toContain('secret');
  });
});
