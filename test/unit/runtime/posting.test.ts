/** What strangers may send to the server, and what becomes of senders that misbehave. */
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BodyReader, BodyRefused } from '../../../src/runtime/body.ts';
import { serve, text, type HttpServer, type Posted } from '../../../src/runtime/server.ts';

const MIB = 1024 * 1024;

let server: HttpServer;
let paths: readonly string[];
beforeEach(async () => {
  paths = ['/hook'];
  server = await serve('127.0.0.1:0', () =>
    Object.fromEntries(paths.map((path) => [path, { post: (request: Posted) => measure(request) }])),
  );
});
afterEach(() => server.close());

async function measure({ body, headers }: Posted) {
  try {
    return text(200, `${(await body()).length} ${headers['x-name'] ?? ''}`);
  } catch (error) {
    return error instanceof BodyRefused ? text(error.status, error.message) : text(400, 'gone');
  }
}

async function post(
  body: string | ReadableStream<Uint8Array>,
  headers: Record<string, string> = {},
): Promise<[number, string]> {
  const response = await fetch(`${server.url}/hook`, { method: 'POST', body, headers, duplex: 'half' });
  return [response.status, await response.text()];
}

/** Speaks HTTP by hand. */
function dial(): { socket: Socket; received: () => string; closed: Promise<void> } {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  let received = '';
  socket.on('data', (chunk) => (received += chunk.toString())).on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return { socket, received: () => received, closed };
}

describe('a path that takes posts', () => {
  it('takes a body up to 1 MiB, and every header once', async () => {
    expect(await post('x'.repeat(MIB), { 'X-Name': 'a' })).toEqual([200, `${MIB} a`]);
    expect(await post('')).toEqual([200, '0 ']);
  });

  it('answers other methods with 405 and what is allowed, and is 404 when it is gone', async () => {
    const get = await fetch(`${server.url}/hook`);
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST']);
    paths = [];
    expect((await post('x'))[0]).toBe(404);
  });

  it('refuses a body that says it is larger before any of it is read', async () => {
    const { socket, received, closed } = dial();
    socket.write(`POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: ${MIB + 1}\r\n\r\n`);
    await expect.poll(received).toContain('413 Payload Too Large');
    await closed;
  });

  it('refuses a body that turns out larger, without keeping it', async () => {
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024)),
    });
    const outcome = await post(endless).catch((error: unknown) => error);
    // A sender that goes on regardless may be cut off before it reads the answer.
    if (Array.isArray(outcome)) expect(outcome[0]).toBe(413);
    else expect(outcome).toBeInstanceOf(TypeError);
    expect(await post('x')).toEqual([200, '1 ']);
  });

  it('outlives senders that go away, and senders of nonsense', async () => {
    for (const nonsense of [
      'POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc',
      'POST /hook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      'POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
      'POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'POST /%zz%00/../hook HTTP/1.1\r\nHost: x\r\n\r\n',
      '\0\0\0\0',
    ]) {
      const { socket, closed } = dial();
      socket.end(nonsense);
      setTimeout(() => socket.destroy(), 50);
      await closed;
    }
    expect(await post('x')).toEqual([200, '1 ']);
  });

  it('serves a quick sender while more slow ones than it has room for hold on', async () => {
    const slow = Array.from({ length: 64 }, () => {
      const line = dial();
      line.socket.write('POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc');
      return line;
    });
    await expect
      .poll(() => slow.filter(({ received }) => received().includes('503')).length)
      .toBeGreaterThanOrEqual(32);
    expect(await post('quick')).toEqual([200, '5 ']);
    for (const { socket } of slow) socket.destroy();
  });
});

describe('a body', () => {
  it('that takes too long is given up', async () => {
    const bodies = new BodyReader({ size: 10, time: 20, atOnce: 1 });
    const { createServer } = await import('node:http');
    const refused = Promise.withResolvers<unknown>();
    const slow = createServer((request) => {
      bodies.read(request).then(refused.resolve, refused.resolve);
    });
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    const socket = connect((slow.address() as { port: number }).port, '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc');
    expect(await refused.promise).toMatchObject({ status: 408, message: 'the body took too long' });
    socket.destroy();
    slow.close();
  });
});
