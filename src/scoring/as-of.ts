import type pg from 'pg';
import { databaseError } from '../database/database-error.ts';
import { AppError } from '../errors.ts';
import * as queries from './queries.ts';

/** `YYYY-MM-DD` means the end of that day in the shop's time zone; anything else is a moment with its zone. @throws VALIDATION */
export async function parseAsOf(pool: pg.Pool, text: string): Promise<Date> {
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) {
    try {
      return (await pool.query(queries.END_OF_DAY, [text])).rows[0].moment;
    } catch (error) {
      throw databaseError(error);
    }
  }
  const moment = /^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:?\d{2})$/.test(text)
    ? new Date(text)
    : new Date(Number.NaN);
  if (Number.isNaN(moment.getTime())) {
    throw new AppError('VALIDATION', `"${text}" is no day and no moment`, {
      hint: 'Write 2011-11-01 (the end of that day) or 2011-11-01T12:00:00Z.',
    });
  }
  return moment;
}
