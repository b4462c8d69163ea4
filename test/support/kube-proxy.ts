/** An HTTP/2 proxy in front of an API server, for what no real one shows on demand. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import {
  type ClientHttp2Session,
  connect,
  constants,
  createSecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { certificate } from './certificate.ts';
import type { ControlPlane } from './controlplane/control-plane.ts';

export interface Refusal {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
}

export interface KubeProxy extends AsyncDisposable {
  /** A file that leads here, with the rights of the administrator. */
  readonly kubeconfig: string;
  /** Every request that came, as `METHOD path`. */
  readonly seen: string[];
  /** Ends what is under way, and answers every request so; passes them on again without one. */
  refuse(refusal: Refusal | undefined): void;
  /** What watches say reaches the client this much later: milliseconds. */
  delay(ms: number): void;
}

export async function startKubeProxy(plane: ControlPlane): Promise<KubeProxy> {
  const folder = await mkdtemp(join(tmpdir(), 'modelpromotion-kube-proxy-'));
  const { cert, key } = await certificate(folder, '127.0.0.1');
  const ca = await readFile(plane.caFile, 'utf8');
  const seen: string[] = [];
  let refusal: Refusal | undefined;
  let delay = 0;
  const sessions = new Set<{ destroy: () => void }>();
  const endAll = (): void => {
    for (const session of sessions) session.destroy();
    sessions.clear();
  };
  let upstream: ClientHttp2Session | undefined;
  const server = createSecureServer({ cert, key });
  const forward = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void => {
    if (upstream === undefined || upstream.destroyed || upstream.closed) {
      upstream = connect(plane.server, { ca });
      upstream.on('error', () => undefined);
      sessions.add(upstream);
    }
    const { host: _host, ':authority': _authority, ...rest } = headers;
    const onward = upstream.request(rest);
    stream.pipe(onward);
    onward.on('error', () => stream.destroy());
    stream.on('error', () => onward.destroy()).on('close', () => onward.close(constants.NGHTTP2_CANCEL));
    onward.on('response', (answer) => {
      stream.respond(answer);
      if (headers[':path']?.includes('watch=true') === true) onward.pipe(late(() => delay)).pipe(stream);
      else onward.pipe(stream);
    });
  };
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream, headers) => {
    seen.push(`${headers[':method']} ${headers[':path']}`);
    if (refusal === undefined) return forward(stream, headers);
    stream.on('error', () => undefined);
    stream.respond({ ':status': refusal.status, 'content-type': 'application/json', ...refusal.headers });
    stream.end(JSON.stringify(refusal.body ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const config = JSON.parse(await readFile(plane.kubeconfig, 'utf8')) as {
    clusters: { cluster: Record<string, string> }[];
  };
  for (const one of config.clusters)
    one.cluster = {
      server: `https://127.0.0.1:${port}`,
      'certificate-authority-data': Buffer.from(cert).toString('base64'),
    };
  const kubeconfig = join(folder, 'kubeconfig');
  await writeFile(kubeconfig, JSON.stringify(config));
  return {
    kubeconfig,
    seen,
    refuse(given) {
      refusal = given;
      endAll();
    },
    delay: (ms) => (delay = ms),
    async [Symbol.asyncDispose]() {
      endAll();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await rm(folder, { recursive: true });
    },
  };
}

/** Passes everything on in its order, each piece after the delay that holds when it comes. */
function late(ms: () => number): Transform {
  return new Transform({
    transform(chunk, _encoding, done) {
      setTimeout(() => done(null, chunk), ms());
    },
  });
}
