import type pg from 'pg';
import {
  integerArray,
  jsonbArray,
  smallintArray,
  textArray,
  timestampArray,
  uuidArray,
} from '../../database/binary-arrays.ts';

/** SQL of a group: ledger and events; people, products and dead letters have theirs. Statements of the hot path are named: each connection plans them once. */
type Client = Pick<pg.ClientBase, 'query'>;

/**
 * Settings of a writer's connection, once: said with each transaction they cost as much as a small group. The answer waits for the disk; a
 * statement that waits for somebody's lock gives up, and the sender comes again.
 */
export async function prepareWriter(client: Client): Promise<void> {
  await client.query(
    "SET synchronous_commit = on; SET jit = off; SET statement_timeout = '20s'; SET TimeZone = 'UTC'",
  );
}

export async function beginGroup(client: Client): Promise<void> {
  await client.query('BEGIN');
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

/** Takes messages out of the ledger again. */
export async function forgetMessages(client: Client, keys: readonly MessageKey[]): Promise<void> {
  await client.query(
    `DELETE FROM app_schema.ingested_messages m USING unnest($1::smallint[], $2::text[]) g (source_id, message_id)
     WHERE m.source_id = g.source_id AND m.message_id = g.message_id`,
    keyColumns(keys),
  );
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

export interface EventRow {
  readonly userId: number | null;
  readonly productId: number | null;
  readonly eventType: string;
  readonly at: string;
  readonly properties: string;
  readonly sourceId: number;
  readonly externalId: string;
}

function insert(client: Client, rows: readonly EventRow[]): Promise<pg.QueryResult> {
  const keys = [rows.map((row) => row.sourceId), rows.map((row) => row.externalId)];
  return client.query({
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
}

/** Returns the places of rows that were there already. */
export async function insertEvents(client: Client, rows: readonly EventRow[]): Promise<Set<number>> {
  const result = await insert(client, rows);
  if (result.rowCount === rows.length) return new Set();
  const inserted = new Set(result.rows.map((row) => `${row.source_id}/${row.external_id}`));
  return new Set(
    rows.flatMap((row, place) => (inserted.has(`${row.sourceId}/${row.externalId}`) ? [] : [place])),
  );
}

/** Events of somebody who was erased. @returns how many were new */
export async function insertOfErased(client: Client, rows: readonly EventRow[]): Promise<number> {
  return rows.length === 0 ? 0 : ((await insert(client, rows)).rowCount ?? 0);
}

export interface PlainLine {
  /** Of its message among the keys, from 0. */
  readonly message: number;
  readonly source: string;
  readonly userId: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly line: {
    readonly externalId: string;
    readonly eventType: string;
    readonly properties: string;
    readonly product: ProductMentionRow | null;
  };
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
 * @param expectsKnown some of the messages or of their events may be there; without it such a group is refused whole (23505), which spares all others
 * the asking
 * @returns the events that were new, by place of the message; a message that was left out has no entry
 */
export async function writePlain(
  client: Client,
  keys: readonly MessageKey[],
  lines: readonly PlainLine[],
  expectsKnown: boolean,
): Promise<Map<number, number>> {
  const result = await client.query({
    name: expectsKnown ? 'live-plain-known' : 'live-plain',
    text: expectsKnown ? WRITE_PLAIN_KNOWN : WRITE_PLAIN,
    values: plainValues(keys, lines),
  });
  const { claimed, known } = result.rows[0] as { claimed: number[] | null; known: number[] | null };
  const left = claimed === null ? null : new Set(claimed);
  const events = new Map<number, number>();
  for (const { message } of lines)
    if (left === null || left.has(message)) events.set(message, (events.get(message) ?? 0) + 1);
  for (const message of known ?? []) events.set(message, (events.get(message) as number) - 1);
  return events;
}

function plainValues(keys: readonly MessageKey[], lines: readonly PlainLine[]): Buffer[] {
  return [
    smallintArray(keys, (key) => key.sourceId),
    textArray(keys, (key) => key.messageId),
    uuidArray(keys, (key) => key.hash),
    integerArray(lines, (line) => line.message),
    textArray(lines, (line) => line.source),
    textArray(lines, (line) => line.userId),
    textArray(lines, ({ line }) => line.eventType),
    timestampArray(lines, (line) => line.at),
    jsonbArray(lines, ({ line }) => line.properties),
    textArray(lines, ({ line }) => line.externalId),
    textArray(lines, ({ line }) => line.product?.externalId ?? ''),
    textArray(lines, ({ line }) => line.product?.name ?? ''),
    textArray(lines, ({ line }) => line.product?.category ?? ''),
    textArray(lines, ({ line }) => line.product?.price ?? ''),
    textArray(lines, ({ line }) => line.product?.priceStamp ?? ''),
    textArray(lines, ({ line }) => line.product?.dayStamp ?? ''),
  ];
}

/*
 * A prepared statement is planned for arrays of ten: as joins, its lists of 500 were compared each with each. `(x IN (...)) IS TRUE` cannot become
 * a join and is always hashed. The backend's processor time an event, in turns with bare inserts of as many rows (45, 38, 35 us): groups of 30
 * 71 us before and 59 since, of 100 63 and 49, of 500 92 and 45. Most groups are written whole, and then the answer is one short row. Without conflicts
 * to ask for, and with lines read twice in place of a copy of those that are fresh, groups of 300 take a tenth less (48 to 44 us, three runs in turns).
 */
const LINES = `
  WITH keys AS MATERIALIZED (
    SELECT g.source_id, g.message_id, g.body_hash, g.place::integer - 1 AS message
    FROM unnest($1::smallint[], $2::text[], $3::uuid[]) WITH ORDINALITY AS g (source_id, message_id, body_hash, place)
  ), lines AS MATERIALIZED (
    SELECT l.message, ($1::smallint[])[l.message + 1] AS source_id, l.external_id, i.user_id, p.product_id, l.event_type, l.at, l.properties,
      n.price, l.price_stamp,
      i.user_id IS NOT NULL AND (l.product = '' OR p.product_id IS NOT NULL
        AND NOT (l.name <> '' AND CASE WHEN p.attributes ? 'name_at'
          THEN (l.day_stamp COLLATE "C", l.name COLLATE "C") > (p.attributes ->> 'name_at', p.name::text) ELSE p.name = l.product END)
        AND NOT (l.category <> '' AND CASE WHEN p.attributes ? 'category_at'
          THEN (l.day_stamp COLLATE "C", l.category COLLATE "C") > (p.attributes ->> 'category_at', p.category::text)
          ELSE p.category IS NULL END)) AS is_ready,
      n.price IS NOT NULL AND CASE WHEN p.attributes ? 'price_at'
        THEN (l.price_stamp COLLATE "C", n.price) > (p.attributes ->> 'price_at', p.price) ELSE p.price IS NULL END AS has_news
    FROM unnest($4::integer[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::jsonb[], $10::text[], $11::text[], $12::text[],
        $13::text[], $14::text[], $15::text[], $16::text[])
      AS l (message, source, person, event_type, at, properties, external_id, product, name, category, price, price_stamp, day_stamp)
    CROSS JOIN LATERAL (SELECT nullif(l.price, '')::numeric AS price) n
    LEFT JOIN app_schema.user_identities i ON i.source = l.source AND i.external_id = l.person
    LEFT JOIN app_schema.product_identities o ON o.source = l.source AND o.external_id = l.product
    LEFT JOIN app_schema.products p ON p.product_id = o.product_id`;

/** Of a message whose lines need nothing looked up. */
const IS_READY = '(message NOT IN (SELECT w.message FROM lines w WHERE NOT w.is_ready)) IS TRUE';

/** In one order everywhere: two groups that share messages cannot wait for each other. */
const LEDGER = `
  ), claimed AS (
    INSERT INTO app_schema.ingested_messages (source_id, message_id, body_hash)
    SELECT source_id, message_id, body_hash FROM keys
    WHERE ${IS_READY}
    ORDER BY source_id, message_id COLLATE "C"`;

const EVENTS = `
  ), prices AS MATERIALIZED (
    SELECT DISTINCT ON (product_id) product_id, price, price_stamp FROM fresh WHERE has_news
    ORDER BY product_id, price_stamp COLLATE "C" DESC, price DESC
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
    SELECT source_id, external_id, user_id, product_id, event_type, at, properties FROM fresh`;

const WRITE_PLAIN = `${LINES}${LEDGER}
  ), fresh AS NOT MATERIALIZED (
    SELECT * FROM lines WHERE ${IS_READY}${EVENTS}
  )
  SELECT CASE WHEN EXISTS (SELECT FROM lines WHERE NOT is_ready) THEN ARRAY(SELECT message FROM fresh) END AS claimed, NULL::integer[] AS known`;

const WRITE_PLAIN_KNOWN = `${LINES}${LEDGER}
    ON CONFLICT (source_id, message_id) DO NOTHING
    RETURNING source_id, message_id
  ), taken AS MATERIALIZED (
    SELECT message FROM keys WHERE ((source_id, message_id) IN (SELECT c.source_id, c.message_id FROM claimed c)) IS TRUE
  ), fresh AS MATERIALIZED (
    SELECT l.* FROM lines l WHERE (l.message IN (SELECT t.message FROM taken t)) IS TRUE${EVENTS}
    ON CONFLICT (source_id, external_id) DO NOTHING
    RETURNING source_id, external_id
  )
  SELECT CASE WHEN (SELECT count(*) FROM taken) < cardinality($1::smallint[]) THEN ARRAY(SELECT message FROM taken) END AS claimed,
    CASE WHEN (SELECT count(*) FROM written) < (SELECT count(*) FROM fresh) THEN ARRAY(
      SELECT f.message FROM fresh f
      WHERE ((f.source_id, f.external_id) NOT IN (SELECT w.source_id, w.external_id FROM written w)) IS TRUE) END AS known`;
