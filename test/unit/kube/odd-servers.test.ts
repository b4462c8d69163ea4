/** What no healthy API server sends: a small server that does. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createSecureServer, type Http2ServerResponse } from 'node:http2';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { jsonBody } from '../../../src/adapters/kube/body.ts';
import { Reflector } from '../../../src/adapters/kube/reflector.ts';
import { Store } from '../../../src/adapters/kube/store.ts';
import { KubeTransport } from '../../../src/adapters/kube/transport.ts';
import { type Certificate, certificate } from '../../support/certificate.ts';

const never = new AbortController().signal;
const PATH = '/api/v1/configmaps';
const MIB = 1024 * 1024;
let folder: string;
let tls: Certificate;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modelpromotion-odd-'));
  tls = await certificate(folder, '127.0.0.1');
});
afterAll(() => rm(folder, { recursive: true }));

type Answer = (response: Pick<Http2ServerResponse, 'writeHead' | 'write' | 'end'>) => unknown;

interface Odd extends AsyncDisposable {
  readonly api: KubeTransport;
  /** Every request, as `METHOD path?query`. */
  readonly seen: string[];
}

/** @param answers those to the first requests, in their order; the last one answers all that follow */
async function serve(answers: readonly Answer[], protocol: 'h2' | 'http/1.1' = 'h2'): Promise<Odd> {
  const seen: string[] = [];
  const answer = (
    { method, url }: { method?: string; url?: string },
    response: Pick<Http2ServerResponse, 'writeHead' | 'write' | 'end'>,
  ): void => {
    const index = Math.min(seen.length, answers.length - 1);
    seen.push(`${method} ${url}`);
    answers[index]?.(response);
  };
  const { cert, key } = tls;
  const server =
    protocol === 'h2'
      ? createSecureServer({ cert, key }, answer)
      : createServer({ cert, key }, answer as never);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cluster = {
    server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tls: { ca: tls.cert, cert: undefined, key: undefined, servername: undefined, insecure: false },
    authorization: () => Promise.resolve(undefined),
  };
  const api = new KubeTransport({ cluster });
  const end = async (): Promise<void> => {
    await api.close();
    await new Promise((resolve) => server.close(resolve));
  };
  return { api, seen, [Symbol.asyncDispose]: end };
}

const json =
  (status: number, body: unknown, headers = {}): Answer =>
  (response) =>
    response.writeHead(status, headers).end(JSON.stringify(body));
const failure = (code: number, reason: string) =>
  json(code, { kind: 'Status', code, reason, message: reason });
const object = (name: string, resourceVersion: string) => ({
  metadata: { name, namespace: 'ml', uid: `uid-${name}`, resourceVersion },
});
const page = (items: object[], next?: string) =>
  json(200, { metadata: { resourceVersion: '10', continue: next }, items });
const line = (type: string, value: unknown) => `${JSON.stringify({ type, object: value })}\n`;
/** A watch that says this and stays open. */
const watch =
  (...lines: string[]): Answer =>
  (response) =>
    response.writeHead(200).write(lines.join(''));
/** A watch that says this and is over. */
const ended =
  (...lines: string[]): Answer =>
  (response) =>
    response.writeHead(200).end(lines.join(''));
const beginning = (...objects: object[]): string[] => [
  ...objects.map((one) => line('ADDED', one)),
  line('BOOKMARK', {
    metadata: { resourceVersion: '10', annotations: { 'k8s.io/initial-events-end': 'true' } },
  }),
];

async function following(
  { api }: Odd,
  look: (store: Store<string>, warned: string[]) => unknown,
  retry = { base: 5, max: 10 },
): Promise<void> {
  const store = new Store<string>();
  const warned: string[] = [];
  const warn = ({ detail }: { detail?: string }): void => void warned.push(detail ?? '');
  const logger = { info: () => undefined, warn };
  const decode = (raw: unknown): string => {
    const { metadata, unusable } = raw as { metadata: { name: string }; unusable?: boolean };
    if (metadata.name === 'odd' || unusable === true) throw new Error('cannot be used');
    return metadata.name;
  };
  const end = new AbortController();
  const running = new Reflector({ api, path: PATH, decode, store, logger, retry }).run(end.signal);
  try {
    await vi.waitFor(() => look(store, warned), { timeout: 10_000, interval: 10 });
  } finally {
    end.abort();
    await running;
  }
}

const get = { method: 'GET', path: PATH } as const;
const post = { method: 'POST', path: PATH, body: {} } as const;

describe('A reflector', () => {
  it('lists from the first page again when the server forgot the list between two pages', async () => {
    await using odd = await serve([
      failure(422, 'Invalid'),
      page([object('a', '1'), object('stale', '2')], 'more'),
      failure(410, 'Expired'),
      page([object('a', '1')], 'more'),
      page([object('b', '3')]),
      watch(),
    ]);
    await following(odd, (store) => {
      expect([...store.values()]).toEqual(['a', 'b']);
      expect(odd.seen.at(-1)).toContain('resourceVersion=10');
    });
    expect(odd.seen.filter((one) => one.includes('continue=more'))).toHaveLength(2);
  });

  it.each([
    ['is no JSON', 'garbage\n'],
    ['is JSON, but no event', 'null\n'],
    ['has no end', 'x'.repeat(9 * MIB)],
    ['says that history is gone, by its code', line('ERROR', { code: 410 })],
    ['says that history is gone, by its reason', line('ERROR', { reason: 'Expired' })],
    ['says that something failed', line('ERROR', { code: 500, message: 'etcdserver: leader changed' })],
  ])('goes on after a line that %s', async (_, bad) => {
    const listed = bad.includes('410') || bad.includes('Expired');
    const after = listed
      ? watch(...beginning(object('a', '1'), object('b', '12')))
      : watch(line('ADDED', object('b', '12')));
    await using odd = await serve([watch(...beginning(object('a', '1')), bad), after]);
    await following(odd, (store) => expect([...store.values()]).toEqual(['a', 'b']));
    expect(odd.seen[1]).toContain(listed ? 'sendInitialEvents=true' : 'resourceVersion=10');
  });

  it('leaves an object out that cannot be used, says so once, and keeps the others', async () => {
    const again = watch(...beginning(object('odd', '2'), object('a', '1'), object('c', '4')));
    await using odd = await serve([
      ended(...beginning(object('odd', '2'), object('a', '1')), line('ERROR', { code: 410 })),
      again,
    ]);
    await following(odd, (store, warned) => {
      expect([...store.values()]).toEqual(['a', 'c']);
      expect(warned).toEqual(['cannot be used']);
    });
  });

  it('keeps what an object said last when it says what cannot be used, and lets it go when it is deleted', async () => {
    const bad = { ...object('a', '11'), unusable: true };
    await using odd = await serve([watch(...beginning(object('a', '1')), line('MODIFIED', bad))]);
    await following(odd, (store, warned) => {
      expect(warned).toEqual(['cannot be used']);
      expect([...store.values()]).toEqual(['a']);
    });
    const gone = line('DELETED', { ...bad, metadata: { ...bad.metadata, resourceVersion: '12' } });
    await using end = await serve([watch(...beginning(object('a', '1')), line('MODIFIED', bad), gone)]);
    await following(end, (store, warned) => {
      expect(warned).toEqual(['cannot be used']);
      expect([...store.values()]).toEqual([]);
    });
  });

  it('lists anew when the server does not know the place it stands at, as after a restore of its data', async () => {
    const tooLarge = line('ERROR', { code: 504, reason: 'Timeout', message: 'Too large resource version' });
    await using odd = await serve([
      ended(...beginning(object('a', '1000'))),
      ...Array.from({ length: 4 }, () => ended(tooLarge)),
      watch(...beginning(object('a', '850'), object('b', '840'))),
    ]);
    await following(odd, (store) => expect([...store.values()]).toEqual(['a', 'b']));
    expect(odd.seen.at(-1)).toContain('sendInitialEvents=true');
  });

  it('pauses before it asks again for a watch that ended at once', async () => {
    await using odd = await serve([ended(...beginning(object('a', '1'))), page([])]);
    await following(
      odd,
      async (store) => {
        expect(store.synced).toBe(true);
        for (let calls = 0; calls < 20; calls += 1) await odd.api.request(get, never);
      },
      { base: 60_000, max: 60_000 },
    );
    expect(odd.seen.filter((one) => one.includes('watch=true'))).toHaveLength(1);
  });
});

describe('A watch', () => {
  it('may bring more in its time than any answer may', async () => {
    const long = line('MODIFIED', { text: 'x'.repeat(MIB) });
    await using odd = await serve([ended(...Array.from({ length: 130 }, () => long))]);
    let lines = 0;
    for await (const { type } of odd.api.watch({ path: PATH }, never)) if (type === 'MODIFIED') lines += 1;
    expect(lines).toBe(130);
  });

  it('keeps no call waiting where the server speaks HTTP/1.1 only', async () => {
    await using odd = await serve([watch(line('ADDED', object('a', '1'))), page([])], 'http/1.1');
    const end = new AbortController();
    const lines = odd.api.watch({ path: PATH }, end.signal);
    await lines.next();
    const calls = Array.from({ length: 5 }, () => odd.api.request({ ...get, deadlineMs: 5_000 }, never));
    await expect(Promise.all(calls)).resolves.toHaveLength(5);
    end.abort();
    await expect(lines.next()).rejects.toThrow();
  });
});

describe('A call', () => {
  it.each([
    ['reading', 503, get, 2],
    ['reading', 429, get, 2],
    ['writing', 429, post, 2],
    ['writing', 503, post, 1],
    ['writing', 409, post, 1],
  ] as const)('that is %s and answered %i: %o is sent %i times', async (_, status, request, times) => {
    await using odd = await serve([failure(status, 'Odd'), json(200, {})]);
    const outcome = odd.api.request(request, never);
    if (times === 1) await expect(outcome).rejects.toMatchObject({ status, reason: 'Odd' });
    else await expect(outcome).resolves.toEqual({});
    expect(odd.seen).toHaveLength(times);
  });

  it('whose answer never ends is given up at its deadline', async () => {
    await using odd = await serve([(response) => response.writeHead(200).write('{')]);
    await expect(odd.api.request({ ...get, deadlineMs: 200 }, never)).rejects.toThrow(
      /cannot list configmaps: .* did not answer in time/,
    );
  });

  it('that is a write whose answer is no JSON says what was asked, and is not repeated', async () => {
    await using odd = await serve([(response) => response.writeHead(200).end('<html>')]);
    await expect(odd.api.request(post, never)).rejects.toThrow(/cannot create configmaps: .* is no JSON/);
    expect(odd.seen).toHaveLength(1);
  });
});

it('An answer without an end is given up', async () => {
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) yield await Promise.resolve(Buffer.alloc(1_000, ' '));
  }
  await expect(jsonBody(endless(), 10_000)).rejects.toThrow(/without an end/);
});
