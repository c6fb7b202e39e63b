import type pg from 'pg';
import { queryRows } from '../database/query-rows.ts';
import * as queries from './queries.ts';
import type { Period } from './read.ts';

/** The shop in one row; money in its currency, shares from 0 to 1. */
export interface Overview {
  customers: number;
  new_customers: number;
  active_customers: number;
  buyers: number;
  orders: number;
  revenue: number;
  scored_customers: number;
  mean_ltv: number | null;
  mean_churn_probability: number | null;
  mean_purchase_probability_30d: number | null;
}

export const revenueUnits = ['day', 'week', 'month'] as const;
export type RevenueUnit = (typeof revenueUnits)[number];

export interface RevenueStep {
  start_date: string;
  end_date: string;
  revenue: number;
  orders: number;
  buyers: number;
  active_customers: number;
}

export interface ProductRow {
  product_id: number;
  name: string;
  category: string | null;
  price: number | null;
  description: string | null;
  attributes: Record<string, unknown> | null;
  stock: number | null;
  is_merchandise: boolean;
  is_hidden: boolean;
}

export interface TimelineEvent {
  event_id: number;
  event_type: string;
  event_timestamp: Date;
  product_id: number | null;
  product_name: string | null;
  revenue: number | null;
  properties: Record<string, unknown>;
}

/** @throws PERIOD_REVERSED */
export async function getOverview(pool: pg.Pool, { start_date, end_date }: Period): Promise<Overview> {
  return (await queryRows<Overview>(pool, queries.GET_OVERVIEW, [start_date, end_date]))[0]!;
}

/** @throws PERIOD_REVERSED; VALIDATION for more than 1,100 steps */
export function getRevenueSeries(pool: pg.Pool, period: Period, unit: RevenueUnit): Promise<RevenueStep[]> {
  return queryRows(pool, queries.GET_REVENUE_SERIES, [period.start_date, period.end_date, unit]);
}

export interface ProductPage {
  limit: number;
  afterProductId?: number | undefined;
  search?: string | undefined;
  category?: string | undefined;
}

export function listProducts(pool: pg.Pool, page: ProductPage): Promise<ProductRow[]> {
  const { limit, afterProductId, search, category } = page;
  return queryRows(pool, queries.LIST_PRODUCTS, [
    limit,
    afterProductId ?? 0,
    search ?? null,
    category ?? null,
  ]);
}

/** Newest first. @throws VALIDATION where the customer has no event `beforeEventId` */
export function getTimeline(
  pool: pg.Pool,
  userId: number,
  limit: number,
  beforeEventId: number | undefined,
): Promise<TimelineEvent[]> {
  return queryRows(pool, queries.GET_USER_TIMELINE, [userId, limit, beforeEventId ?? null]);
}
