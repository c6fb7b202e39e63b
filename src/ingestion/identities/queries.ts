import type pg from 'pg';

type Client = Pick<pg.ClientBase, 'query'>;

/** First key of an advisory lock ("ID"); the second is a hash of the source's name. */
const identityLock = 0x4944;

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
