import type pg from 'pg';
import type PgBoss from 'pg-boss';
import { inTransaction } from '../database/pool.ts';
import { AppError } from '../errors.ts';
import { type JobName, jobNames } from './catalogue.ts';
import { dueRuns, nextRun } from './cron.ts';
import * as queries from './queries.ts';
import { asDatabase, type JobData } from './queue.ts';

/** A run that begins so much after its time was not missed: a worker that was restarted, a machine that was busy. */
const ON_TIME_MS = 5 * 60_000;

interface Schedule {
  job: JobName;
  cron: string;
  time_zone: string;
  missed: 'run_once' | 'skip';
  next_run_at: Date | null;
  /** Whether next_run_at comes from this expression and zone. */
  planned: boolean | null;
}

type RecordRun = (
  job: JobName,
  dueAt: Date | null,
  state: 'skipped' | 'failed',
  message: string,
) => Promise<void>;

async function sendOrSkip(
  boss: PgBoss,
  client: pg.PoolClient,
  schedule: Schedule,
  now: Date,
  record: RecordRun,
): Promise<void> {
  const { job, cron, time_zone, missed, next_run_at } = schedule;
  const { latest, count } = dueRuns(cron, time_zone, next_run_at as Date, now);
  const late = now.getTime() - latest.getTime() > ON_TIME_MS;
  if (missed === 'skip') {
    const lost = late ? count : count - 1;
    if (lost > 0) await record(job, latest, 'skipped', `${lost} missed while no worker ran`);
    if (late) return;
  }
  const data: JobData = {
    job,
    cause: late || (count > 1 && missed === 'run_once') ? 'catch_up' : 'schedule',
    dueAt: latest.toISOString(),
  };
  const id = await boss.send(job, data, { db: asDatabase(client) });
  if (id === null) await record(job, latest, 'skipped', 'the one before is still waiting');
}

/**
 * Sends what has fallen due, once, however many workers look: plan, queue and history change in one transaction.
 * What was missed while no worker ran is made up for by one run, or recorded, as the schedule says.
 */
export function planDueRuns(pool: pg.Pool, boss: PgBoss, now: Date): Promise<void> {
  return inTransaction(pool, async (client) => {
    const record: RecordRun = async (job, dueAt, state, message) => {
      const code = state === 'failed' ? 'JOB_SCHEDULE' : null;
      await client.query(queries.RECORD_WITHOUT_RUN, [job, 'schedule', dueAt, state, code, message]);
    };
    for (const schedule of (await client.query<Schedule>(queries.TO_PLAN, [now])).rows) {
      const { job, cron, time_zone, next_run_at, planned } = schedule;
      // Of another program that shares the database, as during an upgrade.
      if (!jobNames.includes(job)) continue;
      try {
        const next = nextRun(cron, time_zone, now);
        if (planned && next_run_at) await sendOrSkip(boss, client, schedule, now, record);
        await client.query(queries.SET_NEXT_RUN, [job, next, `${cron} ${time_zone}`]);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        // Written past our doors; left on, it would fail at each look.
        await record(job, null, 'failed', `${error.message}: switched off`);
        await client.query(queries.DISABLE_SCHEDULE, [job]);
      }
    }
  });
}
