import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withLogin } from '../src/database/connection-urls.ts';
import { BackupBench, canBackUp, type Run } from './support/backup.ts';
import { readCatalogue } from './support/catalogue.ts';
import { until } from './support/embedded-harness.ts';
import { type OwnServer, startOwnServer } from './support/own-server.ts';
import { PASSWORDS } from './support/test-database.ts';

const bench = new BackupBench();
let archive: string;
let before: unknown;
beforeAll(async () => {
  if (!canBackUp) return;
  await bench.start();
  // What a plain dump leaves out, on top of what the set-up makes.
  await bench.query(`
    CREATE ROLE "night's ""dba""" LOGIN CONNECTION LIMIT 3 PASSWORD 'secret';
    GRANT admin_user TO "night's ""dba""";
    ALTER ROLE "night's ""dba""" SET search_path = app_schema, "$user";
    COMMENT ON ROLE "night's ""dba""" IS 'Says "it''s" late';
    GRANT CONNECT ON DATABASE customer_analyzer TO "night's ""dba""" WITH GRANT OPTION;
    ALTER DATABASE customer_analyzer SET statement_timeout = '1h';
    ALTER ROLE ml_user IN DATABASE customer_analyzer SET work_mem = '32MB';
    GRANT SELECT (user_id) ON app_schema.users TO pg_monitor;
    CREATE TABLE app_schema."odd; ""name'" (a integer);
    INSERT INTO app_schema."odd; ""name'" SELECT generate_series(1, 5);
    SELECT lo_from_bytea(4711, 'a large object');`);
  archive = await bench.archive();
  before = await bench.contents();
});
afterAll(async () => {
  if (canBackUp) await bench.stop();
});

function expectDone(run: Run): void {
  expect(run.code, run.stderr).toBe(0);
}

const kept = async (): Promise<string[]> =>
  (await bench.query("SELECT datname FROM pg_database WHERE datname LIKE '%\\_before\\_%'", 'postgres')).map(
    (row) => String(row['datname']),
  );

const damage = (): Promise<unknown> =>
  bench.query('DELETE FROM app_schema.events WHERE event_id % 2 = 0; DROP VIEW IF EXISTS x');

describe.skipIf(!canBackUp)('a restore (needs psql, pg_dump)', () => {
  it('brings back what was there, as tight as it was, and keeps what it replaced until it is dropped', async () => {
    const catalogue = await readCatalogue(bench.url());
    await damage();
    await bench.query(
      'GRANT CONNECT ON DATABASE customer_analyzer TO PUBLIC; ALTER DATABASE customer_analyzer RESET statement_timeout',
    );
    expectDone(await bench.restore(['--replace', '--yes', archive]));
    expect(await bench.contents()).toEqual(before);
    expect(await readCatalogue(bench.url())).toEqual(catalogue);
    expect(await bench.query("SELECT convert_from(lo_get(4711), 'UTF8') AS text")).toEqual([
      { text: 'a large object' },
    ]);
    expect(
      await bench.query("SELECT reltuples FROM pg_class WHERE oid = 'app_schema.events'::regclass"),
    ).toEqual([{ reltuples: 2000 }]);
    expect(
      await bench.query(
        'SELECT kind, succeeded, archive FROM maintenance.backup_runs ORDER BY backup_run_id DESC LIMIT 2',
      ),
    ).toEqual([
      { kind: 'restore', succeeded: true, archive: basename(archive) },
      // Recorded after the backup was taken: the story of the server goes on.
      { kind: 'backup', succeeded: true, archive: basename(archive) },
    ]);

    // What belongs to another database is not dropped.
    const other = { DATABASE_URL: bench.url('customer_analyze') };
    expect((await bench.restore(['--drop-old', '--yes'], other)).stderr).toContain(
      'no database was replaced',
    );
    const [old] = await kept();
    expect(old).toMatch(/^customer_analyzer_before_\d{8}_\d{6}$/);
    expect(await bench.contents(old)).not.toEqual(before);
    expectDone(await bench.restore(['--drop-old', '--yes']));
    expect(await kept()).toEqual([]);
    expect(await bench.leftovers()).toEqual([]);
  });

  it("needs no question where there is no database yet; the document's path is looked up by its name", async () => {
    const url = bench.url('customer_analyzer_restored');
    expectDone(await bench.restore([`./backups/${basename(archive)}`], { DATABASE_URL: url }, '/'));
    expect(await bench.contents('customer_analyzer_restored')).toEqual(before);
    await bench.query('DROP DATABASE customer_analyzer_restored', 'postgres');
  });

  it('asks on a terminal', async () => {
    const answer = (text: string): { status: number | null; stdout: string } => {
      const command = `'${join(import.meta.dirname, '../scripts/restore-db.sh')}' --replace '${archive}'`;
      const run = spawnSync('script', ['-qec', command, '/dev/null'], {
        input: text,
        encoding: 'utf8',
        env: {
          PATH: process.env['PATH'],
          HOME: bench.folder,
          TMPDIR: bench.temporary,
          DATABASE_URL: bench.url(),
        },
      });
      return run;
    };
    await damage();
    const no = answer('\n');
    expect(no).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/will be replaced by .* Go on\? \[y\/N\][\s\S]*not confirmed/),
    });
    expect(await bench.contents()).not.toEqual(before);
    expect(answer('y\n')).toMatchObject({ status: 0 });
    expect(await bench.contents()).toEqual(before);
    expectDone(await bench.restore(['--drop-old', '--yes']));
  });

  it('takes names and paths with blanks, quotes, a newline, a leading dash, and links', async () => {
    const folder = join(bench.folder, `a 'folder' "of"\nmine`);
    mkdirSync(folder);
    const named = join(folder, '-my backup.sql.gz');
    for (const suffix of ['.manifest', '.sha256']) copyFileSync(archive + suffix, named + suffix);
    copyFileSync(archive, named);
    symlinkSync(archive, join(folder, 'link.sql.gz'));
    const database = `custom d'b "x" ü 50%`;
    for (const args of [['--', '-my backup.sql.gz'], [named], ['link.sql.gz']]) {
      expectDone(
        await bench.restore(
          ['--replace', '--yes', '--drop-old', ...args],
          { DATABASE_URL: bench.url(database) },
          folder,
        ),
      );
      expect(await bench.contents(database)).toEqual(before);
    }
    const own = await bench.archive({ DATABASE_URL: bench.url(database), BACKUP_DIR: folder });
    expectDone(
      await bench.restore(['--replace', '--yes', '--drop-old', own], { DATABASE_URL: bench.url(database) }),
    );
    await bench.query(`DROP DATABASE "${database.replaceAll('"', '""')}"`, 'postgres');
  });

  it('takes no notice of autovacuum, which is at work after every large DELETE', async () => {
    // Slowed down, so that it is surely in the middle.
    await bench.query(`
      ALTER TABLE app_schema.events SET (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1);
      DELETE FROM app_schema.events WHERE event_id % 2 = 0`);
    await bench.query("ALTER SYSTEM SET autovacuum_naptime = '1s'");
    await bench.query('SELECT pg_reload_conf()');
    await until(
      async () =>
        (
          await bench.query(
            "SELECT FROM pg_stat_activity WHERE backend_type = 'autovacuum worker' AND datname = current_database()",
          )
        ).length > 0,
    );
    expectDone(await bench.restore(['--replace', '--yes', '--drop-old', archive]));
    expect(await bench.contents()).toEqual(before);
    await bench.query('ALTER SYSTEM RESET autovacuum_naptime');
    await bench.query('SELECT pg_reload_conf()');
  });

  it('ends sessions only with --force, also those that come back at once', async () => {
    const refused = await connectedDuring(() => bench.restore(['--replace', '--yes', archive]));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(
      /connected to customer_analyzer:\n {2}process \d+: app_user, night shift, from .*, since .*\n/,
    );
    expect(refused.stderr).toMatch(/say --force/);
    await damage();
    expectDone(
      await connectedDuring(() => bench.restore(['--replace', '--yes', '--force', '--drop-old', archive])),
    );
    expect(await bench.contents()).toEqual(before);
  });

  /** A client that connects again whenever it is thrown out, as a pool does. */
  async function connectedDuring(run: () => Promise<Run>): Promise<Run> {
    const url = `${withLogin(bench.url(), 'app_user', 'app_password')}?application_name=night%20shift`;
    let stop = false;
    let connections = 0;
    const client = (async () => {
      while (!stop) {
        const each = new pg.Client(url);
        each.on('error', () => undefined);
        try {
          await each.connect();
          connections++;
          while (!stop) await each.query('SELECT pg_sleep(0.01)');
        } catch {
          // thrown out, or kept out during the rename
        } finally {
          await each.end().catch(() => undefined);
        }
      }
    })();
    await until(() => connections > 0);
    const result = await run();
    stop = true;
    await client;
    return result;
  }

  it('is rehearsed by a drill, which is recorded and changes nothing', async () => {
    await damage();
    const now = await bench.contents();
    // A limit for daily work does not stop it.
    const run = await bench.restore(['--drill'], {
      DATABASE_URL: `${bench.url()}?options=-c%20statement_timeout%3D2ms`,
    });
    expectDone(run);
    expect(run.stderr).toMatch(/the drill went well: .* was restored and compared/);
    expect(run.stderr).not.toContain('amcheck is not installed');
    expect(await bench.contents()).toEqual(now);
    expect(await bench.leftovers()).toEqual([]);
    expect(
      await bench.query(
        "SELECT succeeded, archive, message FROM maintenance.backup_runs WHERE kind = 'drill'",
      ),
    ).toEqual([{ succeeded: true, archive: basename(archive), message: null }]);
    const broken = join(bench.folder, 'broken.sql.gz');
    writeFileSync(broken, readFileSync(archive).subarray(0, 5000));
    const failed = await bench.restore(['--drill', broken]);
    expect(failed.code).toBe(1);
    expect(
      await bench.query(
        "SELECT archive, message FROM maintenance.backup_runs WHERE kind = 'drill' AND NOT succeeded",
      ),
    ).toEqual([{ archive: 'broken.sql.gz', message: expect.stringContaining('its checksum is missing') }]);
    expect(await bench.leftovers()).toEqual([]);
    // The failure counts for nothing.
    await bench.query(
      "UPDATE maintenance.backup_runs SET finished_at = now() - interval '1 hour' WHERE succeeded",
    );
    const client = new pg.Client(withLogin(bench.url(), 'admin_user', PASSWORDS.admin));
    await client.connect();
    const ages = (await client.query('SELECT * FROM maintenance.backup_ages')).rows[0];
    await client.end();
    for (const name of ['customer_analyzer_backup_age_seconds', 'customer_analyzer_last_drill_age_seconds'])
      expect(Math.abs(ages[name] - 3600), name).toBeLessThan(600);
  });

  describe.each([
    { version: 'the same version', newest: false },
    { version: 'PostgreSQL 18', newest: true },
  ])('on a virgin server of $version', ({ newest }) => {
    let other: OwnServer;
    beforeAll(async () => {
      other = await startOwnServer({ newest });
    });
    afterAll(() => other.stop());

    async function query(sql: string, database = 'customer_analyzer'): Promise<Record<string, unknown>[]> {
      const client = new pg.Client(other.url(database));
      await client.connect();
      try {
        return (await client.query(sql)).rows;
      } finally {
        await client.end();
      }
    }

    it('makes the roles, without passwords, and gives them what they had', async () => {
      const run = await bench.restore(['--older-psql', archive], {
        DATABASE_URL: other.url('customer_analyzer'),
      });
      expectDone(run);
      for (const role of ['app_user', 'ml_user', 'admin_user', `"night's ""dba"""`])
        expect(run.stderr).toContain(`role ${role} was missing and has been created; it has no password yet`);
      const passwords = await query(
        "SELECT rolname FROM pg_authid WHERE rolcanlogin AND rolpassword IS NOT NULL AND rolname <> 'postgres'",
      );
      expect(passwords).toEqual([]);
      const names = ['database', 'roles', 'schemas', 'sequences', 'shop'];
      const [original, restored] = await Promise.all([
        readCatalogue(bench.url()),
        readCatalogue(other.url('customer_analyzer')),
      ]);
      for (const name of names) expect(restored[name], name).toEqual(original[name]);
      expect(
        await query(`SELECT rolconnlimit, rolconfig, pg_has_role(oid, 'admin_user', 'USAGE') AS member, shobj_description(oid, 'pg_authid') AS comment
        FROM pg_roles WHERE rolname = 'night''s "dba"'`),
      ).toEqual([
        {
          rolconnlimit: 3,
          rolconfig: ['search_path=app_schema, "$user"'],
          member: true,
          comment: `Says "it's" late`,
        },
      ]);
    });
  });

  it('a missing superuser becomes an owner who cannot log in', async () => {
    const other = await startOwnServer();
    await bench.query(
      `CREATE ROLE "su per" SUPERUSER LOGIN PASSWORD 'x'; CREATE SCHEMA theirs AUTHORIZATION "su per"`,
    );
    const with_ = await bench.archive();
    const run = await bench.restore([with_], { DATABASE_URL: other.url('customer_analyzer') });
    await other.stop();
    await bench.query('DROP SCHEMA theirs; DROP ROLE "su per"');
    expectDone(run);
    expect(run.stderr).toContain(
      'role "su per" was missing and has been created, without the rights of a superuser and without login',
    );
  });
});

// Last: the database is another one afterwards.
describe.skipIf(!canBackUp)('a restore of a backup from before an erasure (needs psql, pg_dump)', () => {
  it('does not bring back who was erased since', async () => {
    await bench.query(`INSERT INTO app_schema.users (user_id, telegram_id, first_name) VALUES (9001, 99887766, 'Erika');
      INSERT INTO app_schema.user_identities VALUES ('crm', 'crm-erika', 9001);
      INSERT INTO app_schema.events (user_id, event_type, properties) VALUES (9001, 'purchase', '{"amount": 7, "note": "for Erika"}')`);
    const withErika = await bench.archive({ BACKUP_DIR: join(bench.folder, 'erasure') });
    await bench.query('SELECT privacy.erase_user(9001)');
    const erased = await bench.contents();
    const run = await bench.restore(['--replace', '--yes', '--drop-old', withErika]);
    expectDone(run);
    expect(run.stderr).toContain('erased again: 1 persons');
    expect(await bench.contents()).toEqual(erased);
    expect(JSON.stringify(erased)).not.toContain('Erika');
    // A backup of another database has another key: nothing can be applied, and that is said.
    await bench.query("UPDATE privacy.keys SET inner_pad = decode(repeat('00', 64), 'hex')");
    const foreign = await bench.restore(['--replace', '--yes', '--drop-old', withErika]);
    expectDone(foreign);
    expect(foreign.stderr).toContain('CAUTION: ');
  });
});
