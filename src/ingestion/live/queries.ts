import type pg from 'pg';

/** All SQL of live ingestion. Statements of the hot path are named: each connection plans them once. */
type Client = Pick<pg.ClientBase, 'query'>;

/** First key of the advisory lock under which anonymous ids change hands ("LI", "NK"); the second is a hash of the source's name. */
const linkLock = 0x4c49;

/** The answer waits for the disk; a statement that waits for somebody's lock gives up, and the sender comes again. */
export async function beginGroup(client: Client): Promise<void> {
  await client.query(
    "BEGIN; SET LOCAL synchronous_commit = on; SET LOCAL jit = off; SET LOCAL statement_timeout = '20s'; SET LOCAL TimeZone = 'UTC'",
  );
}

/** COMMIT of a transaction that failed before is answered by ROLLBACK, and without an error. */
export async function commitGroup(client: Client): Promise<void> {
  const { command } = await client.query('COMMIT');
  if (command !== 'COMMIT') throw new Error(`the transaction ended in ${command}`);
}

export interface MessageKey {
  readonly sourceId: number;
  readonly messageId: string;
  readonly hash: string;
}

const keyColumns = (keys: readonly MessageKey[]): unknown[] => [
  keys.map((key) => key.sourceId),
  keys.map((key) => key.messageId),
];

/** Enters messages into the ledger and says by place which were new. Whoever sends the same ones at this moment is waited for. */
export async function claimMessages(client: Client, keys: readonly MessageKey[]): Promise<Set<number>> {
  const result = await client.query({
    name: 'live-claim',
    text: `WITH given AS MATERIALIZED (
        SELECT * FROM unnest($1::smallint[], $2::text[], $3::uuid[]) WITH ORDINALITY AS g (source_id, message_id, body_hash, place)
      ), claimed AS (
        INSERT INTO app_schema.ingested_messages (source_id, message_id, body_hash)
        -- In one order everywhere: two groups that share messages cannot wait for each other.
        SELECT source_id, message_id, body_hash FROM given ORDER BY source_id, message_id COLLATE "C"
        ON CONFLICT (source_id, message_id) DO NOTHING
        RETURNING source_id, message_id
      )
      SELECT g.place::integer - 1 AS place FROM claimed c JOIN given g ON (g.source_id, g.message_id) = (c.source_id, c.message_id)`,
    values: [...keyColumns(keys), keys.map((key) => key.hash)],
  });
  return new Set(result.rows.map((row) => row.place));
}

/** What the ledger knows of messages, by place. */
export async function readHashes(client: Client, keys: readonly MessageKey[]): Promise<Map<number, string>> {
  const result = await client.query(
    `SELECT g.place::integer - 1 AS place, replace(m.body_hash::text, '-', '') AS hash
     FROM unnest($1::smallint[], $2::text[]) WITH ORDINALITY AS g (source_id, message_id, place)
     JOIN app_schema.ingested_messages m ON m.source_id = g.source_id AND m.message_id = g.message_id`,
    keyColumns(keys),
  );
  return new Map(result.rows.map((row) => [row.place, row.hash]));
}

/** Of some ids of ours those that there are; of products with their price. */
export async function findOwnUsers(client: Client, ids: readonly number[]): Promise<Set<number>> {
  const result = await client.query(
    'SELECT user_id FROM app_schema.users WHERE user_id = ANY ($1::integer[])',
    [ids],
  );
  return new Set(result.rows.map((row) => row.user_id));
}

export async function findOwnProducts(
  client: Client,
  ids: readonly number[],
): Promise<Map<number, string | null>> {
  const result = await client.query(
    'SELECT product_id, price::text FROM app_schema.products WHERE product_id = ANY ($1::integer[])',
    [ids],
  );
  return new Map(result.rows.map((row) => [row.product_id, row.price]));
}

/** Who writes events of visitors shares the lock, who gives visitors' events to customers has it alone: no event is left behind. */
export async function lockLinks(client: Client, source: string, alone: boolean): Promise<void> {
  await client.query({
    name: alone ? 'live-lock-alone' : 'live-lock-shared',
    text: `SELECT pg_advisory_xact_lock${alone ? '' : '_shared'}($1, hashtext($2))`,
    values: [linkLock, source],
  });
}

export interface Identity {
  readonly place: number;
  readonly userId: number;
  readonly linkedAt: Date | null;
  readonly linkedBy: string | null;
}

export async function findIdentities(
  client: Client,
  sources: readonly string[],
  externalIds: readonly string[],
): Promise<Identity[]> {
  const result = await client.query({
    name: 'live-identities',
    text: `SELECT g.place::integer - 1 AS place, i.user_id AS "userId", i.linked_at AS "linkedAt", i.linked_by AS "linkedBy"
      FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS g (source, external_id, place)
      JOIN app_schema.user_identities i ON i.source = g.source AND i.external_id = g.external_id`,
    values: [sources, externalIds],
  });
  return result.rows;
}

export interface Link {
  readonly anonymousId: string;
  readonly userId: number;
  readonly at: Date;
  readonly by: string;
}

const linkColumns = (links: readonly Link[]): unknown[] => [
  links.map((link) => link.anonymousId),
  links.map((link) => link.userId),
  links.map((link) => link.at),
  links.map((link) => link.by),
];

/** Gives anonymous ids to customers; `source` is that of the anonymous ids. */
export async function writeLinks(client: Client, source: string, links: readonly Link[]): Promise<void> {
  await client.query(
    `INSERT INTO app_schema.user_identities (source, external_id, user_id, linked_at, linked_by)
     SELECT $1, g.* FROM unnest($2::text[], $3::integer[], $4::timestamptz[], $5::text[]) AS g (external_id, user_id, linked_at, linked_by)
     ON CONFLICT (source, external_id) DO UPDATE
     SET user_id = excluded.user_id, linked_at = excluded.linked_at, linked_by = excluded.linked_by`,
    [source, ...linkColumns(links)],
  );
}

export interface Move {
  readonly anonymousId: string;
  readonly fromUserId: number;
  readonly toUserId: number;
}

/** Gives the events that came under anonymous ids to whom these belong now. */
export async function moveEvents(client: Client, sourceId: number, moves: readonly Move[]): Promise<void> {
  await client.query(
    `UPDATE app_schema.events e SET user_id = g.to_user_id
     FROM unnest($2::text[], $3::integer[], $4::integer[]) AS g (anonymous_id, from_user_id, to_user_id)
     WHERE e.user_id = g.from_user_id AND e.source_id = $1 AND e.properties ->> 'anonymous_id' = g.anonymous_id`,
    [
      sourceId,
      moves.map((move) => move.anonymousId),
      moves.map((move) => move.fromUserId),
      moves.map((move) => move.toUserId),
    ],
  );
}

/** A visitor of whom nothing is left was somebody else all along. */
export async function deleteEmptyVisitors(client: Client, userIds: readonly number[]): Promise<void> {
  await client.query(
    `DELETE FROM app_schema.users u
     WHERE u.user_id = ANY ($1::integer[]) AND u.telegram_id < 0
       AND NOT EXISTS (SELECT FROM app_schema.user_identities i WHERE i.user_id = u.user_id)
       AND NOT EXISTS (SELECT FROM app_schema.events e WHERE e.user_id = u.user_id)`,
    [userIds],
  );
}

export interface TraitRow {
  readonly source: string;
  readonly externalId: string;
  /** A JSON object as text. */
  readonly traits: string;
  readonly at: Date;
  readonly by: string;
}

export async function writeTraits(client: Client, rows: readonly TraitRow[]): Promise<void> {
  await client.query(
    `INSERT INTO app_schema.identity_traits AS t (source, external_id, key, value, set_at, set_by)
     SELECT DISTINCT ON (g.source, g.external_id, said.key) g.source, g.external_id, said.key, said.value, g.set_at, g.set_by
     FROM unnest($1::text[], $2::text[], $3::jsonb[], $4::timestamptz[], $5::text[]) AS g (source, external_id, traits, set_at, set_by)
     CROSS JOIN LATERAL jsonb_each(g.traits) said
     ORDER BY g.source, g.external_id, said.key, g.set_at DESC, g.set_by COLLATE "C" DESC
     ON CONFLICT (source, external_id, key) DO UPDATE SET value = excluded.value, set_at = excluded.set_at, set_by = excluded.set_by
     WHERE (excluded.set_at, excluded.set_by) > (t.set_at, t.set_by)`,
    [
      rows.map((row) => row.source),
      rows.map((row) => row.externalId),
      rows.map((row) => row.traits),
      rows.map((row) => row.at),
      rows.map((row) => row.by),
    ],
  );
}

/** The traits of anonymous ids that changed hands: who lost them keeps none of their keys. */
export async function readTraitKeys(
  client: Client,
  source: string,
  anonymousIds: readonly string[],
): Promise<string[]> {
  const result = await client.query(
    'SELECT DISTINCT key FROM app_schema.identity_traits WHERE source = $1 AND external_id = ANY ($2::text[])',
    [source, anonymousIds],
  );
  return result.rows.map((row) => row.key);
}

/**
 * Folds the traits of all outside ids of some customers into their rows: the latest says, key by key. Names and the day of
 * registration go to their columns, the rest to profile_data, where keys that nobody set by a trait stay. `lostKeys` are keys that
 * a customer may have had from an anonymous id that is another's now.
 */
export async function foldTraits(
  client: Client,
  userIds: readonly number[],
  lostKeys: readonly string[],
): Promise<void> {
  await client.query(
    `WITH latest AS (
       SELECT DISTINCT ON (i.user_id, t.key) i.user_id, t.key, t.value
       FROM app_schema.user_identities i
       JOIN app_schema.identity_traits t ON t.source = i.source AND t.external_id = i.external_id
       WHERE i.user_id = ANY ($1::integer[])
       ORDER BY i.user_id, t.key, t.set_at DESC, t.set_by DESC, t.source DESC, t.external_id DESC
     ), folded AS (
       SELECT touched.user_id, coalesce(jsonb_object_agg(l.key, l.value) FILTER (WHERE l.value <> 'null'), '{}') AS traits,
         coalesce(array_agg(l.key) FILTER (WHERE l.key IS NOT NULL), '{}') || $2::text[] AS keys
       FROM (SELECT DISTINCT unnest($1::integer[]) AS user_id) touched LEFT JOIN latest l USING (user_id)
       GROUP BY touched.user_id
     ), named AS (
       SELECT f.user_id, f.keys, f.traits - $3::text[] AS profile,
         coalesce(f.traits ->> 'firstName', f.traits ->> 'first_name', split_part(f.traits ->> 'name', ' ', 1)) AS first_name,
         coalesce(f.traits ->> 'lastName', f.traits ->> 'last_name', nullif(regexp_replace(f.traits ->> 'name', '^\\S*\\s*', ''), '')) AS last_name,
         f.traits ->> 'username' AS username
       FROM folded f
     )
     UPDATE app_schema.users u
     SET profile_data = (coalesce(u.profile_data, '{}') - n.keys) || n.profile,
       first_name = CASE WHEN n.keys && '{firstName,first_name,name}' THEN n.first_name ELSE u.first_name END,
       last_name = CASE WHEN n.keys && '{lastName,last_name,name}' THEN n.last_name ELSE u.last_name END,
       username = CASE WHEN n.keys && '{username}' THEN n.username ELSE u.username END
     FROM named n
     WHERE u.user_id = n.user_id`,
    [userIds, lostKeys, ['firstName', 'first_name', 'lastName', 'last_name', 'username']],
  );
}

export interface ProductState {
  readonly place: number;
  readonly productId: number;
  readonly name: string;
  readonly category: string | null;
  readonly price: string | null;
  /** What the values were read from; null where the shop set them. */
  readonly nameStamp: string | null;
  readonly categoryStamp: string | null;
  readonly priceStamp: string | null;
}

export async function findProductStates(
  client: Client,
  sources: readonly string[],
  externalIds: readonly string[],
): Promise<ProductState[]> {
  const result = await client.query({
    name: 'live-products',
    text: `SELECT g.place::integer - 1 AS place, p.product_id AS "productId", p.name, p.category, p.price::text,
        p.attributes ->> 'name_at' AS "nameStamp", p.attributes ->> 'category_at' AS "categoryStamp",
        p.attributes ->> 'price_at' AS "priceStamp"
      FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS g (source, external_id, place)
      JOIN app_schema.product_identities i ON i.source = g.source AND i.external_id = g.external_id
      JOIN app_schema.products p ON p.product_id = i.product_id`,
    values: [sources, externalIds],
  });
  return result.rows;
}

export interface ProductNews {
  readonly productId: number;
  /** Each null where nothing is news; the stamps say since when. */
  readonly name: string | null;
  readonly category: string | null;
  readonly price: string | null;
  readonly nameStamp: string;
  readonly categoryStamp: string;
  readonly priceStamp: string;
}

/** Each field is asked again whether it is news: another group may have been here since it was read. Locked first, in one order everywhere. */
export async function updateProducts(client: Client, news: readonly ProductNews[]): Promise<void> {
  const ids = news.map((row) => row.productId);
  const locked = client.query(
    'SELECT FROM app_schema.products WHERE product_id = ANY ($1::integer[]) ORDER BY product_id FOR NO KEY UPDATE',
    [ids],
  );
  const updated = client.query(
    `UPDATE app_schema.products p
     SET name = CASE WHEN w.name THEN w.new_name ELSE p.name END,
       category = CASE WHEN w.category THEN w.new_category ELSE p.category END,
       price = CASE WHEN w.price THEN w.new_price ELSE p.price END,
       attributes = coalesce(p.attributes, '{}')
         || CASE WHEN w.name THEN jsonb_build_object('name_at', w.name_stamp) ELSE '{}' END
         || CASE WHEN w.category THEN jsonb_build_object('category_at', w.category_stamp) ELSE '{}' END
         || CASE WHEN w.price THEN jsonb_build_object('price_at', w.price_stamp) ELSE '{}' END
     FROM (
       SELECT g.*, g.new_name IS NOT NULL AND CASE WHEN o.attributes ? 'name_at'
           THEN (g.name_stamp COLLATE "C", g.new_name COLLATE "C") > (o.attributes ->> 'name_at', o.name::text)
           -- The outside id served as name.
           ELSE EXISTS (SELECT FROM app_schema.product_identities i WHERE i.product_id = o.product_id AND i.external_id = o.name) END AS name,
         g.new_category IS NOT NULL AND CASE WHEN o.attributes ? 'category_at'
           THEN (g.category_stamp COLLATE "C", g.new_category COLLATE "C") > (o.attributes ->> 'category_at', o.category::text)
           ELSE o.category IS NULL END AS category,
         g.new_price IS NOT NULL AND CASE WHEN o.attributes ? 'price_at'
           THEN (g.price_stamp COLLATE "C", g.new_price) > (o.attributes ->> 'price_at', o.price)
           ELSE o.price IS NULL END AS price
       FROM unnest($1::integer[], $2::text[], $3::text[], $4::numeric[], $5::text[], $6::text[], $7::text[])
         AS g (product_id, new_name, new_category, new_price, name_stamp, category_stamp, price_stamp)
       JOIN app_schema.products o USING (product_id)
     ) w
     WHERE p.product_id = w.product_id AND (w.name OR w.category OR w.price)`,
    [
      ids,
      news.map((row) => row.name),
      news.map((row) => row.category),
      news.map((row) => row.price),
      news.map((row) => row.nameStamp),
      news.map((row) => row.categoryStamp),
      news.map((row) => row.priceStamp),
    ],
  );
  await Promise.all([locked, updated]);
}

export interface EventRow {
  readonly userId: number | null;
  readonly productId: number | null;
  readonly eventType: string;
  readonly at: string;
  readonly properties: string;
  readonly sourceId: number;
  readonly externalId: string;
}

/** Returns the places of rows that were there already. */
export async function insertEvents(client: Client, rows: readonly EventRow[]): Promise<Set<number>> {
  const keys = [rows.map((row) => row.sourceId), rows.map((row) => row.externalId)];
  const result = await client.query({
    name: 'live-insert',
    text: `INSERT INTO app_schema.events (source_id, external_id, user_id, product_id, event_type, event_timestamp, properties)
      SELECT * FROM unnest($1::smallint[], $2::text[], $3::integer[], $4::integer[], $5::text[], $6::timestamptz[], $7::jsonb[])
      ON CONFLICT (source_id, external_id) DO NOTHING
      RETURNING source_id, external_id`,
    values: [
      ...keys,
      rows.map((row) => row.userId),
      rows.map((row) => row.productId),
      rows.map((row) => row.eventType),
      rows.map((row) => row.at),
      rows.map((row) => row.properties),
    ],
  });
  if (result.rowCount === rows.length) return new Set();
  const inserted = new Set(result.rows.map((row) => `${row.source_id}/${row.external_id}`));
  return new Set(
    rows.flatMap((row, place) => (inserted.has(`${row.sourceId}/${row.externalId}`) ? [] : [place])),
  );
}

export interface PlainLine {
  /** Of its message among the keys, from 0. */
  readonly message: number;
  readonly source: string;
  readonly userId: string;
  readonly eventType: string;
  readonly at: string;
  readonly properties: string;
  readonly externalId: string;
  readonly product: ProductMentionRow | null;
}

interface ProductMentionRow {
  readonly externalId: string;
  readonly name: string;
  readonly category: string;
  readonly price: string;
  readonly priceStamp: string;
  readonly dayStamp: string;
}

/**
 * Writes in one statement the messages of customers and products that are known, with newer prices of sales: nothing has to be
 * looked up first. Left out, for the long way: messages that were here before, of whom or what is not known, with newer names or categories.
 * @returns the events that were new, by place of the message; a message that was left out has no entry
 */
export async function writePlain(
  client: Client,
  keys: readonly MessageKey[],
  lines: readonly PlainLine[],
): Promise<Map<number, number>> {
  const said = (field: Exclude<keyof ProductMentionRow, 'price'>): string[] =>
    lines.map((line) => line.product?.[field] ?? '');
  const result = await client.query({
    name: 'live-plain',
    text: `WITH lines AS MATERIALIZED (
        SELECT l.*, i.user_id, p.product_id,
          i.user_id IS NOT NULL AND (l.product = '' OR p.product_id IS NOT NULL
            AND NOT (l.name <> '' AND CASE WHEN p.attributes ? 'name_at'
              THEN (l.day_stamp COLLATE "C", l.name COLLATE "C") > (p.attributes ->> 'name_at', p.name::text) ELSE p.name = l.product END)
            AND NOT (l.category <> '' AND CASE WHEN p.attributes ? 'category_at'
              THEN (l.day_stamp COLLATE "C", l.category COLLATE "C") > (p.attributes ->> 'category_at', p.category::text)
              ELSE p.category IS NULL END)) AS is_ready
        FROM unnest($4::integer[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::jsonb[], $10::text[], $11::text[], $12::text[],
            $13::text[], $14::numeric[], $15::text[], $16::text[])
          AS l (message, source, person, event_type, at, properties, external_id, product, name, category, price, price_stamp, day_stamp)
        LEFT JOIN app_schema.user_identities i ON i.source = l.source AND i.external_id = l.person
        LEFT JOIN app_schema.product_identities o ON o.source = l.source AND o.external_id = l.product
        LEFT JOIN app_schema.products p ON p.product_id = o.product_id
      ), ready AS MATERIALIZED (
        SELECT g.source_id, g.message_id, g.body_hash, g.place - 1 AS message
        FROM unnest($1::smallint[], $2::text[], $3::uuid[]) WITH ORDINALITY AS g (source_id, message_id, body_hash, place)
        WHERE NOT EXISTS (SELECT FROM lines l WHERE l.message = g.place - 1 AND NOT l.is_ready)
      ), claimed AS (
        INSERT INTO app_schema.ingested_messages (source_id, message_id, body_hash)
        SELECT source_id, message_id, body_hash FROM ready ORDER BY source_id, message_id COLLATE "C"
        ON CONFLICT (source_id, message_id) DO NOTHING
        RETURNING source_id, message_id
      ), fresh AS MATERIALIZED (
        SELECT r.source_id, r.message AS place, l.*
        FROM claimed c JOIN ready r USING (source_id, message_id) JOIN lines l ON l.message = r.message
      ), prices AS MATERIALIZED (
        SELECT DISTINCT ON (f.product_id) f.product_id, f.price, f.price_stamp
        FROM fresh f JOIN app_schema.products p USING (product_id)
        WHERE f.price IS NOT NULL AND CASE WHEN p.attributes ? 'price_at'
          THEN (f.price_stamp COLLATE "C", f.price) > (p.attributes ->> 'price_at', p.price) ELSE p.price IS NULL END
        ORDER BY f.product_id, f.price_stamp COLLATE "C" DESC, f.price DESC
      ), locked AS MATERIALIZED (
        SELECT p.product_id FROM app_schema.products p WHERE p.product_id IN (SELECT product_id FROM prices)
        ORDER BY p.product_id FOR NO KEY UPDATE
      ), priced AS (
        -- Its conditions are of the row itself, so that they are asked again where another group was faster.
        UPDATE app_schema.products p
        SET price = n.price, attributes = coalesce(p.attributes, '{}') || jsonb_build_object('price_at', n.price_stamp)
        FROM prices n JOIN locked USING (product_id)
        WHERE p.product_id = n.product_id AND CASE WHEN p.attributes ? 'price_at'
          THEN (n.price_stamp COLLATE "C", n.price) > (p.attributes ->> 'price_at', p.price) ELSE p.price IS NULL END
      ), written AS (
        INSERT INTO app_schema.events (source_id, external_id, user_id, product_id, event_type, event_timestamp, properties)
        SELECT source_id, external_id, user_id, product_id, event_type, at, properties FROM fresh
        ON CONFLICT (source_id, external_id) DO NOTHING
        RETURNING source_id, external_id
      )
      SELECT f.place::integer, count(w.external_id)::integer AS events
      FROM fresh f LEFT JOIN written w ON w.source_id = f.source_id AND w.external_id = f.external_id
      GROUP BY f.place`,
    values: [
      ...keyColumns(keys),
      keys.map((key) => key.hash),
      lines.map((line) => line.message),
      lines.map((line) => line.source),
      lines.map((line) => line.userId),
      lines.map((line) => line.eventType),
      lines.map((line) => line.at),
      lines.map((line) => line.properties),
      lines.map((line) => line.externalId),
      said('externalId'),
      said('name'),
      said('category'),
      lines.map((line) => line.product?.price || null),
      said('priceStamp'),
      said('dayStamp'),
    ],
  });
  return new Map(result.rows.map((row) => [row.place, row.events]));
}

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
