import type pg from 'pg';
import PgBoss from 'pg-boss';
import type { JobName } from './catalogue.ts';

/** Why a job is there: it travels with it through retries and into the dead letters. */
export interface JobData {
  readonly job: JobName;
  readonly cause: 'schedule' | 'catch_up' | 'request';
  /** ISO 8601; of a schedule. */
  readonly dueAt?: string;
}

/** Where all ends that failed for the last time. */
export const DEAD_LETTERS = 'dead-letters';

type Queryable = Pick<pg.Pool, 'query'>;

/** A pool, or a client within a transaction, in the form that pg-boss takes for one statement. */
export const asDatabase = (client: Queryable): PgBoss.Db => ({
  executeSql: (text, values) => client.query(text, values),
});

/**
 * pg-boss on a pool of ours. It migrates nothing (app_user could not; migrations do), plans nothing (jobs.schedules does), and as long as
 * nobody starts it it sends and fetches only.
 */
export function createQueue(pool: Queryable): PgBoss {
  return new PgBoss({
    db: asDatabase(pool),
    schema: 'pgboss',
    migrate: false,
    schedule: false,
    maintenanceIntervalSeconds: 300,
  });
}
