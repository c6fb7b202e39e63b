import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { startEmbedded } from '../src/database/embedded/server.ts';
import { migrate } from '../src/database/migrations.ts';
import { AppError } from '../src/errors.ts';

/*
 * CUSTOMER_ANALYZER_DATA=… npm run bench -- recovery
 *
 * How much is lost and how long it takes, of Online Retail on a server with durable settings, for each way back: the nightly
 * dump (scripts/backup-db.sh, restore-db.sh), pgBackRest (scripts/pitr.sh), a streaming standby. A writer commits a row every
 * 20 ms; the server is killed (SIGKILL) and, where the disk is lost too, its directory taken away. Lost is what the writer was
 * told is committed and the recovered server does not have.
 *
 * Measured, PostgreSQL 15, 2 cores, busy and badly overloaded: dump restored in 18.9 and 56.0 s; pitr.sh with the disk left 22.3
 * and 30.1 s, nothing lost; with the disk gone 17.2 and 40.7 s, the last 50.0 of 110 s lost; standby 0.6 and 0.7 s, nothing lost.
 */

const passwords = { app: 'app_password', ml: 'ml_password', admin: 'admin_password' };
const root = fileURLToPath(new URL('../', import.meta.url));
const PORT = 25_533;

interface Place {
  data: string;
  socket: string;
  postgres: string;
  environment: NodeJS.ProcessEnv;
}

export async function run(): Promise<void> {
  const file = join(process.env['CUSTOMER_ANALYZER_DATA'] ?? '', 'online_retail/online_retail.csv.gz');
  if (!existsSync(file) || spawnSync('pgbackrest', ['version']).status !== 0)
    throw new AppError(
      'PSQL_MISSING',
      'This needs pgbackrest, and CUSTOMER_ANALYZER_DATA with Online Retail.',
    );
  const home = mkdtempSync(join(tmpdir(), 'customer-analyzer-bench-'));
  chmodSync(home, 0o755);
  try {
    await measure(await setUp(home, file), home);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** The embedded server makes and fills the database; from then on its files run under a postmaster that nobody restarts. */
async function setUp(home: string, file: string): Promise<Place> {
  const environment = {
    ...process.env,
    DATABASE_URL: `postgresql://postgres:postgres@127.0.0.1:${PORT}/customer_analyzer`,
    BACKUP_DIR: join(home, 'backups'),
    BACKUP_PITR_DIR: join(home, 'repository'),
  };
  const server = await startEmbedded({ home, port: PORT, superuserPassword: 'postgres' });
  if (server.port !== PORT) throw new AppError('PORT_TAKEN', `Port ${PORT} is taken.`);
  await migrate(server.url('customer_analyzer'), passwords);
  execFileSync('node', [join(root, 'bin/customer-analyzer.js'), 'import', file], {
    env: environment,
    stdio: 'ignore',
  });
  execFileSync('node', [join(root, 'bin/customer-analyzer.js'), 'score'], {
    env: environment,
    stdio: 'ignore',
  });
  const data = server.dataDirectory;
  const postgres = /^(.*?) "/.exec(readFileSync(join(data, 'postmaster.opts'), 'utf8'))?.[1] as string;
  script(environment, 'pitr.sh', 'setup');
  await server.stop();
  return { data, socket: server.socketDirectory, postgres, environment };
}

function start(place: Place, data: string, port = PORT): ChildProcess {
  const { uid, gid } = statSync(data);
  const options = { listen_addresses: '127.0.0.1', port, unix_socket_directories: place.socket };
  const flags = Object.entries(options).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return spawn(place.postgres, ['-D', data, ...flags], { uid, gid, cwd: '/', stdio: 'ignore' });
}

/** @returns seconds that it took */
function script(environment: NodeJS.ProcessEnv, name: string, ...args: string[]): number {
  const started = performance.now();
  const result = spawnSync(join(root, 'scripts', name), args, { env: environment, encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`${name} ${args.join(' ')}: ${result.stderr}`);
  return (performance.now() - started) / 1000;
}

async function query(sql: string, port = PORT, database = 'customer_analyzer'): Promise<pg.QueryResultRow[]> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', password: 'postgres', database });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Waits until it can be written. @returns seconds */
async function writable(port = PORT): Promise<number> {
  const started = performance.now();
  for (;;) {
    const [row] = await query('SELECT pg_is_in_recovery() AS reading', port).catch(() => []);
    if (row?.['reading'] === false) return (performance.now() - started) / 1000;
    await sleep(50);
  }
}

/** Writes for so long, then kills the server. @returns the last row that was acknowledged, and when */
async function writeAndKill(server: ChildProcess, seconds: number): Promise<{ n: number; at: number }> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: PORT,
    user: 'postgres',
    password: 'postgres',
    database: 'customer_analyzer',
  });
  client.on('error', () => undefined);
  await client.connect();
  await client.query(
    'CREATE TABLE IF NOT EXISTS ticks (n bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp()); TRUNCATE ticks',
  );
  // As pitr.sh check does after a start: the checkpointer wakes and heeds archive_timeout.
  await client.query('SELECT pg_reload_conf(), pg_switch_wal()');
  const last = { n: 0, at: Date.now() };
  setTimeout(() => server.kill('SIGKILL'), seconds * 1000);
  for (;;) {
    try {
      await client.query('INSERT INTO ticks VALUES ($1)', [last.n + 1]);
    } catch {
      await sleep(1000);
      return last;
    }
    last.n++;
    last.at = Date.now();
    await sleep(20);
  }
}

async function lost(last: { n: number; at: number }, port = PORT): Promise<string> {
  const [row] = await query(
    'SELECT count(*)::int AS n, coalesce(extract(epoch FROM max(at)), 0)::float8 AS at FROM ticks',
    port,
  );
  const seconds = Math.max(0, last.at / 1000 - (row?.['at'] as number));
  return `${Math.max(0, last.n - (row?.['n'] as number))} of ${last.n} rows, ${seconds.toFixed(1)} s`;
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const s = (seconds: number): string => `${seconds.toFixed(1)} s`;

async function measure(place: Place, home: string): Promise<void> {
  const { environment, data } = place;
  let server = start(place, data);
  await writable();
  script(environment, 'pitr.sh', 'setup');
  const [size] = await query(
    "SELECT pg_size_pretty(pg_database_size('customer_analyzer')) AS size, (SELECT count(*) FROM app_schema.events) AS events",
  );
  say(`${size?.['events']} events, ${size?.['size']}`);
  say(
    `dump: backup ${s(script(environment, 'backup-db.sh'))}; restore ${s(script(environment, 'restore-db.sh', '--drill'))}; lost: all since the last one`,
  );
  say(
    `pitr.sh: full backup ${s(script(environment, 'pitr.sh', 'backup', 'full'))}, incremental ${s(script(environment, 'pitr.sh', 'backup'))}`,
  );

  let last = await writeAndKill(server, 20);
  let seconds = script(environment, 'pitr.sh', 'recover', '--to', 'latest', '--in-place', '--yes');
  server = start(place, data);
  say(`pitr.sh, server killed, disk left: ${s(seconds + (await writable()))}; lost ${await lost(last)}`);

  last = await writeAndKill(server, 110);
  execFileSync('mv', [data, join(home, 'lost')]);
  seconds = script(environment, 'pitr.sh', 'recover', '--to', 'latest', '--in-place', '--yes');
  server = start(place, data);
  say(`pitr.sh, server killed, disk lost: ${s(seconds + (await writable()))}; lost ${await lost(last)}`);

  await standby(place, home, server);
}

/** The standby is made from the repository and then follows the server itself. */
async function standby(place: Place, home: string, primary: ChildProcess): Promise<void> {
  const { uid, gid } = statSync(place.data);
  const data = join(home, 'standby');
  mkdirSync(data, { mode: 0o700 });
  chownSync(data, uid, gid);
  execFileSync(
    'pgbackrest',
    [
      `--config=${join(home, 'repository/pgbackrest.conf')}`,
      '--stanza=customer-analyzer',
      `--pg1-path=${data}`,
      '--type=standby',
      `--recovery-option=primary_conninfo=host=127.0.0.1 port=${PORT} user=postgres password=postgres`,
      'restore',
    ],
    { uid, gid, cwd: '/' },
  );
  const second = start(place, data, PORT + 1);
  for (;;) {
    const rows = await query("SELECT FROM pg_stat_replication WHERE state = 'streaming'").catch(() => []);
    if (rows.length > 0) break;
    await sleep(100);
  }
  const last = await writeAndKill(primary, 20);
  const started = performance.now();
  await query('SELECT pg_promote()', PORT + 1);
  await writable(PORT + 1);
  say(
    `streaming standby, server killed: ${s((performance.now() - started) / 1000)}; lost ${await lost(last, PORT + 1)}`,
  );
  second.kill('SIGINT');
  await new Promise((resolve) => second.once('exit', resolve));
}
