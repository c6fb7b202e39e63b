import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BackupBench, canBackUp, programs, type Run, type Running, rewrite, sign } from './support/backup.ts';
import { exists, isRoot, until } from './support/embedded-harness.ts';
import { startOwnServer } from './support/own-server.ts';

const bench = new BackupBench();
let archive: string;
let before: unknown;
beforeAll(async () => {
  if (!canBackUp) return;
  await bench.start();
  archive = await bench.archive();
  before = await bench.contents();
});
afterAll(async () => {
  if (canBackUp) await bench.stop();
});
afterEach(async () => {
  if (!canBackUp) return;
  expect(await bench.contents()).toEqual(before);
  expect(await bench.leftovers()).toEqual([]);
  expect(await bench.query("SELECT datname FROM pg_database WHERE datname ~ '_before_'", 'postgres')).toEqual(
    [],
  );
});

/** A copy of the archive in which somebody changed the SQL, with checksums that fit. */
function changed(name: string, change: (sql: string) => string): string {
  const directory = join(bench.folder, 'changed');
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${name}.sql.gz`);
  for (const suffix of ['', '.manifest']) copyFileSync(archive + suffix, file + suffix);
  rewrite(file, change);
  return file;
}

function withManifest(name: string, change: (text: string) => string): string {
  const file = changed(name, (sql) => sql);
  writeFileSync(`${file}.manifest`, change(readFileSync(`${file}.manifest`, 'utf8')));
  sign(file);
  return file;
}

function expectFailure(run: Run, message: RegExp, hint: RegExp): void {
  expect(run.code, run.stderr).toBe(1);
  expect(run.stderr).toMatch(message);
  expect(run.stderr).toMatch(hint);
}

const replace = (...args: string[]): Promise<Run> => bench.restore(['--replace', '--yes', ...args]);

/** A restore that cannot go on: somewhere in the middle it waits. */
async function stuckRestore(): Promise<Running> {
  const slow = changed('slow', (sql) =>
    sql.replace(
      '\n-- PostgreSQL database dump complete',
      '\nSELECT pg_sleep(600);\n-- PostgreSQL database dump complete',
    ),
  );
  const running = bench.spawn('restore-db.sh', ['--replace', '--yes', slow]);
  await until(async () => {
    const waiting = await bench.query(
      "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
      'postgres',
    );
    return waiting.length > 0 || running.process.exitCode !== null;
  });
  return running;
}

describe.skipIf(!canBackUp)(
  'a restore that cannot be done leaves the database as it was (needs psql, pg_dump)',
  () => {
    it('the database holds data', async () => {
      expectFailure(
        await bench.restore(['--yes', archive]),
        /the database customer_analyzer holds data/,
        /Say --replace/,
      );
    });

    it('nobody can be asked', async () => {
      expectFailure(
        await bench.restore(['--replace', archive]),
        /will be replaced .* nobody can be asked here/,
        /Say --yes/,
      );
    });

    it('there is no such file', async () => {
      expectFailure(
        await replace('./backups/customer_analyzer_20240120_143022.sql.gz'),
        /there is no .*, and no customer_analyzer_20240120_143022\.sql\.gz in/,
        /--list/,
      );
    });

    // bash: the shell that runs the stages, with the status of each.
    it.each(['psql', 'bash'])('%s is killed', async (name) => {
      const restore = await stuckRestore();
      for (const pid of await programs(restore, name)) process.kill(pid, 'SIGKILL');
      await bench.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
        'postgres',
      );
      expectFailure(await restore.end, /the restore failed|the server ended/, /The database is as it was/);
    });

    it('its connection is ended', async () => {
      const restore = await stuckRestore();
      await bench.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
        'postgres',
      );
      expectFailure(await restore.end, /the restore failed/, /The database is as it was/);
    });

    it.each([
      ['SIGTERM', 143],
      ['SIGINT', 130],
    ] as const)('%s ends the script and its programs', async (signal, code) => {
      const restore = await stuckRestore();
      const below = await programs(restore, 'psql');
      restore.process.kill(signal);
      expect((await restore.end).code).toBe(code);
      await until(() => below.every((pid) => !exists(pid)));
    });

    it('kill -9 of the script leaves a database that the next restore drops', async () => {
      const restore = await stuckRestore();
      restore.process.kill('SIGKILL');
      await restore.end;
      expect(await bench.leftovers()).toContainEqual(expect.stringMatching(/^customer_analyzer_restoring_/));
      const busy = await replace(archive);
      expectFailure(busy, /another restore of this database is running/, /Wait for it: process \d+/);
      await bench.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
        'postgres',
      );
      let run: Run | undefined;
      await until(async () => {
        run = await bench.restore(['--replace', '--yes', '--drop-old', archive]);
        return run.code === 0;
      });
      expect(run?.stderr).toMatch(
        /dropping customer_analyzer_restoring_.*, which an interrupted restore left/,
      );
      execFileSync('find', [bench.temporary, '-mindepth', '1', '-delete']);
    });

    it('five at once: one restores, four say so', async () => {
      const url = bench.url('fresh');
      const runs = await Promise.all(
        Array.from({ length: 5 }, () => bench.restore([archive], { DATABASE_URL: url })),
      );
      // Who comes when the first is done finds its data; nobody restores twice.
      expect(runs.filter((run) => run.code === 0)).toHaveLength(1);
      for (const run of runs.filter((each) => each.code !== 0))
        expectFailure(run, /another restore of this database is running|holds data/, /Wait for it|--replace/);
      expect(await bench.contents('fresh')).toEqual(before);
      await bench.query('DROP DATABASE fresh', 'postgres');
    });

    it('the server is killed', async () => {
      const other = new BackupBench();
      await other.start();
      const own = await other.archive();
      const contents = await other.contents();
      rewrite(own, (sql) =>
        sql.replace(
          '\n-- PostgreSQL database dump complete',
          '\nSELECT pg_sleep(600);\n-- PostgreSQL database dump complete',
        ),
      );
      const restore = other.spawn('restore-db.sh', ['--replace', '--yes', own]);
      await until(
        async () =>
          (await other.query("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'", 'postgres'))
            .length > 0,
      );
      process.kill(other.own.server.pid, 'SIGKILL');
      expectFailure(await restore.end, /the restore failed|the server ended/, /The database is as it was/);
      // The supervisor starts it again.
      await until(() =>
        other.query('SELECT 1').then(
          () => true,
          () => false,
        ),
      );
      expect(await other.contents()).toEqual(contents);
      await other.stop();
    });

    it('a statement fails', async () => {
      const file = changed('failing', (sql) =>
        sql.replace(
          '\n-- PostgreSQL database dump complete',
          '\nSELECT 1/0;\n-- PostgreSQL database dump complete',
        ),
      );
      expectFailure(
        await replace(file),
        /division by zero[\s\S]*the restore failed/,
        /The database is as it was/,
      );
    });

    it.each<[string, (sql: string) => string, RegExp]>([
      [
        'a constraint',
        (sql) =>
          sql.replace(
            /^ALTER TABLE ONLY "app_schema"\."events"\n {4}ADD CONSTRAINT "events_user_id_fkey".*$/m,
            '',
          ),
        /missing: constraint app_schema\.events events_user_id_fkey/,
      ],
      [
        'an index',
        (sql) => sql.replace(/^CREATE INDEX "idx_events_product_id".*$/m, ''),
        /missing: index app_schema\.idx_events_product_id/,
      ],
      [
        'a function',
        (sql) => sql.replace('because you bought %s', 'because you took %s'),
        /missing: function app_schema\.reason_text/,
      ],
      [
        'a grant',
        (sql) => sql.replace(/^GRANT SELECT ON TABLE "app_schema"\."users" TO "ml_user";$/m, ''),
        /missing: grant relation app_schema\.users ml_user SELECT/,
      ],
      [
        'a grant too many',
        (sql) =>
          sql.replace(
            /^GRANT SELECT ON TABLE "app_schema"\."users" TO "ml_user";$/m,
            'GRANT ALL ON TABLE "app_schema"."users" TO "ml_user";',
          ),
        /not in the backup: grant relation app_schema\.users ml_user DELETE/,
      ],
      [
        'an owner',
        (sql) => sql.replace(/^ALTER FUNCTION "app_schema"\."day_start".* OWNER TO .*$/m, ''),
        /missing: function app_schema\.day_start.* customer_analyzer_owner/,
      ],
      [
        'a sequence',
        (sql) => sql.replace(/(setval\('"app_schema"\."users_user_id_seq"', )50/, '$17'),
        /missing: sequence "app_schema"\."users_user_id_seq" 50 true/,
      ],
      [
        'a setting',
        (sql) =>
          sql.replace(
            /(\n {2}EXECUTE format\('ALTER DATABASE %I SET )search_path.*/,
            "$1work_mem TO ''1MB''', current_database());",
          ),
        /not in the backup: setting everybody work_mem=1MB/,
      ],
    ])('%s differs from the manifest', async (name, change, message) => {
      const file = changed(name.replaceAll(' ', '-'), change);
      expectFailure(await replace(file), message, /not what the manifest says/);
    });

    it('the backup is of a newer PostgreSQL', async () => {
      const file = withManifest('newer', (text) => text.replace(/^server .*/m, 'server 99.1'));
      expectFailure(
        await replace(file),
        /of PostgreSQL 99, newer than this server/,
        /Restore it into PostgreSQL 99/,
      );
    });

    it('the password is wrong', async () => {
      const run = await bench.restore(['--replace', '--yes', archive], {
        DATABASE_URL: bench.url().replace(':postgres@', ':wrong@'),
      });
      expectFailure(run, /cannot be reached, or refuses the login/, /PGPASSWORD/);
    });

    it('the log cannot be written', async () => {
      for (const log of ['/nowhere/log', '/dev/full'])
        expectFailure(
          await bench.restore(['--replace', '--yes', archive], { BACKUP_LOG: log }),
          /cannot be written|stopped by a failure/,
          /BACKUP_LOG|Nothing was/,
        );
    });

    it.each([[[]], [['a', 'b']], [['--nonsense']]])('wrong use: %j', async (args) => {
      const run = await bench.restore(args);
      expect(run.code).toBe(2);
      expect(run.stderr).toContain('--help shows what can be given');
    });

    it('psql is older than the server', async () => {
      const newest = await startOwnServer({ newest: true });
      const major = Number(/\d+/.exec(execFileSync('psql', ['--version']).toString())?.[0]);
      const run = await bench.restore([archive], { DATABASE_URL: newest.url('customer_analyzer') });
      await newest.stop();
      if (major < 18)
        expectFailure(
          run,
          new RegExp(`psql ${major} is older than the server, which is PostgreSQL 18`),
          /postgresql-client-18/,
        );
      else expect(run.code, run.stderr).toBe(0);
    });
  },
);

const canMount = canBackUp && isRoot && spawnSync('mount', ['--version']).status === 0;
describe.skipIf(!canMount)('on a full disk (needs root)', () => {
  it('of the server: nothing is left, and the database is as it was', async () => {
    const disk = join(bench.folder, 'disk');
    mkdirSync(disk);
    // For the server, which runs as somebody else.
    chmodSync(bench.folder, 0o755);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=777', 'tmpfs', disk]).status !== 0) return;
    try {
      const user = (await bench.query('SHOW data_directory'))[0]?.['data_directory'] as string;
      execFileSync('chown', ['--reference', user, disk]);
      await bench.query(`CREATE TABLESPACE small LOCATION '${disk}'`);
      const grown = changed('grown', (sql) =>
        sql.replace(
          '\n-- PostgreSQL database dump complete',
          '\nCREATE TABLE app_schema.big TABLESPACE small AS SELECT repeat(md5(n::text), 30) FROM generate_series(1, 30000) AS n;\n-- PostgreSQL database dump complete',
        ),
      );
      expectFailure(await replace(grown), /the disk of the server is full/, /df -h/);
    } finally {
      await bench.query('DROP TABLESPACE IF EXISTS small');
      execFileSync('umount', ['-l', disk]);
      rmSync(disk, { recursive: true, force: true });
    }
  });
});
