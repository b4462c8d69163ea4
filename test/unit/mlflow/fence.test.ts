/** A write that waited for its turn, its secret or a connection asks once more whether it may still be sent. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MlflowClient } from '../../../src/adapters/mlflow/client.ts';
import { Transport, type Credentials } from '../../../src/adapters/mlflow/transport.ts';

const { signal } = new AbortController();
const none: Credentials = { kind: 'none' };
let server: Server;
let seen: string[];

beforeAll(async () => {
  server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url?.split('/').at(-1)}`);
    response.end('{"registered_model":{"name":"m"}}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => server.close());

function open(credentials: () => Promise<Credentials>) {
  seen = [];
  const leads = { now: true };
  const concurrency = 1;
  const transport = new Transport({
    uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials,
    tls: () => Promise.resolve({}),
    workspace: undefined,
    concurrency,
    proxy: false,
    fence: () => leads.now,
  });
  const observer = { requested: () => undefined };
  return { client: new MlflowClient(transport, { concurrency, timeout: 20_000, observer }), leads };
}

it('a write that waited for its secret until the lease was lost is not sent', async () => {
  const secret = Promise.withResolvers<Credentials>();
  const { client, leads } = open(() => secret.promise);
  const write = client.setAlias('m', 'champion', '1', signal);
  leads.now = false;
  secret.resolve(none);
  await expect(write).rejects.toMatchObject({
    message: 'this process may no longer write',
    ambiguous: false,
  });
  expect(seen).toEqual([]);
});

it('of many writes that wait for each other, those that come after the loss are not sent', async () => {
  const { client, leads } = open(() => Promise.resolve(none));
  const writes = Array.from({ length: 8 }, (_, index) => client.setAlias('m', 'a', String(index), signal));
  await writes[0];
  leads.now = false;
  const outcomes = await Promise.allSettled(writes);
  // One may have been on its way.
  expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(2);
  expect(seen.length).toBeLessThanOrEqual(2);
});

it('who may not write may still read', async () => {
  const { client, leads } = open(() => Promise.resolve(none));
  leads.now = false;
  expect(await client.model('m', signal)).toMatchObject({ name: 'm' });
});

it('a search that is sent as POST is no write', async () => {
  const { client, leads } = open(() => Promise.resolve(none));
  leads.now = false;
  expect(await Array.fromAsync(client.tracking.experiments(signal))).toEqual([]);
  expect(seen).toEqual(['POST search']);
});
