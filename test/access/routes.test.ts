import type { FastifyInstance, InjectOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKey, revokeKey } from '../../src/access/keys.ts';
import { keyCovers, keyScopes } from '../../src/access/scopes.ts';
import { credentials, openApi } from '../support/api.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let db: TestDatabase;
let api: FastifyInstance;

beforeAll(async () => {
  db = await createTestDatabase();
  api = await openApi(db.appPool);
  await api.ready();
});
afterAll(async () => {
  await api.close();
  await db.drop();
});

/** Every route as it was added, the hidden ones too; parameters become an id that nobody has. */
const closedRoutes = () =>
  api.routeScopes
    .filter(({ scope, method }) => scope !== 'none' && method !== 'HEAD')
    .map(({ method, url, scope }) => ({
      request: { method, url: url.replace(/:\w+/g, '999999999') } as InjectOptions,
      needed: [scope].flat() as string[],
    }));

describe('every route', () => {
  it('is closed, but for health, readiness, documentation, login and set-up', () => {
    const open = api.routeScopes.filter(({ scope, method }) => scope === 'none' && method !== 'HEAD');
    const ours = open.map(({ method, url }) => `${method} ${url}`).filter((route) => !/ \/docs/.test(route));
    expect(ours.sort()).toEqual([
      'GET /',
      'GET /errors/:code',
      'GET /healthz',
      'GET /openapi.json',
      'GET /readyz',
      'GET /set-up',
      'GET /set-up.js',
      'POST /api/session',
      'POST /api/set-up',
    ]);
    expect(closedRoutes().length).toBeGreaterThan(20);
  });

  it('answers 401 without credentials, and with a key that is malformed, unknown, expired or revoked', async () => {
    const { key: revoked, id } = await createKey(db.appPool, { scope: 'admin', name: '' });
    await revokeKey(db.appPool, id);
    const { key: expired, id: old } = await createKey(db.appPool, {
      scope: 'admin',
      name: '',
      expiresAt: new Date(Date.now() + 3_600_000),
    });
    await db.adminPool.query(
      "UPDATE access_control.api_keys SET expires_at = now() - interval '1 second' WHERE key_id = $1",
      [old],
    );
    const unknown = `ca_admin_${'A'.repeat(43)}`;
    const headers = [
      {},
      ...['x', unknown, expired, revoked, `${revoked}x`].map((key) => ({ authorization: `Bearer ${key}` })),
      { authorization: 'Digest x' },
      { authorization: `Basic ${Buffer.from(`${revoked}:`).toString('base64')}` },
      { cookie: 'ca_session=AAAA' },
    ];
    for (const { request } of closedRoutes()) {
      for (const each of headers) {
        const response = await api.inject({ ...request, headers: each });
        expect([response.statusCode, response.json().code], `${request.method} ${request.url}`).toEqual([
          401,
          'UNAUTHENTICATED',
        ]);
        expect(response.headers['www-authenticate']).toContain('Bearer');
      }
    }
  });

  it('that names a secret opens to its bearer, and no other does; keys go on to work', async () => {
    const secret = 'what-prometheus-sends';
    const watched = await openApi(db.appPool, { metricsToken: secret });
    const status = async (url: string, authorization: string, on = watched): Promise<number> =>
      (await on.inject({ url, headers: { authorization } })).statusCode;
    expect(await status('/metrics', `Bearer ${secret}`)).toBe(200);
    expect(await status('/metrics', (await credentials(db.appPool, 'read')).authorization)).toBe(200);
    expect(await status('/metrics', (await credentials(db.appPool, 'write')).authorization)).toBe(403);
    for (const wrong of [
      `Bearer ${secret}x`,
      `Bearer ${secret.slice(1)}`,
      'Bearer undefined',
      'Bearer',
      `Basic ${secret}`,
    ])
      expect(await status('/metrics', wrong), wrong).toBe(401);
    expect(await status('/api/segments', `Bearer ${secret}`)).toBe(401);
    // Without one set, nothing is it.
    for (const none of ['Bearer undefined', 'Bearer ', `Bearer ${secret}`])
      expect(await status('/metrics', none, api), none).toBe(401);
    await watched.close();
  });

  it('answers 403 to a key whose scope does not cover it, and lets the others through', async () => {
    for (const scope of keyScopes) {
      const headers = await credentials(db.appPool, scope);
      const opens = keyCovers[scope] as readonly string[];
      for (const { request, needed } of closedRoutes()) {
        const response = await api.inject({ ...request, headers });
        const what = `${scope}: ${request.method} ${request.url} ${response.body}`;
        if (needed.some((each) => opens.includes(each)))
          expect([401, 403, 500], what).not.toContain(response.statusCode);
        else expect([response.statusCode, response.json().code], what).toEqual([403, 'FORBIDDEN']);
      }
    }
  });

  it('that does not say who may call it keeps the server from starting', async () => {
    const careless = await openApi(db.appPool);
    careless.get('/forgotten', async () => 'secret');
    await expect(careless.ready()).rejects.toThrow('GET /forgotten');
    await careless.close();
  });
});

describe('a key', () => {
  it('comes as Bearer or as the user name of Basic', async () => {
    const { key } = await createKey(db.appPool, { scope: 'read', name: 'both' });
    for (const authorization of [`Bearer ${key}`, `basic ${Buffer.from(`${key}:`).toString('base64')}`]) {
      const response = await api.inject({ url: '/api/session', headers: { authorization } });
      expect(response.json()).toEqual({
        kind: 'key',
        name: 'both',
        role: null,
        scopes: ['read'],
        csrf_token: null,
      });
    }
  });

  it('is out at once when it is revoked, also while requests are under way', async () => {
    const { key, id } = await createKey(db.appPool, { scope: 'read', name: '' });
    const ask = async () =>
      (await api.inject({ url: '/api/segments', headers: { authorization: `Bearer ${key}` } })).statusCode;
    expect(await ask()).toBe(200);
    const before = Array.from({ length: 20 }, ask);
    await revokeKey(db.appPool, id);
    const after = await Promise.all(Array.from({ length: 20 }, ask));
    expect(new Set(after)).toEqual(new Set([401]));
    for (const status of await Promise.all(before)) expect([200, 401]).toContain(status);
  });

  it('says when it was used last, written at most once a minute', async () => {
    const { key, id } = await createKey(db.appPool, { scope: 'read', name: '' });
    const headers = { authorization: `Bearer ${key}` };
    const used = async () =>
      (
        await db.adminPool.query('SELECT last_used_at FROM access_control.api_keys WHERE key_id = $1', [id])
      ).rows[0].last_used_at?.getTime();
    expect(await used()).toBeUndefined();
    await api.inject({ url: '/api/segments', headers });
    const first = await used();
    await api.inject({ url: '/api/segments', headers });
    expect(await used()).toBe(first);
    await db.adminPool.query(
      "UPDATE access_control.api_keys SET last_used_at = now() - interval '2 minutes' WHERE key_id = $1",
      [id],
    );
    await api.inject({ url: '/api/segments', headers });
    expect(await used()).toBeGreaterThanOrEqual(first);
  });

  it('is nowhere in the database in clear', async () => {
    const { key } = await createKey(db.appPool, { scope: 'write', name: 'shop', source: 'shop' });
    const secret = key.slice('ca_write_'.length);
    const tables = await db.adminPool.query(
      "SELECT oid::regclass::text AS name FROM pg_class WHERE relnamespace::regnamespace::text IN ('access_control', 'app_schema') AND relkind = 'r'",
    );
    for (const { name } of tables.rows) {
      const { rows } = await db.adminPool.query(`SELECT to_jsonb(t)::text AS row FROM ${name} t`);
      for (const { row } of rows) expect(row).not.toContain(secret);
    }
  });

  it('of one source writes no products of another', async () => {
    const headers = await credentials(db.appPool, 'write', 'shop-a');
    const put = (source?: string) =>
      api.inject({
        method: 'PUT',
        url: '/api/products',
        headers,
        payload: { ...(source ? { source } : {}), items: [{ product_id: 'p1', name: 'Cup', price: 3.5 }] },
      });
    expect((await put('shop-b')).json().code).toBe('FORBIDDEN');
    expect((await put()).json()).toEqual({ accepted: 1, unchanged: 0, rejected: [] });
    expect((await put('shop-a')).json()).toEqual({ accepted: 0, unchanged: 1, rejected: [] });
    const { rows } = await db.appPool.query('SELECT source, external_id FROM app_schema.product_identities');
    expect(rows).toEqual([{ source: 'shop-a', external_id: 'p1' }]);
  });
});
