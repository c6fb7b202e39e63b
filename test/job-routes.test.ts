import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createMetrics } from '../src/metrics/metrics.ts';
import { caller, credentials, openApi } from './support/api.ts';
import { historyWhen, resetJobs, startTestWorker } from './support/job-workers.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

let db: TestDatabase;
let api: FastifyInstance;
let inject: ReturnType<typeof caller>;
const metrics = createMetrics();

beforeAll(async () => {
  db = await createTestDatabase();
  api = await openApi(db.appPool, { metrics });
  inject = caller(api, await credentials(db.appPool, 'admin'));
});
beforeEach(() => resetJobs(db));
afterAll(async () => {
  await api.close();
  await db.drop();
});

async function put(job: string, body: object) {
  const response = await inject({ method: 'PUT', url: `/api/jobs/${job}/schedule`, payload: body });
  return { status: response.statusCode, body: response.json() };
}

it('a run is asked for once, is in the history when it is done, and is refused where there is no such job', async () => {
  const ask = () => inject({ method: 'POST', url: '/api/jobs/train/runs' });
  const first = await ask();
  expect([first.statusCode, first.json()]).toEqual([202, { id: expect.any(String), job: 'train' }]);
  const second = await ask();
  expect([second.statusCode, second.json().code]).toEqual([409, 'JOB_BUSY']);
  const unknown = await inject({ method: 'POST', url: '/api/jobs/nothing/runs' });
  expect([unknown.statusCode, unknown.json().code]).toEqual([404, 'JOB_UNKNOWN']);

  const worker = startTestWorker(db, [['answer', 'here']]);
  await historyWhen(db, ([run]) => run?.state === 'succeeded');
  const ready = (await inject('/readyz')).json();
  expect(ready).toMatchObject({ status: 'ok', worker: 'ok' });
  await worker.stop();
  const history = (await inject('/api/jobs/train/runs?limit=5')).json();
  expect(history.items).toMatchObject([{ job: 'train', state: 'succeeded', result: { value: 'here' } }]);
  const before = history.items[0].run_id;
  expect((await inject(`/api/jobs/train/runs?before=${before}`)).json()).toEqual({ items: [] });
});

it('a dead letter is listed and revived', async () => {
  await inject({ method: 'POST', url: '/api/jobs/score/runs' });
  const worker = startTestWorker(db, [['fail', 'INTERNAL']]);
  await historyWhen(db, (runs) => runs.length === 2 && runs.every(({ state }) => state === 'failed'));
  await worker.stop();
  const { items } = (await inject('/api/dead-letters')).json();
  expect(items).toMatchObject([{ job: 'score', error_code: 'INTERNAL' }]);
  const revive = () => inject({ method: 'POST', url: `/api/dead-letters/${items[0].id}/revival` });
  const revived = await revive();
  expect([revived.statusCode, revived.json()]).toEqual([202, { job: 'score' }]);
  expect((await revive()).statusCode).toBe(404);
});

it('a schedule is changed in part, and nonsense is refused', async () => {
  expect(await put('score', { cron: '0 4 * * *', time_zone: 'UTC', enabled: true })).toMatchObject({
    status: 200,
    body: { job: 'score', next_run_at: expect.stringMatching(/T04:00:00.000Z$/) },
  });
  expect((await put('score', { missed: 'skip' })).status).toBe(200);
  const { items } = (await inject('/api/jobs')).json();
  expect(items.find(({ job }: { job: string }) => job === 'score')).toMatchObject({
    cron: '0 4 * * *',
    time_zone: 'UTC',
    missed: 'skip',
    enabled: true,
  });
  for (const [body, code] of [
    [{ cron: '0 25 * * *' }, 'JOB_SCHEDULE'],
    [{ time_zone: 'Mars' }, 'JOB_SCHEDULE'],
    [{ cron: '' }, 'VALIDATION'],
    [{ missed: 'twice' }, 'VALIDATION'],
    [{ corn: '* * * * *' }, 'VALIDATION'],
  ] as const)
    expect(await put('score', body), JSON.stringify(body)).toMatchObject({ status: 400, body: { code } });
});

it('metrics tell of requests by route, of ingest, of queues, runs and backups, in the form that Prometheus reads', async () => {
  await db.adminPool.query(`
    INSERT INTO maintenance.backup_runs (kind, succeeded, archive, finished_at, duration_seconds) VALUES
      ('backup', true, 'a', now() - interval '1 hour', 1), ('backup', false, 'b', now(), 1), ('drill', false, 'a', now(), 1)`);
  await inject('/api/users/77');
  await inject({ method: 'POST', url: '/api/jobs/train/runs' });
  metrics.countIngested('duplicate', 3);
  const response = await inject('/metrics');
  expect(response.headers['content-type']).toContain('text/plain');
  const samples = new Map<string, number>();
  for (const line of response.body.split('\n').filter((text) => text !== '' && !text.startsWith('#'))) {
    const [, name, value] = line.match(/^([a-z_0-9]+(?:\{[^}]*\})?) (\S+)$/) ?? [];
    expect(name, line).toBeDefined();
    samples.set(name as string, Number(value));
  }
  const sample = (name: string): number | undefined => samples.get(`customer_analyzer_${name}`);
  expect(
    sample('http_request_duration_seconds_count{method="GET",route="/api/users/:id",status="404"}'),
  ).toBe(1);
  expect(response.body).not.toContain('/api/users/77');
  expect(sample('ingested_events_total{outcome="duplicate"}')).toBe(3);
  expect(sample('queue_jobs{job="train",state="waiting"}')).toBe(1);
  expect(sample('queue_jobs{job="score",state="active"}')).toBe(0);
  expect(sample('pool_connections{pool="api",state="waiting"}')).toBe(0);
  expect(sample('database_up')).toBe(1);
  expect(sample('migrations_pending')).toBe(0);
  expect(sample('backup_age_seconds')).toBeGreaterThanOrEqual(3600);
  expect(sample('backup_age_seconds')).toBeLessThan(3600 + 600);
  expect(sample('last_drill_succeeded')).toBe(0);
  // What the dashboard and the alerts ask for is what is told: another name would be a panel without a line, and an alert that never fires.
  const monitoring = fileURLToPath(new URL('../docker/monitoring/', import.meta.url));
  for (const file of ['alerts.yml', 'grafana/dashboards/customer-analyzer.json'])
    for (const [name] of readFileSync(monitoring + file, 'utf8').matchAll(/\bcustomer_analyzer_\w+/g))
      expect(response.body, file).toContain(`# TYPE ${name} `);
});

it('readiness names migrations that the database lacks', async () => {
  await db.adminPool.query(
    'DELETE FROM maintenance.migrations WHERE name = (SELECT max(name) FROM maintenance.migrations)',
  );
  const response = await inject('/readyz');
  expect([response.statusCode, response.json().code]).toEqual([503, 'DATABASE_NOT_READY']);
  expect((await inject('/metrics')).body).toContain('customer_analyzer_migrations_pending 1');
});
