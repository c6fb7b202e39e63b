import { Ajv } from 'ajv';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApi } from '../src/api/app.ts';
import { listen } from '../src/api/listen.ts';
import { createPool } from '../src/database/pool.ts';
import { createLogger } from '../src/logger.ts';
import { loadScoredShop } from './support/shop.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

let db: TestDatabase;
let api: FastifyInstance;

const open = (appPool: TestDatabase['appPool']): Promise<FastifyInstance> =>
  createApi({ appPool, logger: createLogger('silent'), version: 'test', now: () => new Date() });

beforeAll(async () => {
  db = await createTestDatabase();
  await loadScoredShop(db.mlPool, db.appPool);
  api = await open(db.appPool);
  await api.ready();
});
afterAll(async () => {
  await api.close();
  await db.drop();
});

describe('the HTTP API', () => {
  it('leads who opens its address to the documentation', async () => {
    const response = await api.inject('/');
    expect([response.statusCode, response.headers.location]).toEqual([302, '/docs']);
  });

  it('answers health and readiness', async () => {
    const health = await api.inject('/healthz');
    expect([health.statusCode, health.json()]).toEqual([200, { status: 'ok' }]);
    const ready = await api.inject('/readyz');
    // The API answers without a worker, and says that none runs.
    expect([ready.statusCode, ready.json()]).toEqual([
      200,
      { status: 'ok', worker: 'missing', worker_age_seconds: null },
    ]);
  });

  it('documents itself as OpenAPI 3.1, and its answers fit what it documents', async () => {
    const document = (await api.inject('/docs/json')).json();
    expect(document.openapi).toBe('3.1.0');
    expect((await api.inject('/docs')).statusCode).toBeLessThan(400);
    const ajv = new Ajv({ strict: false, validateFormats: false });
    const examples: Record<string, string> = {
      '/healthz': '/healthz',
      '/readyz': '/readyz',
      '/api/users': '/api/users?limit=20',
      '/api/users/{id}': '/api/users/1',
      '/api/users/{id}/explanation': '/api/users/1/explanation?language=ru',
      '/api/users/{id}/recommendations': '/api/users/1/recommendations',
      '/api/products/top': '/api/products/top',
      '/api/segments': '/api/segments',
      '/api/jobs': '/api/jobs',
      '/api/jobs/{job}/runs': '/api/jobs/score/runs',
      '/api/dead-letters': '/api/dead-letters',
    };
    const withoutAnswer = ['/api/jobs/{job}/schedule', '/api/dead-letters/{id}/revival'];
    expect(Object.keys(document.paths).sort()).toEqual([...Object.keys(examples), ...withoutAnswer].sort());
    for (const [path, url] of Object.entries(examples)) {
      const response = await api.inject(url);
      expect(response.statusCode, url).toBe(200);
      const schema = document.paths[path].get.responses['200'].content['application/json'].schema;
      const validate = ajv.compile({ ...schema, components: document.components });
      expect(validate(response.json()), `${url}: ${ajv.errorsText(validate.errors)}`).toBe(true);
    }
  });

  it.each([
    ['/api/users/0', 400, 'VALIDATION'],
    ['/api/users/abc', 400, 'VALIDATION'],
    ['/api/users/2147483648', 400, 'VALIDATION'],
    ['/api/users/2147483647', 404, 'NOT_FOUND'],
    ['/api/users/2147483647/recommendations', 404, 'NOT_FOUND'],
    ['/api/users?limit=0', 400, 'VALIDATION'],
    ['/api/users?limit=1001', 400, 'VALIDATION'],
    ['/api/users?limt=5', 400, 'VALIDATION'],
    ['/api/users?segment=nobody', 400, 'VALIDATION'],
    ['/api/users?segment=%00', 400, 'VALIDATION'],
    ['/api/users/2147483647/explanation', 404, 'NOT_FOUND'],
    ['/api/users/1/explanation?language=de', 400, 'VALIDATION'],
    ['/api/users/1/recommendations?language=de', 400, 'VALIDATION'],
    ['/api/users/1/recommendations?category=%00', 400, 'VALIDATION'],
    ['/api/products/top?start=2025-01-31', 400, 'VALIDATION'],
    ['/api/products/top?start=2025-02-30&end=2025-03-01', 400, 'VALIDATION'],
    ['/api/products/top?start=2025-02-01&end=2025-01-01', 400, 'PERIOD_REVERSED'],
    ['/api/users/%zz', 400, 'VALIDATION'],
    ['/api/users/1?as_of=x', 400, 'VALIDATION'],
    ['/api/nothing', 404, 'NOT_FOUND'],
  ])('%s is a problem: %i %s', async (url, status, code) => {
    const response = await api.inject(url);
    expect(response.headers['content-type']).toContain('application/problem+json');
    expect(response.json()).toMatchObject({
      type: `urn:customer-analyzer:problem:${code}`,
      title: expect.any(String),
      status,
      code,
      detail: expect.any(String),
      instance: expect.any(String),
    });
    expect(response.statusCode).toBe(status);
  });

  it('says 503 and when to try again while the database cannot be reached, and nothing of its address', async () => {
    const pool = createPool('postgresql://app_user:secret-word@127.0.0.1:1/customer_analyzer', {
      applicationName: 'test',
    });
    const cut = await open(pool);
    for (const url of ['/readyz', '/api/users', '/api/users/1', '/api/segments']) {
      const response = await cut.inject(url);
      expect(response.statusCode, url).toBe(503);
      expect(response.headers['retry-after']).toBe('5');
      expect(response.json().code).toBe('DATABASE_UNREACHABLE');
      expect(response.body).not.toMatch(/127\.0\.0\.1|secret-word/);
    }
    expect((await cut.inject('/healthz')).statusCode).toBe(200);
    await cut.close();
    await pool.end();
  });

  it('says that a port is taken, or takes another where it may', async () => {
    const address = new URL(await listen(api, '127.0.0.1', 0, false));
    const second = await open(db.appPool);
    await expect(listen(second, '127.0.0.1', Number(address.port), false)).rejects.toMatchObject({
      code: 'PORT_TAKEN',
    });
    await second.close();
    const third = await open(db.appPool);
    expect(new URL(await listen(third, '127.0.0.1', Number(address.port), true)).port).not.toBe(address.port);
    await third.close();
  });
});
