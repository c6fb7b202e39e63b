import type pg from 'pg';
import { databaseError } from './database-error.ts';

/** The rows of one statement; what PostgreSQL throws comes as an error of the registry. */
export async function queryRows<T extends object>(
  connection: Pick<pg.Pool, 'query'>,
  sql: string,
  values: unknown[] = [],
): Promise<T[]> {
  try {
    return (await connection.query(sql, values)).rows;
  } catch (error) {
    throw databaseError(error);
  }
}
