import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { withLogin } from '../src/database/connection-urls.ts';
import { BackupBench, canBackUp, NAME, sign } from './support/backup.ts';
import { runCli } from './support/cli.ts';
import { runClient } from './support/programs.ts';
import { PASSWORDS } from './support/test-database.ts';

const bench = new BackupBench();
beforeAll(async () => {
  if (canBackUp) await bench.start({ settings: { log_connections: 'on', log_statement: 'all' } });
});
afterAll(async () => {
  if (canBackUp) await bench.stop();
});
beforeEach(() => rmSync(bench.backups, { recursive: true, force: true }));

const archives = (): string[] => bench.names().filter((name) => NAME.test(name));
const sqlOf = (archive: string): string => gunzipSync(readFileSync(archive)).toString();

/** A folder with one program, to stand before the others on PATH. */
function programFolder(name: string, text: string): string {
  const folder = join(bench.folder, `with-${name}-${Math.random()}`);
  mkdirSync(folder);
  writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
  chmodSync(join(folder, name), 0o755);
  return `${folder}:${process.env['PATH']}`;
}

/** The clock of the script, moved. */
const clock = (shift: string): Record<string, string> => ({
  PATH: programFolder('date', `PATH='${process.env['PATH']}'; exec date -d '${shift}' "$@"`),
});

describe.skipIf(!canBackUp)('a backup (needs psql, pg_dump)', () => {
  it('is three files that only their owner can read, and is good', async () => {
    const started = new Date();
    const archive = await bench.archive();
    const name = basename(archive);
    expect(name).toMatch(NAME);
    const [, y, m, d, h, min, s] = /(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)/.exec(name) as RegExpExecArray;
    expect(Math.abs(Date.parse(`${y}-${m}-${d}T${h}:${min}:${s}Z`) - started.getTime())).toBeLessThan(60_000);
    expect(bench.names()).toEqual([name, `${name}.manifest`, `${name}.sha256`]);
    for (const each of bench.names()) expect(statSync(join(bench.backups, each)).mode & 0o777).toBe(0o600);
    execFileSync('sha256sum', ['--check', '--quiet', `${name}.sha256`], { cwd: bench.backups });
    expect((await bench.backUp({}, ['--verify', archive])).code).toBe(0);
    const manifest = readFileSync(`${archive}.manifest`, 'utf8');
    expect(manifest).toMatch(
      /^database customer_analyzer\nserver 1\d\.\d+\npg_dump 1\d\.\d+\nschema \d{4}-.*\.sql$/m,
    );
    expect(manifest).toMatch(/^rows "app_schema"\."events" 2000$/m);
    expect(manifest).toMatch(/^bytes \d+\nseconds \d+$/m);
    const list = await bench.backUp({}, ['--list']);
    expect(list.stdout).toMatch(new RegExp(`^${name} .* good$`, 'm'));
    expect(
      await bench.query(
        "SELECT succeeded FROM maintenance.backup_runs WHERE kind = 'backup' ORDER BY 1 LIMIT 1",
      ),
    ).toEqual([{ succeeded: true }]);
    expect(await bench.leftovers()).toEqual([]);
  });

  it('can be read by psql alone', async () => {
    const archive = await bench.archive();
    await bench.query('CREATE DATABASE by_hand', 'postgres');
    const file = join(bench.folder, 'by-hand.sql');
    writeFileSync(file, sqlOf(archive));
    await runClient('psql', bench.url('by_hand'), [
      '-qX1',
      '-v',
      'ON_ERROR_STOP=1',
      '-o',
      '/dev/null',
      '-f',
      file,
    ]);
    expect(await bench.contents('by_hand')).toEqual(await bench.contents());
    await bench.query('DROP DATABASE by_hand', 'postgres');
  });

  it('by a pg_dump newer than the server leaves out the one line that this server does not know', async () => {
    const real = process.env['PATH'] as string;
    const newer = `PATH='${real}'
      if [ "$1" = --version ]; then echo 'pg_dump (PostgreSQL) 99.1'; exit; fi
      pg_dump "$@" | sed 's/^SET lock_timeout = 0;$/&\\nSET transaction_timeout = 0;/'`;
    const archive = await bench.archive({ PATH: programFolder('pg_dump', newer) });
    expect(sqlOf(archive)).toContain('\nSET lock_timeout = 0;\n');
    expect(sqlOf(archive)).not.toContain('transaction_timeout');
    const run = await bench.restore(['--drill', archive]);
    expect(run.code, run.stderr).toBe(0);
  });

  it('works as the line of cron calls it: hardly any PATH, no terminal, any folder, a link to the script', async () => {
    const link = join(bench.folder, 'backup-link');
    symlinkSync(join(import.meta.dirname, '../scripts/backup-db.sh'), link);
    const stdout = execFileSync('/bin/sh', ['-c', link], {
      cwd: '/',
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: {
        PATH: '/usr/bin:/bin',
        HOME: bench.folder,
        DATABASE_URL: bench.url(),
        BACKUP_DIR: bench.backups,
      },
    });
    expect(stdout).toBe(`${join(bench.backups, archives()[0] as string)}\n`);
  });

  it('finds the database by the variables of libpq, with a password file', async () => {
    const { port, hostname } = new URL(bench.url());
    writeFileSync(join(bench.folder, '.pgpass'), `${hostname}:${port}:*:postgres:postgres\n`, {
      mode: 0o600,
    });
    const run = await bench.backUp({ DATABASE_URL: undefined, PGHOST: hostname, PGPORT: port });
    rmSync(join(bench.folder, '.pgpass'));
    expect(run.code, run.stderr).toBe(0);
  });

  it('needs no superuser', async () => {
    const url = withLogin(bench.url(), 'admin_user', PASSWORDS.admin);
    const archive = await bench.archive({ DATABASE_URL: url });
    const drill = await bench.restore(['--drill', archive]);
    expect(drill.code, drill.stderr).toBe(0);
  });

  it('finds the embedded server that runs', async () => {
    const { port, dataDirectory } = bench.own.server;
    const home = join(dataDirectory, '..');
    const run = await bench.backUp({
      DATABASE_URL: undefined,
      CUSTOMER_ANALYZER_HOME: existsSync(join(home, 'embedded.json')) ? home : process.env['HOME'],
    });
    expect(run.code, run.stderr).toBe(0);
    expect(run.stderr).toContain(`127.0.0.1:${port}`);
  });

  it('shows no password: in no list of processes, no log, no archive, no message', async () => {
    const secret = "pa:ss/w@rd%25'";
    await bench.query(
      `CREATE ROLE dba SUPERUSER LOGIN PASSWORD '${secret.replaceAll("'", "''")}'`,
      'postgres',
    );
    const url = withLogin(bench.url(), 'dba', secret);
    const backup = await bench.stuckBackup({ DATABASE_URL: url });
    const commands = readdirSync('/proc').flatMap((pid) => {
      try {
        return /^\d+$/.test(pid) ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8')] : [];
      } catch {
        return [];
      }
    });
    expect(commands.join('\n')).toContain('pg_dump');
    await backup.release();
    const run = await backup.end;
    expect(run.code, run.stderr).toBe(0);
    const log = bench.own.readLog().replace(/.*CREATE ROLE dba.*/g, '');
    const texts = [
      commands.join('\n'),
      run.stdout,
      run.stderr,
      log,
      sqlOf(run.stdout.trimEnd()),
      readFileSync(`${run.stdout.trimEnd()}.manifest`, 'utf8'),
    ];
    for (const text of texts)
      for (const form of [secret, encodeURIComponent(secret), 'SCRAM-SHA-256$'])
        expect(text).not.toContain(form);
    await bench.query('DROP OWNED BY dba; DROP ROLE dba', 'postgres');
  });

  it('started five times at once runs once; the others say so and leave nothing', async () => {
    const first = await bench.stuckBackup();
    const others = await Promise.all(Array.from({ length: 4 }, () => bench.backUp()));
    for (const run of others) {
      expect(run).toMatchObject({ code: 1, stdout: '' });
      expect(run.stderr).toContain('another backup of this database is running');
    }
    await first.release();
    expect((await first.end).code).toBe(0);
    expect(archives()).toHaveLength(1);
    const five = await Promise.all(Array.from({ length: 5 }, () => bench.backUp()));
    const done = five.filter((run) => run.code === 0).length;
    expect(done).toBeGreaterThanOrEqual(1);
    expect(archives()).toHaveLength(1 + done);
    expect(await bench.leftovers()).toEqual([]);
  });

  it('in the second of another takes the next free one', async () => {
    // A clock that stands, and moves on when somebody waits for it.
    const moment = join(bench.folder, 'moment');
    writeFileSync(moment, '1705761022');
    const folder = programFolder(
      'date',
      `PATH='${process.env['PATH']}'; exec date -d "@$(cat '${moment}')" "$@"`,
    );
    writeFileSync(
      join(folder.split(':')[0] as string, 'sleep'),
      `#!/bin/sh\necho $(( $(cat '${moment}') + 1 )) > '${moment}.new'; mv '${moment}.new' '${moment}'\n`,
      { mode: 0o755 },
    );
    const first = await bench.archive({ PATH: folder });
    expect(basename(first)).toBe('customer_analyzer_20240120_143022.sql.gz');
    expect(basename(await bench.archive({ PATH: folder }))).toBe('customer_analyzer_20240120_143023.sql.gz');
    // Another program reserved the next name, without a lock of ours.
    writeFileSync(join(bench.backups, 'customer_analyzer_20240120_143024.sql.gz'), '');
    expect(basename(await bench.archive({ PATH: folder }))).toBe('customer_analyzer_20240120_143025.sql.gz');
  });

  it('writes through a link, and into folders with blanks, quotes, a newline, a leading dash', async () => {
    mkdirSync(join(bench.folder, 'real'), { recursive: true });
    symlinkSync(join(bench.folder, 'real'), join(bench.folder, 'linked'));
    for (const name of ['linked', 'with blanks', `'quotes" $(touch x)`, 'new\nline', '-dash']) {
      const run = await bench.backUp({ BACKUP_DIR: name });
      expect(run.code, run.stderr).toBe(0);
      expect(run.stdout).toBe(`${join(bench.folder, name)}/${bench.names(join(bench.folder, name))[0]}\n`);
      expect((await bench.backUp({ BACKUP_DIR: name }, ['--list'])).stdout).toMatch(/ good\n$/);
    }
    expect(bench.names(join(bench.folder, 'real'))).toHaveLength(3);
  });

  it('is one moment, though writing goes on', async () => {
    await bench.query('CREATE TABLE app_schema.pairs (a integer); CREATE TABLE app_schema.twins (a integer)');
    const writer = await bench.connect();
    let stop = false;
    let written = 0;
    const writing = (async () => {
      while (!stop) {
        await writer.query(
          'BEGIN; INSERT INTO app_schema.pairs VALUES (1); INSERT INTO app_schema.twins VALUES (1); COMMIT',
        );
        written++;
      }
    })();
    const archive = await bench.archive();
    stop = true;
    await writing;
    await writer.end();
    const rows = (table: string): number =>
      Number(
        new RegExp(`^rows "app_schema"\\."${table}" (\\d+)$`, 'm').exec(
          readFileSync(`${archive}.manifest`, 'utf8'),
        )?.[1],
      );
    expect(rows('pairs')).toBeGreaterThan(0);
    expect(rows('pairs')).toBeLessThan(written);
    expect(rows('twins')).toBe(rows('pairs'));
    const restored = await bench.restore(['--drill', archive]);
    expect(restored.code, restored.stderr).toBe(0);
    await bench.query('DROP TABLE app_schema.pairs, app_schema.twins');
  });

  it('of an empty database, and of one with large objects and tables of every kind', async () => {
    await bench.query('CREATE DATABASE nothing', 'postgres');
    const url = bench.url('nothing');
    const empty = await bench.archive({ DATABASE_URL: url });
    expect(
      (await bench.restore(['--replace', '--yes', '--drop-old', empty], { DATABASE_URL: url })).code,
    ).toBe(0);
    await bench.query(
      "SELECT lo_from_bytea(0, decode(repeat('00ff', 5000), 'hex')) FROM generate_series(1, 3)",
      'nothing',
    );
    await bench.query(
      `CREATE TABLE parent (a integer); CREATE TABLE heir (b integer) INHERITS (parent); INSERT INTO heir VALUES (1, 2);
       CREATE TABLE parts (k integer) PARTITION BY RANGE (k); CREATE TABLE rest PARTITION OF parts DEFAULT; INSERT INTO parts VALUES (1);
       CREATE TABLE empty (); INSERT INTO empty DEFAULT VALUES; CREATE MATERIALIZED VIEW seen AS SELECT * FROM parent;
       CREATE TABLE closed (a integer); ALTER TABLE closed ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; INSERT INTO closed VALUES (1)`,
      'nothing',
    );
    const large = await bench.archive({ DATABASE_URL: url });
    expect(
      (await bench.restore(['--replace', '--yes', '--drop-old', large], { DATABASE_URL: url })).code,
    ).toBe(0);
    expect(
      await bench.query(
        'SELECT count(*)::int AS n, sum(length(lo_get(oid)))::int AS bytes FROM pg_largeobject_metadata',
        'nothing',
      ),
    ).toEqual([{ n: 3, bytes: 30_000 }]);
    await bench.query('DROP DATABASE nothing', 'postgres');
  });

  it('appends what it says to a log', async () => {
    const log = join(bench.folder, 'log');
    writeFileSync(log, 'before\n');
    const run = await bench.backUp({ BACKUP_LOG: log });
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(log, 'utf8')).toMatch(/^before\nbacking up [\s\S]*\ndone: /);
    const failed = await bench.backUp({
      BACKUP_LOG: log,
      PGCONNECT_TIMEOUT: '2',
      DATABASE_URL: 'postgresql://x:y@127.0.0.1:1/z',
    });
    expect(failed.stderr).toContain('cannot be reached');
    expect(readFileSync(log, 'utf8')).toContain('cannot be reached');
  });
});

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

describe.skipIf(!canBackUp)('encryption (needs psql, pg_dump)', () => {
  async function roundTrip(
    suffix: string,
    env: Record<string, string>,
    key: Record<string, string>,
  ): Promise<void> {
    const run = await bench.backUp(env);
    expect(run.code, run.stderr).toBe(0);
    const archive = run.stdout.trimEnd();
    expect(archive).toMatch(new RegExp(`\\.sql\\.gz\\.${suffix}$`));
    expect(bench.names()).toHaveLength(3);
    expect(() => sqlOf(archive)).toThrow();
    expect((await bench.backUp({}, ['--list'])).stdout).toMatch(/ good\n$/);
    const without = await bench.restore(['--drill', archive], { GNUPGHOME: bench.temporary });
    expect(without.code).toBe(1);
    expect(without.stderr).toMatch(/cannot be decrypted and unpacked here/);
    expect((await bench.backUp(key, ['--verify', archive])).code).toBe(0);
    const drill = await bench.restore(['--drill', archive], key);
    expect(drill.code, drill.stderr).toBe(0);
    execFileSync('find', [bench.temporary, '-mindepth', '1', '-delete']);
  }

  it.skipIf(!has('age'))('by age to a public key; only the private key restores (needs age)', async () => {
    const identity = join(bench.folder, 'identity');
    execFileSync('age-keygen', ['-o', identity], { stdio: 'ignore' });
    const recipient = /public key: (age1\w+)/.exec(readFileSync(identity, 'utf8'))?.[1] as string;
    await roundTrip('age', { BACKUP_ENCRYPT_TO: recipient }, { BACKUP_IDENTITY: identity });
  });

  it.skipIf(!has('gpg'))('by gpg to a public key; only the private key restores (needs gpg)', async () => {
    // Sockets of its agent need a short path.
    const home = mkdtempSync(join(tmpdir(), 'gpg-'));
    const env = { ...process.env, GNUPGHOME: home };
    const key = ['--batch', '--quiet', '--passphrase', '', '--quick-gen-key', 'backup@example.com'];
    execFileSync('gpg', key, { env, stdio: 'ignore' });
    try {
      const gnupg = { GNUPGHOME: home };
      await roundTrip('gpg', { ...gnupg, BACKUP_ENCRYPT_TO: 'backup@example.com' }, gnupg);
    } finally {
      execFileSync('gpgconf', ['--kill', 'gpg-agent'], { env });
      rmSync(home, { recursive: true, force: true });
    }
  });

  it.skipIf(!has('age'))('keeps rows that pg_dump forgets from passing, too (needs age)', async () => {
    const identity = join(bench.folder, 'another');
    execFileSync('age-keygen', ['-o', identity], { stdio: 'ignore' });
    const recipient = /public key: (age1\w+)/.exec(readFileSync(identity, 'utf8'))?.[1] as string;
    const real = process.env['PATH'];
    const forgetful = programFolder(
      'pg_dump',
      `PATH='${real}'\ncase $1 in --version) exec pg_dump --version ;; esac\npg_dump "$@" | sed '/^7\\t/d'`,
    );
    const run = await bench.backUp({ PATH: forgetful, BACKUP_ENCRYPT_TO: recipient });
    expect(run.code).toBe(1);
    expect(run.stderr).toMatch(/its rows are not those of its manifest/);
    expect(bench.names()).toEqual([]);
  });
});

describe.skipIf(!canBackUp)('retention (needs psql, pg_dump)', () => {
  /** A backup under another name, that is of another time. */
  async function backupsOf(...stamps: string[]): Promise<void> {
    const archive = await bench.archive();
    for (const stamp of stamps)
      for (const suffix of ['', '.manifest', '.sha256'])
        writeFileSync(
          join(bench.backups, `customer_analyzer_${stamp}.sql.gz${suffix}`),
          readFileSync(archive + suffix),
        );
    for (const stamp of stamps) sign(join(bench.backups, `customer_analyzer_${stamp}.sql.gz`));
    for (const suffix of ['', '.manifest', '.sha256']) rmSync(archive + suffix);
  }
  const at = (stamp: string): string => `customer_analyzer_${stamp}.sql.gz`;
  const june = (): Record<string, string> => clock('2024-06-30 12:00:00 UTC');

  it('removes what is older than BACKUP_KEEP_DAYS by its name, with its companions', async () => {
    await backupsOf(
      '20240401_000000',
      '20240530_115959',
      '20240531_120001',
      '20240610_000000',
      '20240620_000000',
      '20240629_000000',
    );
    await bench.archive(june());
    expect(archives()).toEqual([
      at('20240531_120001'),
      at('20240610_000000'),
      at('20240620_000000'),
      at('20240629_000000'),
      at('20240630_120000'),
    ]);
    expect(bench.names()).toHaveLength(15);
    await bench.archive({ ...clock('2024-06-30 12:00:01 UTC'), BACKUP_KEEP_DAYS: '15' });
    expect(archives()).toHaveLength(4);
  });

  it('never removes the last three that are good, nor counts damaged ones among them', async () => {
    await backupsOf(
      '20230101_000000',
      '20230102_000000',
      '20230103_000000',
      '20230104_000000',
      '20230105_000000',
    );
    writeFileSync(join(bench.backups, at('20230105_000000')), 'damaged');
    rmSync(join(bench.backups, `${at('20230104_000000')}.manifest`));
    await bench.archive({ ...june(), BACKUP_KEEP_DAYS: '1', BACKUP_KEEP_MIN: '0' });
    expect(archives()).toEqual(
      ['20230102_000000', '20230103_000000', '20230104_000000', '20230105_000000', '20240630_120000'].map(at),
    );
    await bench.archive({ ...clock('2024-07-30 12:00:00 UTC'), BACKUP_KEEP_DAYS: '1', BACKUP_KEEP_MIN: '2' });
    expect(archives()).toContain(at('20230103_000000'));
    expect(archives()).not.toContain(at('20230102_000000'));
  });

  it('neither removes nor counts what is dated in the future', async () => {
    await backupsOf(
      '20240101_000000',
      '20240102_000000',
      '20240103_000000',
      '20990101_000000',
      '20990102_000000',
      '20990103_000000',
    );
    await bench.archive({ ...june(), BACKUP_KEEP_DAYS: '1' });
    expect(archives()).toEqual(
      [
        '20240102_000000',
        '20240103_000000',
        '20240630_120000',
        '20990101_000000',
        '20990102_000000',
        '20990103_000000',
      ].map(at),
    );
  });

  it('works when the clock goes a day forward and back again', async () => {
    await backupsOf('20240628_000000', '20240629_000000');
    for (const moment of ['2024-07-01 12:00:00 UTC', '2024-06-30 12:00:00 UTC'])
      await bench.archive({ ...clock(moment), BACKUP_KEEP_DAYS: '0' });
    expect(archives()).toEqual(
      ['20240628_000000', '20240629_000000', '20240630_120000', '20240701_120000'].map(at),
    );
  });

  it('leaves files of others alone', async () => {
    await backupsOf('20230101_000000', '20230102_000000', '20230103_000000', '20230104_000000');
    const others = [
      'notes.txt',
      'customer_analyzer_old.sql.gz',
      'x_20230101_000000.sql.gz',
      'customer_analyzer_20230101.sql.gz',
    ];
    for (const name of others) writeFileSync(join(bench.backups, name), '');
    await bench.archive({ ...june(), BACKUP_KEEP_DAYS: '1' });
    expect(bench.names()).toEqual(expect.arrayContaining(others));
    expect(archives()).toHaveLength(3);
  });
});

describe.skipIf(!canBackUp)('customer-analyzer (needs psql, pg_dump)', () => {
  const env = (): Record<string, string> => ({
    DATABASE_URL: bench.url(),
    BACKUP_DIR: bench.backups,
    TMPDIR: bench.temporary,
  });

  it('backup, backup drill and restore call the scripts', async () => {
    const backup = await runCli(['backup'], env());
    expect(backup.code, backup.stderr).toBe(0);
    expect(backup.stdout).toBe(`${join(bench.backups, archives()[0] as string)}\n`);
    expect((await runCli(['backup', '--list'], env())).stdout).toContain(archives()[0]);
    const drill = await runCli(['backup', 'drill'], env());
    expect(drill.code, drill.stderr).toBe(0);
    expect(drill.stderr).toContain('the drill went well');
    const before = await bench.contents();
    await bench.query('DELETE FROM app_schema.events');
    expect((await runCli(['restore', archives()[0] as string], env())).code).toBe(1);
    const restore = await runCli(
      ['restore', archives()[0] as string, '--replace', '--yes', '--drop-old'],
      env(),
    );
    expect(restore.code, restore.stderr).toBe(0);
    expect(await bench.contents()).toEqual(before);
    expect((await runCli(['backup', '--nonsense'], env())).code).toBe(2);
    expect((await runCli(['backup', '--help'], env())).stdout).toContain('BACKUP_KEEP_DAYS');
  });
});

describe.skipIf(!canBackUp)('where only Docker is there', () => {
  // No engine here: a program called docker runs what it is told to, as an engine would inside the container.
  it('the programs are those of the container (with a stand-in for docker)', async () => {
    const { port } = new URL(bench.url());
    const real = process.env['PATH'] as string;
    const folder = join(bench.folder, 'only-docker');
    mkdirSync(folder);
    const needed = [
      'bash',
      'awk',
      'basename',
      'cat',
      'chmod',
      'cut',
      'date',
      'diff',
      'dirname',
      'env',
      'grep',
      'gunzip',
      'gzip',
      'head',
      'ln',
      'mkdir',
      'mkfifo',
      'mktemp',
      'mv',
      'readlink',
      'rm',
      'sed',
      'sh',
      'sha256sum',
      'sleep',
      'sort',
      'sync',
      'tail',
      'tee',
      'tr',
      'wc',
    ];
    for (const name of needed) {
      const found = real
        .split(':')
        .map((each) => join(each, name))
        .find((each) => existsSync(each));
      if (found) symlinkSync(found, join(folder, name));
    }
    writeFileSync(
      join(folder, 'docker'),
      `#!/bin/sh
if [ "$1" = inspect ]; then echo true; exit; fi
shift; while [ "$1" != customer-analyzer-postgres ]; do shift; done; shift
echo "$1" >> '${bench.folder}/in-container'
PATH='${real}' PGHOST=127.0.0.1 PGPORT=${port} PGPASSWORD=postgres exec "$@"
`,
      { mode: 0o755 },
    );
    const scripts = join(bench.folder, 'copy', 'scripts');
    mkdirSync(join(bench.folder, 'copy'));
    execFileSync('cp', ['-r', join(import.meta.dirname, '../scripts'), scripts]);
    // The script adds the usual folders to PATH, where this machine has psql.
    const library = join(scripts, 'lib/postgres.sh');
    writeFileSync(
      library,
      readFileSync(library, 'utf8')
        .replace(/^PATH=.*$/m, '')
        .replaceAll('/usr/', '/none/'),
    );
    const run = execFileSync(join(scripts, 'backup-db.sh'), {
      encoding: 'utf8',
      env: {
        PATH: folder,
        HOME: bench.folder,
        BACKUP_DIR: bench.backups,
        TMPDIR: bench.temporary,
        CUSTOMER_ANALYZER_HOME: join(bench.folder, 'none'),
      },
    });
    expect(basename(run.trimEnd())).toMatch(NAME);
    expect(new Set(readFileSync(join(bench.folder, 'in-container'), 'utf8').trim().split('\n'))).toEqual(
      new Set(['psql', 'pg_dump']),
    );
    renameSync(run.trimEnd(), join(bench.folder, 'from-container.sql.gz'));
    expect(sqlOf(join(bench.folder, 'from-container.sql.gz'))).toContain('PostgreSQL database dump complete');
  });
});
