import { connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAdministrator } from '../../src/access/administrators.ts';
import { createKey } from '../../src/access/keys.ts';
import { createLogger } from '../../src/logger.ts';
import { type Credentials, credentials, openApi } from '../support/api.ts';
import { addUser } from '../support/rows.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let db: TestDatabase;
let api: FastifyInstance;
let admin: Credentials;

beforeAll(async () => {
  db = await createTestDatabase();
  api = await openApi(db.appPool, { corsOrigins: ['https://shop.example'] });
  admin = await credentials(db.appPool, 'admin');
});
afterAll(async () => {
  await api.close();
  await db.drop();
});

describe('limits', () => {
  it('hold for each key by itself, and for strangers by address; health stays open', async () => {
    const limited = await openApi(db.appPool, {
      rateLimits: { perKey: 3, perPublicAddress: 2, perUnknownAddress: 4 },
      trustProxy: ['127.0.0.1'],
    });
    const statuses = async (times: number, headers: Record<string, string>, url = '/api/session') => {
      const all = [];
      for (let i = 0; i < times; i++) all.push((await limited.inject({ url, headers })).statusCode);
      return all;
    };
    const [one, two, shop] = await Promise.all([
      credentials(db.appPool, 'read'),
      credentials(db.appPool, 'read'),
      credentials(db.appPool, 'public'),
    ]);
    expect(await statuses(4, one)).toEqual([200, 200, 200, 429]);
    expect(await statuses(1, two)).toEqual([200]);
    const from = (address: string) => ({ ...shop, 'x-forwarded-for': address });
    expect(await statuses(3, from('192.0.2.1'))).toEqual([200, 200, 429]);
    expect(await statuses(1, from('192.0.2.2'))).toEqual([200]);
    expect(await statuses(5, { authorization: 'Bearer x' })).toEqual([401, 401, 401, 401, 429]);
    expect(await statuses(1, {}, '/nothing')).toEqual([429]);
    expect(await statuses(20, {}, '/healthz')).toEqual(Array(20).fill(200));
    // Who has a key is not kept out by a stranger at the same address.
    expect(await statuses(1, two)).toEqual([200]);
    const refused = await limited.inject({ url: '/api/session', headers: one });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(refused.json().code).toBe('TOO_MANY_REQUESTS');
    await limited.close();
  });

  it.each([
    ['a body that is too large', { payload: `{"items":[{"product_id":"${'x'.repeat(5 << 20)}"}]}` }, 413],
    ['a body that is no JSON', { payload: 'items=1', type: 'application/x-www-form-urlencoded' }, 415],
    ['broken JSON', { payload: '{"items":' }, 400],
    ['a poisoned prototype', { payload: '{"__proto__":{"x":1},"items":[{"product_id":"p"}]}' }, 400],
    ['a number as text', { payload: '{"items":[{"product_id":"p","name":"n","price":"3"}]}' }, 400],
    ['an unknown property', { payload: '{"items":[{"product_id":"p","name":"n","colour":"red"}]}' }, 400],
    ['NUL', { payload: '{"items":[{"product_id":"p","name":"a\\u0000b"}]}' }, 400],
    ['NUL in attributes', { payload: '{"items":[{"product_id":"p","attributes":{"a":"\\u0000"}}]}' }, 400],
  ])('refuse %s', async (_, { payload, type }: { payload: string; type?: string }, status) => {
    const headers = { ...admin, 'content-type': type ?? 'application/json' };
    const response = await api.inject({ method: 'PUT', url: '/api/products', headers, payload });
    expect(response.statusCode, response.body).toBe(status);
    expect(response.headers['content-type']).toContain('application/problem+json');
  });

  it.each(['0x10', '1e1', ' 5', '+5', '5.0', '', '５', 'true'])('read %j as no number', async (text) => {
    const url = `/api/users?limit=${encodeURIComponent(text)}`;
    expect((await api.inject({ url, headers: admin })).json().code).toBe('VALIDATION');
  });

  it('refuse moments that do not exist or have no offset', async () => {
    for (const moment of ['2025-02-30T00:00:00Z', '2025-01-01', '2025-01-01T10:00:00', 'now', 'infinity']) {
      const url = `/api/users?active_since=${moment}`;
      expect((await api.inject({ url, headers: admin })).statusCode, moment).toBe(400);
    }
    const url = `/api/users?active_since=${encodeURIComponent('2025-01-01T10:00:00+03:00')}`;
    expect((await api.inject({ url, headers: admin })).statusCode).toBe(200);
  });
});

describe('browsers', () => {
  it('let pages of exactly the named origins call, and no others', async () => {
    const preflight = (origin: string) =>
      api.inject({
        method: 'OPTIONS',
        url: '/api/users',
        headers: {
          origin,
          'access-control-request-method': 'GET',
          'access-control-request-headers': 'authorization',
        },
      });
    const right = await preflight('https://shop.example');
    expect(right.statusCode).toBe(204);
    expect(right.headers['access-control-allow-origin']).toBe('https://shop.example');
    expect(right.headers['access-control-allow-credentials']).toBeUndefined();
    for (const origin of [
      'https://shop.example.evil.test',
      'http://shop.example',
      'null',
      'https://evil.test',
    ]) {
      const wrong = await preflight(origin);
      expect(wrong.headers['access-control-allow-origin'], origin).not.toBe(origin);
      const asked = await api.inject({ url: '/api/users', headers: { ...admin, origin } });
      expect(asked.headers['access-control-allow-origin'], origin).not.toBe(origin);
    }
  });

  it('run nothing foreign, frame nothing, and guess no types, on documentation too', async () => {
    for (const url of ['/healthz', '/docs/', '/set-up']) {
      const { headers } = await api.inject(url);
      expect(headers['content-security-policy'], url).toMatch(/script-src 'self'(;| )/);
      expect(headers['x-content-type-options']).toBe('nosniff');
    }
    const docs = await api.inject('/docs/');
    expect(docs.statusCode).toBe(200);
    // What the page loads is there, and its own policy lets it run.
    for (const [, file] of docs.body.matchAll(/src="\.?\/?([^"]+\.js)"/g)) {
      const url = `/docs/${file?.replace(/^docs\//, '')}`;
      expect((await api.inject(url)).statusCode, url).toBe(200);
    }
    expect(docs.body).not.toMatch(/<script>[^<]/);
    // Over plain HTTP from another machine the page's files would be asked for where nobody answers.
    expect(docs.headers['content-security-policy']).not.toContain('upgrade-insecure-requests');
  });
});

describe('answers', () => {
  it('to what is no HTTP are problems, too', async () => {
    const server = await openApi(db.appPool);
    const { port } = new URL(await server.listen({ host: '127.0.0.1', port: 0 }));
    const answer = async (text: string): Promise<string> => {
      const socket = connect(Number(port), '127.0.0.1');
      socket.write(text);
      let got = '';
      for await (const piece of socket) got += piece;
      return got;
    };
    const broken = await answer(
      'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n',
    );
    expect(broken).toMatch(/^HTTP\/1\.1 400 /);
    expect(JSON.parse(broken.split('\r\n\r\n')[1] as string)).toMatchObject({
      code: 'VALIDATION',
      status: 400,
    });
    const long = await answer(`GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`);
    expect(long).toMatch(/^HTTP\/1\.1 431 /);
    await server.close();
  });

  it('carry the id of the request, also in problems, and the caller may choose it', async () => {
    const chosen = await api.inject({ url: '/api/nothing', headers: { 'x-request-id': 'order-4711-a' } });
    expect([chosen.headers['x-request-id'], chosen.json().instance]).toEqual([
      'order-4711-a',
      'order-4711-a',
    ]);
    for (const bad of ['x', 'a b c d e f g', `${'a'.repeat(101)}`]) {
      const { headers } = await api.inject({ url: '/healthz', headers: { 'x-request-id': bad } });
      expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    }
    const broken = await api.inject('/api/users/%zz');
    expect(broken.headers['x-request-id']).toBe(broken.json().instance);
    expect(broken.json().documentation).toBe('/errors/VALIDATION');
    const explained = await api.inject('/errors/VALIDATION?language=ru');
    expect(explained.json()).toMatchObject({
      code: 'VALIDATION',
      status: 400,
      meaning: expect.stringMatching(/[а-я]/),
    });
  });

  it('that did not change cost a header, and what has to do with access is kept nowhere', async () => {
    const first = await api.inject({ url: '/api/segments', headers: admin });
    expect(first.headers['cache-control']).toBe('private, no-cache');
    const etag = String(first.headers['etag']);
    const again = await api.inject({ url: '/api/segments', headers: { ...admin, 'if-none-match': etag } });
    expect([again.statusCode, again.body, again.headers['etag']]).toEqual([304, '', etag]);
    const other = await api.inject({ url: '/api/segments', headers: { ...admin, 'if-none-match': 'W/"x"' } });
    expect([other.statusCode, other.body]).toEqual([200, first.body]);
    const keys = await api.inject({ url: '/api/keys', headers: admin });
    expect([keys.headers['cache-control'], keys.headers['etag']]).toEqual(['no-store', undefined]);
  });
});

it('logs hold neither secrets nor personal data, however much is logged', async () => {
  const lines: string[] = [];
  const logger = createLogger('trace', { write: (line: string) => void lines.push(line) });
  const talking = await openApi(db.appPool, { logger });
  await createAdministrator(db.appPool, 'grace@shop.test', 'admin', 'Tr0ub4dor-and-3');
  const { key } = await createKey(db.appPool, { scope: 'admin', name: '' });
  const authorization = `Bearer ${key}`;
  await addUser(db.adminPool, 'Archibald');
  const session = await talking.inject({
    method: 'POST',
    url: '/api/session',
    payload: { login: 'grace@shop.test', password: 'Tr0ub4dor-and-3' },
  });
  const secret = String(session.cookies[0]?.value);
  const cookie = `ca_session=${secret}`;
  await talking.inject({ url: '/api/users?search=Archibald', headers: { authorization } });
  await talking.inject({ url: '/api/users?search=Archibald&limit=x', headers: { cookie } });
  await talking.inject({ url: '/api/export/users?search=Archibald', headers: { authorization } });
  await talking.inject({ url: `/api/nothing?key=${key}`, headers: { authorization } });
  const payload = { login: 'grace@shop.test', password: 'a wrong Tr0ub4dor' };
  await talking.inject({ method: 'POST', url: '/api/session', payload });
  // Something breaks inside, with the statement and its values at hand.
  await db.adminPool.query('ALTER TABLE app_schema.users RENAME TO hidden');
  const broken = await talking.inject({ url: '/api/users?search=Archibald', headers: { authorization } });
  await db.adminPool.query('ALTER TABLE app_schema.hidden RENAME TO users');
  expect(broken.statusCode).toBeGreaterThanOrEqual(500);
  await talking.close();
  const log = lines.join('');
  expect(log).toContain('request completed');
  for (const word of [key, key.slice(12), secret, 'Tr0ub4dor', 'grace@shop.test', 'Archibald', 'x-csrf'])
    expect(log).not.toContain(word);
});
