import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadDemoShop } from '../src/demo/load.ts';
import { dayBefore } from '../src/demo/parameters.ts';
import { openDemoShop } from '../src/demo/simulate.ts';
import { requestRun } from '../src/jobs/manage.ts';
import { credentials } from './support/api.ts';
import { runCli } from './support/cli.ts';
import { exists, until } from './support/embedded-harness.ts';
import { historyWhen, resetJobs } from './support/job-workers.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

const bin = fileURLToPath(new URL('../bin/customer-analyzer.js', import.meta.url));
let db: TestDatabase;
let env: Record<string, string>;
const children: ChildProcess[] = [];

beforeAll(async () => {
  db = await createTestDatabase();
  // Nobody here is more than app_user and ml_user.
  env = { DATABASE_URL: db.urls.app, APP_DATABASE_URL: db.urls.app, ML_DATABASE_URL: db.urls.ml };
  const shop = openDemoShop({
    customers: 600,
    products: 40,
    days: 400,
    seed: 3,
    lastDay: dayBefore(new Date()),
  });
  await loadDemoShop(shop, { appPool: db.appPool });
  await resetJobs(db);
  await db.adminPool.query('UPDATE pgboss.queue SET retry_limit = 5');
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => db.drop());

interface Running {
  child: ChildProcess;
  /** The first line of its answer. */
  ready: Promise<string>;
  ended: Promise<number | null>;
}

function start(...args: string[]): Running {
  const child = spawn(process.execPath, [bin, ...args], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const ready = new Promise<string>((resolve, reject) => {
    child.stdout?.setEncoding('utf8').once('data', resolve);
    ended.then((code) => reject(new Error(`ended with ${code}`)));
  });
  ready.catch(() => undefined);
  return { child, ready, ended };
}

const childrenOf = (pid: number | undefined): number[] =>
  execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === pid)
    .map(([child]) => child as number);

const count = async (sql: string): Promise<number> => (await db.adminPool.query(sql)).rows[0].n;
const blocked = () =>
  count(
    "SELECT count(*)::integer AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
  );
const scorings = () =>
  count("SELECT count(*)::integer AS n FROM app_schema.model_runs WHERE kind = 'scoring'");

describe('a worker that is killed while it publishes scores', () => {
  it('leaves nothing half-published; another one does the job, once', async () => {
    const blocker = await db.adminPool.connect();
    await blocker.query('BEGIN; LOCK TABLE app_schema.user_metrics IN ACCESS EXCLUSIVE MODE');
    const first = start('worker');
    await first.ready;
    await requestRun(db.appPool, 'score');
    await until(async () => (await blocked()) > 0);
    const commands = childrenOf(first.child.pid);
    expect(commands).toHaveLength(1);
    first.child.kill('SIGKILL');
    // The command ends with its worker.
    await until(() => !commands.some(exists));
    await blocker.query('ROLLBACK');
    blocker.release();
    // What the server still had of its transaction is rolled back.
    await until(
      async () =>
        (await count(
          "SELECT count(*)::integer AS n FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'customer-analyzer%'",
        )) === 0,
    );
    expect(await count('SELECT count(*)::integer AS n FROM app_schema.user_metrics')).toBe(0);
    expect(await scorings()).toBe(0);

    const second = start('worker');
    const runs = await historyWhen(db, (all) => all.some(({ state }) => state === 'succeeded'));
    expect(runs[0]).toMatchObject({ job: 'score', state: 'interrupted', attempt: 1 });
    expect(runs.at(-1)).toMatchObject({ job: 'score', state: 'succeeded', attempt: 2 });
    expect(await scorings()).toBe(1);
    expect(await count('SELECT count(*)::integer AS n FROM app_schema.user_metrics')).toBeGreaterThan(500);
    expect(
      await count('SELECT count(DISTINCT model_run_id)::integer AS n FROM app_schema.user_score_details'),
    ).toBe(1);
    second.child.kill('SIGTERM');
    expect(await second.ended).toBe(0);
  });
});

const WARM_CONNECTIONS = `
  SELECT count(*)::integer AS n FROM pg_stat_activity
  WHERE application_name = 'customer-analyzer api' AND state = 'idle' AND query LIKE '%get_recommendations%'`;

describe('serve and worker apart', () => {
  it('answer and work, and each ends in order at SIGTERM: what runs is handed back', async () => {
    await resetJobs(db);
    const [api, worker] = [start('serve', '--port', '0'), start('worker')];
    const address = (await api.ready).match(/http:\S+/)?.[0] as string;
    // Each has made a list before a burst of requests needs it.
    await until(async () => (await count(WARM_CONNECTIONS)) === 10);
    await worker.ready;
    await until(async () => (await (await fetch(`${address}/readyz`)).text()).includes('"worker":"ok"'));
    const accepted = await fetch(`${address}/api/jobs/user-days/runs`, {
      method: 'POST',
      headers: await credentials(db.appPool, 'admin'),
    });
    expect(accepted.status).toBe(202);
    await historyWhen(db, ([run]) => run?.state === 'succeeded');

    const blocker = await db.adminPool.connect();
    await blocker.query('BEGIN; LOCK TABLE app_schema.user_day_changes IN ACCESS EXCLUSIVE MODE');
    const asked = await runCli(['jobs', 'run', 'user-days', '--json'], env);
    expect(JSON.parse(asked.stdout)).toMatchObject({ job: 'user-days' });
    expect(asked.stderr).toBe('');
    await until(async () => (await blocked()) > 0);
    worker.child.kill('SIGTERM');
    expect(await worker.ended).toBe(0);
    await blocker.query('ROLLBACK');
    blocker.release();
    const runs = await historyWhen(db, (all) => all.length === 2);
    expect(runs[1]).toMatchObject({ state: 'handed_back', attempt: 1 });
    const listed = JSON.parse((await runCli(['jobs', 'list', '--json'], env)).stdout);
    expect(listed.items.find(({ job }: { job: string }) => job === 'user-days')).toMatchObject({
      waiting: 1,
      active: 0,
    });
    expect(listed.worker_age_seconds).toBeNull();
    api.child.kill('SIGTERM');
    expect(await api.ended).toBe(0);
  });

  it('end at once when told a second time', async () => {
    const worker = start('worker');
    await resetJobs(db);
    await worker.ready;
    const blocker = await db.adminPool.connect();
    await blocker.query('BEGIN; LOCK TABLE app_schema.user_day_changes IN ACCESS EXCLUSIVE MODE');
    await requestRun(db.appPool, 'user-days');
    await until(async () => (await blocked()) > 0);
    worker.child.kill('SIGTERM');
    worker.child.kill('SIGINT');
    expect(await worker.ended).not.toBe(0);
    await blocker.query('ROLLBACK');
    blocker.release();
    const [run] = await historyWhen(db, (all) => all.length === 1);
    expect(run?.state).toBe('running');
  });
});

describe('on the terminal', () => {
  it.each([
    [['jobs', 'run', 'nothing'], 'JOB_UNKNOWN', 2],
    [['jobs', 'schedule', 'score', '99 * * * *'], 'JOB_SCHEDULE', 2],
    [['jobs', 'schedule', 'score', '0 3 * * *', '--time-zone', 'Mars'], 'JOB_SCHEDULE', 2],
    [['jobs', 'dead', '--revive', '00000000-0000-0000-0000-000000000000'], 'NOT_FOUND', 1],
  ])('%j is refused: %s', async (args, code, exit) => {
    const result = await runCli(args, env);
    expect([result.code, result.stderr.split(':')[0]]).toEqual([exit, code]);
  });

  it('a schedule is set, shown, and switched off', async () => {
    const set = await runCli(
      ['jobs', 'schedule', 'backup', '0 4 * * *', '--time-zone', 'UTC', '--missed', 'skip', '--json'],
      env,
    );
    expect(JSON.parse(set.stdout)).toMatchObject({
      job: 'backup',
      enabled: true,
      next_run_at: expect.stringMatching(/T04:00:00.000Z$/),
    });
    const backup = async (): Promise<unknown> =>
      JSON.parse((await runCli(['jobs', 'list', '--json'], env)).stdout).items.find(
        ({ job }: { job: string }) => job === 'backup',
      );
    expect(await backup()).toMatchObject({
      cron: '0 4 * * *',
      time_zone: 'UTC',
      missed: 'skip',
      enabled: true,
    });
    await runCli(['jobs', 'schedule', 'backup', '--off'], env);
    expect(await backup()).toMatchObject({ cron: '0 4 * * *', enabled: false });
  });
});
