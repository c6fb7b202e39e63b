import { execFileSync, spawnSync } from 'node:child_process';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { withDatabase, withLogin } from '../src/database/connection-urls.ts';
import { startEmbedded } from '../src/database/embedded/server.ts';
import { migrate } from '../src/database/migrations.ts';
import { createPool } from '../src/database/pool.ts';
import { AppError } from '../src/errors.ts';
import { importFiles } from '../src/ingestion/import.ts';

/*
 * npm run bench -- import [ROUNDS]
 *
 * `import` of Online Retail (541,909 rows, gzip) into an empty database against `psql \copy` of the same final rows (ids
 * resolved, JSON made) into the same table with the same indexes, foreign keys, role and durable settings, on the embedded
 * server, in turns. What is ours includes unpacking, parsing, making 4,372 customers and 4,070 products, and dedup.
 *
 * Measured: 0.81 (import 6.8 to 8.7 s, \copy 8.9 to 15.9 s, 5 rounds, on a machine of 2 cores with other work going on).
 *
 * What was tried (2 cores, PostgreSQL 15, seconds of wall clock; one \copy took 11.3 to 12.7 before the server was tuned):
 * - batches by COPY straight into events, one connection 11.5, two 6.9 to 8.9. It saves 15 % of the server's time, but one
 *   duplicate fails its batch, which must then go the other way all the same;
 * - batches staged by COPY into a temporary table, then INSERT ... ON CONFLICT DO NOTHING: one connection 11.9 to 12.1, two
 *   7.2. One path for new rows and duplicates: this is what the import does;
 * - batches of 10,000 to 100,000 rows: within noise; 25,000 holds less memory;
 * - a batch as bytes in place of strings: Node's own time 2.4 instead of 3.1, its memory 180 MB instead of 290 MB;
 * - all duplicates (a second import): 3.0, bound by Node.
 * The two foreign keys take 4.3 of the 9.5 seconds that the server computes, in \copy and here alike. The gain over \copy is
 * the second connection; reading and parsing hide behind the two.
 *
 * The tokenizer: 541,909 records in 0.17 to 0.19 s, csv-parse 6 with no options 1.6 to 2.0 s, that is 9 to 11 times as long.
 */

const passwords = { app: 'app_password', ml: 'ml_password', admin: 'admin_password' };
const template = 'bench_template';

export async function run(args: string[]): Promise<void> {
  const rounds = Number(args[0] ?? 3);
  const data = process.env['CUSTOMER_ANALYZER_DATA'];
  if (data === undefined) {
    throw new AppError('USAGE', 'CUSTOMER_ANALYZER_DATA is not set.', {
      hint: 'It names the folder with online_retail/.',
    });
  }
  if (spawnSync('psql', ['--version']).status !== 0)
    throw new AppError('PSQL_MISSING', 'The baseline is psql \\copy.');
  const home = mkdtempSync(join(tmpdir(), 'customer-analyzer-bench-'));
  const server = await startEmbedded({
    home,
    port: 25_432,
    superuserPassword: 'postgres',
    onNotice: () => undefined,
  });
  try {
    const bench = new ImportBenchmark(
      server.url('postgres'),
      join(data, 'online_retail/online_retail.csv.gz'),
      home,
    );
    await migrate(server.url(template), passwords);
    await bench.compare(rounds);
  } finally {
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

class ImportBenchmark {
  readonly #url: string;
  readonly #file: string;
  readonly #rows: string;

  constructor(url: string, file: string, folder: string) {
    this.#url = url;
    this.#file = file;
    this.#rows = join(folder, 'final-rows.tsv');
  }

  async compare(rounds: number): Promise<void> {
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 1; round <= rounds; round++) {
      ours.push(await this.#import('bench_import'));
      if (round === 1) await this.#export('bench_import');
      theirs.push(await this.#copy('bench_copy', 'bench_import'));
      process.stdout.write(
        `round ${round}: import ${ours.at(-1)?.toFixed(2)} s, psql \\copy ${theirs.at(-1)?.toFixed(2)} s\n`,
      );
    }
    const ratio = median(ours) / median(theirs);
    process.stdout.write(
      `import / psql \\copy: ${ratio.toFixed(2)} (medians of ${rounds}; below 1 is faster)\n`,
    );
  }

  async #import(database: string): Promise<number> {
    await this.#clone(database, template);
    const pool = createPool(withLogin(withDatabase(this.#url, database), 'app_user', passwords.app), {
      applicationName: 'bench',
    });
    const started = performance.now();
    const report = await importFiles([this.#file], {}, { pool, stdin: process.stdin });
    const seconds = (performance.now() - started) / 1000;
    await pool.end();
    if (report.accepted !== 541_909)
      throw new AppError('INTERNAL', `${report.accepted} rows instead of 541,909`);
    return seconds;
  }

  /** The final rows, as the import made them. */
  async #export(database: string): Promise<void> {
    await this.#query(database, async (client) => {
      const rows = client.query(copyTo('COPY (SELECT * FROM app_schema.events ORDER BY event_id) TO STDOUT'));
      await pipeline(rows, createWriteStream(this.#rows));
    });
  }

  /** Customers, products and the source are there already; only the events are copied. */
  async #copy(database: string, from: string): Promise<number> {
    await this.#clone(database, from);
    await this.#query(database, (client) => client.query('TRUNCATE app_schema.events'));
    await this.#query(database, (client) => client.query('CHECKPOINT'));
    const url = withLogin(withDatabase(this.#url, database), 'app_user', passwords.app);
    const started = performance.now();
    execFileSync('psql', [
      '-qX',
      '-v',
      'ON_ERROR_STOP=1',
      '-d',
      url,
      '-c',
      `\\copy app_schema.events from '${this.#rows}'`,
    ]);
    return (performance.now() - started) / 1000;
  }

  async #clone(database: string, from: string): Promise<void> {
    await this.#query('postgres', async (client) => {
      await client.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
      await client.query(`CREATE DATABASE ${database} TEMPLATE ${from}`);
    });
    await this.#query(database, (client) => client.query('SELECT maintenance.apply_database_settings()'));
    await this.#query(database, (client) => client.query('CHECKPOINT'));
  }

  async #query(database: string, run: (client: pg.Client) => Promise<unknown>): Promise<void> {
    const client = new pg.Client(withDatabase(this.#url, database));
    await client.connect();
    try {
      await run(client);
    } finally {
      await client.end();
    }
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}
