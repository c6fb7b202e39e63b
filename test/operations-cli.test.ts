import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ImportFolder } from './import-support.ts';
import { type CliResult, runCli } from './support/cli.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

let db: TestDatabase;
let folder: ImportFolder;
beforeAll(async () => {
  db = await createTestDatabase();
  folder = new ImportFolder(db.appPool);
  await db.adminPool.query(
    "INSERT INTO app_schema.users (user_id, first_name, telegram_id) VALUES (7, 'Grete', 4455667788)",
  );
});
afterAll(async () => {
  folder.remove();
  await db.drop();
});

const run = (...args: string[]): Promise<CliResult> => runCli(args, { DATABASE_URL: db.url });
const longest = (text: string): number => Math.max(...text.split('\n').map((line) => line.length));

it('db health: a line a question; the test server does without durability, which is trouble', async () => {
  const { code, stdout } = await run('db', 'health');
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /^trouble {2}durability +fsync = off, full_page_writes = off\n +→ A power cut can destroy/m,
  );
  expect(stdout).toMatch(/^ok {7}migrations +all applied$/m);
  const json = await run('db', 'health', '--json');
  expect(json.code).toBe(1);
  expect(JSON.parse(json.stdout)).toMatchObject({
    healthy: false,
    items: expect.arrayContaining([expect.objectContaining({ code: 'backup', verdict: 'ok' })]),
  });
});

it.each(['activity', 'slow-queries', 'size'])('db %s prints a table, and JSON', async (command) => {
  const { code, stdout } = await run('db', command);
  expect(code).toBe(0);
  expect(longest(stdout)).toBeLessThanOrEqual(160);
  expect(Object.keys(JSON.parse((await run('db', command, '--json')).stdout)).length).toBeGreaterThan(0);
});

it('db check: nothing severe here, and exit code 1 where something is', async () => {
  const fresh = await run('db', 'check', '--json');
  const { findings } = JSON.parse(fresh.stdout);
  expect(findings.filter((each: { severity: string }) => each.severity === 'severe')).toEqual([]);
  expect(fresh.code).toBe(0);
  await db.adminPool.query('GRANT TRUNCATE ON app_schema.events TO ml_user');
  const { code, stdout } = await run('db', 'check');
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /^severe {3}grants-beyond-matrix\n(.+\n)+? +· app_schema\.events: ml_user has TRUNCATE\n +→ REVOKE/m,
  );
  expect(stdout).toMatch(/^21 rules, \d+ findings, 1 severe$/m);
  await db.adminPool.query('REVOKE TRUNCATE ON app_schema.events FROM ml_user');
});

it('users export and erase: asks for --yes, takes rows out of rejects, and says what is gone', async () => {
  const rejects = join(folder.path, 'a.rejects.csv');
  writeFileSync(
    rejects,
    'line,code,reason,raw,file\n2,number,bad,"7;4455667788;x",a.csv\n3,number,bad,other,a.csv\n',
  );
  expect(JSON.parse((await run('users', 'export', '7')).stdout)['app_schema.users']).toMatchObject([
    { first_name: 'Grete' },
  ]);
  expect(await run('users', 'erase', '7')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--yes'),
  });
  const { code, stdout } = await run('users', 'erase', '7', '--yes', '--rejects', rejects);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^app_schema\.users +1$/m);
  expect(stdout).toMatch(/a\.rejects\.csv +1$/m);
  expect(await run('users', 'erase', '7', '--yes')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('NOT_FOUND'),
  });
});

it('a database that is not set up is told so', async () => {
  await db.adminPool.query('DROP SCHEMA monitoring CASCADE');
  expect(await run('db', 'size')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('DATABASE_NOT_READY'),
  });
});
