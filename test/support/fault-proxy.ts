/**
 * A proxy in front of a real server that can be told to misbehave: faults that no real server shows on demand.
 * What no rule concerns is passed on unchanged.
 */
import { createServer, request as send, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** Bodies are kept byte for byte, git's packs as well as JSON. */
const BYTES = 'latin1';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** One request on its way. A fault says what becomes of it. */
export interface Exchange {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** What the client sent. */
  readonly body: string;
  /** What the server answers; headers replace those of the client. */
  readonly forward: (headers?: IncomingHttpHeaders) => Promise<Reply>;
  readonly reply: (reply: Reply) => void;
  /** Sends the head and the beginning of a reply, and leaves the rest open. */
  readonly begin: (reply: Reply, body: string) => void;
  /** Sends the beginning of a reply at once, and the rest after a while. */
  readonly slowly: (reply: Reply, ms: number) => void;
  /** Closes the connection in the middle of things. */
  readonly hangUp: () => void;
  /** The same, by a TCP reset. */
  readonly reset: () => void;
  /** The last reply to the same request, if there was one. */
  readonly last: Reply | undefined;
}

export type Fault = (exchange: Exchange) => void | Promise<void>;

export interface Rule {
  readonly method?: string;
  /** Matched against the path with its query, decoded. */
  readonly path?: RegExp;
  /** Matched against what the client sent. */
  readonly body?: RegExp;
  /** How many requests it concerns; all when absent. */
  readonly times?: number;
}

/** A request other than GET that the server carried out, whatever became of its answer. */
export interface Landed {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

export interface FaultProxy extends AsyncDisposable {
  readonly url: string;
  /** Every request that came, as `METHOD path`, decoded. */
  readonly seen: string[];
  /** What the server said is done, in the order of its answers. */
  readonly landed: Landed[];
  /** A later rule goes before an earlier one. */
  on(rule: Rule, fault: Fault): void;
  /** Everything is passed on again. */
  clear(): void;
}

export async function startFaultProxy(target: string): Promise<FaultProxy> {
  let rules: { rule: Rule; fault: Fault; left: number }[] = [];
  const seen: string[] = [];
  const landed: Landed[] = [];
  const replies = new Map<string, Reply>();
  const server = createServer((request, response) => {
    const { method = 'GET', url: path = '/' } = request;
    const decoded = decodeURIComponent(path.replaceAll('+', ' '));
    seen.push(`${method} ${decoded}`);
    const handle = async (received: Buffer): Promise<void> => {
      const body = received.toString(BYTES);
      const rule = rules.find((one) => one.left > 0 && matches(one.rule, { method, path: decoded, body }));
      if (rule !== undefined) rule.left -= 1;
      await (rule?.fault ?? passOn)({
        method,
        path,
        headers: request.headers,
        body,
        last: replies.get(`${method} ${path}`),
        forward: async (headers = {}) => {
          const reply = await forward(target, request, received, headers);
          replies.set(`${method} ${path}`, reply);
          if (method !== 'GET' && reply.status < 300) landed.push({ method, path: decoded, body });
          return reply;
        },
        reply: ({ status, headers, body }) => {
          response.writeHead(status, withoutFraming(headers)).end(body, BYTES);
        },
        begin: ({ status, headers }, body) => {
          response.writeHead(status, withoutFraming(headers)).write(body, BYTES);
        },
        slowly: ({ status, headers, body }, ms) => {
          const half = body.length / 2;
          response.writeHead(status, withoutFraming(headers)).write(body.slice(0, half), BYTES);
          setTimeout(() => response.end(body.slice(half), BYTES), ms);
        },
        hangUp: () => response.destroy(),
        reset: () => request.socket.resetAndDestroy(),
      });
    };
    buffer(request)
      .then(handle)
      .catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    landed,
    on: (rule, fault) => (rules = [{ rule, fault, left: rule.times ?? Infinity }, ...rules]),
    clear: () => (rules = []),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export const passOn: Fault = async ({ forward, reply }) => reply(await forward());

/** The request never reaches the server. */
export const dropBefore: Fault = ({ hangUp }) => hangUp();

/** The server carries the request out, and its reply is lost. */
export const dropAfter: Fault = async ({ forward, hangUp }) => {
  await forward();
  hangUp();
};

export const resetBefore: Fault = ({ reset }) => reset();

export const resetAfter: Fault = async ({ forward, reset }) => {
  await forward();
  reset();
};

/** Neither answers nor hangs up. */
export const hang: Fault = () => undefined;

/** The server carries the request out, and its reply never comes, nor its end. */
export const hangAfter: Fault = async ({ forward }) => {
  await forward();
};

/** The server carries the request out, and something in between answers for it. */
export function answerAfter(...reply: Parameters<typeof answer>): Fault {
  return async (exchange) => {
    await exchange.forward();
    await answer(...reply)(exchange);
  };
}

export function answer(status: number, body: string, headers: IncomingHttpHeaders = {}): Fault {
  return ({ reply }) => reply({ status, headers: { 'content-type': 'text/html', ...headers }, body });
}

/** The reply, changed on its way; JSON only. */
export function rewrite(change: (body: Record<string, unknown>) => unknown): Fault {
  return async ({ forward, reply }) => {
    const { status, headers, body } = await forward();
    const changed = change(JSON.parse(body) as Record<string, unknown>);
    reply({ status, headers, body: JSON.stringify(changed) });
  };
}

/** The first half of the body in a reply that claims to be whole. */
export const truncate: Fault = async ({ forward, reply }) => {
  const { status, headers, body } = await forward();
  reply({ status, headers, body: body.slice(0, body.length / 2) });
};

/** The first half of the body, and then nothing for ever. */
export const stall: Fault = async ({ forward, begin }) => {
  const reply = await forward();
  begin(reply, reply.body.slice(0, reply.body.length / 2));
};

/** All of the body, the second half of it after a while. */
export function slowBody(ms: number): Fault {
  return async ({ forward, slowly }) => slowly(await forward(), ms);
}

/** What the server said to the same request the last time: a read replica that lags. */
export const stale: Fault = async ({ last, forward, reply }) => reply(last ?? (await forward()));

/** Does something at the server's side right before the request gets there. */
export function meanwhile(act: () => Promise<unknown>): Fault {
  return async (exchange) => {
    await act();
    await passOn(exchange);
  };
}

/** Does something at the server's side right after the request was carried out, before its answer is passed on. */
export function afterwards(act: () => Promise<unknown>): Fault {
  return async ({ forward, reply }) => {
    const answer = await forward();
    await act();
    reply(answer);
  };
}

export function after(ms: number): Fault {
  return meanwhile(() => new Promise((resolve) => setTimeout(resolve, ms)));
}

function matches({ method, path, body }: Rule, request: Landed): boolean {
  return (
    (method === undefined || method === request.method) &&
    (path === undefined || path.test(request.path)) &&
    (body === undefined || body.test(request.body))
  );
}

function forward(
  target: string,
  { method, url, headers }: IncomingMessage,
  body: Buffer,
  replaced: IncomingHttpHeaders,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const all = { ...headers, host: new URL(target).host, ...replaced };
    const outgoing = send(`${target}${url}`, { method, headers: all }, (incoming) => {
      buffer(incoming).then(
        (received) =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body: received.toString(BYTES),
          }),
        reject,
      );
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

/** Length and connection are ours to say. */
function withoutFraming(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const {
    'content-length': _length,
    'transfer-encoding': _encoding,
    connection: _connection,
    ...rest
  } = headers;
  return rest;
}
