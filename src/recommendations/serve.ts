import type pg from 'pg';
import { databaseError } from '../database/database-error.ts';
import { AppError } from '../errors.ts';
import * as queries from './queries.ts';

// Field names are the columns of the SQL functions, so that SQL, HTTP and the terminal show the same thing under the same name.

export interface Recommendation {
  rank: number;
  product_id: number;
  name: string;
  category: string | null;
  price: number | null;
  score: number;
  reason_code: string;
  reason: string;
  /** The product that the reason is about, and what it adds to the score. */
  reason_product_id: number | null;
  reason_weight: number | null;
  model_run_id: number;
}

export interface RecommendationOptions {
  language?: 'en' | 'ru' | undefined;
  category?: string | undefined;
  min_price?: number | undefined;
  max_price?: number | undefined;
  in_stock?: boolean | undefined;
  exclude_product_ids?: number[] | undefined;
  /** 0: by score alone; towards 1 what resembles others comes later. */
  diversity?: number | undefined;
  max_per_category?: number | undefined;
  /** False leaves out whatever was bought. Of lists for a customer. */
  buy_again?: boolean | undefined;
  as_of?: string | undefined;
  /** A published version other than the one in use. */
  model_run_id?: number | undefined;
}

/** What a list is asked for: who or what, how many, and how. */
export type ListRequest = { limit: number; options?: RecommendationOptions } & (
  | { kind: 'user'; userId: number }
  | { kind: 'session'; productIds: number[] }
  | { kind: 'similar'; productId: number }
  | { kind: 'bought_together'; productIds: number[] }
  | { kind: 'popular'; category?: string | undefined; window?: string | undefined }
);

export interface RecommendationList {
  items: Recommendation[];
  /** Only where the list was written down: events that came of it bring this back in their properties. */
  recommendation_id?: string;
}

function queryOf(request: ListRequest): [sql: string, values: unknown[]] {
  const { limit, options = {} } = request;
  const rest = [limit, JSON.stringify(options)];
  switch (request.kind) {
    case 'user':
      return [queries.GET_RECOMMENDATIONS, [request.userId, ...rest]];
    case 'session':
      return [queries.GET_SESSION_RECOMMENDATIONS, [request.productIds, ...rest]];
    case 'similar':
      return [queries.GET_SIMILAR_PRODUCTS, [request.productId, ...rest]];
    case 'bought_together':
      return [queries.GET_BOUGHT_TOGETHER, [request.productIds, ...rest]];
    case 'popular':
      return [queries.GET_POPULAR_PRODUCTS, [request.category ?? null, request.window ?? 'recent', ...rest]];
  }
}

/**
 * One list, fresh to the last committed event; empty for an unknown customer. With `track` it is written down and gets its
 * recommendation_id; an empty one has nothing to come back.
 * @throws VALIDATION for options that the SQL function refuses, NOT_FOUND for an unknown product of `similar`
 */
export async function getList(
  pool: pg.Pool,
  request: ListRequest,
  { track = false } = {},
): Promise<RecommendationList> {
  try {
    const items: Recommendation[] = (await pool.query(...queryOf(request))).rows;
    if (items.length === 0 && request.kind === 'similar') await checkProduct(pool, request.productId);
    if (!track || items.length === 0) return { items };
    const { rows } = await pool.query(queries.RECORD_RECOMMENDATIONS, [
      request.kind,
      request.kind === 'user' ? request.userId : null,
      items[0]!.model_run_id,
      items.map((item) => item.product_id),
      items.map((item) => item.reason_code),
    ]);
    return { items, recommendation_id: rows[0].recommendation_id };
  } catch (error) {
    throw databaseError(error);
  }
}

async function checkProduct(pool: pg.Pool, productId: number): Promise<void> {
  if ((await pool.query(queries.PRODUCT_EXISTS, [productId])).rows[0].present) return;
  throw new AppError('NOT_FOUND', `there is no product ${productId}`, {
    details: { productId },
    hint: 'customer-analyzer products popular (or GET /api/products/popular) shows some.',
  });
}

/** Products for one customer, from the published weights and the events committed up to now; empty for an unknown customer. */
export async function getRecommendations(
  pool: pg.Pool,
  userId: number,
  limit: number,
  options: RecommendationOptions = {},
): Promise<Recommendation[]> {
  return (await getList(pool, { kind: 'user', userId, limit, options })).items;
}

/**
 * Opens `count` connections of a new pool and has each make a list. The first list of a connection takes 30 ms of the processor to plan: where the
 * connections came with the requests, twelve at once to a program that had one took 193 ms each, and 41 since. Whatever goes wrong here, the
 * first request will say.
 */
export async function warmConnections(pool: pg.Pool, count: number): Promise<void> {
  // At once: a query takes an idle connection where there is one.
  await Promise.allSettled(Array.from({ length: count }, () => pool.query(queries.ANY_RECOMMENDATION)));
}
