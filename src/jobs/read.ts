import type pg from 'pg';
import { databaseError } from '../database/database-error.ts';
import { type JobName, jobDefinition } from './catalogue.ts';
import * as queries from './queries.ts';

// Field names are the columns, so that SQL, HTTP and the terminal show the same thing under the same name.

export interface RunRow {
  run_id: number;
  job: string;
  attempt: number;
  cause: 'schedule' | 'catch_up' | 'request';
  due_at: Date | null;
  state: 'running' | 'succeeded' | 'failed' | 'skipped' | 'interrupted' | 'handed_back';
  started_at: Date;
  finished_at: Date | null;
  duration_seconds: number;
  worker: string | null;
  progress: { label: string; done: number; total: number } | null;
  error_code: string | null;
  message: string | null;
  result?: unknown;
}

export interface JobRow {
  job: JobName;
  description: string;
  cron: string;
  /** `null` is the shop's. */
  time_zone: string | null;
  missed: 'run_once' | 'skip';
  enabled: boolean;
  next_run_at: Date | null;
  waiting: number;
  active: number;
  last_run: RunRow | null;
}

export interface DeadLetter {
  id: string;
  job: string;
  error_code: string | null;
  message: string | null;
  died_at: Date;
}

/** @throws what pg throws, as an error of ours */
export async function rows<Row extends pg.QueryResultRow>(
  pool: Pick<pg.Pool, 'query'>,
  sql: string,
  values: unknown[] = [],
): Promise<Row[]> {
  try {
    return (await pool.query<Row>(sql, values)).rows;
  } catch (error) {
    throw databaseError(error);
  }
}

export async function listJobs(pool: pg.Pool): Promise<JobRow[]> {
  const jobs = await rows<JobRow>(pool, queries.LIST_JOBS);
  return jobs.map((row) => ({ ...row, description: jobDefinition(row.job)?.description ?? '' }));
}

/** History, newest first; `before` is the run_id that the page before ended with. */
export function listRuns(
  pool: pg.Pool,
  { job, limit, before }: { job?: JobName | undefined; limit: number; before?: number | undefined },
): Promise<RunRow[]> {
  return rows(pool, queries.LIST_RUNS, [job ?? null, limit, before ?? null]);
}

export const listDeadLetters = (pool: pg.Pool): Promise<DeadLetter[]> =>
  rows(pool, queries.LIST_DEAD_LETTERS);

/** Seconds since any worker was heard of; `null` where there was none for a day. */
export async function workerAgeSeconds(pool: pg.Pool): Promise<number | null> {
  return (await rows<{ age_seconds: number | null }>(pool, queries.NEWEST_BEAT))[0]?.age_seconds ?? null;
}

/** The newest attempt at a request; `undefined` while it waits. */
export async function runOfRequest(pool: pg.Pool, queueId: string): Promise<RunRow | undefined> {
  return (await rows<RunRow>(pool, queries.RUN_OF_REQUEST, [queueId]))[0];
}
