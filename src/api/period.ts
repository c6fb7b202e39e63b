import { latestPeriod, type Period } from '../analytics/read.ts';
import type { Pool } from '../database/pool.ts';
import { AppError } from '../errors.ts';

/** The days that were asked for, both included; without any, the 30 days up to the latest event, `undefined` where there is none. @throws VALIDATION */
export async function periodOf(
  pool: Pool,
  { start, end }: { start?: string; end?: string },
  now: Date,
): Promise<Period | undefined> {
  if ((start === undefined) !== (end === undefined)) {
    throw new AppError('VALIDATION', 'start and end are given together or not at all', {
      hint: '?start=2024-01-01&end=2024-01-31',
    });
  }
  return start !== undefined && end !== undefined
    ? { start_date: start, end_date: end }
    : latestPeriod(pool, now);
}
