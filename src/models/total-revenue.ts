import { AppError } from '../errors.ts';
import type { FittedGammaGamma } from './gamma-gamma.ts';
import { drawModels, type RevenueModels } from './parameter-draws.ts';
import type { PurchaseModel } from './purchase-model.ts';
import { gammaExpectation } from './quadrature.ts';
import { Random } from './random.ts';
import {
  checkIntervalOptions,
  type RevenueInterval,
  type RevenueIntervalOptions,
} from './revenue-interval.ts';
import { erfc, lgamma } from './special-functions.ts';

/** One row per customer, in the unit of time and the currency of the models. */
export interface ExpectedRevenues {
  readonly frequency: Float64Array;
  readonly recency: Float64Array;
  readonly T: Float64Array;
  /** Purchases that tell of the spend, and their mean: 0 and 0 where none does. */
  readonly spendFrequency: Float64Array;
  readonly meanSpend: Float64Array;
  /** Net revenue within the horizon by the models as they are, 0 or more. */
  readonly expectedRevenue: Float64Array;
}

export interface TotalRevenueOptions extends RevenueIntervalOptions {
  /** Half the number of parameter vectors drawn; 100 where it is left out. */
  readonly pairs?: number;
  /** Customers that stand for all where there are more; 1,000 where it is left out. */
  readonly sample?: number;
  readonly seed?: number;
}

export interface TotalRevenue extends RevenueInterval {
  readonly expected: number;
  /** Standard deviation from the parameters, which are estimates. */
  readonly parameterDeviation: number;
  /** Standard deviation from what customers happen to do at given parameters. */
  readonly outcomeDeviation: number;
}

/** A customer of the sample, with the share of the total that it stands for. */
interface Representative {
  readonly row: number;
  readonly stands: number;
}

/**
 * Everybody, or a systematic sample in proportion to the expected revenue (Cochran 1977, Sampling Techniques, section 9A):
 * each then stands for an equal part of the total, and only the ratios to it, which hardly differ, are estimated.
 */
function represent(expected: Float64Array, total: number, size: number): Representative[] {
  if (expected.length <= size) return Array.from(expected, (stands, row) => ({ row, stands }));
  const part = total / size;
  const sample: Representative[] = [];
  let before = 0;
  for (let row = 0; row < expected.length; row++) {
    before += expected[row]!;
    while (sample.length < size && before > (sample.length + 0.5) * part) sample.push({ row, stands: part });
  }
  return sample;
}

function grossRevenue(
  [purchases, spend]: RevenueModels,
  horizon: number,
  data: ExpectedRevenues,
  row: number,
) {
  const { frequency, recency, T, spendFrequency, meanSpend } = data;
  return (
    purchases.expectedPurchases(horizon, frequency[row]!, recency[row]!, T[row]!) *
    spend.expectedSpend(spendFrequency[row]!, meanSpend[row]!)
  );
}

/**
 * E[1 / nu^2], nu ~ gamma(shape, 1), with nu taken no lower than it is with a chance of `rare`: for a shape up to 2 the moment is
 * infinite, and the largest of so many customers is what the spread of their sum comes from.
 */
function spreadOfSpend(shape: number, rare: number): number {
  // From P(nu < v) <= v^shape / Gamma(shape + 1), which is sharp where it matters, for small shapes.
  const least = Math.exp((Math.log(rare) + lgamma(shape + 1)) / shape);
  const { nodes, weights } = gammaExpectation(shape, 1);
  let moment = 0;
  for (let i = 0; i < nodes.length; i++) moment += weights[i]! / Math.max(least, nodes[i]!) ** 2;
  return moment;
}

/** Variance of the sum of the customers' revenues, each as the mixture of revenueIntervals has it, before refunds. */
function outcomeVariance(
  [purchases, spend]: RevenueModels,
  horizon: number,
  data: ExpectedRevenues,
  sample: readonly Representative[],
): number {
  const { frequency, recency, T, spendFrequency, meanSpend, expectedRevenue } = data;
  const { p, q, gamma } = spend.parameters;
  const moments = new Map<number, number>();
  let variance = 0;
  for (const { row, stands } of sample) {
    if (stands === 0) continue;
    const spendX = spendFrequency[row]!;
    const moment = moments.get(spendX) ?? spreadOfSpend(q + p * spendX, 0.01 / T.length);
    moments.set(spendX, moment);
    const counts = purchases.purchaseCountDistribution(horizon, frequency[row]!, recency[row]!, T[row]!);
    const squares = counts.reduce((sum, probability, n) => sum + probability * p * n * (p * n + 1), 0);
    const scale = gamma + spendX * meanSpend[row]!;
    const own = squares * scale * scale * moment - grossRevenue([purchases, spend], horizon, data, row) ** 2;
    variance += (stands / expectedRevenue[row]!) * Math.max(0, own);
  }
  return variance;
}

/** The quantile of a mixture, in equal parts, of normals of one deviation. */
function mixtureQuantile(means: readonly number[], deviation: number, probability: number): number {
  let low = Math.min(...means) - 10 * deviation;
  let high = Math.max(...means) + 10 * deviation;
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    const below = means.reduce(
      (sum, mean) => sum + erfc((mean - middle) / (deviation * Math.SQRT2)) / (2 * means.length),
      0,
    );
    if (below < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

function checkRevenues(data: ExpectedRevenues, pairs: number, size: number): number {
  const total = data.expectedRevenue.reduce((sum, value) => sum + value, 0);
  const rows = data.T.length;
  const sameLength = Object.values(data).every((column: Float64Array) => column.length === rows);
  const revenues = total < Infinity && data.expectedRevenue.every((value) => value >= 0);
  const enough = [pairs, size].every((count) => Number.isInteger(count) && count >= 1);
  if (sameLength && revenues && enough) return total;
  throw new AppError('MODEL_BAD_INPUT', 'No total of these revenues, draws and sample can be taken.', {
    details: { rows, total, pairs, sample: size },
    hint: 'Give columns of one length, finite revenues of 0 or more, and whole numbers of pairs and sample from 1 on.',
  });
}

/**
 * The interval of the revenue that all the given customers (a shop, a segment) bring together within `horizon`. Two sources: the
 * parameters, drawn anew around the estimates (parametric bootstrap), and what customers do at given parameters, whose sum
 * is close to normal from some tens of buyers on. Both fall with the root of the customers; what neither holds is that the
 * model is not the shop: on 1,000,000 customers simulated by BG/NBD the interval was half a per cent to either side, while
 * the expectations of the three models, fitted to the same customers, were 8 % apart. Deterministic for a seed. It takes 0.2 s for
 * 1,000,000 customers (2 cores, Node 20), and up to 1.7 s where the scales of a Pareto/NBD lie far apart; ten times the sample
 * moved the ends by 0.1 % of themselves.
 * Where a standard error is as large as its parameter the normal approximation is poor: a Pareto/NBD with s = 11 +- 22, fitted to
 * customers of BG/NBD, had an interval from -6 to +62 %.
 * @returns undefined where a fit does not know its precision (see Precision), as where no dropout is visible
 * @throws AppError MODEL_BAD_INPUT
 */
export function totalRevenueInterval(
  purchases: PurchaseModel,
  spend: FittedGammaGamma,
  horizon: number,
  data: ExpectedRevenues,
  options: TotalRevenueOptions = {},
): TotalRevenue | undefined {
  checkIntervalOptions(options);
  const { level = 0.8, kept = 1, pairs = 100, sample: size = 1000, seed = 1 } = options;
  const expected = checkRevenues(data, pairs, size);
  const models: RevenueModels = [purchases, spend];
  const drawn = drawModels(models, pairs, Random.fromSeed(seed, 'total revenue'));
  if (!drawn) return undefined;
  if (expected === 0) return { expected, lower: 0, upper: 0, parameterDeviation: 0, outcomeDeviation: 0 };
  const sample = represent(data.expectedRevenue, expected, size).filter(({ stands }) => stands > 0);
  const shares = sample.map(({ row, stands }) => stands / grossRevenue(models, horizon, data, row));
  const totals = drawn.map((pair) =>
    sample.reduce((sum, { row }, i) => sum + shares[i]! * grossRevenue(pair, horizon, data, row), 0),
  );
  const outcomeDeviation = kept * Math.sqrt(outcomeVariance(models, horizon, data, sample));
  const mean = totals.reduce((sum, value) => sum + value, 0) / totals.length;
  const variance = totals.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (totals.length - 1);
  return {
    expected,
    lower: Math.max(0, mixtureQuantile(totals, outcomeDeviation, (1 - level) / 2)),
    upper: mixtureQuantile(totals, outcomeDeviation, (1 + level) / 2),
    parameterDeviation: Math.sqrt(variance),
    outcomeDeviation,
  };
}
