import type pg from 'pg';

const ignore = (): void => undefined;

/**
 * Connections for as long as `run` takes. A server that ends one of them is reported by the query under way or the next
 * one; without a listener the event alone would end the process. After a failure they are closed, not given back: they may
 * hold locks, settings or half a COPY.
 */
export async function withConnections<T>(
  pool: pg.Pool,
  count: number,
  run: (clients: pg.PoolClient[]) => Promise<T>,
): Promise<T> {
  const clients: pg.PoolClient[] = [];
  let failed = true;
  try {
    for (let i = 0; i < count; i++) clients.push((await pool.connect()).on('error', ignore) as pg.PoolClient);
    const result = await run(clients);
    failed = false;
    return result;
  } finally {
    for (const client of clients) {
      client.off('error', ignore);
      client.release(failed);
    }
  }
}
