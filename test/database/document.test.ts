import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withLogin } from '../../src/database/connection-urls.ts';
import { migrate } from '../../src/database/migrations.ts';
import { readCatalogue } from '../support/catalogue.ts';
import { type OwnServer, startOwnServer } from '../support/own-server.ts';
import { hasPgDump, hasPsql, runClient } from '../support/programs.ts';
import { PASSWORDS } from '../support/test-database.ts';

// The statements that the users' guide to the database has shown since before this program: they run as they are written there.
const userStats = 'SELECT * FROM app_schema.get_user_stats(1);';
const activeUsers = "SELECT * FROM app_schema.get_active_users('2024-01-01', '2024-01-31');";
const topProducts = "SELECT * FROM app_schema.get_top_products('2024-01-01', '2024-01-31', 10);";
const resetStatistics = 'SELECT pg_stat_statements_reset();';
const slowQueries = `SELECT query, mean_time, calls
FROM pg_stat_statements
ORDER BY mean_time DESC
LIMIT 10;`;
const grantsOfAppUser = `SELECT * FROM information_schema.role_table_grants
WHERE grantee = 'app_user';`;
const grant = 'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA app_schema TO app_user;';

const restored = 'customer_analyzer_restored';
const cloned = 'customer_analyzer_cloned';

describe.each([
  { name: 'the embedded PostgreSQL', newest: false },
  { name: 'the newest PostgreSQL', newest: true },
])('on $name', ({ newest }) => {
  let own: OwnServer;
  beforeAll(async () => {
    own = await startOwnServer({ newest });
    await migrate(own.url('customer_analyzer'), PASSWORDS);
    await fill(own.url('customer_analyzer'));
  });
  afterAll(() => own.stop());

  function urlAs(role: string, database = 'customer_analyzer'): string {
    const url = own.url(database);
    return role === 'postgres' ? url : withLogin(url, role, PASSWORDS.admin);
  }

  async function statementsWork(role: string, database?: string): Promise<void> {
    const client = new pg.Client(urlAs(role, database));
    await client.connect();
    try {
      const notices: string[] = [];
      client.on('notice', (notice) => notices.push(notice.message ?? ''));
      const rows = async (sql: string) => (await client.query(sql)).rows;
      expect(await rows(userStats)).toMatchObject([{ user_id: 1, purchases: '1', revenue: '12.50' }]);
      expect(await rows(activeUsers)).toMatchObject([{ user_id: 1, event_count: '2' }]);
      expect(await rows(topProducts)).toMatchObject([{ product_id: 1, revenue: '12.50' }]);
      await rows(resetStatistics);
      const mark = `/* ${randomUUID()} */`;
      await rows(`SELECT count(*) FROM app_schema.events ${mark}`);
      const slow = await rows(slowQueries);
      // The text, not "<insufficient privilege>", and a mean that is a time.
      const marked = slow.find((row) => row.query.includes(mark));
      expect(marked).toMatchObject({ calls: '1', mean_time: expect.any(Number) });
      const grants = await rows(grantsOfAppUser);
      const onUsers = grants.filter((row) => row.table_schema === 'app_schema' && row.table_name === 'users');
      expect(onUsers.map((row) => row.privilege_type).sort()).toEqual([
        'DELETE',
        'INSERT',
        'SELECT',
        'UPDATE',
      ]);
      await rows(grant);
      expect(notices).toEqual([]);
    } finally {
      await client.end();
    }
  }

  const roles = ['postgres', 'admin_user'];

  it.each(roles)('every statement of the guide runs as %s', (role) => statementsWork(role));

  it.each(roles)('new and old names of the statistics stand side by side for %s', async (role) => {
    const client = new pg.Client(urlAs(role));
    await client.connect();
    const { rows } = await client.query(
      `SELECT total_time = total_exec_time AND min_time = min_exec_time AND max_time = max_exec_time AND mean_time = mean_exec_time
         AND stddev_time = stddev_exec_time AS same, rows, shared_blks_hit, queryid
       FROM pg_stat_statements LIMIT 1`,
    );
    await client.end();
    expect(rows).toMatchObject([{ same: true }]);
  });

  it('the guide works again in a clone, once the settings of the database are applied', async () => {
    const client = new pg.Client(own.url('postgres'));
    await client.connect();
    await client.query(`CREATE DATABASE ${cloned} TEMPLATE customer_analyzer`);
    const open = `SELECT has_database_privilege('public', '${cloned}', 'CONNECT') AS open`;
    expect((await client.query(open)).rows).toEqual([{ open: true }]);
    await applySettings(cloned);
    expect((await client.query(open)).rows).toEqual([{ open: false }]);
    await client.end();
    for (const role of roles) await statementsWork(role, cloned);
    expect(await readCatalogue(own.url(cloned))).toEqual(await readCatalogue(own.url('customer_analyzer')));
  });

  async function applySettings(database: string): Promise<void> {
    const client = new pg.Client(own.url(database));
    await client.connect();
    await client.query('SELECT maintenance.apply_database_settings()');
    await client.end();
  }

  // pg_dump refuses a server newer than itself, so what is dumped comes from the oldest; psql restores it into both.
  it.skipIf(!hasPgDump || !hasPsql)(
    'a plain dump of the oldest PostgreSQL carries no compatibility view and restores without an error (needs pg_dump, psql)',
    async () => {
      const dump = await dumpOfOldest();
      expect(dump).toContain('CREATE SCHEMA compatibility;');
      // Statements begin their line; in the body of a function they do not.
      expect(dump.match(/^(CREATE|ALTER|GRANT|REVOKE|COMMENT) .*pg_stat_statements.*$/gm)).toEqual([
        'CREATE EXTENSION IF NOT EXISTS pg_stat_statements WITH SCHEMA extensions;',
        expect.stringContaining('COMMENT ON EXTENSION pg_stat_statements'),
      ]);
      await applyDump(dump);
      await applySettings(restored);
      for (const role of roles) await statementsWork(role, restored);
      const original = await readCatalogue(own.url('customer_analyzer'));
      expect(await readCatalogue(own.url(restored))).toEqual(original);
    },
  );

  async function dumpOfOldest(): Promise<string> {
    if (!newest) return runClient('pg_dump', own.url('customer_analyzer'), []);
    const oldest = await startOwnServer();
    try {
      await migrate(oldest.url('customer_analyzer'), PASSWORDS);
      await fill(oldest.url('customer_analyzer'));
      return await runClient('pg_dump', oldest.url('customer_analyzer'), []);
    } finally {
      await oldest.stop();
    }
  }

  async function applyDump(dump: string): Promise<void> {
    await runClient('psql', own.url('postgres'), ['-c', `CREATE DATABASE ${restored} TEMPLATE template0`]);
    const file = join(mkdtempSync(join(tmpdir(), 'customer-analyzer-dump-')), 'dump.sql');
    writeFileSync(file, dump);
    try {
      await runClient('psql', own.url(restored), ['-q', '-v', 'ON_ERROR_STOP=1', '-f', file]);
    } finally {
      rmSync(dirname(file), { recursive: true });
    }
  }
});

async function fill(url: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query(`
    INSERT INTO app_schema.users (telegram_id, first_name) VALUES (1, 'Ann');
    INSERT INTO app_schema.products (name) VALUES ('Cup');
    INSERT INTO app_schema.events (user_id, product_id, event_type, event_timestamp, properties) VALUES
      (1, 1, 'view', '2024-01-01T00:00:00Z', '{}'), (1, 1, 'purchase', '2024-01-31T23:59:59Z', '{"amount": 12.50}');
  `);
  await client.end();
}
