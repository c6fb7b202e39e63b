import type pg from 'pg';
import { ANY_RECOMMENDATION } from './queries.ts';

/**
 * Opens `count` connections and has each make a list. The first list of a connection takes 30 ms of the processor to plan: where the connections
 * came with the requests, twelve at once to a program that had one took 193 ms each, and 41 since. One after another, so that requests
 * meanwhile find a core. Whatever goes wrong here, the first request will say.
 */
export async function warmConnections(pool: pg.Pool, count: number): Promise<void> {
  const clients: pg.PoolClient[] = [];
  try {
    while (clients.length < count) {
      const client = await pool.connect();
      clients.push(client);
      await client.query(ANY_RECOMMENDATION);
    }
  } catch {
    return;
  } finally {
    for (const client of clients) client.release();
  }
}
