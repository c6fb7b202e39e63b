import { once } from 'node:events';
import { connect } from 'node:net';
import { Ajv } from 'ajv';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listen } from '../src/api/listen.ts';
import { createPool } from '../src/database/pool.ts';
import { type Credentials, credentials, openApi as open } from './support/api.ts';
import { loadScoredShop } from './support/shop.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

let db: TestDatabase;
let api: FastifyInstance;
let reader: Credentials;
let administrator: Credentials;

const get = (url: string, headers = reader) => api.inject({ url, headers });

beforeAll(async () => {
  db = await createTestDatabase();
  await loadScoredShop(db.mlPool, db.appPool);
  api = await open(db.appPool);
  reader = await credentials(db.appPool, 'read');
  administrator = await credentials(db.appPool, 'admin');
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
      '/api/users': '/api/users?limit=20&sort=ltv&order=desc',
      '/api/users/{id}': '/api/users/1',
      '/api/users/{id}/events': '/api/users/1/events',
      '/api/users/{id}/explanation': '/api/users/1/explanation?language=ru',
      '/api/users/{id}/recommendations': '/api/users/1/recommendations',
      '/api/products': '/api/products',
      '/api/products/top': '/api/products/top',
      '/api/products/popular': '/api/products/popular?window=month&limit=3&track=true',
      '/api/products/bought-together': '/api/products/bought-together?products=1,2',
      '/api/products/{id}/similar': '/api/products/1/similar',
      '/api/session/recommendations': '/api/session/recommendations?products=3,1&diversity=0.2',
      '/api/segments': '/api/segments',
      '/api/overview': '/api/overview',
      '/api/revenue': '/api/revenue?unit=week',
      '/api/models': '/api/models',
      '/api/models/{id}': '/api/models/1',
      '/api/models/outcomes': '/api/models/outcomes',
      '/api/session': '/api/session',
      '/api/jobs': '/api/jobs',
      '/api/jobs/{job}/runs': '/api/jobs/score/runs',
      '/api/dead-letters': '/api/dead-letters',
      '/api/rejects': '/api/rejects',
      '/api/rejects/{id}': '/api/rejects/1',
    };
    const posts: Record<string, object> = {
      '/api/events': [{ event_type: 'view' }, { event_type: '' }, { event_id: 'a', event_type: 'view' }],
      '/api/rejects/replay': {},
      '/v1/batch': { batch: [{ type: 'track', userId: 'u', event: 'E', messageId: 'b' }, {}] },
      '/v1/track': { userId: 'u', event: 'E' },
      '/v1/identify': { userId: 'u', traits: { a: 1 } },
      '/v1/alias': { userId: 'u', previousId: 'p' },
      '/v1/page': { userId: 'u', name: 'Home' },
      '/v1/screen': { userId: 'u', name: 'Home' },
      '/v1/group': { userId: 'u', groupId: 'g' },
    };
    // What is tried elsewhere: access, jobs, exports, and the pages of errors.
    const elsewhere = Object.keys(document.paths).filter((path) => !(path in examples || path in posts));
    expect(elsewhere.sort()).toEqual([
      '/api/admins',
      '/api/admins/{id}',
      '/api/admins/{id}/enable',
      '/api/audit',
      '/api/dead-letters/{id}/revival',
      '/api/export/users',
      '/api/jobs/{job}/schedule',
      '/api/keys',
      '/api/keys/{id}',
      '/api/session/password',
      '/api/set-up',
      '/errors/{code}',
    ]);
    for (const [url, payload] of Object.entries(posts)) {
      const response = await api.inject({ method: 'POST', url, payload, headers: administrator });
      expect(response.statusCode, `${url} ${response.body}`).toBe(200);
      const schema = document.paths[url].post.responses['200'].content['application/json'].schema;
      const validate = ajv.compile({ ...schema, components: document.components });
      expect(validate(response.json()), `${url}: ${ajv.errorsText(validate.errors)}`).toBe(true);
    }
    for (const [path, url] of Object.entries(examples)) {
      const response = await get(url, administrator);
      expect(response.statusCode, `${url} ${response.body}`).toBe(200);
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
    ['/api/users/1/recommendations?diversity=2', 400, 'VALIDATION'],
    ['/api/users/1/recommendations?model_run_id=1', 400, 'VALIDATION'],
    ['/api/products/2147483647/similar', 404, 'NOT_FOUND'],
    ['/api/products/0/similar', 400, 'VALIDATION'],
    ['/api/products/popular?window=day', 400, 'VALIDATION'],
    ['/api/products/bought-together', 400, 'VALIDATION'],
    ['/api/products/bought-together?products=1,,2', 400, 'VALIDATION'],
    ['/api/session/recommendations?products=x', 400, 'VALIDATION'],
    ['/api/products/top?start=2025-01-31', 400, 'VALIDATION'],
    ['/api/products/top?start=2025-02-30&end=2025-03-01', 400, 'VALIDATION'],
    ['/api/products/top?start=2025-02-01&end=2025-01-01', 400, 'PERIOD_REVERSED'],
    ['/api/users/%zz', 400, 'VALIDATION'],
    ['/api/users/1?as_of=x', 400, 'VALIDATION'],
    ['/api/nothing', 404, 'NOT_FOUND'],
  ])('%s is a problem: %i %s', async (url, status, code) => {
    const response = await get(url);
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
      const response = await cut.inject({ url, headers: reader });
      expect(response.statusCode, url).toBe(503);
      expect(response.headers['retry-after']).toBe('5');
      expect(response.json().code).toBe('DATABASE_UNREACHABLE');
      expect(response.body).not.toMatch(/127\.0\.0\.1|secret-word/);
    }
    expect((await cut.inject('/healthz')).statusCode).toBe(200);
    await cut.close();
    await pool.end();
  });

  it('closes at once while a connection is open that never asked anything', async () => {
    const second = await open(db.appPool);
    const { port } = new URL(await listen(second, '127.0.0.1', 0, false));
    const socket = connect(Number(port), '127.0.0.1');
    const accepted = once(second.server, 'connection');
    await Promise.all([once(socket, 'connect'), accepted]);
    const gone = once(socket, 'close');
    // Node would wait for the connection timeout of a minute; the test's own time-out is the only clock here.
    await Promise.all([second.close(), gone]);
  }, 30_000);

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
