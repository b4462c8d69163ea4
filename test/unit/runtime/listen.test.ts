import { describe, expect, it } from 'vitest';
import { parseListen, serve, text } from '../../../src/runtime/server.ts';

describe('an address to listen on', () => {
  it.each([
    ['127.0.0.1:8080', '127.0.0.1', 8080],
    ['localhost:0', 'localhost', 0],
    [':8080', undefined, 8080],
    ['[::1]:8080', '::1', 8080],
    ['host.example.com:65535', 'host.example.com', 65_535],
  ])('%s is understood', (listen, host, port) => {
    expect(parseListen(listen)).toEqual({ host, port });
  });

  it.each([
    '8080',
    '',
    'host',
    'host:',
    'host:http',
    'host:65536',
    '::1:8080',
    '[::1]',
    'http://host:80',
    'host:-1',
  ])('%j is refused with what to write instead', (listen) => {
    expect(() => parseListen(listen)).toThrow(
      `${JSON.stringify(listen)} is not an address to listen on; write HOST:PORT or :PORT`,
    );
  });
});

describe('the server', () => {
  it('answers its paths by GET and HEAD, and nothing else', async () => {
    const server = await serve('127.0.0.1:0', () => ({
      '/healthz': { get: () => text(200, 'ok\n') },
      '/broken': { get: () => Promise.reject(new Error('a detail that is nobody’s business')) },
    }));
    const ask = async (path: string, method = 'GET'): Promise<[number, string]> => {
      const response = await fetch(`${server.url}${path}`, { method });
      return [response.status, await response.text()];
    };
    try {
      expect(await ask('/healthz?verbose')).toEqual([200, 'ok\n']);
      expect(await ask('/healthz', 'HEAD')).toEqual([200, '']);
      expect(await ask('/healthz', 'POST')).toEqual([405, 'only GET is answered here\n']);
      expect(await ask('/broken')).toEqual([500, 'internal error\n']);
      expect(await ask('/constructor')).toEqual([404, 'not found; there is /healthz /broken\n']);
    } finally {
      await server.close();
    }
  });

  it('says what to do when the port is in use', async () => {
    const server = await serve('127.0.0.1:0', () => ({}));
    const listen = new URL(server.url).host;
    await expect(serve(listen, () => ({}))).rejects.toThrow(
      `cannot listen on ${listen}: the port is in use; choose another with --listen`,
    );
    await server.close();
  });

  it.each([
    ['192.0.2.1:0', 'this machine has no such address; choose another with --listen'],
    ['nowhere.invalid:0', 'the host name is unknown; choose another with --listen'],
  ])('says what to do when it cannot be %s', async (listen, words) => {
    await expect(serve(listen, () => ({}))).rejects.toThrow(`cannot listen on ${listen}: ${words}`);
  });
});
