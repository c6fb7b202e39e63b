import { discountedPurchases } from '../models/discounted-purchases.ts';
import { revenueIntervals } from '../models/revenue-interval.ts';
import type { LifetimeValueModel } from './lifetime-value-model.ts';
import { DAYS_PER_WEEK } from './purchase-model.ts';
import type { Snapshot } from './snapshot.ts';

export interface OutlookOptions {
  /** Of the interval. */
  readonly horizonDays: number;
  readonly discountHorizonDays: number;
  /** A year: 0.1 for 10 %. */
  readonly discountRate: number;
}

/** How sure the forecast of each customer's revenue is, and what it is worth today. Net of the refunds that the shop usually has. */
export interface RevenueOutlook {
  /** Between the two in 8 of 10 cases: what this customer will do is uncertain, the parameters count as known. */
  readonly lower: Float64Array;
  readonly upper: Float64Array;
  /** Revenue of the discount horizon, discounted. */
  readonly discounted: Float64Array;
}

const INTERVAL_LEVEL = 0.8;
const DAYS_PER_YEAR = 365.25;

export function revenueOutlook(
  { purchases, spend, refundShare }: LifetimeValueModel,
  snapshot: Snapshot,
  { horizonDays, discountHorizonDays, discountRate }: OutlookOptions,
): RevenueOutlook {
  const { size, frequency, recencyDays, tDays, monetaryValue } = snapshot;
  const kept = 1 - refundShare;
  const intervalOf = revenueIntervals(purchases, spend, horizonDays / DAYS_PER_WEEK, {
    level: INTERVAL_LEVEL,
    kept,
  });
  const weeklyRate = (Math.log1p(discountRate) * DAYS_PER_WEEK) / DAYS_PER_YEAR;
  const outlook = {
    lower: new Float64Array(size),
    upper: new Float64Array(size),
    discounted: new Float64Array(size),
  };
  for (let i = 0; i < size; i++) {
    const [x, z] = [frequency[i]!, monetaryValue[i]!];
    const [tx, T] = [recencyDays[i]! / DAYS_PER_WEEK, tDays[i]! / DAYS_PER_WEEK];
    // As in the forecast: repeat days that brought nothing say nothing of the spend.
    const spendX = z > 0 ? x : 0;
    const { lower, upper } = intervalOf(x, tx, T, spendX, z);
    outlook.lower[i] = lower;
    outlook.upper[i] = upper;
    const horizon = discountHorizonDays / DAYS_PER_WEEK;
    outlook.discounted[i] =
      discountedPurchases(purchases, weeklyRate, horizon, x, tx, T) * spend.expectedSpend(spendX, z) * kept;
  }
  return outlook;
}
