/** The way to the server: TLS with an authority of one's own, and the proxies of our environment. */
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { GitCredentials } from '../../../src/adapters/git/credentials.ts';
import { proxyFrom } from '../../../src/adapters/git/proxy.ts';
import { certificate, type Certificate } from '../../support/certificate.ts';
import { startForwardProxy } from '../../support/forward-proxy.ts';
import { commandLines, gitWorld, type GitWorld, listen, never, promotion, start, relay } from './world.ts';

const PASSWORD = 'pr0xy-p@ss/word';

interface TlsWorld extends GitWorld {
  /** The repository behind https. */
  readonly secureUrl: string;
  readonly own: Certificate;
}

async function tlsWorld(): Promise<TlsWorld> {
  const world = await gitWorld();
  await world.repo.commit({ 'a.yaml': promotion('a') });
  const own = await certificate(world.root, '127.0.0.1');
  const origin = new URL(world.url).origin;
  const server = createServer({ cert: own.cert, key: own.key }, (request, response) => {
    if (request.url?.startsWith('/moved.git') === true) {
      response.writeHead(301, { location: `https://new.example.com${request.url}` }).end();
      return;
    }
    relay(origin, request, response);
  });
  const port = await start(server);
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { ...world, secureUrl: `https://127.0.0.1:${port}/models.git`, own };
}

function secret(credentials: GitCredentials) {
  return { readCredentials: () => Promise.resolve(credentials) };
}

describe('a repository over https', () => {
  it('is read and written by the word of the authority in the secret', async () => {
    await using world = await tlsWorld();
    const options = { url: world.secureUrl, ...secret({ caFile: world.own.certFile }) };
    expect((await world.source(options).poll(never))?.promotions).toHaveLength(1);
    await world.statusBranch(options).write(new Map([['a.yaml', '1']]), 'Status', never);
    expect(await world.repo.show('modelpromotion/status', 'prod/a.yaml')).toBe('1');
  });

  it.each([
    ['nobody vouches for its certificate', () => Promise.resolve({})],
    [
      'another authority is in the secret',
      async (folder: string) => ({ caFile: (await certificate(folder, 'other.example.com')).certFile }),
    ],
    [
      'the authority in the secret is no certificate',
      async (folder: string) => {
        const caFile = join(folder, 'junk.crt');
        await writeFile(caFile, 'not a certificate');
        return { caFile };
      },
    ],
  ])('is refused while %s', async (_, credentials) => {
    await using world = await tlsWorld();
    const options = { url: world.secureUrl, ...secret(await credentials(world.root)) };
    await expect(world.source(options).poll(never)).rejects.toMatchObject({
      reason: 'Unreachable',
      message: expect.stringMatching(/^The certificate of 127\.0\.0\.1:\d+ is not trusted.*ca\.crt\.$/),
    });
  });

  it('is read as soon as the right authority is in the secret, without a restart', async () => {
    await using world = await tlsWorld();
    let credentials: GitCredentials = {};
    const source = world.source({
      url: world.secureUrl,
      readCredentials: () => Promise.resolve(credentials),
    });
    await expect(source.poll(never)).rejects.toThrow(/not trusted/);
    credentials = { caFile: world.own.certFile };
    expect((await source.poll(never))?.promotions).toHaveLength(1);
  });

  it('names the target of a redirect, although the authority is its own', async () => {
    await using world = await tlsWorld();
    const url = world.secureUrl.replace('models.git', 'moved.git');
    const options = { url, ...secret({ caFile: world.own.certFile }) };
    await expect(world.source(options).poll(never)).rejects.toMatchObject({
      reason: 'Redirected',
      message: expect.stringContaining('to https://new.example.com/moved.git.'),
    });
  });
});

describe('a proxy of the environment', () => {
  it.each([
    ['in capitals', (url: string) => ({ HTTP_PROXY: url })],
    ['in small letters, which win', (url: string) => ({ HTTP_PROXY: 'http://127.0.0.1:9', http_proxy: url })],
    ['without a scheme', (url: string) => ({ http_proxy: new URL(url).host })],
  ])('is on the way to a server over http: %s', async (_, variables) => {
    await using forward = await startForwardProxy();
    await using world = await gitWorld();
    await world.repo.commit({ 'a.yaml': promotion('a') });
    const proxy = proxyFrom(variables(forward.url));
    expect((await world.source({ proxy }).poll(never))?.promotions).toHaveLength(1);
    const { host } = new URL(world.url);
    expect([...forward.seen]).toEqual([`GET ${host}`, `POST ${host}`]);
  });

  it('carries a connection to an https server, whose certificate is still checked', async () => {
    await using forward = await startForwardProxy();
    await using world = await tlsWorld();
    const proxy = proxyFrom({ HTTPS_PROXY: forward.url });
    const options = { url: world.secureUrl, proxy };
    await expect(world.source(options).poll(never)).rejects.toThrow(/not trusted/);
    const trusting = { ...options, ...secret({ caFile: world.own.certFile }) };
    expect((await world.source(trusting).poll(never))?.promotions).toHaveLength(1);
    await world.statusBranch(trusting).write(new Map([['a.yaml', '1']]), 'Status', never);
    expect([...forward.seen]).toEqual([`CONNECT ${new URL(world.secureUrl).host}`]);
  });

  it('gets its own password, which shows in no command line and no error', async () => {
    await using forward = await startForwardProxy(`me:${PASSWORD}`);
    await using world = await tlsWorld();
    const lines: string[] = [];
    const watch = setInterval(() => lines.push(...commandLines('git')), 20);
    onTestFinished(() => clearInterval(watch));
    const authority = secret({ caFile: world.own.certFile });
    const address = (password: string) => forward.url.replace('//', `//me:${encodeURIComponent(password)}@`);
    const right = proxyFrom({ HTTPS_PROXY: address(PASSWORD) });
    const options = { url: world.secureUrl, ...authority };
    expect((await world.source({ ...options, proxy: right }).poll(never))?.promotions).toHaveLength(1);
    const wrong = proxyFrom({ HTTPS_PROXY: address('wr0ng-secret') });
    const error = await world
      .source({ ...options, proxy: wrong })
      .poll(never)
      .catch((error: unknown) => error);
    expect(error).toMatchObject({
      reason: 'AccessDenied',
      message: expect.stringContaining(
        'The proxy of HTTP_PROXY or HTTPS_PROXY did not accept our credential',
      ),
    });
    const told = inspect(error, { depth: 10 }) + lines.join('\n');
    expect(lines).not.toEqual([]);
    for (const secret of [PASSWORD, encodeURIComponent(PASSWORD), 'wr0ng-secret']) {
      expect(told).not.toContain(secret);
    }
  });

  it('is passed by where NO_PROXY names the server', async () => {
    await using forward = await startForwardProxy();
    await using world = await gitWorld();
    await world.repo.commit({ 'a.yaml': promotion('a') });
    const proxy = proxyFrom({ HTTP_PROXY: forward.url, NO_PROXY: 'example.com,127.0.0.1' });
    expect((await world.source({ proxy }).poll(never))?.promotions).toHaveLength(1);
    expect([...forward.seen]).toEqual([]);
  });

  it('is asked for the target of a redirect too', async () => {
    await using forward = await startForwardProxy();
    await using world = await gitWorld();
    await using moved = await listen((request, response) => {
      response.writeHead(301, { location: `https://new.example.com${request.url}` }).end();
    });
    const source = world.source({
      url: `${moved.url}/m.git`,
      proxy: proxyFrom({ HTTP_PROXY: forward.url }),
    });
    await forward[Symbol.asyncDispose]();
    await using again = await startForwardProxy();
    const through = world.source({
      url: `${moved.url}/m.git`,
      proxy: proxyFrom({ HTTP_PROXY: again.url }),
    });
    await expect(through.poll(never)).rejects.toThrow(/to https:\/\/new\.example\.com\/m\.git/);
    expect([...again.seen]).toEqual([`GET ${new URL(moved.url).host}`]);
    await expect(source.poll(never)).rejects.toThrow(
      `The proxy of HTTP_PROXY or HTTPS_PROXY (127.0.0.1 port ${forward.port}) does not accept connections.`,
    );
  });

  it('that cannot reach the server is told with its answer', async () => {
    await using forward = await startForwardProxy();
    await using world = await gitWorld();
    const proxy = proxyFrom({ HTTPS_PROXY: forward.url });
    const source = world.source({ url: 'https://127.0.0.1:9/m.git', proxy });
    await expect(source.poll(never)).rejects.toThrow(
      'The proxy of HTTPS_PROXY does not connect to 127.0.0.1:9 (502).',
    );
  });

  it('has no part in ssh', async () => {
    await using world = await gitWorld();
    const source = world.source({
      url: 'ssh://git@127.0.0.1:9/m.git',
      proxy: proxyFrom({ HTTPS_PROXY: 'http://127.0.0.1:9', HTTP_PROXY: 'http://127.0.0.1:9' }),
      ...secret({
        identity: '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----',
        knownHosts: 'x',
      }),
    });
    await expect(source.poll(never)).rejects.toThrow('127.0.0.1:9 does not accept connections.');
  });
});
