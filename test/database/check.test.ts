import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../src/database/migrations.ts';
import {
  type CheckReport,
  checkDatabase,
  type Finding,
  readRules,
} from '../../src/operations/security/check.ts';
import { until } from '../support/embedded-harness.ts';
import { createForeignServer, type ForeignServer } from '../support/foreign-server.ts';
import { type OwnServer, startOwnServer } from '../support/own-server.ts';
import { PASSWORDS } from '../support/test-database.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const ROLES = ['app_user', 'ml_user'];
type Offence = [code: string, damage: string, object: string, severity?: Finding['severity']];

/** Each is undone by ROLLBACK after the look. */
const offences: Offence[] = [
  ['application-rights', 'ALTER ROLE app_user SUPERUSER', 'app_user'],
  ['application-rights', 'ALTER ROLE ml_user CREATEROLE', 'ml_user'],
  ['application-rights', 'GRANT customer_analyzer_owner TO app_user', 'app_user'],
  ['application-rights', 'GRANT pg_read_all_data TO ml_user', 'ml_user'],
  [
    'application-rights',
    'CREATE ROLE helpers; GRANT SELECT ON access_control.sessions TO helpers; GRANT helpers TO app_user',
    'app_user',
  ],
  ['application-rights', 'ALTER TABLE app_schema.sources OWNER TO app_user', 'app_user'],
  ['grants-beyond-matrix', 'GRANT TRUNCATE ON app_schema.events TO app_user', 'app_schema.events'],
  ['grants-beyond-matrix', 'GRANT INSERT ON app_schema.events TO ml_user', 'app_schema.events'],
  [
    'grants-beyond-matrix',
    'GRANT UPDATE (first_name) ON app_schema.users TO ml_user',
    'app_schema.users.first_name',
  ],
  ['grants-beyond-matrix', 'GRANT SELECT ON maintenance.migrations TO app_user', 'maintenance.migrations'],
  ['grants-beyond-matrix', 'GRANT USAGE ON SCHEMA maintenance TO ml_user', 'maintenance'],
  ['grants-beyond-matrix', 'GRANT CREATE ON SCHEMA app_schema TO app_user', 'app_schema'],
  ['grants-beyond-matrix', 'GRANT SELECT ON pg_authid TO ml_user', 'pg_authid'],
  [
    'grants-beyond-matrix',
    'GRANT EXECUTE ON FUNCTION pg_read_file(text) TO app_user',
    'pg_catalog.pg_read_file(text)',
  ],
  [
    'grants-beyond-matrix',
    'GRANT ALTER SYSTEM ON PARAMETER archive_command TO app_user',
    'parameter archive_command',
  ],
  ['grants-beyond-matrix', 'ALTER ROLE ml_user RESET default_transaction_read_only', 'ml_user'],
  ['public-rights', 'GRANT SELECT ON app_schema.users TO PUBLIC', 'app_schema.users'],
  ['public-rights', 'GRANT CREATE ON SCHEMA public TO PUBLIC', 'schema public'],
  [
    'public-rights',
    "DO $$ BEGIN EXECUTE format('GRANT CONNECT ON DATABASE %I TO PUBLIC', current_database()); END $$",
    'database customer_analyzer',
  ],
  [
    'public-rights',
    'GRANT EXECUTE ON FUNCTION app_schema.refresh_user_days(boolean) TO PUBLIC',
    'app_schema.refresh_user_days(boolean)',
  ],
  [
    'function-search-path',
    'CREATE FUNCTION app_schema.f() RETURNS integer LANGUAGE sql SECURITY DEFINER AS $$ SELECT 1 $$',
    'app_schema.f()',
  ],
  [
    'function-search-path',
    'ALTER FUNCTION maintenance.apply_database_settings() RESET ALL',
    'maintenance.apply_database_settings()',
  ],
  [
    'definer-functions',
    'CREATE FUNCTION app_schema.f() RETURNS integer LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$ SELECT 1 $$',
    'app_schema.f()',
  ],
  ['definer-views', 'CREATE VIEW app_schema.v AS SELECT * FROM maintenance.migrations', 'app_schema.v'],
  ['default-privileges', 'CREATE ROLE maker; GRANT CREATE ON SCHEMA app_schema TO maker', 'maker', 'warning'],
  ['default-passwords', "CREATE ROLE clerk LOGIN PASSWORD 'clerk'", 'clerk', 'notice'],
  [
    'md5-passwords',
    "SET password_encryption = md5; CREATE ROLE old LOGIN PASSWORD 'long-and-not-guessed'",
    'old',
  ],
  ['logging', "SET log_min_messages = 'panic'", 'log_min_messages'],
  [
    'foreign-key-index',
    'CREATE TABLE app_schema.notes (note_id integer PRIMARY KEY, user_id integer REFERENCES app_schema.users)',
    'app_schema.notes',
    'warning',
  ],
  ['primary-key', 'CREATE TABLE app_schema.notes (note text)', 'app_schema.notes', 'warning'],
  ['duplicate-indexes', 'CREATE INDEX idx_twin ON app_schema.events (product_id)', 'idx_twin', 'notice'],
  ['public-extensions', 'CREATE EXTENSION hstore SCHEMA public', 'hstore', 'warning'],
  ['sequences', "SELECT setval('app_schema.users_user_id_seq', 2147480000)", 'app_schema.users_user_id_seq'],
  [
    'sequences',
    "SELECT setval('app_schema.sources_source_id_seq', 26000)",
    'app_schema.sources_source_id_seq',
    'warning',
  ],
];

// That every rule runs on the oldest major, too, is seen below, on the server that listens on a network.
describe('db check on the newest PostgreSQL', () => {
  let own: OwnServer;
  let client: pg.Client;
  beforeAll(async () => {
    own = await startOwnServer({ newest: true });
    await migrate(own.url('customer_analyzer'), PASSWORDS);
    client = new pg.Client(own.url('customer_analyzer'));
    await client.connect();
    await client.query('SET search_path = pg_catalog');
  });
  afterAll(async () => {
    await client?.end();
    await own.stop();
  });

  const look = (...codes: string[]): Promise<CheckReport> =>
    checkDatabase(
      client,
      ROLES,
      readRules().filter(({ code }) => codes.length === 0 || codes.includes(code)),
    );
  const found = (report: CheckReport, code: string): Finding[] =>
    report.findings.filter((each) => each.code === code);

  it('finds nothing severe in a fresh database, and nothing at all but what development wants', async () => {
    const { findings, skipped, checked } = await look();
    expect([...new Set(findings.map(({ code, severity }) => `${severity} ${code}`))]).toEqual([
      'notice default-passwords',
      'notice logging',
    ]);
    expect(skipped).toEqual([]);
    expect(checked).toBe(readRules().length);
  });

  it.each(offences)('%s: %s', async (code, damage, object, severity = 'severe') => {
    await client.query('BEGIN');
    try {
      await client.query(damage);
      const findings = found(await look(code), code);
      expect(findings.map((each) => each.object.replace(/^app_schema\.(?=idx_)/, ''))).toContain(object);
      for (const each of findings.filter((each) => each.object === object))
        expect(each.severity).toBe(severity);
    } finally {
      await client.query('ROLLBACK');
      await client.query('RESET log_min_messages');
    }
  });

  it('trust-authentication: on a network severe, on the machine itself a warning', async () => {
    appendFileSync(
      join(own.server.dataDirectory, 'pg_hba.conf'),
      '\nhost all all 10.0.0.0/8 trust\nlocal all nobody trust\n',
    );
    const findings = found(await look('trust-authentication'), 'trust-authentication');
    expect(findings.map(({ severity, detail }) => [severity, detail])).toEqual([
      ['severe', 'host all all 10.0.0.0 trust'],
      ['warning', 'local all nobody trust'],
    ]);
  });

  it('unused-indexes: only what reads went past for a month', async () => {
    await client.query('CREATE INDEX idx_idle ON app_schema.settings (currency)');
    await client.query(
      'DO $$ BEGIN FOR i IN 1..1001 LOOP PERFORM FROM app_schema.settings; END LOOP; END $$',
    );
    expect(found(await look('unused-indexes'), 'unused-indexes')).toEqual([]);
    await client.query("UPDATE maintenance.migrations SET applied_at = applied_at - interval '31 days'");
    await until(async () => found(await look('unused-indexes'), 'unused-indexes').length > 0);
    expect(found(await look('unused-indexes'), 'unused-indexes').map(({ object }) => object)).toEqual([
      'app_schema.idx_idle',
    ]);
    await client.query('DROP INDEX app_schema.idx_idle');
  });

  it('other-databases: one that PUBLIC may connect to', async () => {
    await client.query('CREATE DATABASE open_to_all');
    expect(found(await look('other-databases'), 'other-databases')).toMatchObject([
      { object: 'open_to_all', severity: 'notice' },
    ]);
    await client.query('DROP DATABASE open_to_all');
  });

  it('outdated-server: an older minor than the list, and the list says when it was made', async () => {
    const { sql } = readRules().find(({ code }) => code === 'outdated-server') as { sql: string };
    expect((await client.query(sql)).rows).toEqual([]);
    expect(
      (await client.query(sql.replace('(15, 18)', '(15, 99)').replace('(18, 4)', '(18, 99)'))).rows,
    ).toHaveLength(1);
    expect(sql).toMatch(/As of \d{4}-\d{2}-\d{2}: https:/);
  });

  it('admin_user can look, and is told what it cannot see', async () => {
    await client.query('SET ROLE admin_user');
    const { skipped, checked } = await look();
    await client.query('RESET ROLE');
    expect(skipped).toEqual(['default-passwords', 'md5-passwords', 'trust-authentication']);
    expect(checked + skipped.length).toBe(readRules().length);
  });
});

describe('on a server that listens on a network', () => {
  let server: ForeignServer;
  beforeAll(async () => {
    server = await createForeignServer();
    await server.start({ listen_addresses: '*' });
    await migrate(server.url('customer_analyzer'), PASSWORDS);
  });
  afterAll(() => server.remove());

  it('development passwords and a missing TLS are severe, and missing checksums are told', async () => {
    const client = new pg.Client(server.url('customer_analyzer'));
    await client.connect();
    const { findings, checked } = await checkDatabase(client, ROLES);
    expect(checked).toBe(readRules().length);
    await client.end();
    const grave = findings.filter(({ severity }) => severity !== 'notice');
    expect(grave.map(({ code, severity, object }) => `${severity} ${code} ${object}`).sort()).toEqual([
      'severe default-passwords admin_user',
      'severe default-passwords app_user',
      'severe default-passwords ml_user',
      'severe default-passwords postgres',
      'severe tls-off listen_addresses',
      'warning data-checksums data_checksums',
    ]);
    expect(JSON.stringify(findings)).not.toContain('SCRAM');
  });
});

describe('the rules', () => {
  it('each says what is wrong and what to do, in its file', () => {
    for (const rule of readRules()) {
      expect(rule.problem, rule.code).toMatch(/^\S.{10,}/);
      expect(rule.fix, rule.code).toMatch(/^\S.{10,}/);
    }
  });

  it.each(['docs/checks.md', 'docs/checks.ru.md'])(
    '%s lists each with its severity, and no other',
    (name) => {
      const listed = [...readFileSync(root + name, 'utf8').matchAll(/^\| `([a-z0-9-]+)` \| (\S+)/gm)].map(
        (match) => [match[1], match[2]],
      );
      const words: Record<string, string> = name.endsWith('.ru.md')
        ? { severe: 'опасно', warning: 'предупреждение', notice: 'заметка' }
        : { severe: 'severe', warning: 'warning', notice: 'notice' };
      expect(listed.sort()).toEqual(readRules().map(({ code, severity }) => [code, words[severity]]));
    },
  );

  it('each has a database above that offends against it', () => {
    const source = readFileSync(fileURLToPath(import.meta.url), 'utf8');
    for (const { code } of readRules()) expect(source).toMatch(new RegExp(`['( ]${code}[' ]`));
  });
});
