import { AppError } from '../errors.ts';
import type { FittedGammaGamma } from './gamma-gamma.ts';
import type { PurchaseModel } from './purchase-model.ts';
import { SpendSums } from './spend-sums.ts';

/** In the currency of the spend model. */
export interface RevenueInterval {
  readonly lower: number;
  readonly upper: number;
}

export interface RevenueIntervalOptions {
  /** Probability within the interval, 0.8 where it is left out; half of the rest lies on either side. */
  readonly level?: number;
  /** Share of revenue that is not refunded, 1 where it is left out. */
  readonly kept?: number;
}

// Beyond, the quantile lies where the sums of probabilities have lost their digits.
const highestLevel = 0.999;

/** @throws AppError MODEL_BAD_INPUT */
export function checkIntervalOptions({ level = 0.8, kept = 1 }: RevenueIntervalOptions): void {
  if (level > 0 && level <= highestLevel && kept >= 0 && kept < Infinity) return;
  throw new AppError('MODEL_BAD_INPUT', `No interval of level ${level} with a kept share of ${kept}.`, {
    details: { level, kept },
    hint: `Give a level above 0 and up to ${highestLevel}, and a kept share of 0 or more.`,
  });
}

// Tables for rarer histories would hold much and be asked once.
const tabulatedUpTo = 64;

/**
 * Central intervals of the revenue within `horizon`, of any customer of a shop: the predictive distribution, with nothing at
 * all in its zero, and else a sum of n purchases by Gamma-Gamma, mixed over the n of the purchase model. Exact but for
 * interpolation (1e-4 of probability), hence without noise. The parameters count as known: see totalRevenueInterval for
 * what their uncertainty does to a total; beside one customer's own luck it is small.
 * Ask one such function for all customers of a shop, it keeps tables. Measured on 1,000,000 simulated customers like CDNOW's,
 * 39 and 52 weeks ahead: 3 to 4 microseconds a customer with BG/NBD and MBG/NBD, 7 to 9 with Pareto/NBD, of which the
 * probabilities of counts take 1.1 to 1.5 and 6; all tables together 10 MB (2 cores, Node 20).
 * @param horizon in the purchase model's unit of time
 * @returns a function of x, t_x, T, and of the purchases that tell of the spend and their mean: 0 and 0 where none does
 * @throws AppError MODEL_BAD_INPUT, here for the options, there for what is no history
 */
export function revenueIntervals(
  purchases: PurchaseModel,
  spend: FittedGammaGamma,
  horizon: number,
  options: RevenueIntervalOptions = {},
): (x: number, tx: number, T: number, spendX: number, meanSpend: number) => RevenueInterval {
  checkIntervalOptions(options);
  const { level = 0.8, kept = 1 } = options;
  const { p, q, gamma } = spend.parameters;
  const outside = (1 - level) / 2;
  const tail = 1e-4 * outside;
  const tables = new Map<number, SpendSums>();
  const sumsAfter = (spendX: number): SpendSums => {
    const sums = tables.get(spendX) ?? new SpendSums(p, q + p * spendX);
    if (spendX <= tabulatedUpTo) tables.set(spendX, sums);
    return sums;
  };
  return (x, tx, T, spendX, meanSpend) => {
    spend.expectedSpend(spendX, meanSpend);
    const counts = purchases.purchaseCountDistribution(horizon, x, tx, T, tail);
    const scale = kept * (spendX === 0 ? gamma : gamma + spendX * meanSpend);
    const none = counts[0]!;
    if (none >= 1 - outside) return { lower: 0, upper: 0 };
    const sums = sumsAfter(spendX);
    const at = (probability: number) => scale * Math.exp(sums.logQuantile(counts, probability - none));
    return { lower: none >= outside ? 0 : at(outside), upper: at(1 - outside) };
  };
}
