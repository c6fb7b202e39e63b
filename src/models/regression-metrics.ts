import { equalCountBins } from './equal-count-bins.ts';
import { ascendingOrder, checkPairs } from './paired-arrays.ts';

/**
 * Measures of predicted against actual amounts, row by row, in the unit of the data.
 * All return null where the measure is not defined and throw AppError MODEL_BAD_INPUT for values that are not finite.
 */
type Metric = (predicted: Float64Array, actual: Float64Array) => number | null;

function check(predicted: Float64Array, actual: Float64Array): void {
  checkPairs(
    { name: 'predicted', values: predicted },
    { name: 'actual', values: actual, isValid: Number.isFinite, expected: 'finite numbers' },
  );
}

/** Mean absolute error. */
export const mae: Metric = (predicted, actual) => {
  check(predicted, actual);
  if (predicted.length === 0) return null;
  return predicted.reduce((sum, value, i) => sum + Math.abs(value - actual[i]!), 0) / predicted.length;
};

/** Root of the mean squared error. */
export const rmse: Metric = (predicted, actual) => {
  check(predicted, actual);
  if (predicted.length === 0) return null;
  return Math.sqrt(
    predicted.reduce((sum, value, i) => sum + (value - actual[i]!) ** 2, 0) / predicted.length,
  );
};

/** Sum of predictions over sum of actuals: 1 is unbiased in total. Null where the actuals sum to 0. */
export const totalRatio: Metric = (predicted, actual) => {
  check(predicted, actual);
  const total = actual.reduce((sum, value) => sum + value, 0);
  return total === 0 ? null : predicted.reduce((sum, value) => sum + value, 0) / total;
};

/** Ranks from 1; equal values share their mean rank. */
function meanRanks(values: Float64Array): Float64Array {
  const order = ascendingOrder(values);
  const ranks = new Float64Array(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    for (let i = from; i < to; i++) ranks[order[i]!] = (from + 1 + to) / 2;
    from = to;
  }
  return ranks;
}

/** Rank correlation: Pearson's of the mean ranks, which is right with ties. Null where one side is constant. */
export const spearman: Metric = (predicted, actual) => {
  check(predicted, actual);
  const left = meanRanks(predicted);
  const right = meanRanks(actual);
  const mean = (left.length + 1) / 2;
  let both = 0;
  let ofLeft = 0;
  let ofRight = 0;
  for (let i = 0; i < left.length; i++) {
    const u = left[i]! - mean;
    const v = right[i]! - mean;
    both += u * v;
    ofLeft += u * u;
    ofRight += v * v;
  }
  return ofLeft === 0 || ofRight === 0 ? null : both / Math.sqrt(ofLeft * ofRight);
};

/** Area between the curve of captured amounts, best first by `order`, and the diagonal; ties in the order of the rows. */
function gini(order: Float64Array, amounts: Float64Array): number {
  const ascending = ascendingOrder(order);
  const total = amounts.reduce((sum, value) => sum + value, 0);
  let captured = 0;
  let area = 0;
  for (let i = ascending.length - 1; i >= 0; i--) {
    captured += amounts[ascending[i]!]!;
    area += captured / total;
  }
  return area / ascending.length - (ascending.length + 1) / (2 * ascending.length);
}

/**
 * Gini of the actual amounts ordered by prediction, over the Gini of the perfect order: 1 ranks perfectly, 0 like chance. Null where the actuals sum to 0 or less, or all are equal.
 */
export const normalizedGini: Metric = (predicted, actual) => {
  check(predicted, actual);
  if (!(actual.reduce((sum, value) => sum + value, 0) > 0)) return null;
  const best = gini(actual, actual);
  return best > 0 ? gini(predicted, actual) / best : null;
};

/** Share of all actual amounts that came from the tenth of rows with the highest predictions; null where they sum to 0 or less. */
export const topDecileShare: Metric = (predicted, actual) => {
  check(predicted, actual);
  const total = actual.reduce((sum, value) => sum + value, 0);
  if (!(total > 0)) return null;
  const top = ascendingOrder(predicted).slice(-Math.max(1, Math.round(predicted.length / 10)));
  return top.reduce((sum, row) => sum + actual[row]!, 0) / total;
};

/** Customers of like predictions, and the amounts that came. */
export interface AmountBin {
  readonly customers: number;
  readonly predictedMean: number;
  readonly actualMean: number;
  /** Of all actual amounts; null where they sum to 0 or less. */
  readonly share: number | null;
}

/** Predicted against actual amounts in bins of equal count, the highest prediction first; ties share a bin, so there may be fewer. */
export function amountTable(predicted: Float64Array, actual: Float64Array, binCount = 10): AmountBin[] {
  check(predicted, actual);
  const total = actual.reduce((sum, value) => sum + value, 0);
  return equalCountBins(predicted, binCount)
    .reverse()
    .map((rows) => {
      const sumOf = (values: Float64Array): number => rows.reduce((sum, row) => sum + values[row]!, 0);
      const amount = sumOf(actual);
      return {
        customers: rows.length,
        predictedMean: sumOf(predicted) / rows.length,
        actualMean: amount / rows.length,
        share: total > 0 ? amount / total : null,
      };
    });
}
