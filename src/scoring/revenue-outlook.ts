import { discountedPurchases } from '../models/discounted-purchases.ts';
import { revenueIntervals } from '../models/revenue-interval.ts';
import { type Representatives, type TotalRevenue, totalRevenueInterval } from '../models/total-revenue.ts';
import { type LifetimeValueModel, spendEvidence } from './lifetime-value-model.ts';
import { DAYS_PER_WEEK, historiesOf } from './purchase-model.ts';
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

function memoized(of: (key: number) => number): (key: number) => number {
  const known = new Map<number, number>();
  return (key) => {
    const value = known.get(key) ?? of(key);
    known.set(key, value);
    return value;
  };
}

/** A function of some customers; asked about others, too, it keeps its tables. */
export function revenueOutlooks(
  { purchases, spend, refundShare, level }: LifetimeValueModel,
  { horizonDays, discountHorizonDays, discountRate }: OutlookOptions,
): (snapshot: Snapshot) => RevenueOutlook {
  // The level is of expectations; of a distribution it can only stretch the scale.
  const kept = (1 - refundShare) * level;
  const intervalOf = revenueIntervals(purchases, spend, horizonDays / DAYS_PER_WEEK, {
    level: INTERVAL_LEVEL,
    kept,
  });
  const weeklyRate = (Math.log1p(discountRate) * DAYS_PER_WEEK) / DAYS_PER_YEAR;
  const horizon = discountHorizonDays / DAYS_PER_WEEK;
  const discountedOf = (x: number, tx: number, T: number): number =>
    discountedPurchases(purchases, weeklyRate, horizon, x, tx, T);
  // Half of a shop's buyers bought once, and of them nothing but T is asked: a day apart, they are a few hundred.
  const ofOneTimeBuyers = memoized((T) => discountedOf(0, 0, T));
  return (snapshot) => {
    const { size, frequency, recencyDays, tDays } = snapshot;
    const outlook = {
      lower: new Float64Array(size),
      upper: new Float64Array(size),
      discounted: new Float64Array(size),
    };
    for (let i = 0; i < size; i++) {
      const [x, tx, T] = [frequency[i]!, recencyDays[i]! / DAYS_PER_WEEK, tDays[i]! / DAYS_PER_WEEK];
      const { days, mean } = spendEvidence(snapshot, i);
      const { lower, upper } = intervalOf(x, tx, T, days, mean);
      outlook.lower[i] = lower;
      outlook.upper[i] = upper;
      outlook.discounted[i] =
        (x === 0 ? ofOneTimeBuyers(T) : discountedOf(x, tx, T)) * spend.expectedSpend(days, mean) * kept;
    }
    return outlook;
  };
}

/**
 * The revenue of all customers together within the horizon, with the interval that estimated parameters and the customers' own luck leave.
 * It holds if the model is right: what it was worth one horizon ago stands beside it (`totalRatio` of the evaluation). `undefined` where
 * the parameters have no standard errors. `snapshot` and `expectedRevenue` are of the representatives, one by one.
 */
export function revenueTotal(
  { purchases, spend, refundShare, level }: LifetimeValueModel,
  representatives: Representatives,
  expectedRevenue: Float64Array,
  snapshot: Snapshot,
  horizonDays: number,
): TotalRevenue | undefined {
  const evidence = Array.from(snapshot.userId, (_, i) => spendEvidence(snapshot, i));
  const data = {
    ...historiesOf(snapshot),
    spendFrequency: Float64Array.from(evidence, ({ days }) => days),
    meanSpend: Float64Array.from(evidence, ({ mean }) => mean),
    expectedRevenue,
    stands: representatives.stands,
    total: representatives.total,
    customers: representatives.customers,
  };
  return totalRevenueInterval(purchases, spend, horizonDays / DAYS_PER_WEEK, data, {
    level: INTERVAL_LEVEL,
    kept: (1 - refundShare) * level,
  });
}
