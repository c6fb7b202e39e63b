import type PgBoss from 'pg-boss';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { setSchedule } from '../src/jobs/manage.ts';
import { planDueRuns } from '../src/jobs/plan.ts';
import { createQueue } from '../src/jobs/queue.ts';
import { listJobs, listRuns } from '../src/jobs/read.ts';
import { resetJobs } from './support/job-workers.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

let db: TestDatabase;
let boss: PgBoss;

beforeAll(async () => {
  db = await createTestDatabase();
  boss = createQueue(db.appPool);
  await db.adminPool.query("UPDATE app_schema.settings SET time_zone = 'Europe/Berlin'");
});
beforeEach(() => resetJobs(db));
afterAll(() => db.drop());

const plan = (now: string): Promise<void> => planDueRuns(db.appPool, boss, new Date(now));
const waiting = async (): Promise<Record<string, unknown>[]> =>
  (
    await db.appPool.query(
      "SELECT name, data ->> 'cause' AS cause, data ->> 'dueAt' AS due FROM pgboss.job WHERE state = 'created' ORDER BY 1",
    )
  ).rows;
const next = async (job: string): Promise<string | undefined> =>
  (await listJobs(db.appPool)).find((row) => row.job === job)?.next_run_at?.toISOString();

describe('schedules', () => {
  it('a new one runs at its first time, not at once', async () => {
    await setSchedule(db.appPool, 'score', { cron: '0 3 * * *', enabled: true }, new Date());
    await plan('2026-11-27T12:00:00Z');
    expect(await waiting()).toEqual([]);
    expect(await next('score')).toBe('2026-11-28T02:00:00.000Z');
    await plan('2026-11-28T02:00:01Z');
    expect(await waiting()).toEqual([{ name: 'score', cause: 'schedule', due: '2026-11-28T02:00:00.000Z' }]);
    expect(await next('score')).toBe('2026-11-29T02:00:00.000Z');
  });

  it('however many workers look, what is due is sent once', async () => {
    await setSchedule(db.appPool, 'score', { cron: '0 3 * * *', enabled: true }, new Date());
    await plan('2026-11-27T12:00:00Z');
    await Promise.all(Array.from({ length: 8 }, () => plan('2026-11-28T02:00:01Z')));
    expect(await waiting()).toHaveLength(1);
    expect(await listRuns(db.appPool, { limit: 10 })).toEqual([]);
  });

  it.each([
    [
      'at 02:30 on the day when clocks jump from 02:00 to 03:00',
      '30 2 * * *',
      '2026-03-29',
      ['2026-03-29T01:00:00.000Z'],
    ],
    [
      'at 02:30 on the day when clocks show it twice',
      '30 2 * * *',
      '2026-10-25',
      ['2026-10-25T00:30:00.000Z'],
    ],
  ])('runs once %s', async (_, cron, day, expected) => {
    await setSchedule(db.appPool, 'score', { cron, enabled: true }, new Date());
    const due: unknown[] = [];
    const from = Date.parse(`${day}T00:00:00Z`) - 3_600_000;
    for (let minutes = 0; minutes < 12 * 60; minutes += 15) {
      await plan(new Date(from + minutes * 60_000).toISOString());
      due.push(...(await waiting()).map((job) => job['due']));
      if (due.length > 0) await db.adminPool.query('DELETE FROM pgboss.job');
    }
    expect(due).toEqual(expected);
  });

  it('makes up for what was missed by one run', async () => {
    await setSchedule(
      db.appPool,
      'score',
      { cron: '0 3 * * *', missed: 'run_once', enabled: true },
      new Date(),
    );
    await plan('2026-11-20T12:00:00Z');
    await plan('2026-11-27T12:00:00Z');
    expect(await waiting()).toEqual([{ name: 'score', cause: 'catch_up', due: '2026-11-27T02:00:00.000Z' }]);
    expect(await next('score')).toBe('2026-11-28T02:00:00.000Z');
    expect(await listRuns(db.appPool, { limit: 10 })).toEqual([]);
  });

  it('or records it, where it is told to', async () => {
    await setSchedule(db.appPool, 'train', { cron: '0 3 * * *', missed: 'skip', enabled: true }, new Date());
    await plan('2026-11-20T12:00:00Z');
    await plan('2026-11-27T12:00:00Z');
    expect(await waiting()).toEqual([]);
    expect(await listRuns(db.appPool, { limit: 10 })).toMatchObject([
      { job: 'train', state: 'skipped', cause: 'schedule', message: '7 missed while no worker ran' },
    ]);
    expect(await next('train')).toBe('2026-11-28T02:00:00.000Z');
  });

  it('a worker that was restarted is on time, and those before are recorded', async () => {
    await setSchedule(
      db.appPool,
      'user-days',
      { cron: '*/15 * * * *', missed: 'skip', enabled: true },
      new Date(),
    );
    await plan('2026-11-27T10:01:00Z');
    await plan('2026-11-27T11:02:00Z');
    expect(await waiting()).toEqual([
      { name: 'user-days', cause: 'schedule', due: '2026-11-27T11:00:00.000Z' },
    ]);
    expect(await listRuns(db.appPool, { limit: 10 })).toMatchObject([
      { message: '3 missed while no worker ran' },
    ]);
  });

  it('a run whose predecessor still waits is recorded', async () => {
    await setSchedule(db.appPool, 'score', { cron: '0 * * * *', enabled: true }, new Date());
    await plan('2026-11-27T12:30:00Z');
    await plan('2026-11-27T13:00:30Z');
    await plan('2026-11-27T14:00:30Z');
    expect(await waiting()).toHaveLength(1);
    expect(await listRuns(db.appPool, { limit: 10 })).toMatchObject([
      { state: 'skipped', message: 'the one before is still waiting' },
    ]);
  });

  it('follows a change of the expression, of its zone, of the zone of the shop', async () => {
    await setSchedule(db.appPool, 'score', { cron: '0 3 * * *', enabled: true }, new Date());
    await plan('2026-11-27T12:00:00Z');
    await setSchedule(db.appPool, 'score', { cron: '0 4 * * *', time_zone: 'America/New_York' }, new Date());
    await plan('2026-11-27T12:00:01Z');
    expect(await next('score')).toBe('2026-11-28T09:00:00.000Z');
    await setSchedule(db.appPool, 'score', { time_zone: '' }, new Date());
    await plan('2026-11-27T12:00:02Z');
    expect(await next('score')).toBe('2026-11-28T03:00:00.000Z');
    await db.adminPool.query("UPDATE app_schema.settings SET time_zone = 'Asia/Tokyo'");
    await plan('2026-11-27T12:00:03Z');
    expect(await next('score')).toBe('2026-11-27T19:00:00.000Z');
    await db.adminPool.query("UPDATE app_schema.settings SET time_zone = 'Europe/Berlin'");
    expect(await waiting()).toEqual([]);
  });

  it('refuses what never comes, and switches off what was written past it', async () => {
    await expect(setSchedule(db.appPool, 'score', { cron: '0 0 30 2 *' }, new Date())).rejects.toMatchObject({
      code: 'JOB_SCHEDULE',
    });
    await db.adminPool.query(
      "UPDATE jobs.schedules SET cron = 'nightly', enabled = true WHERE job = 'score'",
    );
    await db.adminPool.query(
      "UPDATE jobs.schedules SET cron = '0 3 * * *', enabled = true WHERE job = 'train'",
    );
    await plan('2026-11-27T12:00:00Z');
    const rows = await listJobs(db.appPool);
    expect(rows.find(({ job }) => job === 'score')).toMatchObject({
      enabled: false,
      last_run: { state: 'failed', error_code: 'JOB_SCHEDULE' },
    });
    expect(rows.find(({ job }) => job === 'train')?.next_run_at).not.toBeNull();
    await setSchedule(db.appPool, 'score', { cron: '0 3 * * *' }, new Date());
  });
});
