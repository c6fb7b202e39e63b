import type pg from 'pg';
import { AppError } from '../errors.ts';
import { databaseError } from './database-error.ts';
import { HAS_SETTINGS, IS_EMPTY, SCHEMA_READY } from './queries.ts';

/** @throws DATABASE_UNREACHABLE, or DATABASE_NOT_READY where the schema is missing or older than this program */
export async function checkReady(pool: pg.Pool): Promise<void> {
  const ask = async (sql: string): Promise<Record<string, boolean>> => {
    const result = await pool.query(sql).catch((error: unknown) => {
      throw databaseError(error);
    });
    return result.rows[0];
  };
  if ((await ask(SCHEMA_READY))['ready']) {
    if ((await ask(HAS_SETTINGS))['present']) return;
    throw new AppError('DATABASE_NOT_READY', 'the one row of app_schema.settings is missing', {
      hint: 'INSERT INTO app_schema.settings DEFAULT VALUES; then set time_zone and currency.',
    });
  }
  throw new AppError('DATABASE_NOT_READY', 'the database has no schema of this version', {
    hint: 'Set it up: customer-analyzer db migrate',
  });
}

/** Whether the database has neither customers nor events, and never had events from a source. */
export async function isEmpty(pool: pg.Pool): Promise<boolean> {
  return (await pool.query(IS_EMPTY)).rows[0].empty;
}
