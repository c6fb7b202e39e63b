import type pg from 'pg';
import type { ProductRow, UserRow } from './formats/format.ts';

type Client = Pick<pg.ClientBase, 'query'>;

/** First key of our advisory locks ("IM", "ID"); the second is a hash of the source's name. */
const importLock = 0x494d;
const identityLock = 0x4944;

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

/** Whoever makes identities of a source holds this to the end of the transaction, so that no customer is made twice. */
export async function lockIdentities(client: Client, source: string): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock($1, hashtext($2))', [identityLock, source]);
}

/** In place of the id of who was erased: the database stores such events as nobody's (database/migrations/0021-erasure.sql). */
const ERASED_USER_ID = -1;

/** The ids of those that exist, by place in `externalIds` (from 0); ERASED_USER_ID for who was erased. */
export async function findUsers(
  client: Client,
  source: string,
  externalIds: readonly string[],
): Promise<Map<number, number>> {
  const result = await client.query(
    `SELECT wanted.place::integer - 1 AS place, coalesce(i.user_id, $3::integer) AS user_id
     FROM unnest($2::text[]) WITH ORDINALITY AS wanted (external_id, place)
     LEFT JOIN app_schema.user_identities i ON i.source = $1 AND i.external_id = wanted.external_id
     WHERE i.user_id IS NOT NULL OR wanted.external_id IN (SELECT privacy.find_erased('identity', $1, $2))`,
    [source, externalIds, ERASED_USER_ID],
  );
  return new Map(result.rows.map((row) => [row.place, row.user_id]));
}

/** Makes customers of whom only the outside id is known; returns their ids in order. When they registered is not known. */
export async function createUsers(
  client: Client,
  source: string,
  externalIds: readonly string[],
  profiles: readonly string[],
): Promise<number[]> {
  const result = await client.query(
    `WITH fresh AS MATERIALIZED (
       SELECT wanted.*, nextval('app_schema.users_user_id_seq')::integer AS user_id
       FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS wanted (external_id, profile, place)
     ), made AS (
       INSERT INTO app_schema.users (user_id, registration_date, profile_data)
       SELECT user_id, NULL, profile::jsonb FROM fresh ORDER BY place
     ), named AS (
       INSERT INTO app_schema.user_identities (source, external_id, user_id) SELECT $1, external_id, user_id FROM fresh
     )
     SELECT user_id FROM fresh ORDER BY place`,
    [source, externalIds, profiles],
  );
  return result.rows.map((row) => row.user_id);
}

export interface KnownProduct {
  readonly place: number;
  readonly productId: number;
  readonly name: string;
  readonly price: string | null;
  /** The sale that the price comes from; null where the shop set the price. */
  readonly priceAt: string | null;
}

export async function findProducts(
  client: Client,
  source: string,
  externalIds: readonly string[],
): Promise<KnownProduct[]> {
  const result = await client.query(
    `SELECT wanted.place::integer - 1 AS place, p.product_id AS "productId", p.name, p.price::text,
       p.attributes ->> 'price_at' AS "priceAt"
     FROM unnest($2::text[]) WITH ORDINALITY AS wanted (external_id, place)
     JOIN app_schema.product_identities i ON i.source = $1 AND i.external_id = wanted.external_id
     JOIN app_schema.products p ON p.product_id = i.product_id`,
    [source, externalIds],
  );
  return result.rows;
}

export interface FreshProduct {
  readonly externalId: string;
  readonly name: string;
  readonly category: string | null;
  readonly price: string | null;
  readonly attributes: string;
  readonly isMerchandise: boolean;
}

/** Makes products that events speak of; returns their ids in order. */
export async function createProducts(
  client: Client,
  source: string,
  fresh: readonly FreshProduct[],
): Promise<number[]> {
  const result = await client.query(
    `WITH fresh AS MATERIALIZED (
       SELECT wanted.*, nextval('app_schema.products_product_id_seq')::integer AS product_id
       FROM unnest($2::text[], $3::text[], $4::text[], $5::numeric[], $6::text[], $7::boolean[])
         WITH ORDINALITY AS wanted (external_id, name, category, price, attributes, is_merchandise, place)
     ), made AS (
       INSERT INTO app_schema.products (product_id, name, category, price, attributes, is_merchandise)
       SELECT product_id, name, category, price, attributes::jsonb, is_merchandise FROM fresh ORDER BY place
     ), named AS (
       INSERT INTO app_schema.product_identities (source, external_id, product_id) SELECT $1, external_id, product_id FROM fresh
     )
     SELECT product_id FROM fresh ORDER BY place`,
    [
      source,
      fresh.map((product) => product.externalId),
      fresh.map((product) => product.name),
      fresh.map((product) => product.category),
      fresh.map((product) => product.price),
      fresh.map((product) => product.attributes),
      fresh.map((product) => product.isMerchandise),
    ],
  );
  return result.rows.map((row) => row.product_id);
}

export interface ProductUpdate {
  readonly productId: number;
  /** Null leaves the name. */
  readonly name: string | null;
  /** Null leaves the price. */
  readonly price: string | null;
  readonly priceAt: string | null;
}

export async function updateProducts(client: Client, updates: readonly ProductUpdate[]): Promise<void> {
  await client.query(
    `UPDATE app_schema.products p
     SET name = coalesce(u.name, p.name), price = coalesce(u.price, p.price),
       attributes = CASE WHEN u.price IS NULL THEN p.attributes
         ELSE coalesce(p.attributes, '{}') || jsonb_build_object('price_at', u.price_at) END
     FROM unnest($1::integer[], $2::text[], $3::numeric[], $4::text[]) AS u (product_id, name, price, price_at)
     WHERE p.product_id = u.product_id`,
    [
      updates.map((update) => update.productId),
      updates.map((update) => update.name),
      updates.map((update) => update.price),
      updates.map((update) => update.priceAt),
    ],
  );
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

/** What an upsert would do with a row. */
export interface RowState {
  readonly place: number;
  /** Null where the outside id is new. */
  readonly id: number | null;
  readonly changes: boolean;
}

const productRows = `unnest($2::text[], $3::text[], $4::text[], $5::numeric[], $6::text[], $7::integer[], $8::boolean[], $9::jsonb[])
  WITH ORDINALITY AS r (external_id, name, category, price, description, stock, is_merchandise, attributes, place)`;
/** What the shop states is its own: the marks of a price, name or category that was read from events go. */
const mergedAttributes = `coalesce(p.attributes, '{}') - array_remove(ARRAY[CASE WHEN r.price IS NOT NULL THEN 'price_at' END,
    CASE WHEN r.name IS NOT NULL THEN 'name_at' END, CASE WHEN r.category IS NOT NULL THEN 'category_at' END], NULL)
  || coalesce(r.attributes, '{}')`;

function productColumns(source: string, rows: readonly ProductRow[]): unknown[] {
  return [
    source,
    rows.map((row) => row.externalId),
    rows.map((row) => row.name),
    rows.map((row) => row.category),
    rows.map((row) => row.price),
    rows.map((row) => row.description),
    rows.map((row) => row.stock),
    rows.map((row) => row.isMerchandise),
    rows.map((row) => row.attributes),
  ];
}

export async function compareProducts(
  client: Client,
  source: string,
  rows: readonly ProductRow[],
): Promise<RowState[]> {
  const result = await client.query(
    `SELECT r.place::integer - 1 AS place, i.product_id AS id,
       (p.name, p.category, p.price, p.description, p.stock, p.is_merchandise, coalesce(p.attributes, '{}')) IS DISTINCT FROM
       (coalesce(r.name, p.name), coalesce(r.category, p.category), coalesce(r.price, p.price),
        coalesce(r.description, p.description), coalesce(r.stock, p.stock), coalesce(r.is_merchandise, p.is_merchandise),
        ${mergedAttributes}) AS changes
     FROM ${productRows}
     LEFT JOIN app_schema.product_identities i ON i.source = $1 AND i.external_id = r.external_id
     LEFT JOIN app_schema.products p ON p.product_id = i.product_id`,
    productColumns(source, rows),
  );
  return result.rows;
}

export async function insertProducts(
  client: Client,
  source: string,
  rows: readonly ProductRow[],
): Promise<void> {
  await client.query(
    `WITH fresh AS MATERIALIZED (
       SELECT r.*, nextval('app_schema.products_product_id_seq')::integer AS product_id FROM ${productRows}
     ), made AS (
       INSERT INTO app_schema.products (product_id, name, category, price, description, stock, is_merchandise, attributes)
       SELECT product_id, name, category, price, description, stock, coalesce(is_merchandise, true), coalesce(attributes, '{}')
       FROM fresh ORDER BY place
     )
     INSERT INTO app_schema.product_identities (source, external_id, product_id) SELECT $1, external_id, product_id FROM fresh`,
    productColumns(source, rows),
  );
}

export async function changeProducts(
  client: Client,
  source: string,
  rows: readonly ProductRow[],
): Promise<void> {
  await client.query(
    `UPDATE app_schema.products p
     SET name = coalesce(r.name, p.name), category = coalesce(r.category, p.category), price = coalesce(r.price, p.price),
       description = coalesce(r.description, p.description), stock = coalesce(r.stock, p.stock),
       is_merchandise = coalesce(r.is_merchandise, p.is_merchandise), attributes = ${mergedAttributes}
     FROM ${productRows}
     JOIN app_schema.product_identities i ON i.source = $1 AND i.external_id = r.external_id
     WHERE p.product_id = i.product_id`,
    productColumns(source, rows),
  );
}

/** As RowState, with the customer who has the row's telegram_id, and the telegram_id that this customer has. */
export interface UserState extends RowState {
  /** Belongs to somebody who was erased: to be passed over. */
  readonly erased: boolean;
  readonly telegramOwner: number | null;
  readonly telegramId: string | null;
}

const userRows = `unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::jsonb[])
  WITH ORDINALITY AS r (external_id, telegram_id, first_name, last_name, username, registration_date, profile, place)`;

function userColumns(source: string, rows: readonly UserRow[]): unknown[] {
  return [
    source,
    rows.map((row) => row.externalId),
    rows.map((row) => row.telegramId),
    rows.map((row) => row.firstName),
    rows.map((row) => row.lastName),
    rows.map((row) => row.username),
    rows.map((row) => row.registrationDate),
    rows.map((row) => row.profile),
  ];
}

export async function compareUsers(
  client: Client,
  source: string,
  rows: readonly UserRow[],
): Promise<UserState[]> {
  const result = await client.query(
    `SELECT r.place::integer - 1 AS place, i.user_id AS id, t.user_id AS "telegramOwner", u.telegram_id::text AS "telegramId",
       i.user_id IS NULL AND (r.external_id IN (SELECT privacy.find_erased('identity', $1, $2))
         OR (t.user_id IS NULL AND coalesce(r.telegram_id::text IN (SELECT privacy.find_erased('telegram', '', $3::bigint[]::text[])), false))) AS erased,
       (u.telegram_id, u.first_name, u.last_name, u.username, u.registration_date, coalesce(u.profile_data, '{}')) IS DISTINCT FROM
       (coalesce(r.telegram_id, u.telegram_id), coalesce(r.first_name, u.first_name), coalesce(r.last_name, u.last_name),
        coalesce(r.username, u.username), coalesce(r.registration_date, u.registration_date),
        coalesce(u.profile_data, '{}') || coalesce(r.profile, '{}')) AS changes
     FROM ${userRows}
     LEFT JOIN app_schema.user_identities i ON i.source = $1 AND i.external_id = r.external_id
     LEFT JOIN app_schema.users u ON u.user_id = i.user_id
     LEFT JOIN app_schema.users t ON t.telegram_id = r.telegram_id`,
    userColumns(source, rows),
  );
  return result.rows;
}

export async function insertUsers(client: Client, source: string, rows: readonly UserRow[]): Promise<void> {
  await client.query(
    `WITH fresh AS MATERIALIZED (
       SELECT r.*, nextval('app_schema.users_user_id_seq')::integer AS user_id FROM ${userRows}
     ), made AS (
       INSERT INTO app_schema.users (user_id, telegram_id, first_name, last_name, username, registration_date, profile_data)
       SELECT user_id, coalesce(telegram_id, nextval('app_schema.placeholder_telegram_id_seq')), first_name, last_name, username,
         registration_date, coalesce(profile, '{}')
       FROM fresh ORDER BY place
     )
     INSERT INTO app_schema.user_identities (source, external_id, user_id) SELECT $1, external_id, user_id FROM fresh`,
    userColumns(source, rows),
  );
}

/** Gives an outside id to customers who came by Telegram before. */
export async function linkUsers(client: Client, source: string, rows: readonly UserRow[]): Promise<void> {
  await client.query(
    `INSERT INTO app_schema.user_identities (source, external_id, user_id)
     SELECT $1, r.external_id, u.user_id
     FROM unnest($2::text[], $3::bigint[]) AS r (external_id, telegram_id)
     JOIN app_schema.users u ON u.telegram_id = r.telegram_id`,
    userColumns(source, rows).slice(0, 3),
  );
}

export async function changeUsers(client: Client, source: string, rows: readonly UserRow[]): Promise<void> {
  await client.query(
    `UPDATE app_schema.users u
     SET telegram_id = coalesce(r.telegram_id, u.telegram_id), first_name = coalesce(r.first_name, u.first_name),
       last_name = coalesce(r.last_name, u.last_name), username = coalesce(r.username, u.username),
       registration_date = coalesce(r.registration_date, u.registration_date),
       profile_data = coalesce(u.profile_data, '{}') || coalesce(r.profile, '{}')
     FROM ${userRows}
     JOIN app_schema.user_identities i ON i.source = $1 AND i.external_id = r.external_id
     WHERE u.user_id = i.user_id`,
    userColumns(source, rows),
  );
}
