import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openApi } from '../support/api.ts';
import { runCli } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let db: TestDatabase;
const cli = (...args: string[]) => runCli(args, { DATABASE_URL: db.url });

beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());

it('keys are made, shown once, listed without their secret, and revoked', async () => {
  const made = await cli(
    'keys',
    'create',
    '--scope',
    'write',
    '--name',
    'till',
    '--source',
    'shop',
    '--json',
  );
  expect([made.code, made.stderr]).toEqual([0, '']);
  const { key, id, ...rest } = JSON.parse(made.stdout);
  expect(rest).toEqual({});
  const api = await openApi(db.appPool);
  const ask = () => api.inject({ url: '/api/session', headers: { authorization: `Bearer ${key}` } });
  expect((await ask()).json()).toMatchObject({ name: 'till', scopes: ['write', 'public'] });
  const list = await cli('keys', 'list', '--json');
  expect(JSON.parse(list.stdout).items).toMatchObject([{ key_id: id, scope: 'write', source: 'shop' }]);
  expect(list.stdout).not.toContain(key);
  expect((await cli('keys', 'revoke', String(id))).stdout).toBe(`key ${id} is revoked\n`);
  expect((await ask()).statusCode).toBe(401);
  expect((await cli('keys', 'revoke', '999')).stderr).toContain('NOT_FOUND');
  expect((await cli('keys', 'create', '--scope', 'root')).code).toBe(2);
  expect((await cli('keys', 'create', '--scope', 'write', '--source', 'demo')).code).toBe(2);
  const { rows } = await db.adminPool.query('SELECT action, target FROM access_control.actions ORDER BY 1');
  expect(rows).toEqual([
    { action: 'keys create', target: `id=${id}` },
    { action: 'keys revoke', target: `id=${id}` },
  ]);
  await api.close();
});

it('administrators are added, with a password of their own from standard input, and disabled', async () => {
  const made = await cli('admins', 'create', 'Ann@shop.test', '--role', 'viewer', '--json');
  const { password } = JSON.parse(made.stdout);
  const bin = fileURLToPath(new URL('../../bin/customer-analyzer.js', import.meta.url));
  const child = spawn(process.execPath, [bin, 'admins', 'create', 'bob', '--password-stdin'], {
    env: { PATH: process.env['PATH'], DATABASE_URL: db.url },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.stdin.end('a password of bob\n');
  expect((await once(child, 'close'))[0]).toBe(0);
  const api = await openApi(db.appPool);
  const logIn = async (login: string, word: string) =>
    (await api.inject({ method: 'POST', url: '/api/session', payload: { login, password: word } })).json();
  expect(await logIn('ann@shop.test', password)).toMatchObject({ role: 'viewer' });
  expect(await logIn('bob', 'a password of bob')).toMatchObject({ role: 'admin' });
  expect((await cli('admins', 'disable', 'bob')).stdout).toContain('bob is disabled');
  expect(await logIn('bob', 'a password of bob')).toMatchObject({ code: 'LOGIN_FAILED' });
  expect((await cli('admins', 'create', 'bob')).stderr).toContain('VALIDATION');
  expect((await cli('admins', 'enable', 'bob')).stdout).toBe('bob can log in again\n');
  expect(await logIn('bob', 'a password of bob')).toMatchObject({ role: 'admin' });
  const reset = JSON.parse((await cli('admins', 'password', 'bob', '--json')).stdout);
  expect(await logIn('bob', 'a password of bob')).toMatchObject({ code: 'LOGIN_FAILED' });
  expect(await logIn('bob', reset.password)).toMatchObject({ role: 'admin' });
  expect((await cli('admins', 'enable', 'nobody')).stderr).toContain('NOT_FOUND');
  await cli('admins', 'disable', 'bob');
  const list = JSON.parse((await cli('admins', 'list', '--json')).stdout).items;
  expect(list.map((each: Record<string, unknown>) => [each['login'], each['disabled_at'] === null])).toEqual([
    ['ann@shop.test', true],
    ['bob', false],
  ]);
  await api.close();
});
