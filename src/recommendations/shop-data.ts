import type pg from 'pg';
import { copyNumbers } from '../database/copy-stream.ts';
import type { ProductContent } from '../models/recommender/content.ts';
import type { DemandCounts, DemandSource } from '../models/recommender/product-demand.ts';
import type { ShopLog } from '../models/recommender/shop-log.ts';
import { EventColumns } from './event-columns.ts';
import type { ProductDemand } from './published.ts';
import * as queries from './queries.ts';

/** Of more events than this a share of the customers trains, drawn by a hash: pairs of products are known long before. 13 bytes each. */
const MAX_EVENTS = 20_000_000;
/** The newest events of a customer that train: a wholesaler's ten thousand would cost their square and say little of what goes together. Demand counts all. */
const HISTORY_PER_CUSTOMER = 2000;
const MS_PER_DAY = 86_400_000;

type ProductRow = ProductContent & { readonly product_id: number };

/** The events of a shop, numbered; item n is `products[n]`. */
export interface ShopData extends DemandSource {
  /** Of each row of the log. */
  readonly userIds: Int32Array;
  readonly products: readonly ProductRow[];
  readonly itemOf: ReadonlyMap<number, number>;
  /** Of the customers, what is read. */
  readonly share: number;
  /** The largest ids of all, whatever their moment: what tells whether anything came since. */
  readonly newest: { readonly event: number; readonly product: number };
}

/** Streams what was done before `until` into typed arrays, in one pass. */
export async function readShop(client: pg.ClientBase, until: Date): Promise<ShopData> {
  const { events } = (await client.query(queries.ESTIMATE_EVENTS)).rows[0];
  const share = Math.min(1, MAX_EVENTS / Math.max(1, events));
  const products: ProductRow[] = (await client.query(queries.PRODUCTS)).rows;
  const itemOf = new Map(products.map(({ product_id }, item) => [product_id, item]));
  const { sql } = (await client.query(queries.FORMAT_EVENTS, [until, share])).rows[0];
  const columns = new EventColumns(events * share);
  const [older, nobodys] = [new EventColumns(0), new EventColumns(0)];
  let user = Number.NaN;
  await copyNumbers(client, sql, ([userId, productId, kind, day]) => {
    if (userId !== user && !Number.isNaN(user)) columns.endRow(user, HISTORY_PER_CUSTOMER, older);
    user = userId!;
    const item = itemOf.get(productId!);
    if (item !== undefined) (Number.isNaN(user) ? nobodys : columns).push(item, kind!, day!);
  });
  if (!Number.isNaN(user)) columns.endRow(user, HISTORY_PER_CUSTOMER, older);
  nobodys.endRow(0, Number.POSITIVE_INFINITY);
  const newest = (await client.query(queries.NEWEST_IDS)).rows[0];
  const { log, userIds } = columns.toLog(products.length);
  const others = { older: older.toLog(products.length).log, visitors: nobodys.toLog(products.length).log };
  const dayOf = await readDays(client, [log, others.older]);
  return { ...numberByDemand({ log, ...others }, products), userIds, dayOf, share, newest };
}

/** What tells the shop's day of any moment of the logs. */
async function readDays(
  client: pg.ClientBase,
  logs: readonly ShopLog[],
): Promise<(moment: number) => number> {
  const moments = [Math.min, Math.max].map((choose) => {
    const chosen = logs.flatMap(({ days }) =>
      days.length === 0 ? [] : [days.reduce((a, b) => choose(a, b))],
    );
    return new Date(MS_PER_DAY * chosen.reduce((a, b) => choose(a, b), chosen[0] ?? 0));
  });
  const starts: number[] = (await client.query(queries.DAY_STARTS, moments)).rows.map(({ start }) => start);
  return (moment) => {
    let day = Math.min(starts.length - 1, Math.max(0, Math.floor(moment - starts[0]!)));
    // Nights of summer time are an hour shorter or longer, and a zone may have skipped a day.
    while (day > 0 && starts[day]! > moment) day--;
    while (day + 1 < starts.length && starts[day + 1]! <= moment) day++;
    return day;
  };
}

/** Numbers the products from the most wanted down: where a model knows nothing, a tie, the more popular one goes first. */
function numberByDemand(
  logs: Pick<DemandSource, 'log' | 'older' | 'visitors'>,
  products: readonly ProductRow[],
) {
  const counts = new Float64Array(products.length);
  for (const item of logs.log.items) counts[item]! += 1;
  const order = Int32Array.from(products.keys()).sort((a, b) => counts[b]! - counts[a]! || a - b);
  const numberOf = new Int32Array(products.length);
  order.forEach((item, number) => {
    numberOf[item] = number;
  });
  const sorted = Array.from(order, (item) => products[item]!);
  for (const { items } of Object.values(logs))
    for (let k = 0; k < items.length; k++) items[k] = numberOf[items[k]!]!;
  return {
    ...logs,
    products: sorted,
    categories: sorted.map(({ category }) => category),
    itemOf: new Map(sorted.map(({ product_id }, item) => [product_id, item])),
  };
}

/** What weights are fitted on. */
export interface FitMaterial {
  readonly shop: ShopData;
  readonly customers: number;
}

/** What happened before `asOf`, all that weights are fitted on. */
export async function readFitMaterial(
  client: pg.ClientBase,
  asOf: Date,
  onStep?: (step: string) => void,
): Promise<FitMaterial> {
  onStep?.('streaming events');
  const shop = await readShop(client, asOf);
  return { shop, customers: (await client.query(queries.COUNT_CUSTOMERS)).rows[0].customers };
}

/** Demand as it is published, of products that somebody wanted. */
export function demandRows({ products, share }: ShopData, counts: DemandCounts): ProductDemand[] {
  const { isWanted, popularity, inPeriod, buyers, repetition } = counts;
  const rows = products.flatMap(({ product_id, category }, item): ProductDemand[] =>
    isWanted[item] === 0
      ? []
      : [
          {
            product_id,
            category,
            popularity: popularity[item]!,
            week: inPeriod.week[item]!,
            month: inPeriod.month[item]!,
            quarter: inPeriod.quarter[item]!,
            year: inPeriod.year[item]!,
            buyers: Math.round(buyers[item]! / share),
            repeat_share: repetition.share[item]!,
            is_bought_repeatedly: repetition.isRepeated[item] === 1,
            repeat_interval_days: repetition.intervalDays[item]! || null,
          },
        ],
  );
  return rows.sort((a, b) => a.product_id - b.product_id);
}
