import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { findFreePort, isPortFree, loopbackAddresses } from './port.ts';

const servers: Server[] = [];
afterEach(() =>
  Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve)))),
);

async function occupy(host: string, port = 0): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

describe('findFreePort', () => {
  it('prefers the preferred port, then the remembered one, then a neighbour', async () => {
    const addresses = await loopbackAddresses();
    const busy = await occupy('127.0.0.1');
    const free = await findFreePort(busy, undefined, addresses);
    expect(free).toBeGreaterThan(busy);
    expect(free).toBeLessThanOrEqual(busy + 20);
    expect(await findFreePort(free, busy, addresses)).toBe(free);
    expect(await findFreePort(busy, free, addresses)).toBe(free);
    expect(await findFreePort(free, undefined, addresses, new Set([free]))).not.toBe(free);
  });

  it('sees a listener on all addresses', async () => {
    expect(await isPortFree(await occupy('0.0.0.0'), ['127.0.0.1'])).toBe(false);
  });

  it('sees a listener on ::1 only, where psql -h localhost would end up', async ({ skip }) => {
    const addresses = await loopbackAddresses();
    if (!addresses.includes('::1')) skip('no IPv6 here');
    expect(await isPortFree(await occupy('::1'), addresses)).toBe(false);
  });
});
