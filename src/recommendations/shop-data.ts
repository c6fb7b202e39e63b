import type pg from 'pg';
import { copyLines } from '../database/copy-stream.ts';
import type { Demand } from '../models/recommender/choose-served.ts';
import type { ProductContent } from '../models/recommender/content.ts';
import type { ShopLog } from '../models/recommender/shop-log.ts';
import type { ProductDemand } from './published.ts';
import * as queries from './queries.ts';

/** Of more events than this a share of the customers trains, drawn by a hash: pairs of products are known long before. 13 bytes each. */
const MAX_EVENTS = 20_000_000;

type ProductRow = ProductContent & { readonly product_id: number };

/** The events of a shop, numbered; item n is `products[n]`. */
export interface ShopData {
  readonly log: ShopLog;
  /** Of each row of the log. */
  readonly userIds: Int32Array;
  readonly products: readonly ProductRow[];
  readonly itemOf: ReadonlyMap<number, number>;
  /** Of the customers, what is read. */
  readonly share: number;
}

/** Typed arrays that grow. */
class EventColumns {
  #capacity = 1 << 16;
  #size = 0;
  #items = new Int32Array(this.#capacity);
  #days = new Float64Array(this.#capacity);
  #kinds = new Uint8Array(this.#capacity);
  readonly #offsets = [0];
  readonly #userIds: number[] = [];

  push(item: number, kind: number, day: number): void {
    if (this.#size === this.#capacity) this.#grow();
    this.#items[this.#size] = item;
    this.#kinds[this.#size] = kind;
    this.#days[this.#size++] = day;
  }

  #grow(): void {
    this.#capacity *= 2;
    const [items, days, kinds] = [this.#items, this.#days, this.#kinds];
    this.#items = new Int32Array(this.#capacity);
    this.#days = new Float64Array(this.#capacity);
    this.#kinds = new Uint8Array(this.#capacity);
    this.#items.set(items);
    this.#days.set(days);
    this.#kinds.set(kinds);
  }

  /** Ends a customer's row; of more than `most` events the newest stay. */
  endRow(userId: number, most: number): void {
    const start = this.#offsets.at(-1)!;
    const excess = this.#size - start - most;
    if (excess > 0) {
      for (const column of [this.#items, this.#days, this.#kinds])
        column.copyWithin(start, start + excess, this.#size);
      this.#size -= excess;
    }
    if (this.#size === start) return;
    this.#offsets.push(this.#size);
    this.#userIds.push(userId);
  }

  toLog(itemCount: number): { log: ShopLog; userIds: Int32Array } {
    const log = {
      itemCount,
      offsets: Int32Array.from(this.#offsets),
      items: this.#items.slice(0, this.#size),
      days: this.#days.slice(0, this.#size),
      kinds: this.#kinds.slice(0, this.#size),
    };
    return { log, userIds: Int32Array.from(this.#userIds) };
  }
}

/**
 * Streams what customers did before `until` into typed arrays.
 * @param historyPerCustomer the newest events of a customer that are kept: a wholesaler's ten thousand would cost their square and say
 * little of what goes together
 */
export async function readShop(
  client: pg.ClientBase,
  until: Date,
  historyPerCustomer: number,
): Promise<ShopData> {
  const { events } = (await client.query(queries.ESTIMATE_EVENTS)).rows[0];
  const share = Math.min(1, MAX_EVENTS / Math.max(1, events));
  const products: ProductRow[] = (await client.query(queries.PRODUCTS)).rows;
  const itemOf = new Map(products.map(({ product_id }, item) => [product_id, item]));
  const { sql } = (await client.query(queries.FORMAT_EVENTS, [until, share])).rows[0];
  const columns = new EventColumns();
  let user = '';
  for await (const [userId, productId, kind, day] of copyLines(client, sql)) {
    if (userId !== user && user !== '') columns.endRow(Number(user), historyPerCustomer);
    user = userId!;
    const item = itemOf.get(Number(productId));
    if (item !== undefined) columns.push(item, Number(kind), Number(day));
  }
  if (user !== '') columns.endRow(Number(user), historyPerCustomer);
  return { ...numberByDemand(columns.toLog(products.length), products), share };
}

/** Numbers the products from the most wanted down: where a model knows nothing, a tie, the more popular one goes first. */
function numberByDemand(
  { log, userIds }: { log: ShopLog; userIds: Int32Array },
  products: readonly ProductRow[],
): Omit<ShopData, 'share'> {
  const counts = new Float64Array(products.length);
  for (const item of log.items) counts[item]! += 1;
  const order = Int32Array.from(products.keys()).sort((a, b) => counts[b]! - counts[a]! || a - b);
  const numberOf = new Int32Array(products.length);
  order.forEach((item, number) => {
    numberOf[item] = number;
  });
  const sorted = Array.from(order, (item) => products[item]!);
  return {
    log: { ...log, items: log.items.map((item) => numberOf[item]!) },
    userIds,
    products: sorted,
    itemOf: new Map(sorted.map(({ product_id }, item) => [product_id, item])),
  };
}

export interface RepetitionOptions {
  /** At least this share of a product's buyers, and this many of them, bought it again: it counts as bought repeatedly. */
  readonly repeatShare: number;
  readonly minRepeaters: number;
}

export async function readDemand(
  client: pg.ClientBase,
  until: Date,
  { repeatShare, minRepeaters }: RepetitionOptions,
): Promise<ProductDemand[]> {
  return (await client.query<ProductDemand>(queries.PRODUCT_DEMAND, [until, repeatShare, minRepeaters])).rows;
}

type DemandRow = Pick<
  ProductDemand,
  'product_id' | 'popularity' | 'repeat_share' | 'is_bought_repeatedly' | 'repeat_interval_days'
>;

/** Demand by item. */
export function demandByItem(rows: readonly DemandRow[], { itemOf, products }: ShopData): Demand {
  const count = products.length;
  const popularity = new Float32Array(count);
  const isRepeated = new Uint8Array(count);
  const share = new Float32Array(count);
  const intervalDays = new Float32Array(count);
  for (const row of rows) {
    const item = itemOf.get(row.product_id);
    if (item === undefined) continue;
    popularity[item] = row.popularity;
    isRepeated[item] = row.is_bought_repeatedly ? 1 : 0;
    share[item] = row.repeat_share;
    intervalDays[item] = row.repeat_interval_days ?? 0;
  }
  return { popularity, repetition: { isRepeated, share, intervalDays } };
}
