import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withLogin } from '../../src/database/connection-urls.ts';
import { migrate } from '../../src/database/migrations.ts';
import { readMigrationFiles } from '../../src/database/sql-files.ts';
import { type OwnServer, startOwnServer } from '../support/own-server.ts';
import { PASSWORDS } from '../support/test-database.ts';

/** A server of a provider: nobody but the provider is a superuser; we own a database and may create roles. */
describe.each([
  { name: 'the embedded PostgreSQL', newest: false },
  { name: 'the newest PostgreSQL', newest: true },
])('on $name', ({ newest }) => {
  let own: OwnServer;
  beforeAll(async () => {
    own = await startOwnServer({ newest });
    await query(own.url('postgres'), "CREATE ROLE dba LOGIN CREATEROLE PASSWORD 'dba'");
  });
  afterAll(() => own.stop());

  async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client(url);
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  }

  it.each([
    ['the extension is missing', undefined],
    ["the extension is the provider's", 'CREATE EXTENSION pg_stat_statements'],
  ])('who is no superuser sets up a database and keeps it up to date; %s', async (title, before) => {
    const name = before ? 'with_extension' : 'without_extension';
    await query(own.url('postgres'), `CREATE DATABASE ${name} OWNER dba`);
    if (before) await query(own.url(name), before);
    const url = withLogin(own.url(name), 'dba', 'dba');
    expect(await migrate(url, PASSWORDS), title).toHaveLength(readMigrationFiles().length);
    expect(await migrate(url, PASSWORDS)).toEqual([]);

    const app = withLogin(url, 'app_user', PASSWORDS.app);
    const ml = withLogin(url, 'ml_user', PASSWORDS.ml);
    const admin = withLogin(url, 'admin_user', PASSWORDS.admin);
    await query(app, "INSERT INTO app_schema.users (first_name) VALUES ('Ann')");
    await query(url, 'CREATE TABLE app_schema.made_by_dba (a integer)');
    await query(admin, 'CREATE TABLE app_schema.made_by_admin (a integer)');
    for (const table of ['users', 'made_by_dba', 'made_by_admin']) {
      await query(ml, `SELECT * FROM app_schema.${table}`);
      await query(app, `DELETE FROM app_schema.${table}`);
      await expect(query(ml, `BEGIN READ WRITE; DELETE FROM app_schema.${table}`)).rejects.toMatchObject({
        code: '42501',
      });
    }
  });
});
