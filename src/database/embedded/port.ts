import { connect, createServer } from 'node:net';

/** How many ports after the preferred one are tried in order, so that a busy 5432 gives a port that people can guess. */
const neighbours = 20;

/** The loopback addresses of this machine, IPv4 first; containers often have no IPv6. */
export async function loopbackAddresses(): Promise<string[]> {
  return (await canListen(0, '::1')) ? ['127.0.0.1', '::1'] : ['127.0.0.1'];
}

/**
 * The first free port of: preferred, remembered from the last start, the next 20 after the preferred one, any.
 * The preferred port comes before the remembered one, so that 5432 comes back when its other user has gone.
 */
export async function findFreePort(
  preferred: number,
  remembered: number | undefined,
  addresses: readonly string[],
  excluded: ReadonlySet<number> = new Set(),
): Promise<number> {
  const candidates = [preferred, ...(remembered ? [remembered] : [])];
  for (let step = 1; step <= neighbours && preferred + step < 65_536; step++)
    candidates.push(preferred + step);
  for (const port of candidates) {
    if (!excluded.has(port) && (await isPortFree(port, addresses))) return port;
  }
  return anyPort();
}

export async function isPortFree(port: number, addresses: readonly string[]): Promise<boolean> {
  for (const address of addresses) {
    if (await answers(port, address)) return false;
    if (!(await canListen(port, address))) return false;
  }
  return true;
}

/** BSD and macOS let one bind 127.0.0.1 beside a listener on 0.0.0.0, so that binding alone does not prove a port free. */
function answers(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host, timeout: 500 });
    const done = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => done(true));
    socket.once('timeout', () => done(true));
    socket.once('error', () => done(false));
  });
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function anyPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port: 0, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}
