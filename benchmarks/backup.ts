import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { startEmbedded } from '../src/database/embedded/server.ts';
import { migrate } from '../src/database/migrations.ts';
import { AppError } from '../src/errors.ts';

/*
 * npm run bench -- backup [EVENTS] [ROUNDS]
 *
 * scripts/backup-db.sh against `pg_dump | gzip`, and scripts/restore-db.sh (into a new database, with all its checks) against
 * `gunzip | psql -1`, of the same database on the embedded server with durable settings, in turns. Ours is more: the archive is
 * read back, all rows are counted on the server and in the archive, checksums; after the restore everything is counted and
 * compared again and analysed.
 *
 * Measured with nothing else on the 2 cores, 2 million events, 3 rounds, PostgreSQL 15: backup 1.27 (7.6 s beside 6.0 s), restore 1.13
 * (25.5 s beside 22.5 s). The archive is read back while it is written, beside gzip, which takes a core to itself: before, it was read
 * afterwards, 1.32. Of what is left half a second does not grow: programs that start, counts, checksums, sync.
 *
 * --format directory beside it, with 2 jobs, in the same rounds: backup 6.6 s (0.86 of plain; pg_dump -Fd -j2 4.4 s), restore 20.6 s (0.81 of
 * plain; pg_restore -j2 16.0 s). Of 100,000 events it is slower than plain: its checks start more programs.
 */

const passwords = { app: 'app_password', ml: 'ml_password', admin: 'admin_password' };
const scripts = fileURLToPath(new URL('../scripts/', import.meta.url));

/** Like those of a shop: properties with an order, a quantity and a price. */
const EVENTS = (count: number): string => `
  INSERT INTO app_schema.users (first_name) SELECT 'Ann ' || n FROM generate_series(1, ${Math.ceil(count / 50)}) AS n;
  INSERT INTO app_schema.products (name, price) SELECT 'Cup ' || n, n % 90 FROM generate_series(1, 5000) AS n;
  INSERT INTO app_schema.events (user_id, product_id, event_type, event_timestamp, properties)
  SELECT 1 + (n * 7919) % ${Math.ceil(count / 50)}, 1 + (n * 104729) % 5000, (ARRAY['view', 'view', 'add_to_cart', 'purchase'])[1 + n % 4],
    '2024-01-01T00:00:00Z'::timestamptz + n * interval '15 seconds',
    jsonb_build_object('order_id', 'W-' || n / 3, 'quantity', 1 + n % 5, 'unit_price', (n * 31 % 9999) / 100.0)
  FROM generate_series(1::bigint, ${count}) AS n;`;

export async function run(args: string[]): Promise<void> {
  const [events, rounds] = [Number(args[0] ?? 2_000_000), Number(args[1] ?? 3)];
  for (const program of ['pg_dump', 'psql'])
    if (spawnSync(program, ['--version']).status !== 0)
      throw new AppError('PSQL_MISSING', `The baseline is ${program}.`);
  const home = mkdtempSync(join(tmpdir(), 'customer-analyzer-bench-'));
  const server = await startEmbedded({
    home,
    port: 25_433,
    superuserPassword: 'postgres',
    onNotice: () => undefined,
  });
  try {
    await migrate(server.url('customer_analyzer'), passwords);
    await query(server.url('customer_analyzer'), EVENTS(events));
    await query(server.url('customer_analyzer'), 'VACUUM ANALYZE');
    await compare(server.url, home, rounds);
  } finally {
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

type Seconds = Record<
  | 'backup'
  | 'dump'
  | 'restore'
  | 'load'
  | 'directory'
  | 'bareDirectory'
  | 'restoreDirectory'
  | 'loadDirectory',
  number[]
>;

async function compare(url: (database: string) => string, home: string, rounds: number): Promise<void> {
  const seconds: Seconds = {
    backup: [],
    dump: [],
    restore: [],
    load: [],
    directory: [],
    bareDirectory: [],
    restoreDirectory: [],
    loadDirectory: [],
  };
  const { port } = new URL(url('postgres'));
  const env = {
    ...process.env,
    PGHOST: '127.0.0.1',
    PGPORT: port,
    PGUSER: 'postgres',
    PGPASSWORD: 'postgres',
    BACKUP_DIR: join(home, 'backups'),
  };
  const shell = (command: string): string =>
    execFileSync('bash', ['-c', `set -o pipefail; ${command}`], {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  const timed = async (list: number[], work: () => unknown): Promise<void> => {
    await query(url('postgres'), 'CHECKPOINT');
    const started = performance.now();
    work();
    list.push((performance.now() - started) / 1000);
  };
  const scriptRestores = async (list: number[], archive: string): Promise<void> => {
    await timed(list, () => shell(`PGDATABASE=restored '${scripts}restore-db.sh' '${archive}'`));
    await query(url('postgres'), 'DROP DATABASE restored');
  };
  const bareLoads = async (list: number[], command: string): Promise<void> => {
    await query(url('postgres'), 'CREATE DATABASE bare TEMPLATE template0');
    await timed(list, () => shell(command));
    await query(url('postgres'), 'DROP DATABASE bare');
  };
  const script = (options: string): string =>
    shell(`PGDATABASE=customer_analyzer '${scripts}backup-db.sh' ${options}`).trimEnd();
  for (let round = 1; round <= rounds; round++) {
    let [archive, directory] = ['', ''];
    await timed(seconds.dump, () => shell(`pg_dump -d customer_analyzer | gzip > '${home}/bare.sql.gz'`));
    await timed(seconds.backup, () => {
      archive = script('');
    });
    await timed(seconds.bareDirectory, () =>
      shell(`rm -rf '${home}/bare.dir'; pg_dump -d customer_analyzer -Fd -j2 -f '${home}/bare.dir'`),
    );
    await timed(seconds.directory, () => {
      directory = script('--format directory --jobs 2');
    });
    await bareLoads(
      seconds.load,
      `gunzip -c '${home}/bare.sql.gz' | psql -qX1 -v ON_ERROR_STOP=1 -o /dev/null -d bare`,
    );
    await scriptRestores(seconds.restore, archive);
    await bareLoads(seconds.loadDirectory, `pg_restore -e -j2 -d bare '${home}/bare.dir'`);
    await scriptRestores(seconds.restoreDirectory, directory);
    process.stdout.write(`round ${round}: ${table(seconds, (list) => list.at(-1) as number)}\n`);
  }
  report(seconds, rounds);
}

function report(seconds: Seconds, rounds: number): void {
  process.stdout.write(`medians of ${rounds}: ${table(seconds, median)}\n`);
  const ratio = (ours: number[], theirs: number[]): string => (median(ours) / median(theirs)).toFixed(2);
  process.stdout.write(
    `backup / pg_dump | gzip: ${ratio(seconds.backup, seconds.dump)}; restore / psql -1: ${ratio(seconds.restore, seconds.load)}\n` +
      `directory: backup / pg_dump -Fd -j2: ${ratio(seconds.directory, seconds.bareDirectory)}, / plain: ${ratio(seconds.directory, seconds.backup)}; ` +
      `restore / pg_restore -j2: ${ratio(seconds.restoreDirectory, seconds.loadDirectory)}, / plain: ${ratio(seconds.restoreDirectory, seconds.restore)}\n`,
  );
}

function table(seconds: Seconds, of: (list: number[]) => number): string {
  const s = (name: keyof Seconds): string => `${of(seconds[name]).toFixed(1)} s`;
  return (
    `backup ${s('backup')}, pg_dump | gzip ${s('dump')}; restore ${s('restore')}, psql -1 ${s('load')}; ` +
    `directory: backup ${s('directory')}, pg_dump -Fd -j2 ${s('bareDirectory')}; restore ${s('restoreDirectory')}, pg_restore -j2 ${s('loadDirectory')}`
  );
}

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}
