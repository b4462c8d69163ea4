/** What stands between us and MLflow may answer with our own request, credentials included. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MlflowClient } from '../../../src/adapters/mlflow/client.ts';
import { Transport, type Credentials } from '../../../src/adapters/mlflow/transport.ts';

let server: Server;
let status = 200;

beforeAll(async () => {
  server = createServer((request, response) => {
    const { authorization = '' } = request.headers;
    const pair = Buffer.from(authorization.replace('Basic ', ''), 'base64').toString();
    response.writeHead(status).end(`{ ${authorization} ${encodeURIComponent(authorization)} ${pair}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => server.close());

function clientWith(credentials: Credentials): MlflowClient {
  const transport = new Transport({
    uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials: () => Promise.resolve(credentials),
    tls: () => Promise.resolve({}),
    workspace: undefined,
    concurrency: 1,
    proxy: false,
  });
  return new MlflowClient(transport, {
    concurrency: 1,
    timeout: 5_000,
    observer: { requested: () => undefined },
  });
}

const password = 'canary password 0123';

describe.each<[string, Credentials, string]>([
  ['a token', { kind: 'bearer', token: 'canary-0123456789' }, 'canary'],
  ['a password', { kind: 'basic', username: 'ada', password }, 'canary'],
  [
    'a user and password',
    { kind: 'basic', username: 'ada', password },
    Buffer.from(`ada:${password}`).toString('base64').slice(0, 12),
  ],
])('a server that echoes %s', (_what, credentials, canary) => {
  it.each([200, 403, 404, 500])('with status %i has it in no error', async (answered) => {
    status = answered;
    const client = clientWith(credentials);
    const { signal } = new AbortController();
    const calls = [() => client.setAlias('m', 'a', '1', signal), () => client.version(signal)];
    for (const call of calls) {
      const error: unknown = await call().catch((reason: unknown) => reason);
      expect(error).toMatchObject({ name: 'RegistryError', message: expect.stringContaining('[secret]') });
      expect((error as Error).message).not.toContain(canary);
    }
  });
});
