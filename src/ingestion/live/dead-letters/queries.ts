import type pg from 'pg';

type Client = Pick<pg.ClientBase, 'query'>;

export interface RejectRow {
  readonly source: string;
  readonly kind: string;
  readonly code: string;
  readonly reason: string;
  readonly hash: string;
  readonly body: string;
  readonly isWhole: boolean;
  readonly receivedAt: Date;
}

export async function writeRejects(client: Client, rows: readonly RejectRow[]): Promise<void> {
  await client.query(
    `INSERT INTO app_schema.ingest_rejects AS r (source, kind, code, reason, body_hash, body, is_whole, received_at)
     SELECT DISTINCT ON (g.source, g.kind, g.body_hash) g.*
     FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::boolean[], $8::timestamptz[])
       AS g (source, kind, code, reason, body_hash, body, is_whole, received_at)
     ORDER BY g.source, g.kind, g.body_hash, g.received_at
     ON CONFLICT (source, kind, body_hash) DO UPDATE SET code = excluded.code, reason = excluded.reason, attempts = r.attempts + 1`,
    [
      rows.map((row) => row.source),
      rows.map((row) => row.kind),
      rows.map((row) => row.code),
      rows.map((row) => row.reason),
      rows.map((row) => row.hash),
      rows.map((row) => row.body),
      rows.map((row) => row.isWhole),
      rows.map((row) => row.receivedAt),
    ],
  );
}

/** What was refused before and is accepted now is no dead letter any more. */
export async function deleteRejects(client: Client, ids: readonly number[]): Promise<void> {
  await client.query('DELETE FROM app_schema.ingest_rejects WHERE reject_id = ANY ($1::bigint[])', [ids]);
}

export interface StoredReject extends RejectRow {
  readonly rejectId: number;
  readonly attempts: number;
}

const rejectColumns = `reject_id AS "rejectId", source, kind, code, reason, replace(body_hash::text, '-', '') AS hash, body,
  is_whole AS "isWhole", received_at AS "receivedAt", attempts`;

/** In the order of arrival, those after a place, and of one code if it is given. */
export async function listRejects(
  client: Client,
  after: number,
  code: string | null,
  limit: number,
): Promise<StoredReject[]> {
  const result = await client.query(
    `SELECT ${rejectColumns} FROM app_schema.ingest_rejects
     WHERE reject_id > $1 AND ($2::text IS NULL OR code = $2) ORDER BY reject_id LIMIT $3`,
    [after, code, limit],
  );
  return result.rows;
}

export async function findReject(client: Client, id: number): Promise<StoredReject | null> {
  const result = await client.query(
    `SELECT ${rejectColumns} FROM app_schema.ingest_rejects WHERE reject_id = $1`,
    [id],
  );
  return result.rows[0] ?? null;
}
