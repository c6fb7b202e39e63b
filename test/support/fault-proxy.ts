import { connect, createServer, type Socket } from 'node:net';

/**
 * What a network between program and PostgreSQL can do:
 * - `pass`: nothing;
 * - `refuse`: connections that are there break, new ones are refused: the server is gone;
 * - `swallow`: nothing arrives any more, and nobody is told: a half-open connection, a cable pulled out.
 */
type Fault = 'pass' | 'refuse' | 'swallow';

export interface FaultProxy {
  readonly port: number;
  set(fault: Fault): void;
  close(): Promise<void>;
}

/** A TCP proxy on a free port of loopback, in front of a server. */
export async function startFaultProxy(targetHost: string, targetPort: number): Promise<FaultProxy> {
  let fault: Fault = 'pass';
  const sockets = new Set<Socket>();
  const track = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    return socket;
  };
  const forward = (from: Socket, to: Socket): void => {
    from.on('data', (data) => {
      if (fault === 'pass') to.write(data);
    });
    from.on('close', () => {
      if (fault !== 'swallow') to.destroy();
    });
  };
  const server = createServer((client) => {
    track(client);
    if (fault === 'refuse') return client.resetAndDestroy();
    const upstream = track(connect(targetPort, targetHost));
    forward(client, upstream);
    forward(upstream, client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    set(next) {
      fault = next;
      // What was swallowed does not come back: those connections are dead, as after a network that lost packets for long.
      if (next !== 'swallow') for (const socket of sockets) socket.resetAndDestroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
