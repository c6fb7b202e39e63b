import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createAdministrator,
  disableAdministrator,
  issueSetUpToken,
} from '../../src/access/administrators.ts';
import type { Role } from '../../src/access/scopes.ts';
import { credentials, openApi } from '../support/api.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

const PASSWORD = 'correct horse battery';
let db: TestDatabase;
let api: FastifyInstance;

beforeAll(async () => {
  db = await createTestDatabase();
  api = await openApi(db.appPool);
});
afterAll(async () => {
  await api.close();
  await db.drop();
});
beforeEach(async () => {
  await db.adminPool.query(
    'TRUNCATE access_control.administrators, access_control.api_keys, access_control.sessions, access_control.login_throttles, access_control.actions, access_control.set_up_tokens',
  );
});

const logIn = (login: string, password: string, headers = {}, app = api): Promise<LightMyRequestResponse> =>
  app.inject({ method: 'POST', url: '/api/session', payload: { login, password }, headers });

async function loggedIn(role: Role) {
  const id = await createAdministrator(db.appPool, `${role}@shop`, role, PASSWORD);
  const response = await logIn(`${role}@shop`, PASSWORD);
  expect(response.statusCode, response.body).toBe(200);
  const cookie = `ca_session=${response.cookies[0]?.value}`;
  return { id, cookie, csrf: response.json().csrf_token as string };
}

const makeKey = (headers: Record<string, string>) =>
  api.inject({ method: 'POST', url: '/api/keys', headers, payload: { scope: 'read', name: 'x' } });

describe('a login', () => {
  it('gives a cookie that scripts cannot read and foreign pages do not send', async () => {
    await createAdministrator(db.appPool, 'ann', 'admin', PASSWORD);
    const [cookie] = (await logIn('Ann', PASSWORD)).cookies;
    expect(cookie).toMatchObject({ name: 'ca_session', httpOnly: true, sameSite: 'Strict', path: '/' });
    expect(cookie?.secure).toBeUndefined();
    expect(cookie?.value).toMatch(/^[\w-]{43}$/);
    const { rows } = await db.adminPool.query(
      'SELECT to_jsonb(s)::text AS row FROM access_control.sessions s',
    );
    expect(rows).toHaveLength(1);
    expect(rows[0].row).not.toContain(cookie?.value);
  });

  it('gives a cookie for TLS only, where a proxy that is trusted says so, and no other', async () => {
    await createAdministrator(db.appPool, 'ann', 'admin', PASSWORD);
    const proxied = await openApi(db.appPool, { trustProxy: ['127.0.0.1'] });
    const headers = { 'x-forwarded-proto': 'https' };
    expect((await logIn('ann', PASSWORD, headers, proxied)).cookies[0]?.secure).toBe(true);
    expect((await logIn('ann', PASSWORD, headers)).cookies[0]?.secure).toBeUndefined();
    await proxied.close();
  });

  it('says the same of an unknown login and a wrong password', async () => {
    await createAdministrator(db.appPool, 'ann', 'admin', PASSWORD);
    const [wrong, unknown] = await Promise.all([logIn('ann', 'wrong'), logIn('bob', 'wrong')]);
    const without = ({ instance: _, ...problem }: Record<string, unknown>) => problem;
    expect(without(wrong.json())).toEqual(without(unknown.json()));
    expect(wrong.json()).toMatchObject({ status: 401, code: 'LOGIN_FAILED' });
    expect(wrong.cookies).toEqual([]);
  });

  it('is throttled after five failures, of many at once too, and a restart forgives nothing', async () => {
    await createAdministrator(db.appPool, 'ann', 'admin', PASSWORD);
    const attempts = await Promise.all(Array.from({ length: 12 }, (_, i) => logIn('ann', `wrong ${i}`)));
    const codes = attempts.map((response) => response.json().code);
    expect(codes.filter((code) => code === 'LOGIN_FAILED')).toHaveLength(5);
    expect(codes.filter((code) => code === 'TOO_MANY_REQUESTS')).toHaveLength(7);
    const restarted = await openApi(db.appPool);
    const right = await logIn('ann', PASSWORD, {}, restarted);
    expect(right.statusCode).toBe(429);
    expect(Number(right.headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(right.headers['retry-after'])).toBeLessThanOrEqual(30);
    await restarted.close();
    // From elsewhere Ann still gets in: a stranger cannot lock her out.
    const elsewhere = await openApi(db.appPool, { trustProxy: ['127.0.0.1'] });
    const other = await logIn('ann', PASSWORD, { 'x-forwarded-for': '192.0.2.1' }, elsewhere);
    expect(other.statusCode).toBe(200);
    await elsewhere.close();
  });

  it('forgets failures once it succeeds', async () => {
    await createAdministrator(db.appPool, 'ann', 'admin', PASSWORD);
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 4; i++) expect((await logIn('ann', 'wrong')).statusCode).toBe(401);
      expect((await logIn('ann', PASSWORD)).statusCode).toBe(200);
    }
  });
});

describe('a session', () => {
  it('changes something only with the token that a foreign page cannot know', async () => {
    const { cookie, csrf } = await loggedIn('admin');
    for (const headers of [{}, { 'x-csrf-token': '' }, { 'x-csrf-token': `${csrf}x` }]) {
      const response = await makeKey({ cookie, ...headers });
      expect([response.statusCode, response.json().code]).toEqual([403, 'CSRF']);
    }
    expect((await makeKey({ cookie, 'x-csrf-token': csrf })).statusCode).toBe(201);
    expect((await api.inject({ url: '/api/session', headers: { cookie } })).json()).toMatchObject({
      name: 'admin@shop',
      role: 'admin',
      csrf_token: csrf,
    });
  });

  it.each([
    ['viewer', { read: 200, write: 403, admin: 403 }],
    ['analyst', { read: 200, write: 200, admin: 403 }],
    ['admin', { read: 200, write: 200, admin: 200 }],
  ] as const)('of a %s opens %o', async (role, expected) => {
    const { cookie, csrf } = await loggedIn(role);
    const headers = { cookie, 'x-csrf-token': csrf };
    const items = [{ product_id: 'p1', name: 'Cup' }];
    const got = {
      read: await api.inject({ url: '/api/segments', headers }),
      write: await api.inject({ method: 'PUT', url: '/api/products', headers, payload: { items } }),
      admin: await api.inject({ url: '/api/keys', headers }),
    };
    const statuses = Object.entries(got).map(([name, { statusCode }]) => [name, statusCode]);
    expect(Object.fromEntries(statuses)).toEqual(expected);
  });

  it('ends at log-out, when the person is disabled, and when its time is over', async () => {
    const status = async (cookie: string) =>
      (await api.inject({ url: '/api/segments', headers: { cookie } })).statusCode;
    const one = await loggedIn('viewer');
    const headers = { cookie: one.cookie, 'x-csrf-token': one.csrf };
    expect((await api.inject({ method: 'DELETE', url: '/api/session', headers })).statusCode).toBe(204);
    expect(await status(one.cookie)).toBe(401);
    const two = await loggedIn('analyst');
    await disableAdministrator(db.appPool, two.id);
    expect(await status(two.cookie)).toBe(401);
    expect((await logIn('analyst@shop', PASSWORD)).statusCode).toBe(401);
    const three = await loggedIn('admin');
    await db.adminPool.query("UPDATE access_control.sessions SET expires_at = now() - interval '1 second'");
    expect(await status(three.cookie)).toBe(401);
  });
});

describe('a password', () => {
  const change = (headers: Record<string, string>, password: string, newPassword: string) =>
    api.inject({
      method: 'PUT',
      url: '/api/session/password',
      headers,
      payload: { password, new_password: newPassword },
    });
  const status = async (cookie: string) =>
    (await api.inject({ url: '/api/segments', headers: { cookie } })).statusCode;

  it('is changed by who knows it, and whoever else is logged in with it is out', async () => {
    const { cookie, csrf } = await loggedIn('viewer');
    const other = `ca_session=${(await logIn('viewer@shop', PASSWORD)).cookies[0]?.value}`;
    const headers = { cookie, 'x-csrf-token': csrf };
    expect((await change({ cookie }, PASSWORD, 'another battery')).json().code).toBe('CSRF');
    expect((await change(headers, 'wrong', 'another battery')).json().code).toBe('LOGIN_FAILED');
    expect((await change(headers, PASSWORD, 'short')).json().code).toBe('VALIDATION');
    expect(await status(other)).toBe(200);
    expect((await change(headers, PASSWORD, 'another battery')).statusCode).toBe(204);
    expect([await status(cookie), await status(other)]).toEqual([200, 401]);
    expect((await logIn('viewer@shop', PASSWORD)).statusCode).toBe(401);
    expect((await logIn('viewer@shop', 'another battery')).statusCode).toBe(200);
  });

  it('is not guessed through a session that was stolen, and a key has none', async () => {
    const { cookie, csrf } = await loggedIn('viewer');
    const headers = { cookie, 'x-csrf-token': csrf };
    const codes: string[] = [];
    for (let i = 0; i < 7; i++) codes.push((await change(headers, `wrong ${i}`, PASSWORD)).json().code);
    expect(codes.slice(-2)).toEqual(['TOO_MANY_REQUESTS', 'TOO_MANY_REQUESTS']);
    const byKey = await change(await credentials(db.appPool, 'admin'), PASSWORD, 'another battery');
    expect(byKey.json().code).toBe('VALIDATION');
  });

  it('lets its owner in again once who disabled them enables them', async () => {
    const id = await createAdministrator(db.appPool, 'ann', 'viewer', PASSWORD);
    const { cookie, csrf } = await loggedIn('admin');
    const headers = { cookie, 'x-csrf-token': csrf };
    const enable = (who: number) => api.inject({ method: 'POST', url: `/api/admins/${who}/enable`, headers });
    await api.inject({ method: 'DELETE', url: `/api/admins/${id}`, headers });
    expect((await logIn('ann', PASSWORD)).statusCode).toBe(401);
    expect((await enable(id)).statusCode).toBe(204);
    expect((await logIn('ann', PASSWORD)).statusCode).toBe(200);
    expect((await enable(999_999)).statusCode).toBe(404);
  });
});

describe('the audit log', () => {
  it('has who changed what with which outcome, and logins, but no secret', async () => {
    const { id, cookie, csrf } = await loggedIn('admin');
    await logIn('admin@shop', 'a wrong one');
    const headers = { cookie, 'x-csrf-token': csrf };
    const { id: keyId, key } = (await makeKey(headers)).json();
    await api.inject({ method: 'DELETE', url: `/api/keys/${keyId}`, headers });
    await api.inject({ method: 'DELETE', url: '/api/keys/999', headers });
    const byKey = await credentials(db.appPool, 'admin');
    await makeKey(byKey);
    const { items } = (await api.inject({ url: '/api/audit', headers })).json();
    const seen = items.map((each: Record<string, unknown>) => [
      each['administrator_id'],
      each['key_id'] !== null,
      each['action'],
      each['target'],
      each['outcome'],
    ]);
    expect(seen.reverse()).toEqual([
      [id, false, 'login', null, 'ok'],
      [null, false, 'login', null, 'failed'],
      [id, false, 'POST /api/keys', null, '201'],
      [id, false, 'DELETE /api/keys/:id', `id=${keyId}`, '204'],
      [id, false, 'DELETE /api/keys/:id', 'id=999', '404'],
      [null, true, 'POST /api/keys', null, '201'],
    ]);
    expect(JSON.stringify(items)).not.toContain(key);
  });
});

describe('set-up', () => {
  const setUp = (token: string, login = 'ann') =>
    api.inject({ method: 'POST', url: '/api/set-up', payload: { token, login, password: PASSWORD } });

  it('makes the first administrator by the newest link, once, and logs in', async () => {
    const older = (await issueSetUpToken(db.appPool)) as string;
    const token = (await issueSetUpToken(db.appPool)) as string;
    expect((await setUp(older)).json().code).toBe('SET_UP_CLOSED');
    const both = await Promise.all([setUp(token), setUp(token, 'bob')]);
    expect(both.map(({ statusCode }) => statusCode).sort()).toEqual([200, 409]);
    const won = both.find(({ statusCode }) => statusCode === 200) as LightMyRequestResponse;
    const headers = { cookie: `ca_session=${won.cookies[0]?.value}` };
    expect((await api.inject({ url: '/api/keys', headers })).statusCode).toBe(200);
    expect(await issueSetUpToken(db.appPool)).toBeUndefined();
  });

  it('has no link where there is a key, and none that is older than a day', async () => {
    const token = (await issueSetUpToken(db.appPool)) as string;
    await db.adminPool.query(
      "UPDATE access_control.set_up_tokens SET expires_at = now() - interval '1 second'",
    );
    expect((await setUp(token)).json().code).toBe('SET_UP_CLOSED');
    await credentials(db.appPool, 'read');
    expect(await issueSetUpToken(db.appPool)).toBeUndefined();
  });

  it('has a page whose script is allowed to run', async () => {
    const page = await api.inject('/set-up');
    expect(page.headers['content-type']).toContain('text/html');
    expect(page.body).toContain('<script src="/set-up.js">');
    expect(page.headers['content-security-policy']).toContain("script-src 'self'");
    expect((await api.inject('/set-up.js')).headers['content-type']).toContain('javascript');
  });
});
