import type pg from 'pg';
import { databaseError } from '../database/database-error.ts';
import { SNAPSHOT } from '../database/queries.ts';
import { type FoundUser, findUsers, type UserFilters, type UserPosition } from './find-users.ts';

/** Rows held at a time: a page of 5,000 costs 3 ms of planning once for each of them. */
const PAGE_ROWS = 5_000;

/**
 * All customers that fit, by user_id, as of one moment. Pages by the primary key instead of a cursor over one long statement: memory stays flat, and
 * the first rows come at once. One connection is held until the reader has read or gone.
 */
export async function* exportUsers(pool: pg.Pool, filters: UserFilters): AsyncGenerator<FoundUser[]> {
  const client = await pool.connect().catch((error: unknown) => {
    throw databaseError(error);
  });
  let broken: Error | undefined;
  const onError = (error: Error): void => {
    broken = error;
  };
  client.on('error', onError);
  try {
    await client.query('BEGIN');
    await client.query(SNAPSHOT);
    let after: UserPosition | undefined;
    do {
      const page = await findUsers(client as unknown as pg.Pool, {
        filters,
        sort: 'user_id',
        descending: false,
        limit: PAGE_ROWS,
        after,
      });
      if (page.items.length > 0) yield page.items;
      after = page.next;
    } while (after !== undefined);
  } finally {
    // Also where the reader hung up in the middle of a page.
    await client.query('ROLLBACK').catch((error: Error) => {
      broken = error;
    });
    client.off('error', onError);
    client.release(broken);
  }
}
