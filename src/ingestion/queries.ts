import type pg from 'pg';

type Client = Pick<pg.ClientBase, 'query'>;

/** First key of an advisory lock ("IM"); the second is a hash of the source's name. */
const importLock = 0x494d;

/** One import of a source at a time, whichever process runs it: the lock belongs to the connection and ends with it. */
export async function tryLockSource(client: Client, source: string): Promise<boolean> {
  const result = await client.query('SELECT pg_try_advisory_lock($1, hashtext($2)) AS locked', [
    importLock,
    source,
  ]);
  return result.rows[0].locked;
}

export async function unlockSource(client: Client, source: string): Promise<void> {
  await client.query('SELECT pg_advisory_unlock($1, hashtext($2))', [importLock, source]);
}

export async function readSettings(client: Client): Promise<{ timeZone: string; currency: string }> {
  const result = await client.query('SELECT time_zone AS "timeZone", currency FROM app_schema.settings');
  return result.rows[0];
}

/** PostgreSQL's own list decides: it is PostgreSQL that resolves local times. Throws SQLSTATE 22023. */
export async function checkTimeZone(client: Client, timeZone: string): Promise<void> {
  await client.query(`SELECT now() AT TIME ZONE $1`, [timeZone]);
}

export async function findSource(client: Client, source: string): Promise<number | null> {
  const result = await client.query('SELECT source_id FROM app_schema.sources WHERE name = $1', [source]);
  return result.rows[0]?.source_id ?? null;
}

/** Looks before it inserts: ON CONFLICT alone would use up one of 32,767 ids at every import. */
export async function ensureSource(client: Client, source: string): Promise<number> {
  const existing = await findSource(client, source);
  if (existing !== null) return existing;
  await client.query('INSERT INTO app_schema.sources (name) VALUES ($1) ON CONFLICT (name) DO NOTHING', [
    source,
  ]);
  return (await findSource(client, source)) as number;
}

export interface Counts {
  read: number;
  accepted: number;
  duplicates: number;
  rejected: number;
}

/** Opens the record of an import. Under the source's lock, a run that still says "running" belongs to a process that died. */
export async function startRun(
  client: Client,
  source: string,
  format: string,
  fileName: string,
): Promise<number> {
  const result = await client.query(
    `WITH died AS (
       UPDATE app_schema.import_runs SET status = 'interrupted', finished_at = now() WHERE source = $1 AND status = 'running'
     )
     INSERT INTO app_schema.import_runs (source, format, file_name, status) VALUES ($1, $2, $3, 'running')
     RETURNING import_run_id`,
    [source, format, fileName],
  );
  return result.rows[0].import_run_id;
}

export async function finishRun(
  client: Client,
  runId: number,
  counts: Counts,
  status: 'completed' | 'failed',
): Promise<void> {
  await client.query(
    `UPDATE app_schema.import_runs
     SET finished_at = now(), read = $2, accepted = $3, duplicates = $4, rejected = $5, status = $6
     WHERE import_run_id = $1`,
    [runId, counts.read, counts.accepted, counts.duplicates, counts.rejected, status],
  );
}

/** A transaction in which local times mean `timeZone`. Inserts of this size gain nothing from JIT and may outlast a timeout. */
export async function begin(client: Client, timeZone: string): Promise<void> {
  await client.query('BEGIN');
  await client.query(
    `SELECT set_config('TimeZone', $1, true), set_config('DateStyle', 'ISO, YMD', true),
       set_config('jit', 'off', true), set_config('statement_timeout', '0', true)`,
    [timeZone],
  );
}

/** A lost transaction costs nothing: the events that need it come later in the log, and their own commit waits for the disk. */
export async function relaxDurability(client: Client): Promise<void> {
  await client.query('SET LOCAL synchronous_commit = off');
}

export async function commit(client: Client): Promise<void> {
  await client.query('COMMIT');
}

export async function rollback(client: Client): Promise<void> {
  await client.query('ROLLBACK');
}

/**
 * Takes `count` ids from the sequence of events, ascending: rows get their ids in the file's order although two
 * connections insert them. Returns the first where the ids are neighbours (nobody else wrote meanwhile), else all.
 */
export async function reserveEventIds(client: Client, count: number): Promise<(row: number) => number> {
  const result = await client.query(
    `WITH taken AS MATERIALIZED (
       SELECT nextval('app_schema.events_event_id_seq') AS id FROM generate_series(1, $1)
     ), span AS (SELECT min(id) AS first, max(id) AS last FROM taken)
     SELECT first, CASE WHEN last - first + 1 > $1 THEN (SELECT array_agg(id::text ORDER BY id) FROM taken) END AS scattered
     FROM span`,
    [count],
  );
  const { first, scattered } = result.rows[0] as { first: number; scattered: string[] | null };
  return scattered === null ? (row) => Number(first) + row : (row) => Number(scattered[row]);
}

/** The stage has no index and no log; the checks of types happen on the way in. */
export async function createStage(client: Client): Promise<void> {
  await client.query(
    `CREATE TEMPORARY TABLE import_events (
       event_id bigint, user_id integer, product_id integer, event_type varchar, event_timestamp timestamptz, properties jsonb,
       source_id smallint, external_id text
     ) ON COMMIT DELETE ROWS`,
  );
}

export async function dropStage(client: Client): Promise<void> {
  await client.query('DROP TABLE IF EXISTS pg_temp.import_events');
}

export const copyToStage = 'COPY pg_temp.import_events FROM STDIN';

/** Returns the number of events that were new. */
export async function insertStaged(client: Client): Promise<number> {
  const result = await client.query(
    `INSERT INTO app_schema.events
       (event_id, user_id, product_id, event_type, event_timestamp, properties, source_id, external_id)
     SELECT event_id, user_id, product_id, event_type, event_timestamp, properties, source_id, external_id
     FROM pg_temp.import_events
     ON CONFLICT (source_id, external_id) DO NOTHING`,
  );
  return result.rowCount as number;
}

/** For a dry run: how many of these events are there already. */
export async function countExisting(
  client: Client,
  sourceId: number,
  keys: readonly string[],
): Promise<number> {
  const result = await client.query(
    `SELECT count(*)::integer AS existing FROM unnest($2::text[]) AS wanted (external_id)
     WHERE EXISTS (SELECT FROM app_schema.events e WHERE e.source_id = $1 AND e.external_id = wanted.external_id)`,
    [sourceId, keys],
  );
  return result.rows[0].existing;
}
