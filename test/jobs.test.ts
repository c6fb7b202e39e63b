import PgBoss from 'pg-boss';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readMigrationFiles } from '../src/database/sql-files.ts';
import { requestRun, reviveDeadLetter } from '../src/jobs/manage.ts';
import { listDeadLetters, listJobs, type RunRow, workerAgeSeconds } from '../src/jobs/read.ts';
import type { Worker } from '../src/jobs/worker.ts';
import { historyWhen, resetJobs, startTestWorker } from './support/job-workers.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

let db: TestDatabase;
let workers: Worker[] = [];

beforeAll(async () => {
  db = await createTestDatabase();
});
beforeEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop(0)));
  workers = [];
  await resetJobs(db);
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop(0)));
  await db.drop();
});

function work(steps: string[][], skipOn: string[] = []): Worker {
  const worker = startTestWorker(db, steps, skipOn);
  workers.push(worker);
  return worker;
}

const ended = (run: { state: string } | undefined): boolean => run !== undefined && run.state !== 'running';

describe('a run on request', () => {
  it('is kept with what its command answered, step by step', async () => {
    await requestRun(db.appPool, 'evaluate');
    work([
      ['answer', 'one'],
      ['answer', 'two'],
    ]);
    const [run] = await historyWhen(db, ([first]) => ended(first));
    expect(run).toMatchObject({
      job: 'evaluate',
      state: 'succeeded',
      attempt: 1,
      cause: 'request',
      result: [{ value: 'one' }, { value: 'two' }],
      error_code: null,
    });
    expect(await workerAgeSeconds(db.appPool)).toBeLessThan(60);
    const listed = (await listJobs(db.appPool)).find(({ job }) => job === 'evaluate');
    expect(listed).toMatchObject({ waiting: 0, active: 0, last_run: { state: 'succeeded' } });
  });

  it('waits once: asked again meanwhile, it is busy', async () => {
    await requestRun(db.appPool, 'train');
    await expect(requestRun(db.appPool, 'train')).rejects.toMatchObject({ code: 'JOB_BUSY' });
  });

  it('shows how far it is', async () => {
    await requestRun(db.appPool, 'train');
    work([['sleep', '60000']]);
    const [run] = await historyWhen(db, ([first]) => first?.progress != null);
    expect(run).toMatchObject({ state: 'running', progress: { label: 'sleeping', done: 1, total: 4 } });
  });
});

describe('several workers', () => {
  it('run a job one at a time, each request once', async () => {
    for (let i = 0; i < 3; i++) work([['sleep', '150']]);
    for (let i = 1; i <= 4; i++) {
      await requestRun(db.appPool, 'train');
      // The next request, as soon as this one has begun: it must wait for its end.
      await historyWhen(db, (runs) => runs.length === i);
    }
    const runs = await historyWhen(db, (all) => all.length === 4 && all.every(ended));
    expect(runs.map(({ state }) => state)).toEqual(Array(4).fill('succeeded'));
    for (const [i, run] of runs.slice(1).entries())
      expect(run.started_at.getTime()).toBeGreaterThanOrEqual(runs[i]?.finished_at?.getTime() as number);
  });

  it('run different jobs at the same time', async () => {
    await requestRun(db.appPool, 'train');
    await requestRun(db.appPool, 'score');
    work([['sleep', '60000']]);
    work([['sleep', '60000']]);
    const running = (all: RunRow[]) => all.filter(({ state }) => state === 'running');
    const runs = running(await historyWhen(db, (all) => running(all).length === 2));
    expect(new Set(runs.map(({ worker }) => worker)).size, JSON.stringify(runs)).toBe(2);
  });
});

describe('a job that fails', () => {
  it('is tried again, then is a dead letter, and can be revived', async () => {
    await requestRun(db.appPool, 'score');
    const worker = work([
      ['answer', 'x'],
      ['fail', 'SCORING_BUSY'],
    ]);
    const runs = await historyWhen(db, (all) => all.length === 2 && all.every(ended));
    expect(runs.map(({ state, attempt, error_code }) => [state, attempt, error_code])).toEqual([
      ['failed', 1, 'SCORING_BUSY'],
      ['failed', 2, 'SCORING_BUSY'],
    ]);
    await worker.stop();
    const [letter, ...others] = await listDeadLetters(db.appPool);
    expect(others).toEqual([]);
    expect(letter).toMatchObject({ job: 'score', error_code: 'SCORING_BUSY', message: 'as it was told' });
    expect(await reviveDeadLetter(db.appPool, letter?.id as string)).toBe('score');
    expect(await listDeadLetters(db.appPool)).toEqual([]);
    work([['answer', 'again']]);
    const [, , revived] = await historyWhen(db, (all) => ended(all[2]));
    expect(revived).toMatchObject({ state: 'succeeded', attempt: 1 });
  });

  it('waits longer from attempt to attempt', async () => {
    await db.adminPool.query(
      "UPDATE pgboss.queue SET retry_delay = 30, retry_backoff = true, retry_limit = 3 WHERE name = 'score'",
    );
    await requestRun(db.appPool, 'score');
    const delays: number[] = [];
    for (const attempt of [1, 2]) {
      const worker = work([['crash']]);
      await historyWhen(db, (all) => all.length === attempt && all.every(ended));
      await worker.stop();
      const { rows } = await db.adminPool.query(
        "SELECT extract(epoch FROM start_after - now())::float8 AS delay FROM pgboss.job WHERE name = 'score'",
      );
      delays.push(rows[0].delay);
      await db.adminPool.query("UPDATE pgboss.job SET start_after = now() WHERE name = 'score'");
    }
    // 30 s doubled each time, between the half of it and the whole.
    expect(delays[0]).toBeGreaterThan(25);
    expect(delays[0]).toBeLessThanOrEqual(60);
    expect(delays[1]).toBeGreaterThan(55);
    expect(delays[1]).toBeLessThanOrEqual(120);
  });

  it('that has nothing to do is skipped, and not tried again', async () => {
    await requestRun(db.appPool, 'score');
    const worker = work([['fail', 'SCORING_NO_DATA']], ['SCORING_NO_DATA']);
    const [run] = await historyWhen(db, ([first]) => ended(first));
    expect(run).toMatchObject({ state: 'skipped', error_code: 'SCORING_NO_DATA' });
    await worker.stop();
    const { rows } = await db.appPool.query("SELECT state FROM pgboss.job WHERE name = 'score'");
    expect(rows).toEqual([{ state: 'completed' }]);
  });

  it('without a word says how it ended', async () => {
    await requestRun(db.appPool, 'score');
    work([['crash']]);
    const [run] = await historyWhen(db, ([first]) => ended(first));
    expect(run).toMatchObject({
      state: 'failed',
      error_code: 'JOB_FAILED',
      message: expect.stringContaining('exit code 7'),
    });
  });
});

describe('the end of a worker', () => {
  it('lets a job finish that is nearly done', async () => {
    await requestRun(db.appPool, 'train');
    const worker = work([['sleep', '300']]);
    await historyWhen(db, (runs) => runs.length === 1);
    await worker.stop(60_000);
    expect((await historyWhen(db, () => true)).map(({ state }) => state)).toEqual(['succeeded']);
  });

  it('hands a long one back, which counts as no attempt', async () => {
    await requestRun(db.appPool, 'train');
    const first = work([['sleep', '60000']]);
    await historyWhen(db, (runs) => runs[0]?.progress != null);
    await first.stop(10);
    expect(await workerAgeSeconds(db.appPool)).toBeNull();
    work([['answer', 'done']]);
    const runs = await historyWhen(db, (all) => all.length === 2 && all.every(ended));
    expect(runs.map(({ state, attempt }) => [state, attempt])).toEqual([
      ['handed_back', 1],
      ['succeeded', 1],
    ]);
  });

  it('by the loss of its connection stops the job; it comes back by itself and tries again', async () => {
    await requestRun(db.appPool, 'train');
    work([['sleep', '700']]);
    await historyWhen(db, (runs) => runs.length === 1);
    await db.adminPool.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'customer-analyzer worker' AND datname = current_database()",
    );
    const runs = await historyWhen(db, (all) => all.length === 2 && all.every(ended));
    expect(runs.map(({ state, attempt }) => [state, attempt])).toEqual([
      ['interrupted', 1],
      ['succeeded', 2],
    ]);
  });
});

describe('who may what', () => {
  it('app_user sends and works, and cannot change what the queue is made of', async () => {
    for (const sql of [
      "SELECT pgboss.create_queue('mine', '{}')",
      "SELECT pgboss.delete_queue('score')",
      'CREATE TABLE jobs.mine ()',
      'CREATE TABLE pgboss.mine ()',
      "INSERT INTO jobs.schedules (job, cron) VALUES ('mine', '* * * * *')",
      'DELETE FROM jobs.schedules',
      'UPDATE pgboss.queue SET retry_limit = 100',
      'SELECT * FROM maintenance.backup_runs',
    ])
      await expect(db.appPool.query(sql), sql).rejects.toMatchObject({ code: '42501' });
  });

  it('ml_user can do neither', async () => {
    for (const sql of [
      'SELECT * FROM pgboss.job',
      "INSERT INTO pgboss.job (name) VALUES ('score')",
      "UPDATE pgboss.job SET state = 'completed'",
      'SELECT * FROM jobs.runs',
      'SELECT * FROM jobs.schedules',
      'SELECT * FROM jobs.get_maintenance_state()',
      'SELECT * FROM jobs.clean_up()',
    ])
      await expect(db.mlPool.query(sql), sql).rejects.toMatchObject({ code: '42501' });
    await expect(requestRun(db.mlPool, 'score')).rejects.toMatchObject({ code: 'DATABASE_REFUSED' });
  });

  it('the tables of the queue are those that the installed pg-boss would make', () => {
    const migrations = readMigrationFiles().map(({ sql }) => sql);
    const words = (sql: string): string => sql.replace(/\s+/g, ' ').trim();
    const plan = PgBoss.getConstructionPlans('pgboss');
    const made = plan.slice(plan.indexOf('CREATE TYPE'), plan.lastIndexOf('COMMIT'));
    expect(made.length).toBeGreaterThan(3000);
    expect(migrations.some((sql) => words(sql).includes(words(made)))).toBe(true);
  });
});
