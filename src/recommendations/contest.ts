import type pg from 'pg';
import type { Demand } from '../models/recommender/assemble-served.ts';
import type { Neighbours } from '../models/recommender/recommender.ts';
import {
  meanOf,
  type ServedModel,
  scoreServed,
  servedQuestions,
} from '../models/recommender/served-lists.ts';
import type { ContestRule } from './publish.ts';
import type { ProductDemand } from './published.ts';
import * as queries from './queries.ts';
import type { ShopData } from './shop-data.ts';

export interface ContestWindow {
  readonly from: Date;
  readonly to: Date;
  readonly k: number;
  /** As the shop set it; null: as each version was tuned. */
  readonly buyAgainShare: number | null;
}

/** nDCG; what the same customers of another week would change at least. */
const TOLERANCE = 0.005;
const MAX_QUESTIONS = 500;
const MS_PER_DAY = 86_400_000;

type DemandRow = Pick<
  ProductDemand,
  'product_id' | 'popularity' | 'repeat_share' | 'is_bought_repeatedly' | 'repeat_interval_days'
>;

/** Published demand by item. */
function demandByItem(rows: readonly DemandRow[], { itemOf, products }: ShopData): Demand {
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

/** A published version as tuning knows it. */
async function readPublished(database: pg.Pool, modelRunId: number, shop: ShopData): Promise<ServedModel> {
  const [how, rows, demand] = await Promise.all(
    [queries.PUBLISHED_READING, queries.PUBLISHED_NEIGHBOURS, queries.PUBLISHED_POPULARITY].map(
      async (sql) => (await database.query(sql, [modelRunId])).rows,
    ),
  );
  const ids: Int32Array[] = shop.products.map(() => new Int32Array(0));
  const weights: Float32Array[] = shop.products.map(() => new Float32Array(0));
  for (const row of rows!) {
    const item = shop.itemOf.get(row.product_id);
    if (item === undefined) continue;
    const known = (row.neighbour_ids as number[]).flatMap((id, k) => (shop.itemOf.has(id) ? [k] : []));
    ids[item] = Int32Array.from(known, (k) => shop.itemOf.get(row.neighbour_ids[k])!);
    weights[item] = Float32Array.from(known, (k) => row.weights[k]);
  }
  const { 0: reading } = how!;
  const neighbours: Neighbours = { ids, weights };
  return {
    neighbours,
    ...demandByItem(demand as never, shop),
    reading: {
      viewWeight: reading.view_weight,
      cartWeight: reading.cart_weight,
      purchaseWeight: reading.purchase_weight,
      halfLifeDays: reading.half_life_days,
      historyEvents: reading.history_events,
      historyProducts: reading.history_products,
      repeatWeight: reading.repeat_weight,
      dueAfter: reading.due_after,
      popularityWeight: reading.popularity_weight,
      repeatPower: reading.repeat_power,
      repeatSharePower: reading.repeat_share_power,
      repeatHalfLifeDays: reading.repeat_half_life_days,
      habitPurchases: reading.habit_purchases,
      buyAgainShare: reading.buy_again_share,
    },
  };
}

/**
 * Promoted unless the champion, asked about the same customers in the window that chose, would have done better; where it was trained on
 * part of that window itself, no comparison is fair, and the one that knows more of the present goes first.
 */
export function notWorseInWindow(pool: pg.Pool, shop: ShopData, window: ContestWindow): ContestRule {
  return async (challenger, champion) => {
    const against = champion?.modelRunId ?? null;
    if (champion === undefined) return { promoted: true, against };
    const own = challenger.metrics['ndcg'];
    if (challenger.demand.length === 0) return { promoted: false, against };
    if (typeof own !== 'number' || champion.asOf > window.from)
      return { promoted: true, against, comparable: false };
    const from = window.from.getTime() / MS_PER_DAY;
    const to = window.to.getTime() / MS_PER_DAY;
    const questions = servedQuestions(shop.log, from, to, MAX_QUESTIONS);
    const model = await readPublished(pool, champion.modelRunId, shop);
    const { next, fresh } = scoreServed(shop.log, model, from, questions, window);
    const other = (meanOf(next) + meanOf(fresh)) / 2;
    return {
      promoted: own >= other - TOLERANCE,
      against,
      metric: 'ndcg',
      tolerance: TOLERANCE,
      challenger: own,
      champion: other,
    };
  };
}
