/** A relay in front of a server, for what happens to connections below what they carry. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface TcpRelay extends AsyncDisposable {
  readonly port: number;
  /** How many connections were made. */
  readonly connections: number;
  /** Connections that are open now carry nothing any more, and nobody is told. New ones work. */
  stall(): void;
  /** Every connection is closed, and new ones are until `mend`. */
  cut(): void;
  mend(): void;
}

export async function startTcpRelay(port: number): Promise<TcpRelay> {
  const open = new Set<Socket>();
  let [connections, isCut] = [0, false];
  const server = createServer((near) => {
    if (isCut) return near.resetAndDestroy();
    connections += 1;
    const far = connect(port, '127.0.0.1');
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(socket);
      socket
        .on('error', () => undefined)
        .on('close', () => {
          open.delete(socket);
          other.destroy();
        });
      socket.pipe(other);
    }
    return near;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const destroyAll = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    stall() {
      for (const socket of open) socket.unpipe().pause();
    },
    cut() {
      isCut = true;
      destroyAll();
    },
    mend() {
      isCut = false;
    },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        destroyAll();
      }),
  };
}
