import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { withDatabase, withLogin } from '../../src/database/connection-urls.ts';
import { migrate, migrationStatus } from '../../src/database/migrations.ts';
import { readMigrationFiles, type SqlFile } from '../../src/database/sql-files.ts';
import { PASSWORDS } from '../support/test-database.ts';

let url: string;

async function query(sql: string, database = url): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(database);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

beforeEach(() => {
  url = withDatabase(inject('templateUrl'), `migrations_${randomUUID()}`);
});
afterEach(() =>
  query(`DROP DATABASE IF EXISTS "${new URL(url).pathname.slice(1)}" WITH (FORCE)`, inject('templateUrl')),
);

function file(number: number, sql: string): SqlFile {
  const name = `${String(number).padStart(4, '0')}-test.sql`;
  return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
}
const table = (name: string): string => `CREATE TABLE app_schema.${name} (a integer)`;
const tables = async (): Promise<unknown[]> =>
  (await query("SELECT relname FROM pg_class WHERE relname ~ '^made_' ORDER BY 1")).map(
    (row) => row['relname'],
  );

it('creates the database, applies each migration once, in order, as the owner role', async () => {
  const files = [file(1, table('made_a')), file(2, 'ALTER TABLE app_schema.made_a ADD COLUMN b text')];
  expect((await migrationStatus(withDatabase(url, 'postgres'), files)).map(({ state }) => state)).toEqual([
    'pending',
    'pending',
  ]);
  expect(await migrate(url, PASSWORDS, files)).toEqual(['0001-test.sql', '0002-test.sql']);
  expect(await migrate(url, PASSWORDS, files)).toEqual([]);
  const more = [...files, file(3, table('made_b'))];
  expect(await migrate(url, PASSWORDS, more)).toEqual(['0003-test.sql']);
  expect(await migrationStatus(url, more)).toMatchObject([
    { name: '0001-test.sql', state: 'applied', appliedAt: expect.any(Date) },
    { state: 'applied' },
    { name: '0003-test.sql', state: 'applied' },
  ]);
  const owners = "SELECT DISTINCT pg_get_userbyid(relowner) AS owner FROM pg_class WHERE relname ~ '^made_'";
  expect(await query(owners)).toEqual([{ owner: 'customer_analyzer_owner' }]);
});

it("applies the project's own, and its database settings again at each run", async () => {
  const names = readMigrationFiles().map(({ name }) => name);
  expect(await migrate(url, PASSWORDS)).toEqual(names);
  const database = new URL(url).pathname.slice(1);
  await query(
    `GRANT CONNECT ON DATABASE "${database}" TO PUBLIC; ALTER DATABASE "${database}" RESET search_path`,
  );
  expect(await migrate(url, PASSWORDS)).toEqual([]);
  const ml = withLogin(url, 'ml_user', PASSWORDS.ml);
  expect(await query('SELECT count(*)::integer AS events FROM events', ml)).toEqual([{ events: 0 }]);
  expect(await query(`SELECT has_database_privilege('public', '${database}', 'CONNECT') AS open`)).toEqual([
    { open: false },
  ]);
});

it('refuses a changed file, and changes nothing', async () => {
  await migrate(url, PASSWORDS, [file(1, table('made_a'))]);
  const changed = [file(1, `${table('made_a')} -- edited`), file(2, table('made_b'))];
  await expect(migrate(url, PASSWORDS, changed)).rejects.toMatchObject({
    code: 'MIGRATION_CHANGED',
    details: { migration: '0001-test.sql' },
  });
  expect(await tables()).toEqual(['made_a']);
  expect((await migrationStatus(url, changed)).map(({ state }) => state)).toEqual(['changed', 'pending']);
});

it('refuses a database that a newer program made', async () => {
  const files = [file(1, table('made_a')), file(2, table('made_b'))];
  await migrate(url, PASSWORDS, files);
  await expect(migrate(url, PASSWORDS, files.slice(0, 1))).rejects.toMatchObject({
    code: 'MIGRATION_UNKNOWN',
    details: { migration: '0002-test.sql' },
  });
  expect((await migrationStatus(url, files.slice(0, 1))).map(({ state }) => state)).toEqual([
    'applied',
    'unknown',
  ]);
});

it('refuses a migration that slipped in before applied ones', async () => {
  const [one, two, three] = [file(1, table('made_a')), file(2, table('made_b')), file(3, table('made_c'))];
  await migrate(url, PASSWORDS, [one, three]);
  await expect(migrate(url, PASSWORDS, [one, two, three])).rejects.toMatchObject({
    code: 'MIGRATION_ORDER',
    details: { migration: '0002-test.sql' },
  });
  expect(await tables()).toEqual(['made_a', 'made_c']);
});

it('rolls a failing migration back alone: those before it stay, and a mended one goes on from there', async () => {
  const good = file(1, table('made_a'));
  const broken = file(2, `${table('made_b')}; SELECT 1 / 0`);
  const last = file(3, table('made_c'));
  await expect(migrate(url, PASSWORDS, [good, broken, last])).rejects.toMatchObject({
    code: 'MIGRATION_FAILED',
    message: '0002-test.sql: division by zero',
    details: { migration: '0002-test.sql' },
  });
  expect(await tables()).toEqual(['made_a']);
  const mended = [good, file(2, table('made_b')), last];
  expect(await migrate(url, PASSWORDS, mended)).toEqual(['0002-test.sql', '0003-test.sql']);
  expect(await tables()).toEqual(['made_a', 'made_b', 'made_c']);
});

it('lets several runners start at once on a database that is not there: each migration is applied once', async () => {
  const files = [file(1, `SELECT pg_sleep(0.2); ${table('made_a')}`), file(2, table('made_b'))];
  const applied = await Promise.all([1, 2, 3, 4].map(() => migrate(url, PASSWORDS, files)));
  expect(applied.flat().sort()).toEqual(['0001-test.sql', '0002-test.sql']);
  expect(applied.filter((names) => names.length > 0)).toHaveLength(1);
});

it('releases its lock when it fails', async () => {
  await expect(migrate(url, PASSWORDS, [file(1, 'SELECT 1 / 0')])).rejects.toMatchObject({
    code: 'MIGRATION_FAILED',
  });
  expect(await migrate(url, PASSWORDS, [file(1, table('made_a'))])).toEqual(['0001-test.sql']);
});

describe('the folder of migrations', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'customer-analyzer-migrations-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const put = (...names: string[]): void => {
    for (const name of names) writeFileSync(join(folder, name), 'SELECT 1;\nSELECT 2;\n');
  };

  it('is read in order, other files left out', () => {
    put('0002-b.sql', '0001-a.sql', 'notes.md');
    expect(readMigrationFiles(folder).map(({ name }) => name)).toEqual(['0001-a.sql', '0002-b.sql']);
  });

  it.each([[['0001-a.sql', '0003-c.sql']], [['0001-a.sql', '0001-b.sql']], [['0002-b.sql']], [['1-a.sql']]])(
    'is refused with a hole or a twin: %j',
    (names) => {
      put(...names);
      expect(() => readMigrationFiles(folder)).toThrow(expect.objectContaining({ code: 'MIGRATION_ORDER' }));
    },
  );

  it('has the same checksum with the line ends of Windows', () => {
    put('0001-a.sql');
    const [unix] = readMigrationFiles(folder);
    writeFileSync(join(folder, '0001-a.sql'), 'SELECT 1;\r\nSELECT 2;\r\n');
    expect(readMigrationFiles(folder)).toEqual([unix]);
  });
});
