import type pg from 'pg';
import { queryRows } from '../database/query-rows.ts';
import { AppError } from '../errors.ts';
import * as queries from './queries.ts';

// Field names are the columns of the SQL functions, so that SQL, HTTP and the terminal show the same thing under the same name.

export interface UserRow {
  user_id: number;
  telegram_id: number;
  username: string | null;
  first_name: string | null;
  last_name: string | null;
  segment_code: string | null;
  segment_name_en: string | null;
  segment_name_ru: string | null;
  ltv: number | null;
  churn_probability: number | null;
  purchase_probability_30d: number | null;
  last_updated: Date | null;
}

export interface UserCard extends UserRow {
  registration_date: Date | null;
  profile_data: Record<string, unknown> | null;
  ltv_status: string;
  churn_status: string;
  purchase_status: string;
  explanation: Record<string, unknown> | null;
  as_of: Date | null;
}

export interface UserStats {
  user_id: number;
  total_events: number;
  views: number;
  cart_additions: number;
  purchases: number;
  items_purchased: number;
  revenue: number;
  average_order_value: number | null;
  first_activity: Date | null;
  last_activity: Date | null;
  days_since_last_activity: number | null;
}

/** One sentence about a customer's scores. */
export interface ExplanationRow {
  line: number;
  /** `null` in the first line, which is about all of them. */
  score: 'segment' | 'ltv' | 'purchase' | 'churn' | null;
  status: string | null;
  kind: 'summary' | 'fact' | 'for' | 'against' | 'missing';
  /** Of a summary the score, of a reason the customer's own value of the feature. */
  value: number | null;
  feature: string | null;
  /** In log-odds, before calibration: above 0 it raises the probability. */
  effect: number | null;
  text: string;
}

export interface SegmentRow {
  segment_id: number;
  code: string;
  name_en: string;
  name_ru: string;
  description_en: string;
  description_ru: string;
  customers: number;
  share: number | null;
  mean_ltv: number | null;
  mean_churn_probability: number | null;
  mean_purchase_probability_30d: number | null;
}

export interface TopProduct {
  product_id: number;
  name: string;
  category: string | null;
  views: number;
  cart_additions: number;
  purchases: number;
  buyers: number;
  revenue: number;
  conversion: number | null;
}

export interface ModelRun {
  model_run_id: number;
  kind: string;
  as_of: Date;
  code_version: string;
  finished_at: Date;
  parameters: Record<string, unknown>;
  evaluation: Record<string, unknown>;
}

export interface Shop {
  time_zone: string;
  currency: string;
}

function unknownUser(userId: number): AppError {
  return new AppError('NOT_FOUND', `there is no customer ${userId}`, {
    details: { userId },
    hint: 'customer-analyzer users list (or GET /api/users) shows who there is.',
  });
}

/** @throws NOT_FOUND */
export async function getUser(pool: pg.Pool, userId: number): Promise<UserCard> {
  const [card] = await queryRows<UserCard>(pool, queries.GET_USER, [userId]);
  if (!card) throw unknownUser(userId);
  return card;
}

/** Sentences to read from top to bottom; @throws NOT_FOUND */
export async function explainUser(
  pool: pg.Pool,
  userId: number,
  language: 'en' | 'ru',
): Promise<ExplanationRow[]> {
  const sentences = await queryRows<ExplanationRow>(pool, queries.EXPLAIN_USER, [userId, language]);
  if (sentences.length === 0) throw unknownUser(userId);
  return sentences;
}

/** As of `now`; @throws NOT_FOUND */
export async function getUserStats(pool: pg.Pool, userId: number, now: Date): Promise<UserStats> {
  const [stats] = await queryRows<UserStats>(pool, queries.GET_USER_STATS, [userId, now]);
  if (!stats) throw unknownUser(userId);
  return stats;
}

export function listSegments(pool: pg.Pool): Promise<SegmentRow[]> {
  return queryRows(pool, queries.LIST_SEGMENTS);
}

export interface Period {
  start_date: string;
  end_date: string;
}

/** Days YYYY-MM-DD, both included; @throws PERIOD_REVERSED, VALIDATION */
export function getTopProducts(pool: pg.Pool, period: Period, limit: number): Promise<TopProduct[]> {
  return queryRows(pool, queries.GET_TOP_PRODUCTS, [period.start_date, period.end_date, limit]);
}

/** The 30 days up to the latest event; `undefined` where there are no events. */
export async function latestPeriod(pool: pg.Pool, now: Date): Promise<Period | undefined> {
  return (await queryRows<Period>(pool, queries.GET_LATEST_PERIOD, [now]))[0];
}

/** The 30 days up to today, of the shop. */
export async function lastDays(pool: pg.Pool, now: Date): Promise<Period> {
  return (await queryRows<Period>(pool, queries.GET_LAST_DAYS, [now]))[0] as Period;
}

export async function latestRun(
  pool: pg.Pool,
  kind: 'scoring' | 'recommendations',
): Promise<ModelRun | undefined> {
  return (await queryRows<ModelRun>(pool, queries.GET_LATEST_RUN, [kind]))[0];
}

export async function getShop(pool: pg.Pool): Promise<Shop> {
  return (await queryRows<Shop>(pool, queries.GET_SHOP))[0] as Shop;
}
