import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withLogin } from '../../src/database/connection-urls.ts';
import { migrate } from '../../src/database/migrations.ts';
import { createPool } from '../../src/database/pool.ts';
import {
  readActivity,
  readHealth,
  readSizes,
  readSlowQueries,
  type Verdict,
} from '../../src/operations/monitoring/read.ts';
import { until } from '../support/embedded-harness.ts';
import { type OwnServer, startOwnServer } from '../support/own-server.ts';
import { PASSWORDS } from '../support/test-database.ts';

describe.each([
  { name: 'the embedded PostgreSQL', newest: false },
  { name: 'the newest PostgreSQL', newest: true },
])('monitoring on $name', ({ newest }) => {
  let own: OwnServer;
  let url: string;
  let admin: pg.Pool;
  beforeAll(async () => {
    own = await startOwnServer({ newest, settings: { full_page_writes: 'on', fsync: 'on' } });
    url = own.url('customer_analyzer');
    await migrate(url, PASSWORDS);
    admin = createPool(withLogin(url, 'admin_user', PASSWORDS.admin), { applicationName: 'test', max: 2 });
  });
  afterAll(async () => {
    await admin?.end();
    await own.stop();
  });

  async function session(user = 'postgres', password = PASSWORDS.superuser): Promise<pg.Client> {
    const client = new pg.Client(withLogin(url, user, password));
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  async function run(sql: string): Promise<void> {
    const client = await session();
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  }

  async function verdict(code: string): Promise<{ verdict: Verdict; value: string; advice: string | null }> {
    const line = (await readHealth(admin, [])).find((each) => each.code === code);
    if (line === undefined) throw new Error(`no line ${code}`);
    return line;
  }

  it('a fresh database is well, and every line says what it looked at', async () => {
    const lines = await readHealth(admin, []);
    expect(lines.length).toBeGreaterThan(15);
    expect(new Set(lines.map(({ code }) => code)).size).toBe(lines.length);
    expect(lines.filter((line) => line.verdict !== 'ok')).toEqual([]);
    for (const line of lines) expect(line.value, line.code).toMatch(/\S/);
  });

  // These read our own tables and settings, which are the same on both.
  it.runIf(!newest).each([
    [
      'backup',
      "INSERT INTO maintenance.backup_runs (kind, succeeded, archive, finished_at, duration_seconds) VALUES ('backup', true, 'a', now() - interval '30 hours', 1)",
      'warning',
    ],
    [
      'backup',
      "UPDATE maintenance.backup_runs SET finished_at = now() - interval '4 days' WHERE kind = 'backup'",
      'trouble',
    ],
    [
      'drill',
      "INSERT INTO maintenance.backup_runs (kind, succeeded, archive, finished_at, duration_seconds) VALUES ('drill', true, 'a', now() - interval '9 days', 1)",
      'warning',
    ],
    [
      'drill',
      "INSERT INTO maintenance.backup_runs (kind, succeeded, archive, duration_seconds) VALUES ('drill', false, 'a', 1)",
      'trouble',
    ],
    ['scores', "INSERT INTO app_schema.events (event_type) VALUES ('view')", 'warning'],
    [
      'imports',
      "INSERT INTO app_schema.import_runs (source, format, file_name, status) VALUES ('a', 'events', 'a.csv', 'failed')",
      'warning',
    ],
    ['sequences', "SELECT setval('app_schema.users_user_id_seq', 2000000000)", 'trouble'],
    [
      'indexes',
      "CREATE INDEX idx_bad ON app_schema.users (username); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'app_schema.idx_bad'::regclass",
      'warning',
    ],
    ['restart', 'ALTER SYSTEM SET max_connections = 50', 'warning'],
    ['durability', 'ALTER SYSTEM SET autovacuum = off', 'trouble'],
    ['statistics', 'CREATE TABLE app_schema.numbers AS SELECT n FROM generate_series(1, 5000) n', 'warning'],
  ] as [string, string, Verdict][])('%s after %s: %s', async (code, damage, expected) => {
    await run(damage);
    await run('SELECT pg_reload_conf()');
    await until(async () => (await verdict(code)).verdict === expected);
    expect((await verdict(code)).advice).toMatch(/\S/);
  });

  it.runIf(!newest).each([
    [
      'DROP TABLE app_schema.user_metrics CASCADE',
      /^missing: table app_schema\.user_metrics, .* and \d+ more$/,
    ],
    ['DROP FUNCTION app_schema.get_active_users', /^missing: function app_schema\.get_active_users$/],
    ['DROP INDEX app_schema.idx_events_purchases', /^missing: index app_schema\.idx_events_purchases$/],
    ['ALTER TABLE app_schema.events DISABLE TRIGGER USER', /^missing: trigger \S+ on app_schema\.events/],
  ])('what was dropped or switched off is trouble: %s', async (damage, value) => {
    const client = await admin.connect();
    try {
      await client.query('BEGIN');
      await client.query(damage);
      const [line] = (await readHealth(client as unknown as pg.Pool, [])).slice(-1);
      expect(line).toMatchObject({ code: 'schema', verdict: 'trouble', value: expect.stringMatching(value) });
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
  });

  it.runIf(!newest)('a migration that the database has not is trouble', async () => {
    const line = (await readHealth(admin, ['0099-later.sql'])).find(({ code }) => code === 'migrations');
    expect(line).toMatchObject({ verdict: 'trouble', value: 'pending: 0099-later.sql' });
  });

  it('names who waits, for what, and who is in the way', async () => {
    const holder = await session();
    const waiter = await session('app_user', PASSWORDS.app);
    await holder.query('BEGIN; LOCK TABLE app_schema.products');
    const waiting = waiter.query('SELECT count(*) FROM app_schema.products');
    const pid = (client: pg.Client): number => (client as unknown as { processID: number }).processID;
    try {
      await until(async () => (await readActivity(admin)).locks.length > 0);
      const { sessions, locks } = await readActivity(admin);
      expect(sessions[0]).toMatchObject({
        pid: pid(waiter),
        role_name: 'app_user',
        blocked_by: [pid(holder)],
        waits_for: 'Lock relation',
        query: 'SELECT count(*) FROM app_schema.products',
      });
      expect(locks).toEqual([
        expect.objectContaining({
          waiting_pid: pid(waiter),
          holding_pid: pid(holder),
          on_what: 'products',
          held: 'AccessExclusiveLock',
        }),
      ]);
      expect(await verdict('blocked')).toMatchObject({
        value: expect.stringMatching(/^1, the longest for \d+ seconds$/),
      });
    } finally {
      await holder.query('ROLLBACK');
      await waiting;
      await holder.end();
      await waiter.end();
    }
  });

  it('slow statements: by mean time, with the share of all', async () => {
    // On a busy machine a migration takes longer than that.
    await run('SELECT extensions.pg_stat_statements_reset()');
    await run('SELECT pg_sleep(0.3)');
    const [slowest] = await readSlowQueries(admin, 1);
    expect(slowest).toMatchObject({ query: 'SELECT pg_sleep($1)', calls: 1, role_name: 'postgres' });
    expect(slowest?.mean_ms).toBeGreaterThan(290);
    expect(slowest?.share_of_time).toBeGreaterThan(0);
  });

  it('sizes: bloat, unused and duplicate indexes', async () => {
    await run(`
      CREATE TABLE app_schema.bloated (id integer PRIMARY KEY, name text);
      CREATE INDEX idx_bloated_name ON app_schema.bloated (name);
      CREATE INDEX idx_bloated_again ON app_schema.bloated (name);
      CREATE INDEX idx_bloated_other ON app_schema.bloated (name DESC);
      ALTER TABLE app_schema.bloated SET (autovacuum_enabled = off);
      INSERT INTO app_schema.bloated SELECT n, md5(n::text) FROM generate_series(1, 40000) n;
      DELETE FROM app_schema.bloated WHERE id > 4000`);
    await run('VACUUM ANALYZE app_schema.users');
    await run('ANALYZE app_schema.bloated');
    await run(
      'DO $$ BEGIN FOR i IN 1..1001 LOOP PERFORM FROM app_schema.bloated WHERE id = i; END LOOP; END $$',
    );
    const index = async (name: string) =>
      (await readSizes(admin)).indexes.find((row) => row.index_name === name);
    await until(async () => (await index('idx_bloated_name'))?.is_unused === true);
    expect(await index('bloated_pkey')).toMatchObject({ is_unused: false, duplicate_of: null });
    expect((await index('bloated_pkey'))?.scans).toBeGreaterThan(1000);
    expect(await index('idx_bloated_again')).toMatchObject({ duplicate_of: 'idx_bloated_name' });
    expect(await index('idx_bloated_other')).toMatchObject({ duplicate_of: null });
    const { tables, database } = await readSizes(admin);
    const table = tables.find((row) => row.table_name === 'bloated');
    // 4,000 of 40,000 rows are left: nine tenths of the pages hold nothing.
    expect((table?.bloat_bytes ?? 0) / (table?.table_bytes ?? 1)).toBeGreaterThan(0.8);
    expect(database.bytes).toBeGreaterThan(table?.total_bytes ?? 0);
  });

  it.runIf(!newest)('an estimate of bloat is small for a table that was just written', async () => {
    await run(
      'CREATE TABLE app_schema.tight AS SELECT n AS id, md5(n::text) AS name, now() AS moment FROM generate_series(1, 20000) n',
    );
    await run('CREATE INDEX idx_tight_name ON app_schema.tight (name); ANALYZE app_schema.tight');
    const { tables, indexes } = await readSizes(admin);
    const table = tables.find((row) => row.table_name === 'tight');
    const index = indexes.find((row) => row.index_name === 'idx_tight_name');
    expect((table?.bloat_bytes ?? Number.NaN) / (table?.table_bytes ?? 1)).toBeLessThan(0.2);
    expect((index?.bloat_bytes ?? Number.NaN) / (index?.bytes ?? 1)).toBeLessThan(0.2);
  });

  it.runIf(!newest)('app_user and ml_user see none of it', async () => {
    for (const [user, password] of [
      ['app_user', PASSWORDS.app],
      ['ml_user', PASSWORDS.ml],
    ] as const) {
      const client = await session(user, password);
      await expect(client.query('SELECT * FROM monitoring.health')).rejects.toMatchObject({ code: '42501' });
      await client.end();
    }
  });

  it('without pg_stat_statements there are no slow statements, and no failure', async () => {
    await run('DROP EXTENSION pg_stat_statements CASCADE');
    expect(await readSlowQueries(admin, 1)).toEqual([]);
  });
});
