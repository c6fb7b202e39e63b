import { connect, type Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createPool } from '../src/database/pool.ts';
import { requestRun } from '../src/jobs/manage.ts';
import { listRuns } from '../src/jobs/read.ts';
import type { Worker } from '../src/jobs/worker.ts';
import { type Credentials, caller, credentials, openApi } from './support/api.ts';
import { type FaultProxy, startFaultProxy } from './support/fault-proxy.ts';
import { historyWhen, resetJobs, startTestWorker } from './support/job-workers.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

/** Of CI; `FAULT_OUTAGE_MS=30000` is the outage that a restart of a server takes. */
const OUTAGE_MS = Number(process.env['FAULT_OUTAGE_MS'] ?? 1_500);

const METRICS_TOKEN = 'what-prometheus-sends';

let db: TestDatabase;
let proxy: FaultProxy;
let pool: pg.Pool;
let api: FastifyInstance;
let reader: Credentials;
let inject: ReturnType<typeof caller>;

beforeAll(async () => {
  db = await createTestDatabase();
  const { hostname, port } = new URL(db.urls.app);
  proxy = await startFaultProxy(hostname, Number(port));
  reader = await credentials(db.appPool, 'read');
});
beforeEach(async () => {
  proxy.set('pass');
  pool = createPool(throughProxy(), {
    applicationName: 'test api',
    max: 2,
    queryTimeoutMs: 400,
    connectTimeoutMs: 400,
  });
  api = await openApi(pool, { metricsToken: METRICS_TOKEN });
  inject = caller(api, reader);
});
afterEach(async () => {
  proxy.set('refuse');
  await api.close();
  await pool.end();
});
afterAll(async () => {
  await proxy.close();
  await db.drop();
});

function throughProxy(): string {
  const url = new URL(db.urls.app);
  url.hostname = '127.0.0.1';
  url.port = String(proxy.port);
  return url.href;
}

/** As Prometheus does. */
const scrape = () => api.inject({ url: '/metrics', headers: { authorization: `Bearer ${METRICS_TOKEN}` } });

interface Answer {
  status: number;
  code: string | undefined;
  retryAfter: string | undefined;
}

async function ask(url = '/api/segments'): Promise<Answer> {
  const response = await inject(url);
  const retryAfter = response.headers['retry-after'] as string | undefined;
  return { status: response.statusCode, code: response.json().code, retryAfter };
}
const ok = { status: 200, code: undefined, retryAfter: undefined };
const refused = (code: string): Answer => ({ status: 503, code, retryAfter: '5' });

describe('what a caller sees', () => {
  it('of a pool without a free connection: come back in a moment; nobody is left waiting', async () => {
    const held = await Promise.all([pool.connect(), pool.connect()]);
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask()));
    expect(answers).toEqual(Array(20).fill(refused('DATABASE_UNREACHABLE')));
    expect(pool.waitingCount).toBe(0);
    for (const client of held) client.release();
    expect(await ask()).toEqual(ok);
  });

  it('of a statement that takes too long: the server ends it, and the connection serves on', async () => {
    await ask();
    const blocker = await db.adminPool.connect();
    await blocker.query('BEGIN; LOCK TABLE app_schema.segments IN ACCESS EXCLUSIVE MODE');
    expect(await ask()).toEqual(refused('DATABASE_TIMEOUT'));
    await blocker.query('ROLLBACK');
    blocker.release();
    const { rows } = await db.adminPool.query(
      "SELECT count(*)::integer AS n FROM pg_stat_activity WHERE application_name = 'test api' AND state = 'active'",
    );
    expect(rows[0].n).toBe(0);
    expect(await ask()).toEqual(ok);
  });

  it('of a half-open connection: it is given up, and another one opened when the network is back', async () => {
    expect(await ask()).toEqual(ok);
    proxy.set('swallow');
    expect(await ask()).toMatchObject({ status: 503, retryAfter: '5' });
    expect(await ask('/healthz')).toMatchObject({ status: 200 });
    proxy.set('pass');
    expect(await ask()).toEqual(ok);
  });

  it('of a database that is gone for a while: readiness and requests say 503, the process lives, and all is well after', async () => {
    expect(await ask('/readyz')).toMatchObject({ status: 200 });
    proxy.set('refuse');
    const until = Date.now() + OUTAGE_MS;
    const answers: Answer[] = [];
    while (Date.now() < until) answers.push(await ask(answers.length % 2 ? '/readyz' : '/api/segments'));
    expect(answers.length).toBeGreaterThan(1);
    for (const answer of answers) expect(answer).toEqual(refused('DATABASE_UNREACHABLE'));
    expect((await scrape()).body).toContain('customer_analyzer_database_up 0');
    proxy.set('pass');
    expect(await ask()).toEqual(ok);
    expect((await scrape()).body).toContain('customer_analyzer_database_up 1');
  });
});

describe('a slow client', () => {
  it('holds up nobody: others are answered while two hundred dribble', async () => {
    const address = new URL(await api.listen({ host: '127.0.0.1', port: 0 }));
    // A request that never ends is ended by the server, after longer than a test should take.
    expect(api.server.requestTimeout).toBe(30_000);
    const dribblers: Socket[] = await Promise.all(
      Array.from(
        { length: 200 },
        () =>
          new Promise<Socket>((resolve) => {
            const socket = connect(Number(address.port), '127.0.0.1', () => {
              socket.write('GET /api/segments HTTP/1.1\r\nHost: x\r\nX-Slow: ');
              resolve(socket);
            });
            socket.on('error', () => undefined);
          }),
      ),
    );
    const answers = await Promise.all(
      Array.from(
        { length: 10 },
        async () => (await fetch(new URL('/api/segments', address), { headers: reader })).status,
      ),
    );
    expect(answers).toEqual(Array(10).fill(200));
    for (const socket of dribblers) socket.destroy();
  });
});

describe('a worker', () => {
  let worker: Worker | undefined;
  beforeEach(() => resetJobs(db));
  afterEach(() => worker?.stop(0));

  /** What the worker sees of the database goes through the proxy; what the test sees does not. */
  function work(steps: string[][]): void {
    const appPool = createPool(throughProxy(), { applicationName: 'test worker', connectTimeoutMs: 400 });
    worker = startTestWorker({ ...db, appPool, urls: { ...db.urls, app: throughProxy() } }, steps);
    const { stop } = worker;
    worker.stop = async (graceMs) => {
      await stop.call(worker, graceMs);
      await appPool.end();
    };
  }

  it('whose database is gone for a while comes back by itself; what waited is done, what ran is tried again', async () => {
    work([['sleep', '500']]);
    await requestRun(db.appPool, 'train');
    await historyWhen(db, (runs) => runs.length === 1);
    proxy.set('refuse');
    await requestRun(db.appPool, 'score');
    await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS));
    const during = await listRuns(db.appPool, { limit: 10 });
    expect(during).toHaveLength(1);
    proxy.set('pass');
    const runs = await historyWhen(
      db,
      (all) => all.length === 3 && all.every(({ state }) => state !== 'running'),
    );
    const of = (job: string): unknown[] =>
      runs.filter((run) => run.job === job).map(({ state, attempt }) => [state, attempt]);
    expect(of('train')).toEqual([
      ['interrupted', 1],
      ['succeeded', 2],
    ]);
    expect(of('score')).toEqual([['succeeded', 1]]);
  });
});
