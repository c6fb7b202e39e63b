import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BackupBench, canBackUp, descendants, FORMATS, NAME, programs, type Run } from './support/backup.ts';
import { exists, isRoot, until } from './support/embedded-harness.ts';
import { startOwnServer } from './support/own-server.ts';

const bench = new BackupBench();
const mounts: string[] = [];
beforeAll(async () => {
  if (canBackUp) await bench.start();
});
afterAll(async () => {
  for (const directory of mounts) execFileSync('umount', ['-l', directory]);
  if (canBackUp) await bench.stop();
});
afterEach(async () => {
  if (canBackUp) expect(await bench.leftovers()).toEqual([]);
});

/** A failure that can be seen and acted on, and no file with a final name. */
function expectFailure(run: Run, message: RegExp, hint: RegExp): void {
  expect(run.code, run.stderr).toBe(1);
  expect(run.stderr).toMatch(message);
  expect(run.stderr).toMatch(hint);
  expect(run.stdout).toBe('');
  expect(bench.names().filter((name) => NAME.test(name))).toEqual([]);
}

function smallDisk(name: string, options: string): string | undefined {
  const directory = join(bench.folder, name);
  mkdirSync(directory, { recursive: true });
  if (!isRoot || process.platform !== 'linux') return undefined;
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory]).status !== 0) return undefined;
  mounts.push(directory);
  return directory;
}
const tiny = smallDisk('tiny', 'size=16k');
const readOnly = smallDisk('read-only', 'ro');

describe.skipIf(!canBackUp).each(FORMATS)(
  'a backup, %s, that cannot be made says so and leaves nothing (needs psql, pg_dump)',
  (format) => {
    beforeAll(() => {
      bench.format = format;
    });

    it.skipIf(!tiny)('the disk is full (needs root)', async () => {
      const run = await bench.backUp({ BACKUP_DIR: tiny });
      expectFailure(run, /the disk of .*tiny is full/, /Free some space/);
      expect(bench.names(tiny)).toEqual([]);
    });

    it.skipIf(!readOnly)('the target is read-only (needs root)', async () => {
      expectFailure(
        await bench.backUp({ BACKUP_DIR: readOnly }),
        /cannot write into .*read-only/,
        /set BACKUP_DIR/,
      );
    });

    it('the target is a file, or below one', async () => {
      const file = join(bench.folder, 'file');
      writeFileSync(file, '');
      for (const directory of [file, join(file, 'below')])
        expectFailure(await bench.backUp({ BACKUP_DIR: directory }), /cannot write into/, /set BACKUP_DIR/);
    });

    // In the directory format pg_dump compresses by itself.
    it.each(format === 'plain' ? ['pg_dump', 'gzip'] : ['pg_dump'])('%s is killed', async (name) => {
      const backup = await bench.stuckBackup();
      for (const pid of await programs(backup, name)) process.kill(pid, 'SIGKILL');
      await backup.release();
      expectFailure(
        await backup.end,
        /the dump failed \(exit codes of pg_dump, gzip and what follows: .*(137|killed|1\))/,
        /run it again/,
      );
    });

    it('pg_dump loses its connection', async () => {
      const backup = await bench.stuckBackup();
      await bench.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LOCK TABLE%' AND wait_event_type = 'Lock'",
        'postgres',
      );
      await backup.release();
      expectFailure(await backup.end, /the dump failed/, /run it again/);
    });

    it('the session that holds the snapshot is ended', async () => {
      const backup = await bench.stuckBackup();
      await bench.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction' AND application_name LIKE 'customer-analyzer backup%'",
        'postgres',
      );
      await backup.release();
      expectFailure(await backup.end, /cannot be counted|the dump failed/, /message/);
    });

    it.each([
      ['SIGTERM', 143],
      ['SIGINT', 130],
      ['SIGHUP', 129],
    ] as const)('%s ends the script and its programs', async (signal, code) => {
      const backup = await bench.stuckBackup();
      const below = await programs(backup, 'pg_dump');
      backup.process.kill(signal);
      const run = await backup.end;
      expect(run).toMatchObject({ code, stdout: '' });
      expect(run.stderr).toMatch(/interrupted/);
      expect(bench.names()).toEqual([]);
      await until(() => below.every((pid) => !exists(pid)));
      await backup.release();
    });

    it('kill -9 of the script leaves a .partial that the next backup removes', async () => {
      const backup = await bench.stuckBackup();
      const below = descendants(backup.process.pid as number, 'pg_dump');
      backup.process.kill('SIGKILL');
      await backup.end;
      expect(bench.names()).toEqual([
        expect.stringMatching(/^customer_analyzer_\d{8}_\d{6}\.(sql\.gz|dir)\.partial$/),
      ]);
      // What it left running still dumps: a second one does not start beside it.
      expectBusy(await bench.backUp());
      for (const pid of below) process.kill(pid, 'SIGKILL');
      await backup.release();
      let run: Run | undefined;
      await until(async () => {
        run = await bench.backUp();
        return run.code === 0;
      });
      expect(run?.stderr).toMatch(/removing .*partial, which an interrupted backup left/);
      expect(bench.names()).toHaveLength(3);
      for (const name of bench.names()) execFileSync('rm', ['-r', join(bench.backups, name)]);
      execFileSync('find', [bench.temporary, '-mindepth', '1', '-delete']);
    });

    function expectBusy(run: Run): void {
      expect(run.code).toBe(1);
      expect(run.stderr).toMatch(/another backup of this database is running\n.*Wait for it: process \d+/);
    }

    it('the server is killed', async () => {
      const own = new BackupBench();
      await own.start({ settings: { fsync: 'off' } });
      const backup = await own.stuckBackup();
      process.kill(own.own.server.pid, 'SIGKILL');
      const run = await backup.end;
      expect(run.code).toBe(1);
      expect(run.stderr).toMatch(/the dump failed/);
      expect(own.names()).toEqual([]);
      await backup.release().catch(() => undefined);
      await own.stop();
    });

    it('a table stays locked', async () => {
      const backup = await bench.stuckBackup({ BACKUP_LOCK_WAIT: '200ms' });
      const run = await backup.end;
      await backup.release();
      expectFailure(run, /a table is locked by another session for longer than 200ms/, /pg_stat_activity/);
    });

    it('the password is wrong', async () => {
      const url = bench.url().replace(':postgres@', ':wrong@');
      expect(url).not.toBe(bench.url());
      expectFailure(
        await bench.backUp({ DATABASE_URL: url }),
        /cannot be reached, or refuses the login/,
        /PGPASSWORD/,
      );
    });

    it('the login may not read all there is', async () => {
      const url = bench.url().replace('postgres:postgres@', 'app_user:app_password@');
      expectFailure(
        await bench.backUp({ DATABASE_URL: url }),
        /app_user may not read all of the database/,
        /Log in as admin_user/,
      );
    });

    it('nothing answers', async () => {
      const run = await bench.backUp({
        DATABASE_URL: 'postgresql://postgres:x@127.0.0.1:1/customer_analyzer',
      });
      expectFailure(run, /cannot be reached/, /Start it/);
    });

    it('there is no such database', async () => {
      expectFailure(
        await bench.backUp({ DATABASE_URL: bench.url('nowhere') }),
        /cannot be reached|does not exist/,
        /DATABASE_URL/,
      );
    });

    it('DATABASE_URL is no URL, and is not repeated', async () => {
      const run = await bench.backUp({ DATABASE_URL: 'secret@host' });
      expectFailure(run, /DATABASE_URL is not a PostgreSQL URL/, /Write postgresql/);
      expect(run.stderr).not.toContain('secret');
    });

    it('the log cannot be written', async () => {
      expectFailure(
        await bench.backUp({ BACKUP_LOG: '/nowhere/log' }),
        /the log \/nowhere\/log cannot be written/,
        /BACKUP_LOG/,
      );
      const full = await bench.backUp({ BACKUP_LOG: '/dev/full' });
      expect(full.code).toBe(1);
      expect(bench.names()).toEqual([]);
    });

    /** Backs up with a program in the place of the one of that name, which it finds in REAL_PATH. */
    const backUpWith = async (program: string, script: string): Promise<Run> => {
      const folder = mkdtempSync(join(bench.folder, 'programs-'));
      writeFileSync(join(folder, program), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      const path = process.env['PATH'] as string;
      return await bench.backUp({ PATH: `${folder}:${path}`, REAL_PATH: path });
    };

    it('pg_dump writes less than is there: the archive is read back and counted', async () => {
      // As a pg_dump would that ends well and forgets rows.
      expectFailure(
        await backUpWith(
          'pg_dump',
          `PATH=$REAL_PATH; [ "$1" = --version ] || set -- --exclude-table-data=app_schema.events "$@"; exec pg_dump "$@"`,
        ),
        /its rows are not those of its manifest .*"app_schema"\."events" 2000/,
        /Nothing was kept/,
      );
    });

    it('the disk does not take what was written', async () => {
      expectFailure(
        await backUpWith('sync', 'echo "sync: Input/output error" >&2; exit 1'),
        /Input\/output error/,
        /Nothing was kept/,
      );
    });

    it.skipIf(format !== 'plain')('gzip ends well and loses the end', async () => {
      expectFailure(
        await backUpWith(
          'gzip',
          'PATH=$REAL_PATH; [ $# = 0 ] || exec gzip "$@"; gzip | { head -c 2000; cat >/dev/null; }',
        ),
        /the new archive is not good: gzip finds it damaged or cut off/,
        /disk and memory/,
      );
    });

    it.skipIf(format !== 'plain')('on the disk is another thing than was written', async () => {
      expectFailure(
        await backUpWith(
          'cat',
          'to=$(readlink /proc/$$/fd/1); PATH=$REAL_PATH; case $to in *.partial) head -c 2000; exec cat >/dev/null ;; *) exec cat "$@" ;; esac',
        ),
        /the new archive is not good: on the disk is not what was written/,
        /disk and memory/,
      );
    });

    it.skipIf(format !== 'plain')('what should encrypt it is missing or does not know the key', async () => {
      const run = await bench.backUp({ BACKUP_ENCRYPT_TO: 'nobody@example.com', GNUPGHOME: bench.temporary });
      expectFailure(
        run,
        /gpg cannot encrypt to nobody@example\.com|gpg, which is not installed/,
        /BACKUP_ENCRYPT_TO/,
      );
      execFileSync('find', [bench.temporary, '-mindepth', '1', '-delete']);
    });

    it.each([
      ['--nonsense', /there is no option/],
      ['file', /not understood/],
      ['--verify', /needs a FILE/],
    ])('wrong use: %s', async (argument, message) => {
      const run = await bench.backUp({}, [argument]);
      expect(run).toMatchObject({ code: 2, stdout: '' });
      expect(run.stderr).toMatch(message);
    });

    it.each(['BACKUP_KEEP_DAYS', 'BACKUP_KEEP_MIN', 'BACKUP_LOCK_WAIT'])('%s is nonsense', async (name) => {
      const run = await bench.backUp({ [name]: '1 week; DROP TABLE users' });
      expect(run.code).toBe(2);
      expect(run.stderr).toContain(name);
    });

    it('the directory has the backups of another database', async () => {
      const directory = join(bench.folder, 'shared');
      await bench.archive({ BACKUP_DIR: directory });
      await bench.query('CREATE DATABASE elsewhere', 'postgres');
      const run = await bench.backUp({ BACKUP_DIR: directory, DATABASE_URL: bench.url('elsewhere') });
      await bench.query('DROP DATABASE elsewhere', 'postgres');
      expectFailure(
        run,
        /has the backups of the database customer_analyzer, not of elsewhere/,
        /directory of its own/,
      );
    });

    it('pg_dump is older than the server', async () => {
      const newest = await startOwnServer({ newest: true });
      const major = Number(/\d+/.exec(execFileSync('pg_dump', ['--version']).toString())?.[0]);
      const run = await bench.backUp({ DATABASE_URL: newest.url('postgres') });
      await newest.stop();
      if (major < 18)
        expectFailure(
          run,
          new RegExp(`(pg_dump|psql) ${major} is older than the server, which is PostgreSQL 18`),
          /postgresql-client-18/,
        );
      else expect(run.code).toBe(0);
    });
  },
);
