import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { withDatabase, withLogin } from '../../src/database/connection-urls.ts';
import { migrate, type RolePasswords } from '../../src/database/migrations.ts';
import { readInitFiles } from '../../src/database/sql-files.ts';
import { type Catalogue, readCatalogue, withoutLedger } from '../support/catalogue.ts';
import { type OwnServer, startOwnServer } from '../support/own-server.ts';
import { hasPsql, runClient } from '../support/programs.ts';
import { PASSWORDS } from '../support/test-database.ts';

const directory = fileURLToPath(new URL('../../database/init/', import.meta.url));
const scripts = readdirSync(directory)
  .filter((name) => name.endsWith('.sql'))
  .sort()
  .map((name) => directory + name);

const secrets: RolePasswords = {
  app: "geheim-App$1 'mit' Leerzeichen\\",
  ml: 'geheim-Ml"2',
  admin: 'geheim-Admin%3',
};
const noSecret = /geheim/;

/** As docker-compose.yml hands them over; blanks and backslashes are escaped for libpq. */
function passwordSettings(passwords: RolePasswords): string {
  return Object.entries(passwords)
    .map(([role, value]) => `-c customer_analyzer.${role}_password=${value.replace(/[\\\s]/g, '\\$&')}`)
    .join(' ');
}

let own: OwnServer;
let reference: Catalogue;
beforeAll(async () => {
  own = await startOwnServer({
    settings: {
      log_statement: 'all',
      log_min_duration_statement: '0',
      log_error_verbosity: 'verbose',
      log_min_error_statement: 'error',
      log_min_messages: 'notice',
      log_connections: 'on',
      'pg_stat_statements.track': 'all',
    },
  });
  await byRunner(own.url('reference'));
  reference = withoutLedger(await readCatalogue(own.url('reference')));
});
afterAll(() => own.stop());

async function as<T>(url: string, run: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return await run(client);
  } finally {
    await client.end();
  }
}

/** As if the server were new: what the scripts made is gone, databases and roles. */
beforeEach(async () => {
  await as(own.url('postgres'), async (client) => {
    const made = await client.query(
      "SELECT format('DROP DATABASE %I', datname) AS sql FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1')",
    );
    for (const { sql } of made.rows) await client.query(sql);
    for (const role of [
      'app_user',
      'ml_user',
      'admin_user',
      'customer_analyzer_owner',
      '"custom super\'us""er"',
      'nobody',
    ])
      await client.query(`DROP ROLE IF EXISTS ${role}`);
    await client.query('GRANT CONNECT ON DATABASE postgres, template1 TO PUBLIC');
  });
});

async function create(database: string, superuser?: string): Promise<string> {
  return as(own.url('postgres'), async (client) => {
    const quoted = client.escapeIdentifier(database);
    await client.query(`CREATE DATABASE ${quoted} TEMPLATE template0`);
    const url = own.url(database);
    if (!superuser) return url;
    await client.query(
      `CREATE ROLE ${client.escapeIdentifier(superuser)} SUPERUSER LOGIN PASSWORD 'irrelevant'`,
    );
    await client.query(`ALTER DATABASE ${quoted} OWNER TO ${client.escapeIdentifier(superuser)}`);
    return withLogin(url, superuser, 'irrelevant');
  });
}

/** The three ways that are to end the same. None of them applies a migration. */
async function byRunner(url: string): Promise<void> {
  await migrate(url, secrets, []);
}

async function byPsql(url: string, passwords = secrets): Promise<void> {
  for (const script of scripts)
    await runClient('psql', url, ['-v', 'ON_ERROR_STOP=1', '-f', script], {
      PGOPTIONS: passwordSettings(passwords),
    });
}

/** What docker_process_sql of the postgres image's entry point does with each file of /docker-entrypoint-initdb.d. */
async function byEntryPoint(url: string): Promise<void> {
  const { username, pathname } = new URL(url);
  for (const script of scripts)
    await runClient(
      'psql',
      withDatabase(url, 'postgres'),
      [
        ...[
          '-v',
          'ON_ERROR_STOP=1',
          '--username',
          decodeURIComponent(username),
          '--no-password',
          '--no-psqlrc',
        ],
        ...['--dbname', decodeURIComponent(pathname.slice(1)), '-f', script],
      ],
      { PGOPTIONS: passwordSettings(secrets) },
    );
}

async function expectPasswords(url: string, passwords: RolePasswords): Promise<void> {
  for (const role of ['app', 'ml', 'admin'] as const) {
    const login = withLogin(url, `${role}_user`, passwords[role]);
    await as(login, async (client) => {
      expect((await client.query('SELECT current_user AS me')).rows).toEqual([{ me: `${role}_user` }]);
    });
    const wrong = withLogin(url, `${role}_user`, `${role}_password_`);
    await expect(as(wrong, async () => undefined)).rejects.toMatchObject({ code: '28P01' });
  }
}

const ways = [
  { name: 'our runner', run: byRunner, isMissing: false },
  { name: 'psql -f', run: byPsql, isMissing: !hasPsql },
  { name: 'psql as the postgres image calls it', run: byEntryPoint, isMissing: !hasPsql },
];
const names = [
  { database: 'customer_analyzer_prod' },
  { database: `custom d'b "x" ü`, superuser: `custom super'us"er` },
];

describe.each(ways)('by $name', ({ run, isMissing }) => {
  it.skipIf(isMissing).each(names)(
    `the result is the same in $database${isMissing ? ' (needs psql)' : ''}`,
    async ({ database, superuser }) => {
      const url = await create(database, superuser);
      await run(url);
      const made = await readCatalogue(url);
      expect(made['relations']?.length).toBeGreaterThan(20);
      await expectPasswords(url, secrets);
      expect(withoutLedger(made)).toEqual(reference);
    },
  );
});

describe('a second run changes nothing', () => {
  async function runAgain(url: string): Promise<void> {
    await as(url, async (client) => {
      for (const { sql } of readInitFiles()) await client.query(sql);
    });
  }

  it('after the first', async () => {
    const url = await create('again');
    await byRunner(url);
    const first = await readCatalogue(url);
    await runAgain(url);
    expect(await readCatalogue(url)).toEqual(first);
  });

  it('after all migrations, with data and settings of the shop', async () => {
    const url = await create('again');
    await migrate(url, secrets);
    await as(url, async (client) => {
      await client.query("UPDATE app_schema.settings SET time_zone = 'Europe/Moscow', currency = 'RUB'");
      await client.query("INSERT INTO app_schema.users (first_name) VALUES ('Ann')");
      await client.query("ALTER ROLE ml_user SET statement_timeout = '1h'");
    });
    const first = await readCatalogue(url);
    expect(first['shop']).toMatchObject([{ currency: 'RUB' }]);
    await runAgain(url);
    expect(await readCatalogue(url)).toEqual(first);
  });

  it.skipIf(!hasPsql)(
    'by psql, after all migrations, and existing roles keep their passwords (needs psql)',
    async () => {
      const url = await create('again');
      await migrate(url, secrets);
      const first = await readCatalogue(url);
      await byPsql(url, { app: 'other', ml: 'other', admin: 'other' });
      expect(await readCatalogue(url)).toEqual(first);
      await expectPasswords(url, secrets);
    },
  );

  it('and the runner finishes what the scripts began', async () => {
    const [whole, begun] = [await create('whole'), await create('begun')];
    await migrate(whole, secrets);
    await runAgain(begun);
    await migrate(begun, secrets);
    expect(await readCatalogue(begun)).toEqual(await readCatalogue(whole));
  });
});

it('without settings the development passwords hold', async () => {
  const url = await create('development');
  await as(url, async (client) => {
    for (const { sql } of readInitFiles()) await client.query(sql);
  });
  await expectPasswords(url, PASSWORDS);
});

it('several databases of a new server can be set up at once', async () => {
  const urls = await Promise.all(['one', 'two', 'three'].map((database) => create(database)));
  await Promise.all(urls.map((url) => migrate(url, secrets)));
  const [one, two, three] = await Promise.all(urls.map((url) => readCatalogue(url)));
  expect(two).toEqual(one);
  expect(three).toEqual(one);
});

describe('passwords', () => {
  it('stand in no log, though every statement is logged, and not in pg_stat_statements', async () => {
    const url = await create('logged');
    await migrate(url, secrets);
    const log = own.readLog();
    expect(log).toContain("EXECUTE format('CREATE ROLE %I LOGIN PASSWORD %L'");
    expect(log).not.toMatch(noSecret);
    const tracked = await as(url, (client) => client.query('SELECT query FROM pg_stat_statements'));
    const queries: string[] = tracked.rows.map((row) => row.query);
    // Statements inside functions are tracked, so CREATE ROLE would be.
    expect(queries.join('\n')).toMatch(/^ALTER DATABASE .* SET search_path/m);
    expect(queries.join('\n')).not.toMatch(noSecret);
  });

  it('stay out of the log where the role cannot be created', async () => {
    const url = await create('refused');
    await as(url, (client) =>
      client.query(
        "CREATE ROLE nobody LOGIN PASSWORD 'x'; ALTER DATABASE refused OWNER TO nobody; SET pg_stat_statements.track = 'top'; ALTER ROLE nobody SET pg_stat_statements.track = 'top'",
      ),
    );
    const failure = await migrate(withLogin(url, 'nobody', 'x'), secrets).catch((error: unknown) => error);
    expect(failure).toMatchObject({ message: expect.stringMatching(/^role app_user could not be created/) });
    const log = own.readLog();
    expect(log).toMatch(/ERROR: .*role app_user could not be created \(SQLSTATE 42501\)/);
    expect(log).not.toMatch(noSecret);
  });

  it('are not given to a server that would keep them and cannot be told not to', async () => {
    const url = await create('kept');
    await as(url, (client) =>
      client.query("CREATE ROLE nobody LOGIN CREATEROLE PASSWORD 'x'; ALTER DATABASE kept OWNER TO nobody"),
    );
    await expect(migrate(withLogin(url, 'nobody', 'x'), secrets)).rejects.toMatchObject({
      message: 'pg_stat_statements.track = all would keep the passwords of the new roles',
      hint: expect.stringContaining('beforehand'),
    });
  });
});
