import {
  appendFileSync,
  copyFileSync,
  cpSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BackupBench, canBackUp, sign } from './support/backup.ts';
import { readCatalogue } from './support/catalogue.ts';
import { until } from './support/embedded-harness.ts';

const bench = new BackupBench();
let archive: string;
beforeAll(async () => {
  if (!canBackUp) return;
  await bench.start();
  bench.format = 'directory';
  await bench.query(`
    CREATE ROLE "night's ""dba""" LOGIN;
    GRANT CONNECT ON DATABASE customer_analyzer TO "night's ""dba""";
    ALTER DATABASE customer_analyzer SET statement_timeout = '1h';
    SELECT lo_from_bytea(4711, 'a large object');`);
  archive = await bench.archive();
});
afterAll(async () => {
  if (canBackUp) await bench.stop();
});

/** A copy under another name, with its companions, changed. */
function copy(name: string, change: (directory: string) => void): string {
  const directory = join(bench.folder, `${name}.dir`);
  cpSync(archive, directory, { recursive: true });
  for (const suffix of ['.manifest', '.sha256']) copyFileSync(archive + suffix, directory + suffix);
  change(directory);
  return directory;
}

describe.skipIf(!canBackUp)('a backup in the directory format (needs psql, pg_dump)', () => {
  it('is a directory with its companions, is good, and is listed with its size', async () => {
    expect(basename(archive)).toMatch(/^customer_analyzer_\d{8}_\d{6}\.dir$/);
    const files = readdirSync(archive);
    expect(files).toEqual(expect.arrayContaining(['roles.sql', 'toc.dat']));
    expect(readFileSync(`${archive}.sha256`, 'utf8').trim().split('\n')).toHaveLength(files.length + 1);
    const renamed = copy('renamed', () => undefined);
    const verified = await bench.backUp({}, ['--verify', archive, `${archive}/`, renamed]);
    expect(verified.code, verified.stderr).toBe(0);
    const bytes = files.reduce((sum, file) => sum + readFileSync(join(archive, file)).length, 0);
    expect((await bench.backUp({}, ['--list'])).stdout).toMatch(
      new RegExp(`^${basename(archive)} +${bytes} .* good$`, 'm'),
    );
  });

  it.each<[string, (directory: string) => void, RegExp]>([
    [
      'a file is cut',
      (d) => writeFileSync(join(d, 'toc.dat'), readFileSync(join(d, 'toc.dat')).subarray(0, -1)),
      /checksum of .*toc\.dat/,
    ],
    [
      'a bit is flipped',
      (d) => {
        const [file] = readdirSync(d).filter((name) => name.endsWith('.dat.gz')) as [string];
        const bytes = readFileSync(join(d, file));
        bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
        writeFileSync(join(d, file), bytes);
      },
      /checksum of .*\.dat\.gz/,
    ],
    ['a file is missing', (d) => rmSync(join(d, 'roles.sql')), /checksum of .*roles\.sql/],
    [
      'a file is one too many',
      (d) => writeFileSync(join(d, 'more.dat.gz'), ''),
      /checksum of .*more\.dat\.gz/,
    ],
    [
      'two files have changed places',
      (d) => {
        const [a, b] = readdirSync(d).filter((name) => name.endsWith('.dat.gz')) as [string, string];
        renameSync(join(d, a), join(d, 'x'));
        renameSync(join(d, b), join(d, a));
        renameSync(join(d, 'x'), join(d, b));
      },
      /checksum of .*\.dat\.gz/,
    ],
    [
      'its manifest is changed',
      (d) => writeFileSync(`${d}.manifest`, 'format 1\n'),
      /checksum of .*\.manifest/,
    ],
    ['its checksums are missing', (d) => rmSync(`${d}.sha256`), /its checksum is missing/],
    ['its manifest is missing', (d) => rmSync(`${d}.manifest`), /its manifest is missing/],
    [
      'it is empty',
      (d) => {
        rmSync(d, { recursive: true });
      },
      /not there/,
    ],
  ])('is not good when %s, and is not restored', async (name, change, message) => {
    const directory = copy(name.replaceAll(' ', '-'), change);
    const before = await bench.contents();
    const verified = await bench.backUp({}, ['--verify', directory]);
    expect(verified.code).toBe(1);
    expect(verified.stderr).toMatch(message);
    const restored = await bench.restore(['--replace', '--yes', directory]);
    expect(restored.code).toBe(1);
    expect(await bench.contents()).toEqual(before);
    expect(await bench.leftovers()).toEqual([]);
  });

  it('is not good when rows are missing, though the checksums are right: pg_restore reads it through', async () => {
    const damaged = copy('cut', (d) => {
      for (const file of readdirSync(d).filter((each) => each.endsWith('.dat.gz')))
        writeFileSync(join(d, file), readFileSync(join(d, file)).subarray(0, 30));
    });
    const run = await bench.backUp({}, ['--verify', '--no-manifest', damaged]);
    expect(run.code).toBe(1);
    expect(run.stderr).toMatch(/pg_restore cannot read it: pg_restore: error/);
  });

  it.each<[string, string, RegExp]>([
    ['a statement fails', 'SELECT 1/0;', /division by zero[\s\S]*the restore failed/],
    ['SIGTERM comes', 'SELECT pg_sleep(600);', /interrupted/],
  ])('is not restored by halves when %s', async (name, sql, message) => {
    const before = await bench.contents();
    const directory = copy(name.replaceAll(' ', '-'), (d) => {
      appendFileSync(join(d, 'roles.sql'), sql);
      sign(d);
    });
    const running = bench.spawn('restore-db.sh', ['--replace', '--yes', directory]);
    if (sql.includes('sleep')) {
      const asleep = "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
      await until(async () => (await bench.query(asleep, 'postgres')).length > 0);
      running.process.kill('SIGTERM');
    }
    const run = await running.end;
    expect([1, 143]).toContain(run.code);
    expect(run.stderr).toMatch(message);
    expect(await bench.contents()).toEqual(before);
    expect(await bench.leftovers()).toEqual([]);
  });

  it('brings back what was there, as tight as it was, several tables and indexes at once', async () => {
    const [contents, catalogue] = [await bench.contents(), await readCatalogue(bench.url())];
    const drill = await bench.restore(['--drill']);
    expect(drill.code, drill.stderr).toBe(0);
    await bench.query(
      'DELETE FROM app_schema.events; ALTER DATABASE customer_analyzer RESET statement_timeout',
    );
    const run = await bench.restore(['--replace', '--yes', '--jobs', '3', basename(archive)]);
    expect(run.code, run.stderr).toBe(0);
    expect(await bench.contents()).toEqual(contents);
    expect(await readCatalogue(bench.url())).toEqual(catalogue);
    expect(await bench.query("SELECT convert_from(lo_get(4711), 'UTF8') AS text")).toEqual([
      { text: 'a large object' },
    ]);
  });

  it('goes into a database with an odd name, and is refused with encryption', async () => {
    const name = `it's "a=b" \\c`;
    const run = await bench.restore([archive], { DATABASE_URL: undefined, ...server(), PGDATABASE: name });
    expect(run.code, run.stderr).toBe(0);
    await bench.query(`DROP DATABASE "${name.replaceAll('"', '""')}"`, 'postgres');
    const encrypted = await bench.backUp({ BACKUP_ENCRYPT_TO: 'somebody@example.com' });
    expect(encrypted).toMatchObject({ code: 2, stdout: '' });
    expect(encrypted.stderr).toMatch(/--format directory cannot be encrypted/);
    for (const args of [
      ['--format', 'tar'],
      ['--jobs', '0'],
    ])
      expect((await bench.backUp({}, args)).code).toBe(2);
  });

  function server(): Record<string, string> {
    const { hostname, port } = new URL(bench.url());
    return { PGHOST: hostname, PGPORT: port, PGUSER: 'postgres', PGPASSWORD: 'postgres' };
  }

  it('counts in retention beside plain ones, and is removed whole', async () => {
    const old = join(bench.backups, 'customer_analyzer_20200101_000000.dir');
    cpSync(archive, old, { recursive: true });
    for (const suffix of ['.manifest', '.sha256']) copyFileSync(archive + suffix, old + suffix);
    bench.format = 'plain';
    for (let n = 0; n < 2; n++) await bench.archive();
    expect(bench.names()).not.toContain(basename(old));
    expect(bench.names().filter((name) => name.startsWith(basename(old)))).toEqual([]);
    expect(bench.names()).toContain(basename(archive));
    bench.format = 'directory';
  });
});
