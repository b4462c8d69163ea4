/** Stands in front of the real MLflow: asks for a token, remembers what it was sent, and goes away and comes back. */
import { createServer, request as forward, type RequestListener, type Server } from 'node:http';
import { freePort } from '../../../src/cli/quickstart/port.ts';
import { sharedMlflow } from '../../support/mlflow.ts';

export interface Gateway extends AsyncDisposable {
  readonly url: string;
  /** The Authorization header of every request that arrived; empty where there was none. */
  readonly authorizations: string[];
  /** Refuses connections until `up`. */
  down(): Promise<void>;
  up(): Promise<void>;
}

interface GatewayOptions {
  /** The bearer token without which every request is answered with 401. */
  readonly token?: string;
}

/** Passes everything on to the shared MLflow. */
export function openGateway({ token }: GatewayOptions = {}): Promise<Gateway> {
  return open((request, response) => {
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
      response.writeHead(401, { 'www-authenticate': 'Bearer' }).end();
      return;
    }
    const { method, headers } = request;
    const onward = forward(`${sharedMlflow()}${request.url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
}

/** A web server that is no MLflow. */
export function openStranger(): Promise<Gateway> {
  return open((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html><body>Welcome</body></html>');
  });
}

/** Takes requests and never answers. */
export function openSilence(): Promise<Gateway> {
  return open(() => undefined);
}

async function open(answer: RequestListener): Promise<Gateway> {
  const authorizations: string[] = [];
  let server = serve(answer, authorizations);
  // None that the system gives to others while we are away from it.
  const port = await freePort();
  await listen(server, port);
  const down = () => close(server);
  return {
    url: `http://127.0.0.1:${port}`,
    authorizations,
    down,
    async up() {
      server = serve(answer, authorizations);
      await listen(server, port);
    },
    [Symbol.asyncDispose]: down,
  };
}

function serve(answer: RequestListener, authorizations: string[]): Server {
  return createServer((request, response) => {
    authorizations.push(request.headers.authorization ?? '');
    answer(request, response);
  });
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve());
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
