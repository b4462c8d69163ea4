/** What waits for what among the calls to one registry. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MlflowClient } from '../../../src/adapters/mlflow/client.ts';
import { Transport } from '../../../src/adapters/mlflow/transport.ts';

const { signal } = new AbortController();
const asked = Promise.withResolvers<void>();
const release = Promise.withResolvers<void>();
let server: Server;
let client: MlflowClient;

/** Its bulk pages take as long as the test wants. */
beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url?.includes('registered-models/search') !== true) {
      response.end('{"registered_model":{"name":"m"}}');
      return;
    }
    asked.resolve();
    void release.promise.then(() => response.end('{"registered_models":[{"name":"m"}]}'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const concurrency = 1;
  const transport = new Transport({
    uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials: () => Promise.resolve({ kind: 'none' }),
    tls: () => Promise.resolve({}),
    workspace: undefined,
    concurrency,
    proxy: false,
  });
  const observer = { requested: () => undefined };
  client = new MlflowClient(transport, { concurrency, timeout: 20_000, observer });
});
afterAll(() => server.close());

it('a bulk page holds up neither a reading nor a write, even where one call at a time is allowed', async () => {
  const bulk = Array.fromAsync(client.models({ filter: undefined, bulk: true }, signal));
  await asked.promise;
  expect(await client.model('m', signal)).toMatchObject({ name: 'm' });
  await client.setAlias('m', 'a', '1', signal);
  release.resolve();
  expect(await bulk).toHaveLength(1);
});
