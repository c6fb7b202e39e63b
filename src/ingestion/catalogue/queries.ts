import type pg from 'pg';
import type { ProductRow, UserRow } from '../formats/format.ts';

type Client = Pick<pg.ClientBase, 'query'>;

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
