import type pg from 'pg';
import { databaseError } from '../database/database-error.ts';
import { inTransaction } from '../database/pool.ts';
import * as queries from './queries.ts';

export interface RemoveResult {
  events: number;
  users: number;
  products: number;
  /** Rows of the demonstration that stay, because other events or another source refer to them. */
  usersKept: number;
  productsKept: number;
}

const nothing: RemoveResult = { events: 0, users: 0, products: 0, usersKept: 0, productsKept: 0 };

/**
 * Takes out all demonstration shops and nothing else, in one transaction: their events and identities, and the users and
 * products that nobody else knows, with their scores.
 * @param appPool logs in as app_user
 */
export async function removeDemo(appPool: pg.Pool): Promise<RemoveResult> {
  try {
    return await inTransaction(appPool, remove);
  } catch (error) {
    throw databaseError(error);
  }
}

async function remove(client: pg.PoolClient): Promise<RemoveResult> {
  await client.query(queries.LOCK);
  const source = await client.query<{ source_id: number }>(queries.FIND_SOURCE, [queries.SOURCE_NAME]);
  if (source.rows[0] === undefined) return nothing;
  for (const statement of queries.CREATE_REMOVAL_LISTS) await client.query(statement, [queries.SOURCE_NAME]);
  const listed = await client.query<{ users: number; products: number }>(queries.COUNT_REMOVAL_LISTS);
  const count = async (sql: string, parameters: unknown[] = []): Promise<number> =>
    (await client.query(sql, parameters)).rowCount ?? 0;
  const events = await count(queries.REMOVE_EVENTS, [source.rows[0].source_id]);
  await count(queries.REMOVE_USER_IDENTITIES, [queries.SOURCE_NAME]);
  await count(queries.REMOVE_PRODUCT_IDENTITIES, [queries.SOURCE_NAME]);
  await count(queries.RETIRE_MODELS);
  const users = await count(queries.REMOVE_USERS);
  const products = await count(queries.REMOVE_PRODUCTS);
  return {
    events,
    users,
    products,
    usersKept: listed.rows[0]!.users - users,
    productsKept: listed.rows[0]!.products - products,
  };
}
