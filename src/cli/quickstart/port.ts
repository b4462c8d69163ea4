/** Ports on loopback for servers that are told which port to take. */
import { createServer } from 'node:net';
import { SetupError } from './setup-error.ts';

/** Below every range from which systems take the ports of outgoing connections, so none is lost while a server starts. */
const FIRST_PORT = 20_000;
const PORTS = 10_000;

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const first = Math.floor(Math.random() * PORTS);
  for (let tried = 0; tried < PORTS; tried++) {
    const port = FIRST_PORT + ((first + tried) % PORTS);
    if (await isFree(port)) return port;
  }
  throw new SetupError(`Every port from ${FIRST_PORT} to ${FIRST_PORT + PORTS - 1} is in use.`);
}

/** @throws SetupError when somebody listens on `port`. */
export async function claimPort(port: number, wantedBy: string): Promise<number> {
  if (await isFree(port)) return port;
  throw new SetupError(
    `${wantedBy} cannot listen on port ${port}: it is in use. Choose another, or leave it out to have one chosen.`,
  );
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once('error', () => resolve(false));
  server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  return promise;
}
