import type pg from 'pg';
import { databaseError } from '../database/database-error.ts';
import { inTransaction } from '../database/pool.ts';
import { AppError } from '../errors.ts';
import { type JobName, parseJobName } from './catalogue.ts';
import { nextRun } from './cron.ts';
import * as queries from './queries.ts';
import { asDatabase, createQueue, DEAD_LETTERS, type JobData } from './queue.ts';
import { rows } from './read.ts';

/** Asks for a run as soon as a worker is free. @returns id in the queue @throws JOB_BUSY where one waits already */
export async function requestRun(pool: pg.Pool, job: JobName): Promise<string> {
  const data: JobData = { job, cause: 'request' };
  const id = await createQueue(pool)
    .send(job, data)
    .catch((error: unknown) => {
      throw databaseError(error);
    });
  if (id !== null) return id;
  throw new AppError('JOB_BUSY', `${job} waits for a worker already`, {
    details: { job },
    hint: 'It runs when the one before it has ended; without a worker start one: customer-analyzer worker',
  });
}

/** Sends a dead letter once more. @throws NOT_FOUND, JOB_BUSY */
export async function reviveDeadLetter(pool: pg.Pool, id: string): Promise<JobName> {
  return inTransaction(pool, async (client) => {
    const [letter] = await rows<{ job: string }>(client, queries.GET_DEAD_LETTER, [id]);
    if (!letter)
      throw new AppError('NOT_FOUND', `there is no dead letter ${id}`, {
        hint: 'customer-analyzer jobs dead shows those that there are.',
      });
    const job = parseJobName(letter.job);
    const queue = createQueue(client);
    const data: JobData = { job, cause: 'request' };
    if ((await queue.send(job, data)) === null)
      throw new AppError('JOB_BUSY', `${job} waits for a worker already`, { details: { job } });
    await queue.deleteJob(DEAD_LETTERS, id, { db: asDatabase(client) });
    return job;
  });
}

export interface ScheduleChange {
  cron?: string | undefined;
  /** An empty one is the shop's. */
  time_zone?: string | undefined;
  missed?: 'run_once' | 'skip' | undefined;
  enabled?: boolean | undefined;
}

/** @returns the next run by the changed schedule @throws JOB_SCHEDULE where it is none */
export async function setSchedule(
  pool: pg.Pool,
  job: JobName,
  change: ScheduleChange,
  now: Date,
): Promise<Date> {
  const [current] = await rows<{ cron: string; time_zone: string }>(pool, queries.GET_SCHEDULE, [
    job,
    change.time_zone ?? null,
  ]);
  if (!current)
    throw new AppError('DATABASE_NOT_READY', `the database has no schedule of ${job}`, {
      hint: 'Set it up: customer-analyzer db migrate',
    });
  const next = nextRun(change.cron ?? current.cron, current.time_zone, now);
  const { cron, time_zone, missed, enabled } = change;
  await rows(pool, queries.SET_SCHEDULE, [
    job,
    cron ?? null,
    time_zone ?? null,
    missed ?? null,
    enabled ?? null,
  ]);
  return next;
}

/** Removes old history. @returns rows removed, by what they were */
export async function cleanUp(pool: pg.Pool, keepDays: number): Promise<Record<string, number>> {
  const removed = await rows<{ what: string; removed: number }>(pool, queries.CLEAN_UP, [keepDays]);
  return Object.fromEntries(removed.map((row) => [row.what, row.removed]));
}

/** Folds noted days into user_days. @returns days written */
export async function refreshUserDays(pool: pg.Pool, rebuild: boolean): Promise<number> {
  return (await rows<{ written: number }>(pool, queries.REFRESH_USER_DAYS, [rebuild]))[0]?.written ?? 0;
}
