import pg from 'pg';
import { databaseError } from './database-error.ts';
import { SNAPSHOT } from './queries.ts';

export type { Pool } from 'pg';

const INT8 = 20;
const NUMERIC = 1700;

/**
 * bigint and numeric arrive as numbers: counts, ids and sums of money stay far below 2^53, and a caller who reads JSON expects
 * numbers. What must be exact is added up in SQL, never here.
 */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === INT8 || oid === NUMERIC
      ? Number
      : pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
};

export interface PoolOptions {
  applicationName: string;
  max?: number;
  /** So many stay open however long they are idle. */
  min?: number;
  /** For requests that somebody waits for: a statement that takes longer is ended, and a server that is silent for longer is given up. */
  queryTimeoutMs?: number;
  /** How long a caller waits for a free connection, or for a new one. */
  connectTimeoutMs?: number;
}

/** The server ends a statement by itself and says so; only where it has fallen silent does the client have to act. */
const SILENCE_MS = 2_000;

export function createPool(url: string, options: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: options.applicationName,
    max: options.max ?? 10,
    min: options.min ?? 0,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
    // The first list of a new connection takes 30 ms of the processor to plan, and one more is wanted just when there is much to do.
    idleTimeoutMillis: 600_000,
    keepAlive: true,
    ...(options.queryTimeoutMs === undefined
      ? {}
      : { statement_timeout: options.queryTimeoutMs, query_timeout: options.queryTimeoutMs + SILENCE_MS }),
    types,
  });
  // An idle connection that dies (server restarted) is replaced at the next use; without a listener it would end the process.
  pool.on('error', () => undefined);
  return pool;
}

/**
 * A pool with the login of another, whose connections send a query without waiting for the answer to the one before
 * (`pipeline` of pg): what does not depend on each other costs one round trip. Cursors and COPY do not work on it.
 */
export function createPipelinedPool(like: pg.Pool, options: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    ...like.options,
    application_name: options.applicationName,
    max: options.max ?? 2,
    pipeline: true,
  } as pg.PoolConfig);
  pool.on('error', () => undefined);
  return pool;
}

/** Runs `run` on one connection inside a transaction; whatever it throws rolls back. */
export async function inTransaction<T>(
  pool: pg.Pool,
  run: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw databaseError(error);
  });
  let broken: Error | undefined;
  // A backend that dies between two statements is reported by an event; without a listener that would end the process.
  const onError = (error: Error): void => {
    broken = error;
  };
  client.on('error', onError);
  try {
    await client.query('BEGIN');
    const result = await run(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((rollbackError: Error) => {
      broken = rollbackError;
    });
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}

/** Runs `run` on one unchanging, read-only view of the database: what others commit meanwhile is not seen. */
export function inSnapshot<T>(pool: pg.Pool, run: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  return inTransaction(pool, async (client) => {
    await client.query(SNAPSHOT);
    return run(client);
  });
}
