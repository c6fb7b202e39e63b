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

it('gives published recommendations what a later layout of them wants', async () => {
  const files = readMigrationFiles();
  const at = files.findIndex(({ name }) => name.endsWith('-popularity-beside-weights.sql'));
  await migrate(url, PASSWORDS, files.slice(0, at));
  await query(`
    INSERT INTO app_schema.model_runs (kind, as_of, code_version, parameters, evaluation, status)
      SELECT 'recommendations', '2024-01-01Z', '1', '{}', '{}', 'promoted' FROM generate_series(1, 2);
    INSERT INTO app_schema.recommenders (model_run_id) SELECT model_run_id FROM app_schema.model_runs;
    INSERT INTO app_schema.product_popularity SELECT c.model_run_id, p, 0.25 * p * c.model_run_id, 1, 0, false, NULL
      FROM app_schema.recommenders c, generate_series(1, 2) p;
    INSERT INTO app_schema.product_neighbours SELECT model_run_id, 1, '{2,3,1}', '{0.5,0.25,0.125}', 2, '{3,2}', '{1,0.5}' FROM app_schema.recommenders;
    INSERT INTO app_schema.popular_products SELECT model_run_id, 'recent', 'A', '{2,1}', '{1,0.5}' FROM app_schema.recommenders;
    INSERT INTO app_schema.products (name) VALUES ('A'), ('B'), ('C');
    INSERT INTO app_schema.users DEFAULT VALUES;
    INSERT INTO app_schema.events (user_id, product_id, event_type, event_timestamp) VALUES (1, 1, 'view', '2024-01-01Z')`);
  const lists =
    'SELECT * FROM app_schema.get_recommendations(1) UNION ALL SELECT * FROM app_schema.get_similar_products(1)';
  const before = await query(lists);
  await migrate(url, PASSWORDS, files);
  const rows = `
    SELECT n.neighbour_ids, n.weights, n.neighbour_popularities, n.similar_popularities, l.popularities
    FROM app_schema.product_neighbours n JOIN app_schema.popular_products l USING (model_run_id) ORDER BY model_run_id`;
  const kept = { neighbour_ids: [2, 3, 1], weights: [0.5, 0.25, 0.125] };
  expect(await query(rows)).toEqual([
    {
      ...kept,
      neighbour_popularities: [0.5, 0, 0.25],
      similar_popularities: [0, 0.5],
      popularities: [0.5, 0.25],
    },
    { ...kept, neighbour_popularities: [1, 0, 0.5], similar_popularities: [0, 1], popularities: [1, 0.5] },
  ]);
  expect(before).toHaveLength(5);
  expect(await query(lists)).toEqual(before);
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
