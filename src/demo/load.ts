import type pg from 'pg';
import { copyInto } from '../database/copy-stream.ts';
import type { CopyValue } from '../database/copy-text.ts';
import { databaseError } from '../database/database-error.ts';
import { inTransaction } from '../database/pool.ts';
import { AppError } from '../errors.ts';
import * as queries from './queries.ts';
import type { DemoShop } from './simulate.ts';

export interface LoadDeps {
  /** Logs in as app_user. */
  appPool: pg.Pool;
  /** People simulated and handed to the database, of all people. */
  onProgress?: (done: number, total: number) => void;
}

export interface LoadOptions {
  /** Load also beside events of other sources. */
  force?: boolean;
}

export interface LoadResult {
  shopId: string;
  /** Customers and visitors, and how many of them were not there before. */
  users: number;
  usersAdded: number;
  products: number;
  productsAdded: number;
  /** Events: read = accepted + duplicates. */
  read: number;
  accepted: number;
  duplicates: number;
  /** Other demonstration shops that were already in this database. */
  otherShops: string[];
}

/**
 * Writes a shop into the database, all of it in one transaction: a crash half-way leaves nothing behind, so that
 * an empty database stays empty and the next start makes the shop again. Every row's key comes from the shop's id,
 * hence the same shop again is all duplicates.
 *
 * Cost: 1.02 times a bare COPY of the same rows by app_user (258,107 events, the least of six alternating runs each): the
 * indexes and foreign keys of events are nearly all of it, and the simulation runs meanwhile on another core. Staging all
 * events and inserting them ON CONFLICT took 1.2 times as long, so that is kept for a shop that is already there.
 */
export async function loadDemoShop(
  shop: DemoShop,
  deps: LoadDeps,
  options: LoadOptions = {},
): Promise<LoadResult> {
  try {
    return await inTransaction(deps.appPool, (client) => load(client, shop, deps, options));
  } catch (error) {
    throw databaseError(error);
  }
}

/** Whether the database holds a demonstration shop. */
export async function hasDemoShop(pool: pg.Pool): Promise<boolean> {
  return (await pool.query(queries.HAS_PEOPLE, [queries.SOURCE_NAME])).rows[0].present;
}

async function load(
  client: pg.PoolClient,
  shop: DemoShop,
  deps: LoadDeps,
  options: LoadOptions,
): Promise<LoadResult> {
  await client.query(queries.LOCK);
  const sourceId = await ensureSource(client);
  if (!options.force) await refuseBesideOthers(client, sourceId);
  const shops = await client.query<{ shop_id: string }>(queries.OTHER_SHOPS, [queries.SOURCE_NAME, shop.id]);
  const people = await resolve(client, peopleRows(shop), {
    create: queries.CREATE_STAGED_PEOPLE,
    copy: queries.COPY_PEOPLE,
    statements: queries.RESOLVE_PEOPLE,
    read: queries.READ_PEOPLE,
  });
  const products = await resolve(client, productRows(shop), {
    create: queries.CREATE_STAGED_PRODUCTS,
    copy: queries.COPY_PRODUCTS,
    statements: queries.RESOLVE_PRODUCTS,
    read: queries.READ_PRODUCTS,
  });
  const rows = eventRows(shop, { sourceId, userIds: people.ids, productIds: products.ids }, deps.onProgress);
  const events = await writeEvents(client, sourceId, shop.id, rows);
  return {
    shopId: shop.id,
    users: people.ids.length,
    usersAdded: people.added,
    products: products.ids.length,
    productsAdded: products.added,
    ...events,
    duplicates: events.read - events.accepted,
    otherShops: shops.rows.map((row) => row.shop_id),
  };
}

async function ensureSource(client: pg.PoolClient): Promise<number> {
  const found = await client.query<{ source_id: number }>(queries.FIND_SOURCE, [queries.SOURCE_NAME]);
  const source =
    found.rows[0] ??
    (await client.query<{ source_id: number }>(queries.ADD_SOURCE, [queries.SOURCE_NAME])).rows[0];
  return source!.source_id;
}

async function refuseBesideOthers(client: pg.PoolClient, sourceId: number): Promise<void> {
  const { rows } = await client.query<{ present: boolean }>(queries.HAS_OTHER_EVENTS, [sourceId]);
  if (!rows[0]!.present) return;
  throw new AppError('DEMO_NOT_ALLOWED', 'this database holds events that are no demonstration', {
    hint: 'Use an empty database, or add --force to mix invented customers with the real ones (demo remove takes them out again).',
  });
}

interface Staging {
  create: string;
  copy: string;
  statements: string[];
  read: string;
}

/** Stages rows, adds those that are not there yet, and returns the database's id of each index. */
async function resolve(
  client: pg.PoolClient,
  rows: Iterable<CopyValue[]>,
  staging: Staging,
): Promise<{ ids: Int32Array; added: number }> {
  await client.query(staging.create);
  const count = await copyInto(client, staging.copy, rows);
  for (const statement of staging.statements) {
    await client.query(statement, statement.includes('$1') ? [queries.SOURCE_NAME] : []);
  }
  const ids = new Int32Array(count);
  let added = 0;
  const result = await client.query<{ index: number; id: number; is_new: boolean }>(staging.read);
  for (const { index, id, is_new } of result.rows) {
    ids[index] = id;
    if (is_new) added += 1;
  }
  return { ids, added };
}

async function writeEvents(
  client: pg.PoolClient,
  sourceId: number,
  shopId: string,
  rows: Iterable<CopyValue[]>,
): Promise<{ read: number; accepted: number }> {
  const known = await client.query<{ present: boolean }>(queries.HAS_SHOP_EVENTS, [sourceId, shopId]);
  if (!known.rows[0]!.present) {
    const read = await copyInto(client, queries.COPY_EVENTS, rows);
    return { read, accepted: read };
  }
  await client.query(queries.CREATE_STAGED_EVENTS);
  const read = await copyInto(client, queries.COPY_STAGED_EVENTS, rows);
  const inserted = await client.query(queries.INSERT_STAGED_EVENTS);
  return { read, accepted: inserted.rowCount ?? 0 };
}

function* peopleRows(shop: DemoShop): Generator<CopyValue[]> {
  for (let index = 0; index < shop.peopleCount; index++) {
    const person = shop.person(index);
    yield [
      index,
      `${shop.id}/${person.key}`,
      person.telegramId,
      person.firstName,
      person.lastName,
      person.username,
      new Date(person.registeredAt).toISOString(),
      JSON.stringify(person.profile),
    ];
  }
}

function* productRows(shop: DemoShop): Generator<CopyValue[]> {
  for (const [index, product] of shop.catalogue.products.entries()) {
    const { brand, color, consumable, name, category, description } = product;
    const attributes = {
      brand,
      ...(color === null ? {} : { color: { en: color[0], ru: color[1] } }),
      consumable,
      name_ru: name[1],
      category_ru: category[1],
      description_ru: description[1],
    };
    yield [
      index,
      `${shop.id}/p${index + 1}`,
      name[0],
      category[0],
      product.prices.at(-1)!,
      description[0],
      JSON.stringify(attributes),
      product.stock,
      product.isMerchandise,
    ];
  }
}

interface EventIds {
  sourceId: number;
  userIds: Int32Array;
  productIds: Int32Array;
}

/** Rows of one person after the other; memory holds one person's events. */
function* eventRows(
  shop: DemoShop,
  { sourceId, userIds, productIds }: EventIds,
  onProgress?: (done: number, total: number) => void,
): Generator<CopyValue[]> {
  for (let index = 0; index < shop.peopleCount; index++) {
    const person = shop.person(index);
    const userId = userIds[index] as number;
    let number = 0;
    for (const event of shop.history(person)) {
      number += 1;
      yield [
        userId,
        event.product < 0 ? null : (productIds[event.product] as number),
        event.type,
        new Date(event.at).toISOString(),
        JSON.stringify(event.properties),
        sourceId,
        `${shop.id}/${person.key}/${number}`,
      ];
    }
    onProgress?.(index + 1, shop.peopleCount);
  }
}
