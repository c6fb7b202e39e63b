import pg from 'pg';
import { AppError } from '../errors.ts';
import { databaseOf, withDatabase } from './connection-urls.ts';
import { databaseError } from './database-error.ts';
import * as queries from './queries.ts';
import { readInitFiles, readMigrationFiles, type SqlFile } from './sql-files.ts';

/** PostgreSQL majors that the tests run on (oldest and newest) and all between. */
const OLDEST_MAJOR = 15;
const NEWEST_MAJOR = 18;

export interface RolePasswords {
  app: string;
  ml: string;
  admin: string;
}

export interface MigrationStatus {
  name: string;
  state: 'applied' | 'pending' | 'changed' | 'unknown';
  appliedAt: Date | null;
}

interface LedgerRow {
  name: string;
  checksum: string;
  applied_at: Date;
}

/** `-c name=value` for the start-up packet; blanks and backslashes need a backslash there. Passwords so never pass through SQL. */
function passwordOptions(passwords: RolePasswords): string {
  const quoted = (value: string): string => value.replace(/[\\\s]/g, (c) => `\\${c}`);
  return (['app', 'ml', 'admin'] as const)
    .map((role) => `-c customer_analyzer.${role}_password=${quoted(passwords[role])}`)
    .join(' ');
}

async function connect(url: string, options?: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'customer-analyzer migrate',
    connectionTimeoutMillis: 10_000,
    ...(options ? { options } : {}),
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    throw databaseError(error);
  }
  return client;
}

async function checkVersion(client: pg.Client): Promise<void> {
  const version = Number((await client.query(queries.SERVER_VERSION)).rows[0].server_version_num);
  const major = Math.floor(version / 10_000);
  if (major < OLDEST_MAJOR) {
    throw new AppError(
      'DATABASE_VERSION',
      `the server is PostgreSQL ${major}; ${OLDEST_MAJOR} to ${NEWEST_MAJOR} are supported`,
      {
        details: { major },
        hint: `Upgrade the server to PostgreSQL ${OLDEST_MAJOR} or newer.`,
      },
    );
  }
}

/** Creates the database of `url` where it is missing, through a maintenance database of the same server. */
async function createDatabase(url: string): Promise<void> {
  const database = databaseOf(url);
  const client = await connect(withDatabase(url, database === 'postgres' ? 'template1' : 'postgres'));
  try {
    if ((await client.query(queries.DATABASE_EXISTS, [database])).rowCount) return;
    const { sql } = (await client.query(queries.FORMAT_CREATE_DATABASE, [database])).rows[0];
    await client.query(sql).catch((error: { code?: string }) => {
      if (error.code !== '42P04' && error.code !== '23505') throw databaseError(error); // another start created it meanwhile
    });
  } finally {
    await client.end();
  }
}

async function connectOrCreate(url: string, passwords: RolePasswords): Promise<pg.Client> {
  const options = passwordOptions(passwords);
  try {
    return await connect(url, options);
  } catch (error) {
    if ((error as AppError).details?.['sqlState'] !== '3D000') throw error;
    await createDatabase(url);
    return connect(url, options);
  }
}

async function readLedger(client: pg.Client): Promise<LedgerRow[]> {
  const { present } = (await client.query(queries.LEDGER_EXISTS)).rows[0];
  return present ? (await client.query<LedgerRow>(queries.READ_LEDGER)).rows : [];
}

function compare(files: SqlFile[], ledger: LedgerRow[]): MigrationStatus[] {
  const applied = new Map(ledger.map((row) => [row.name, row]));
  const statuses = files.map((file): MigrationStatus => {
    const row = applied.get(file.name);
    applied.delete(file.name);
    if (!row) return { name: file.name, state: 'pending', appliedAt: null };
    return {
      name: file.name,
      state: row.checksum === file.checksum ? 'applied' : 'changed',
      appliedAt: row.applied_at,
    };
  });
  for (const row of applied.values())
    statuses.push({ name: row.name, state: 'unknown', appliedAt: row.applied_at });
  return statuses;
}

function refuseDivergence(statuses: MigrationStatus[]): void {
  const changed = statuses.find((status) => status.state === 'changed');
  if (changed) {
    throw new AppError(
      'MIGRATION_CHANGED',
      `${changed.name} is not the file that was applied to this database`,
      {
        details: { migration: changed.name },
        hint: 'Restore the file as it was and write the change as a new migration.',
      },
    );
  }
  const unknown = statuses.find((status) => status.state === 'unknown');
  if (unknown) {
    throw new AppError(
      'MIGRATION_UNKNOWN',
      `the database has ${unknown.name}, which this program does not know`,
      {
        details: { migration: unknown.name },
        hint: 'Use the newer program that made it, or restore an older backup.',
      },
    );
  }
  const lastApplied = statuses.findLastIndex((status) => status.state === 'applied');
  const skipped = statuses.slice(0, Math.max(lastApplied, 0)).find((status) => status.state === 'pending');
  if (skipped) {
    throw new AppError(
      'MIGRATION_ORDER',
      `${skipped.name} comes before migrations that are already applied`,
      {
        details: { migration: skipped.name },
        hint: 'Give it the next free number.',
      },
    );
  }
}

async function applyMigration(client: pg.Client, file: SqlFile): Promise<void> {
  try {
    await client.query('BEGIN');
    await client.query('SET LOCAL ROLE customer_analyzer_owner');
    await client.query(file.sql);
    await client.query('RESET ROLE');
    await client.query(queries.RECORD_MIGRATION, [file.name, file.checksum]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw new AppError('MIGRATION_FAILED', `${file.name}: ${(error as Error).message}`, {
      details: { migration: file.name },
      hint: 'Nothing of this migration was kept; those before it stay applied.',
      cause: error,
    });
  }
}

/**
 * Sets a database up, or brings it up to date: creates it, runs the init scripts (idempotent), applies the pending migrations,
 * each in a transaction of its own, under a lock that a second runner waits for. `url` logs in as superuser or owner.
 * @param files the migrations of this program, in order
 * @returns the names of the migrations that this call applied
 */
export async function migrate(
  url: string,
  passwords: RolePasswords,
  files: SqlFile[] = readMigrationFiles(),
): Promise<string[]> {
  const client = await connectOrCreate(url, passwords);
  const lock = 'customer-analyzer migrate';
  try {
    await checkVersion(client);
    await client.query(queries.SET_UP_LOCK, [lock]);
    const statuses = compare(files, await readLedger(client));
    refuseDivergence(statuses);
    const { present } = (await client.query(queries.LEDGER_EXISTS)).rows[0];
    if (!present) {
      for (const file of readInitFiles()) await client.query(file.sql);
      await client.query(queries.CREATE_LEDGER);
    }
    const pending = files.filter((_, index) => statuses[index]?.state === 'pending');
    for (const file of pending) await applyMigration(client, file);
    await client.query(queries.APPLY_DATABASE_SETTINGS);
    await client.query(queries.SET_UP_UNLOCK, [lock]);
    return pending.map((file) => file.name);
  } catch (error) {
    throw databaseError(error);
  } finally {
    await client.end();
  }
}

/** What `customer-analyzer db status` shows; reads only. */
export async function migrationStatus(
  url: string,
  files: SqlFile[] = readMigrationFiles(),
): Promise<MigrationStatus[]> {
  const client = await connect(url);
  try {
    return compare(files, await readLedger(client));
  } catch (error) {
    throw databaseError(error);
  } finally {
    await client.end();
  }
}
