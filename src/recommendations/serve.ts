import type pg from 'pg';
import { databaseError } from '../database/database-error.ts';
import { GET_RECOMMENDATIONS } from './queries.ts';

export interface Recommendation {
  rank: number;
  product_id: number;
  name: string;
  category: string | null;
  price: number | null;
  score: number;
  reason_code: 'bought_together' | 'viewed_together' | 'buy_again' | 'popular';
  reason: string;
  reason_product_id: number | null;
}

export interface RecommendationOptions {
  language?: 'en' | 'ru' | undefined;
  category?: string | undefined;
  exclude_product_ids?: number[] | undefined;
  as_of?: string | undefined;
}

/** Products for one customer, from the trained weights and the events committed up to now; empty for an unknown customer. */
export async function getRecommendations(
  pool: pg.Pool,
  userId: number,
  limit: number,
  options: RecommendationOptions = {},
): Promise<Recommendation[]> {
  try {
    return (await pool.query(GET_RECOMMENDATIONS, [userId, limit, JSON.stringify(options)])).rows;
  } catch (error) {
    throw databaseError(error);
  }
}
