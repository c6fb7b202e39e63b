import type { Pool } from '../../database/pool.ts';
import { readSchemaObjects } from '../../database/sql-files.ts';
import * as queries from './queries.ts';

export interface SlowQuery {
  query_id: string;
  role_name: string;
  query: string;
  calls: number;
  mean_ms: number;
  max_ms: number;
  total_ms: number;
  /** 0 to 1, of all statements of this database. */
  share_of_time: number | null;
  rows_per_call: number | null;
  cache_hit_share: number | null;
}

export interface Session {
  pid: number;
  role_name: string | null;
  application_name: string;
  client: string;
  state: string | null;
  waits_for: string;
  blocked_by: number[];
  connected_seconds: number | null;
  transaction_seconds: number | null;
  state_seconds: number | null;
  query: string;
}

export interface Lock {
  waiting_pid: number;
  holding_pid: number;
  on_what: string;
  wanted: string;
  held: string;
  waiting_seconds: number | null;
}

export interface DatabaseSize {
  database_name: string;
  server_version: string;
  bytes: number;
  cache_hit_share: number | null;
  connections: number;
  max_connections: number;
  transaction_age: number;
}

export interface TableSize {
  table_name: string;
  rows: number;
  total_bytes: number;
  table_bytes: number;
  index_bytes: number;
  dead_rows: number;
  dead_share: number | null;
  /** An estimate; null before the first ANALYZE. */
  bloat_bytes: number | null;
  last_vacuum: Date | null;
  last_analyze: Date | null;
  transaction_age: number;
}

export interface IndexSize {
  index_name: string;
  table_name: string;
  bytes: number;
  scans: number;
  is_unique: boolean;
  is_valid: boolean;
  bloat_bytes: number | null;
  duplicate_of: string | null;
  is_unused: boolean;
}

export type Verdict = 'ok' | 'warning' | 'trouble';

export interface HealthLine {
  code: string;
  subject: string;
  verdict: Verdict;
  value: string;
  /** What to do; null where all is well. */
  advice: string | null;
}

export interface Sizes {
  database: DatabaseSize;
  tables: TableSize[];
  indexes: IndexSize[];
}

/** Statements by mean time, slowest first. Pools here log in as superuser or admin_user. */
export async function readSlowQueries(pool: Pool, limit: number): Promise<SlowQuery[]> {
  return (await pool.query(queries.SLOW_QUERIES, [limit])).rows;
}

export async function readActivity(pool: Pool): Promise<{ sessions: Session[]; locks: Lock[] }> {
  return {
    sessions: (await pool.query(queries.ACTIVITY)).rows,
    locks: (await pool.query(queries.LOCKS)).rows,
  };
}

export async function readSizes(pool: Pool): Promise<Sizes> {
  return {
    database: (await pool.query(queries.DATABASE)).rows[0],
    tables: (await pool.query(queries.TABLES)).rows,
    indexes: (await pool.query(queries.INDEXES)).rows,
  };
}

/** Are the tables, views, indexes, functions and triggers there that the migrations made? */
async function readSchemaLine(pool: Pool): Promise<HealthLine> {
  const { rows } = await pool.query<{ name: string }>(queries.MISSING_OBJECTS, [readSchemaObjects()]);
  const some = rows.slice(0, 5).map(({ name }) => name);
  const more = rows.length > some.length ? ` and ${rows.length - some.length} more` : '';
  return {
    code: 'schema',
    subject: 'schema',
    verdict: rows.length > 0 ? 'trouble' : 'ok',
    value: rows.length > 0 ? `missing: ${some.join(', ')}${more}` : 'complete',
    advice:
      rows.length > 0
        ? 'Somebody dropped it, or switched it off: restore a backup of before that (database/README.md, Backups).'
        : null,
  };
}

/** @param pending names of migrations that this program has and the database has not: only the program knows. */
export async function readHealth(pool: Pool, pending: readonly string[]): Promise<HealthLine[]> {
  const migrations: HealthLine = {
    code: 'migrations',
    subject: 'migrations',
    verdict: pending.length > 0 ? 'trouble' : 'ok',
    value: pending.length > 0 ? `pending: ${pending.join(', ')}` : 'all applied',
    advice: pending.length > 0 ? 'customer-analyzer db migrate, after a backup.' : null,
  };
  const lines = (await pool.query<HealthLine>(queries.HEALTH)).rows;
  // What a pending migration would make is not lost.
  return [...lines, migrations, ...(pending.length > 0 ? [] : [await readSchemaLine(pool)])];
}
