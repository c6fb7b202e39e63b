import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withDatabase, withLogin } from '../../src/database/connection-urls.ts';
import { migrate } from '../../src/database/migrations.ts';
import { type OwnServer, startOwnServer } from '../support/own-server.ts';
import { PASSWORDS } from '../support/test-database.ts';

type Role = 'app_user' | 'ml_user' | 'admin_user' | 'postgres';
const passwordOf: Record<Role, string> = {
  app_user: PASSWORDS.app,
  ml_user: PASSWORDS.ml,
  admin_user: PASSWORDS.admin,
  postgres: PASSWORDS.superuser,
};
const READ_ONLY = '25006';
const FORBIDDEN = '42501';

describe.each([
  { name: 'the embedded PostgreSQL', newest: false },
  { name: 'the newest PostgreSQL', newest: true },
])('on $name', ({ newest }) => {
  let own: OwnServer;
  let url: string;
  beforeAll(async () => {
    own = await startOwnServer({ newest });
    url = own.url('customer_analyzer');
    await migrate(url, PASSWORDS);
  });
  afterAll(() => own.stop());

  async function as<T>(role: Role, run: (client: pg.Client) => Promise<T>, database = url): Promise<T> {
    const client = new pg.Client(withLogin(database, role, passwordOf[role]));
    await client.connect();
    try {
      return await run(client);
    } finally {
      await client.end();
    }
  }

  /** What a statement ends with, 'ok' or its SQLSTATE; nothing of it is kept. */
  function attempt(role: Role, sql: string): Promise<string> {
    return as(role, async (client) => {
      // ml_user's sessions begin read-only, which it may change: what holds is what it is not granted.
      await client.query('BEGIN READ WRITE');
      try {
        await client.query(sql);
        return 'ok';
      } catch (error) {
        return (error as { code: string }).code;
      } finally {
        await client.query('ROLLBACK');
      }
    });
  }

  const superuser = async <T extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<T[]> =>
    as('postgres', async (client) => (await client.query<T>(sql, values)).rows);

  describe('each role has exactly its privileges on every object', () => {
    const tableVerbs = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'];
    const expected: Partial<Record<Role, { table: string[]; sequence: string[] }>> = {
      app_user: { table: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'], sequence: ['USAGE', 'SELECT'] },
      ml_user: { table: ['SELECT'], sequence: ['SELECT'] },
      admin_user: { table: tableVerbs, sequence: ['USAGE', 'SELECT', 'UPDATE'] },
    };

    it.each(Object.entries(expected))('%s on tables and sequences', async (role, { table, sequence }) => {
      const rows = await superuser<{ name: string; kind: string; verbs: string[] }>(
        `SELECT c.relname AS name, c.relkind AS kind, ARRAY(
           SELECT verb FROM unnest(CASE c.relkind WHEN 'S' THEN $2::text[] ELSE $3::text[] END) verb
           WHERE CASE c.relkind WHEN 'S' THEN has_sequence_privilege($1, c.oid, verb) ELSE has_table_privilege($1, c.oid, verb) END
         ) AS verbs
         FROM pg_class c WHERE c.relnamespace = 'app_schema'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'S')`,
        [role, ['USAGE', 'SELECT', 'UPDATE'], newest ? [...tableVerbs, 'MAINTAIN'] : tableVerbs],
      );
      expect(rows.length).toBeGreaterThan(15);
      const full = role === 'admin_user' && newest ? [...table, 'MAINTAIN'] : table;
      for (const row of rows)
        expect(row, row.name).toMatchObject({ verbs: row.kind === 'S' ? sequence : full });
    });

    it('functions of app_schema are for the three roles, those of access_control for the backend, those of maintenance for none', async () => {
      const rows = await superuser<{ schema: string; name: string }>(
        `SELECT p.pronamespace::regnamespace::text AS schema, p.oid::regprocedure::text AS name,
           has_function_privilege('app_user', p.oid, 'EXECUTE') AS app, has_function_privilege('ml_user', p.oid, 'EXECUTE') AS ml,
           has_function_privilege('admin_user', p.oid, 'EXECUTE') AS admin
         FROM pg_proc p WHERE p.pronamespace::regnamespace::text IN ('app_schema', 'access_control', 'maintenance')`,
      );
      expect(rows.length).toBeGreaterThan(10);
      const expected: Record<string, object> = {
        app_schema: { app: true, ml: true, admin: true },
        // admin_user is a member of the owner.
        access_control: { app: true, ml: false, admin: true },
        maintenance: { app: false, ml: false, admin: false },
      };
      for (const { schema, name, ...may } of rows) expect(may, name).toEqual(expected[schema]);
    });

    it('schemas and the database', async () => {
      const [schemas] = await superuser(
        `SELECT jsonb_object_agg(r || ' ' || n, concat_ws(' ',
             CASE WHEN has_schema_privilege(r, n, 'USAGE') THEN 'USAGE' END, CASE WHEN has_schema_privilege(r, n, 'CREATE') THEN 'CREATE' END))
           AS may
         FROM unnest(ARRAY['app_user', 'ml_user', 'admin_user']) r,
           unnest(ARRAY['app_schema', 'access_control', 'jobs', 'pgboss', 'maintenance', 'compatibility', 'extensions', 'public']) n`,
      );
      expect(schemas?.['may']).toEqual({
        'app_user app_schema': 'USAGE',
        'app_user access_control': 'USAGE',
        'app_user jobs': 'USAGE',
        'app_user pgboss': 'USAGE',
        'app_user maintenance': '',
        'app_user compatibility': 'USAGE',
        'app_user extensions': 'USAGE',
        'app_user public': '',
        'ml_user app_schema': 'USAGE',
        'ml_user access_control': '',
        'ml_user jobs': '',
        'ml_user pgboss': '',
        'ml_user maintenance': '',
        'ml_user compatibility': 'USAGE',
        'ml_user extensions': 'USAGE',
        'ml_user public': '',
        'admin_user app_schema': 'USAGE CREATE',
        'admin_user access_control': 'USAGE CREATE',
        'admin_user jobs': 'USAGE CREATE',
        'admin_user pgboss': 'USAGE CREATE',
        'admin_user maintenance': 'USAGE',
        'admin_user compatibility': 'USAGE',
        'admin_user extensions': 'USAGE',
        'admin_user public': 'USAGE CREATE',
      });
      const databases = await superuser(
        `SELECT r, array_agg(verb ORDER BY verb) FILTER (WHERE has_database_privilege(r, current_database(), verb)) AS may
         FROM unnest(ARRAY['app_user', 'ml_user', 'admin_user']) r, unnest(ARRAY['CONNECT', 'CREATE', 'TEMPORARY']) verb
         GROUP BY r ORDER BY r`,
      );
      expect(databases).toEqual([
        { r: 'admin_user', may: ['CONNECT', 'CREATE', 'TEMPORARY'] },
        { r: 'app_user', may: ['CONNECT', 'TEMPORARY'] },
        { r: 'ml_user', may: ['CONNECT'] },
      ]);
    });

    it('the roles themselves are neither superusers nor makers of roles or databases', async () => {
      const rows = await superuser(
        `SELECT rolname, rolcanlogin FROM pg_roles
         WHERE rolname IN ('app_user', 'ml_user', 'admin_user', 'customer_analyzer_owner')
           AND NOT (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls) ORDER BY 1`,
      );
      expect(rows).toEqual([
        { rolname: 'admin_user', rolcanlogin: true },
        { rolname: 'app_user', rolcanlogin: true },
        { rolname: 'customer_analyzer_owner', rolcanlogin: false },
        { rolname: 'ml_user', rolcanlogin: true },
      ]);
    });

    it('PUBLIC has nothing: on the database, the schemas, the tables, the functions', async () => {
      const rows = await superuser(
        `SELECT what, name, privilege_type FROM (
           SELECT 'database' AS what, datname::text AS name, coalesce(datacl, acldefault('d', datdba)) AS acl FROM pg_database
             WHERE datname IN (current_database(), 'postgres', 'template1')
           UNION ALL SELECT 'schema', nspname, coalesce(nspacl, acldefault('n', nspowner)) FROM pg_namespace
             WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
           UNION ALL SELECT 'relation', oid::regclass::text, coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))
             FROM pg_class WHERE relnamespace::regnamespace::text IN ('app_schema', 'access_control', 'jobs', 'pgboss', 'maintenance', 'compatibility', 'public')
           UNION ALL SELECT 'function', oid::regprocedure::text, coalesce(proacl, acldefault('f', proowner))
             FROM pg_proc WHERE pronamespace::regnamespace::text IN ('app_schema', 'access_control', 'jobs', 'pgboss', 'maintenance', 'compatibility', 'public')
         ) o, LATERAL aclexplode(acl) WHERE grantee = 0`,
      );
      expect(rows).toEqual([]);
    });
  });

  it('the owner role owns all of app_schema, and no function there runs with rights of another', async () => {
    const rows = await superuser(
      `SELECT name, owner, definer FROM (
         SELECT oid::regclass::text AS name, pg_get_userbyid(relowner) AS owner, false AS definer FROM pg_class
           WHERE relnamespace = 'app_schema'::regnamespace
         UNION ALL SELECT oid::regprocedure::text, pg_get_userbyid(proowner), prosecdef FROM pg_proc WHERE pronamespace = 'app_schema'::regnamespace
         UNION ALL SELECT nspname, pg_get_userbyid(nspowner), false FROM pg_namespace WHERE nspname = 'app_schema'
       ) o WHERE owner <> 'customer_analyzer_owner' OR definer`,
    );
    expect(rows).toEqual([]);
  });

  it('the owner role owns all of jobs and pgboss; one function there runs with its rights, and pins its search path', async () => {
    const rows = await superuser(
      `SELECT name, owner FROM (
         SELECT oid::regclass::text AS name, pg_get_userbyid(relowner) AS owner FROM pg_class
           WHERE relnamespace::regnamespace::text IN ('jobs', 'pgboss')
         UNION ALL SELECT oid::regprocedure::text, pg_get_userbyid(proowner) FROM pg_proc WHERE pronamespace::regnamespace::text IN ('jobs', 'pgboss')
       ) o WHERE owner <> 'customer_analyzer_owner'`,
    );
    expect(rows).toEqual([]);
    const definers = await superuser(
      `SELECT oid::regprocedure::text AS name, proconfig FROM pg_proc WHERE pronamespace::regnamespace::text IN ('jobs', 'pgboss') AND prosecdef`,
    );
    expect(definers).toEqual([
      { name: 'jobs.get_maintenance_state()', proconfig: ['search_path=pg_catalog, pg_temp'] },
    ]);
  });

  it('the functions of access_control are all that app_user has of it, run as the owner, and pin their search path', async () => {
    const tables = await superuser(
      `SELECT c.relname FROM pg_class c, unnest(ARRAY['app_user', 'ml_user']) r, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) verb
       WHERE c.relnamespace = 'access_control'::regnamespace AND c.relkind IN ('r', 'v') AND has_table_privilege(r, c.oid, verb)`,
    );
    expect(tables).toEqual([]);
    const functions = await superuser(
      `SELECT DISTINCT pg_get_userbyid(proowner) AS owner, prosecdef AS definer, proconfig AS settings
       FROM pg_proc WHERE pronamespace = 'access_control'::regnamespace`,
    );
    expect(functions).toEqual([
      {
        owner: 'customer_analyzer_owner',
        definer: true,
        settings: ['search_path=pg_catalog, pg_temp'],
      },
    ]);
  });

  it('every table and function of ours says what it is', async () => {
    const rows = await superuser(
      `SELECT oid::regclass::text AS name FROM pg_class
       WHERE relnamespace::regnamespace::text IN ('app_schema', 'access_control', 'jobs') AND relkind IN ('r', 'v') AND obj_description(oid, 'pg_class') IS NULL
       UNION ALL SELECT oid::regprocedure::text FROM pg_proc
       WHERE pronamespace::regnamespace::text IN ('app_schema', 'access_control', 'jobs') AND obj_description(oid, 'pg_proc') IS NULL`,
    );
    expect(rows).toEqual([]);
  });

  const ddl = [
    'CREATE TABLE app_schema.t (a integer)',
    'CREATE VIEW app_schema.t AS SELECT 1',
    'CREATE SEQUENCE app_schema.t',
    'CREATE FUNCTION app_schema.t() RETURNS integer LANGUAGE sql AS $$ SELECT 1 $$',
    'CREATE TYPE app_schema.t AS ENUM ()',
    'CREATE INDEX ON app_schema.users (first_name)',
    'ALTER TABLE app_schema.users ADD COLUMN a integer',
    'ALTER TABLE app_schema.users DISABLE TRIGGER USER',
    'DROP TABLE app_schema.user_metrics CASCADE',
    'TRUNCATE app_schema.events',
    'DROP FUNCTION app_schema.get_user_stats(integer, timestamptz)',
    'ALTER TABLE app_schema.users OWNER TO admin_user',
    "COMMENT ON TABLE app_schema.users IS 'mine'",
    'CREATE SCHEMA mine',
    'CREATE TABLE public.t (a integer)',
  ];
  const read = [
    'SELECT * FROM app_schema.users',
    'SELECT * FROM users',
    'SELECT * FROM app_schema.get_user_stats(1)',
  ];
  const write = [
    "INSERT INTO app_schema.users (first_name) VALUES ('Ann')",
    "INSERT INTO app_schema.sources (name) VALUES ('x')",
    "UPDATE app_schema.users SET first_name = 'Ann'",
    'DELETE FROM app_schema.users',
    "SELECT nextval('app_schema.users_user_id_seq')",
    "SELECT nextval('app_schema.placeholder_telegram_id_seq')",
  ];
  const temporary = [
    'CREATE TEMP TABLE t (a integer); INSERT INTO t VALUES (1)',
    'CREATE TEMP TABLE t AS SELECT * FROM app_schema.users',
  ];
  const largeObjects = [
    'SELECT lo_create(0)',
    'SELECT lo_creat(-1)',
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT lo_put(lo_create(0), 0, 'x')",
  ];
  const cluster = ['CREATE ROLE mine', 'ALTER ROLE app_user SUPERUSER', 'CREATE TABLE maintenance.t ()'];
  const statistics = ['SELECT * FROM pg_stat_statements', 'SELECT pg_stat_statements_reset()'];
  const ownSettings = ["SELECT setval('app_schema.users_user_id_seq', 1)"];

  it.each([
    ['app_user', 'ok', [...read, ...write, ...temporary]],
    ['app_user', FORBIDDEN, [...ddl, ...largeObjects, ...cluster, ...ownSettings]],
    ['ml_user', 'ok', read],
    ['ml_user', FORBIDDEN, [...ddl, ...write, ...temporary, ...largeObjects, ...cluster, ...ownSettings]],
    [
      'admin_user',
      'ok',
      [...read, ...write, ...temporary, ...ddl, ...largeObjects, ...statistics, ...ownSettings],
    ],
    ['admin_user', FORBIDDEN, cluster],
  ] as [Role, string, string[]][])('%s: %s', async (role, outcome, statements) => {
    const outcomes = await Promise.all(statements.map((sql) => attempt(role, sql)));
    expect(Object.fromEntries(statements.map((sql, i) => [sql, outcomes[i]]))).toEqual(
      Object.fromEntries(statements.map((sql) => [sql, outcome])),
    );
  });

  it('app_user reads neither statistics of others nor the ledger', async () => {
    expect(await attempt('app_user', 'SELECT * FROM compatibility.pg_stat_statements')).toBe(FORBIDDEN);
    expect(await attempt('app_user', 'SELECT pg_stat_statements_reset()')).toBe(FORBIDDEN);
    expect(await attempt('app_user', 'SELECT * FROM maintenance.migrations')).toBe(FORBIDDEN);
    expect(await attempt('admin_user', 'SELECT * FROM maintenance.migrations')).toBe('ok');
  });

  it('a session of ml_user begins read-only', async () => {
    await as('ml_user', async (client) => {
      await expect(client.query('CREATE TEMP TABLE t (a integer)')).rejects.toMatchObject({
        code: READ_ONLY,
      });
    });
  });

  it.each(['postgres', 'template1'])(
    'app_user and ml_user cannot connect to the database %s',
    async (name) => {
      for (const role of ['app_user', 'ml_user'] as const)
        await expect(as(role, async () => undefined, withDatabase(url, name))).rejects.toMatchObject({
          code: FORBIDDEN,
        });
    },
  );

  it.each([
    ['the owner role', 'postgres', 'SET ROLE customer_analyzer_owner'],
    ['admin_user', 'admin_user', 'SELECT 1'],
    ['the superuser', 'postgres', 'SELECT 1'],
  ] as [string, Role, string][])('what %s makes has its grants by itself', async (_, role, before) => {
    await as(role, async (client) => {
      await client.query(before);
      await client.query('CREATE TABLE app_schema.made (id serial PRIMARY KEY, mood text)');
      await client.query('CREATE VIEW app_schema.made_view AS SELECT * FROM app_schema.made');
      await client.query("CREATE TYPE app_schema.made_type AS ENUM ('a')");
      await client.query('CREATE FUNCTION app_schema.made() RETURNS integer LANGUAGE sql AS $$ SELECT 1 $$');
    });
    const statements = {
      read: "SELECT *, app_schema.made(), 'a'::app_schema.made_type FROM app_schema.made JOIN app_schema.made_view USING (id)",
      write:
        "INSERT INTO app_schema.made (mood) VALUES ('good'); UPDATE app_schema.made SET mood = 'bad'; DELETE FROM app_schema.made",
      alter: 'ALTER TABLE app_schema.made ADD COLUMN b integer',
    };
    try {
      for (const [verb, sql] of Object.entries(statements)) {
        expect(await attempt('app_user', sql), `app_user ${verb}`).toBe(verb === 'alter' ? FORBIDDEN : 'ok');
        expect(await attempt('ml_user', sql), `ml_user ${verb}`).toBe(verb === 'read' ? 'ok' : FORBIDDEN);
      }
      expect(await attempt('admin_user', `${statements.read}; ${statements.write}`)).toBe('ok');
      const [{ open }] = (await superuser(
        "SELECT has_function_privilege('public', 'app_schema.made()', 'EXECUTE') AS open",
      )) as [{ open: boolean }];
      expect(open).toBe(false);
    } finally {
      await superuser(
        'DROP TABLE app_schema.made CASCADE; DROP FUNCTION app_schema.made(); DROP TYPE app_schema.made_type',
      );
    }
  });
});
