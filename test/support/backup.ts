import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import pg from 'pg';
import { migrate } from '../../src/database/migrations.ts';
import { until } from './embedded-harness.ts';
import { type OwnServer, startOwnServer } from './own-server.ts';
import { hasPgDump, hasPsql } from './programs.ts';
import { PASSWORDS } from './test-database.ts';

export const canBackUp = hasPgDump && hasPsql && process.platform === 'linux';
export const NAME = /^customer_analyzer_\d{8}_\d{6}\.(sql\.gz|dir)$/;
export const FORMATS = ['plain', 'directory'] as const;

const scripts = fileURLToPath(new URL('../../scripts/', import.meta.url));

export interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Running {
  process: ChildProcess;
  end: Promise<Run>;
}

/** A folder for backups and temporary files, a server with one small database, and the two scripts as a user runs them. */
export class BackupBench {
  readonly folder = mkdtempSync(join(tmpdir(), 'customer-analyzer-backup-'));
  readonly backups = join(this.folder, 'backups');
  readonly temporary = join(this.folder, 'temporary');
  readonly database = 'customer_analyzer';
  /** Of the backups that are made. */
  format: (typeof FORMATS)[number] = 'plain';
  own!: OwnServer;

  async start(options: { newest?: boolean; settings?: Record<string, string> } = {}): Promise<void> {
    mkdirSync(this.temporary);
    this.own = await startOwnServer(options);
    await migrate(this.url(), PASSWORDS);
    await this.query(SHOP);
  }

  async stop(): Promise<void> {
    await this.own.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  url(database = this.database): string {
    return this.own.url(database);
  }

  async query(sql: string, database?: string): Promise<Record<string, unknown>[]> {
    const client = await this.connect(database);
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  }

  async connect(database?: string): Promise<pg.Client> {
    const client = new pg.Client(this.url(database));
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  /** Nothing of the developer's own environment but PATH; an undefined value takes a default of ours away. */
  spawn(
    script: string,
    args: string[] = [],
    env: Record<string, string | undefined> = {},
    cwd = this.folder,
  ): Running {
    const making = script === 'backup-db.sh' && !args.some((each) => /^--(list|verify|format)$/.test(each));
    const format = making && this.format !== 'plain' ? ['--format', this.format] : [];
    const child = spawn(join(scripts, script), [...format, ...args], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        HOME: this.folder,
        TMPDIR: this.temporary,
        CUSTOMER_ANALYZER_HOME: join(this.folder, 'none'),
        DATABASE_URL: this.url(),
        BACKUP_DIR: this.backups,
        ...env,
      },
    });
    const run: Run = { code: null, stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => (run.stdout += chunk));
    child.stderr.on('data', (chunk) => (run.stderr += chunk));
    // "exit", not "close": what the script leaves running may hold its pipes.
    const end = new Promise<Run>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code) => setImmediate(() => resolve({ ...run, code })));
    });
    return { process: child, end };
  }

  backUp(env?: Record<string, string | undefined>, args?: string[], cwd?: string): Promise<Run> {
    return this.spawn('backup-db.sh', args, env, cwd).end;
  }

  restore(args: string[], env?: Record<string, string | undefined>, cwd?: string): Promise<Run> {
    return this.spawn('restore-db.sh', args, env, cwd).end;
  }

  /** Backs up, and fails with what the script said where that failed. @returns path of the archive */
  async archive(env?: Record<string, string | undefined>): Promise<string> {
    const run = await this.backUp(env);
    if (run.code !== 0) throw new Error(run.stderr);
    return run.stdout.trimEnd();
  }

  names(directory = this.backups): string[] {
    try {
      return readdirSync(directory).sort();
    } catch {
      return [];
    }
  }

  /** What must never be left: unfinished files, temporary ones, databases of a restore, sessions of ours. */
  async leftovers(): Promise<string[]> {
    const databases = await this.query(
      "SELECT datname FROM pg_database WHERE datname !~ '^(postgres|template.|customer_analyzer|customer_analyzer_before_.*)$'",
      'postgres',
    );
    const complete = this.names().filter((name) => NAME.test(name));
    return [
      ...this.names().filter(
        (name) => !complete.some((each) => name.startsWith(each)) || name.endsWith('.partial'),
      ),
      ...readdirSync(this.temporary),
      ...databases.map((row) => String(row['datname'])),
    ];
  }

  /** The shop as it is, to be compared before and after. */
  async contents(database?: string): Promise<unknown> {
    return this.query(
      'SELECT (SELECT json_agg(u ORDER BY user_id) FROM app_schema.users u) AS users, (SELECT json_agg(e ORDER BY event_id) FROM app_schema.events e) AS events',
      database,
    );
  }

  /** Starts a script that cannot go on: pg_dump waits for a table that this holds. `release` lets the table go. */
  async stuckBackup(env?: Record<string, string>): Promise<Running & { release(): Promise<void> }> {
    const client = await this.connect();
    await client.query('BEGIN; LOCK TABLE app_schema.products IN ACCESS EXCLUSIVE MODE');
    const running = this.spawn('backup-db.sh', [], env);
    await until(async () => {
      const waiting = await this.query(
        "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'LOCK TABLE%'",
        'postgres',
      );
      return waiting.length > 0 || running.process.exitCode !== null;
    });
    return { ...running, release: () => client.end() };
  }
}

const SHOP = `
  INSERT INTO app_schema.users (telegram_id, first_name) SELECT n, 'Ann ' || n FROM generate_series(1, 50) AS n;
  INSERT INTO app_schema.products (name) VALUES ('Cup'), ('Back\\slash'), (E'Tab\\tand\\nline'), ('-- PostgreSQL database dump complete');
  INSERT INTO app_schema.events (user_id, product_id, event_type, event_timestamp, properties)
  SELECT 1 + n % 50, 1 + n % 4, 'purchase', '2024-01-01T00:00:00Z'::timestamptz + n * interval '1 minute', '{"amount": 12.50}' FROM generate_series(1, 2000) AS n`;

/** The programs below a process, whatever their depth, that have this name. */
export function descendants(pid: number, name: string): number[] {
  const processes = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      try {
        const [, comm, parent] =
          /^\d+ \((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${entry}/stat`, 'utf8')) ?? [];
        return [{ pid: Number(entry), comm, parent: Number(parent) }];
      } catch {
        return []; // it has ended meanwhile
      }
    });
  const below = (parent: number): typeof processes =>
    processes.filter((each) => each.parent === parent).flatMap((each) => [each, ...below(each.pid)]);
  return below(pid)
    .filter((each) => each.comm === name)
    .map((each) => each.pid);
}

/** Waits for programs that run below the script; what is not yet there comes. */
export async function programs(running: Running, name: string): Promise<number[]> {
  let found: number[] = [];
  await until(() => {
    found = descendants(running.process.pid as number, name);
    return found.length > 0;
  });
  return found;
}

/** Changes what is in an archive, as somebody would who edits a dump; checksums follow, so that only the contents can tell. */
export function rewrite(archive: string, change: (sql: string) => string): void {
  const sql = gunzipSync(readFileSync(archive)).toString('latin1');
  writeFileSync(archive, gzipSync(Buffer.from(change(sql), 'latin1')));
  sign(archive);
}

/** Writes the checksums anew, as they would be of an archive that was made like this. */
export function sign(archive: string): void {
  const inside = statSync(archive).isDirectory()
    ? readdirSync(archive).map((name) => join(archive, name))
    : [archive];
  const lines = [...inside, `${archive}.manifest`].map(
    (file) =>
      `${createHash('sha256').update(readFileSync(file)).digest('hex')}  ${relative(dirname(archive), file)}\n`,
  );
  writeFileSync(`${archive}.sha256`, lines.join(''));
}
