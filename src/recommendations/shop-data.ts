import type pg from 'pg';
import { copyNumbers } from '../database/copy-stream.ts';
import type { Demand } from '../models/recommender/assemble-served.ts';
import type { ProductContent } from '../models/recommender/content.ts';
import type { ShopLog } from '../models/recommender/shop-log.ts';
import type { ProductDemand } from './published.ts';
import * as queries from './queries.ts';

/** Of more events than this a share of the customers trains, drawn by a hash: pairs of products are known long before. 13 bytes each. */
const MAX_EVENTS = 20_000_000;
/** The newest events of a customer that are kept: a wholesaler's ten thousand would cost their square and say little of what goes together. */
const HISTORY_PER_CUSTOMER = 2000;
/** The smallest share of buyers that can count as buying again, and how many at least; validation chooses where the line is. */
const REPETITION = { repeatShare: 0.05, minRepeaters: 5 };

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
  /** The largest ids of all, whatever their moment: what tells whether anything came since. */
  readonly newest: { readonly event: number; readonly product: number };
}

/** What weights are fitted on. */
export interface FitMaterial {
  readonly shop: ShopData;
  readonly demand: readonly ProductDemand[];
  readonly customers: number;
}

/** Typed arrays that grow beyond `expected` where they must. */
class EventColumns {
  #capacity: number;
  #size = 0;
  #items: Int32Array;
  #days: Float64Array;
  #kinds: Uint8Array;
  readonly #offsets = [0];
  readonly #userIds: number[] = [];

  constructor(expected: number) {
    this.#capacity = Math.max(1 << 16, Math.ceil(expected));
    this.#items = new Int32Array(this.#capacity);
    this.#days = new Float64Array(this.#capacity);
    this.#kinds = new Uint8Array(this.#capacity);
  }

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
      items: this.#items.subarray(0, this.#size),
      days: this.#days.subarray(0, this.#size),
      kinds: this.#kinds.subarray(0, this.#size),
    };
    return { log, userIds: Int32Array.from(this.#userIds) };
  }
}

/** Streams what customers did before `until` into typed arrays, in one pass. */
export async function readShop(client: pg.ClientBase, until: Date): Promise<ShopData> {
  const { events } = (await client.query(queries.ESTIMATE_EVENTS)).rows[0];
  const share = Math.min(1, MAX_EVENTS / Math.max(1, events));
  const products: ProductRow[] = (await client.query(queries.PRODUCTS)).rows;
  const itemOf = new Map(products.map(({ product_id }, item) => [product_id, item]));
  const { sql } = (await client.query(queries.FORMAT_EVENTS, [until, share])).rows[0];
  const columns = new EventColumns(events * share);
  let user: number | undefined;
  await copyNumbers(client, sql, ([userId, productId, kind, day]) => {
    if (userId !== user && user !== undefined) columns.endRow(user, HISTORY_PER_CUSTOMER);
    user = userId;
    const item = itemOf.get(productId!);
    if (item !== undefined) columns.push(item, kind!, day!);
  });
  if (user !== undefined) columns.endRow(user, HISTORY_PER_CUSTOMER);
  const newest = (await client.query(queries.NEWEST_IDS)).rows[0];
  return { ...numberByDemand(columns.toLog(products.length), products), share, newest };
}

/** Numbers the products from the most wanted down: where a model knows nothing, a tie, the more popular one goes first. */
function numberByDemand(
  { log, userIds }: { log: ShopLog; userIds: Int32Array },
  products: readonly ProductRow[],
): Omit<ShopData, 'share' | 'newest'> {
  const counts = new Float64Array(products.length);
  for (const item of log.items) counts[item]! += 1;
  const order = Int32Array.from(products.keys()).sort((a, b) => counts[b]! - counts[a]! || a - b);
  const numberOf = new Int32Array(products.length);
  order.forEach((item, number) => {
    numberOf[item] = number;
  });
  const sorted = Array.from(order, (item) => products[item]!);
  for (let k = 0; k < log.items.length; k++) log.items[k] = numberOf[log.items[k]!]!;
  return {
    log,
    userIds,
    products: sorted,
    itemOf: new Map(sorted.map(({ product_id }, item) => [product_id, item])),
  };
}

export async function readDemand(client: pg.ClientBase, until: Date): Promise<ProductDemand[]> {
  const { repeatShare, minRepeaters } = REPETITION;
  return (await client.query<ProductDemand>(queries.PRODUCT_DEMAND, [until, repeatShare, minRepeaters])).rows;
}

/** What happened before `asOf`, all that weights are fitted on. */
export async function readFitMaterial(
  client: pg.ClientBase,
  asOf: Date,
  onStep?: (step: string) => void,
): Promise<FitMaterial> {
  onStep?.('streaming events');
  const shop = await readShop(client, asOf);
  onStep?.('asking for demand');
  const demand = await readDemand(client, asOf);
  return { shop, demand, customers: (await client.query(queries.COUNT_CUSTOMERS)).rows[0].customers };
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
