import { equalCountBins } from './equal-count-bins.ts';
import { ascendingOrder, checkProbabilities } from './paired-arrays.ts';

/**
 * Measures of predicted probabilities (each in [0, 1]) against outcomes (each 0 or 1), row by row.
 * All return null where the measure is not defined (no rows; one class only where two are compared) and throw
 * AppError MODEL_BAD_INPUT, naming the row, for anything that is no probability or outcome.
 */
type Metric = (predicted: Float64Array, outcome: Uint8Array) => number | null;

// The loss of a certain and wrong prediction is infinite; 1e-15 is the customary limit, some 34.5 nats.
const logLossClip = 1e-15;

function countPositives(outcome: Uint8Array): number {
  let positives = 0;
  for (const value of outcome) positives += value;
  return positives;
}

/** Calls `visit` for each run of equal predictions, ascending, with the numbers of rows and of positives in it. */
function forEachTie(
  predicted: Float64Array,
  outcome: Uint8Array,
  visit: (value: number, rows: number, positives: number) => void,
): void {
  const order = ascendingOrder(predicted);
  for (let from = 0; from < order.length; ) {
    const value = predicted[order[from]!]!;
    let to = from;
    let positives = 0;
    while (to < order.length && predicted[order[to]!] === value) positives += outcome[order[to++]!]!;
    visit(value, to - from, positives);
    from = to;
  }
}

/** The share of rows with outcome 1. */
export function baseRate(outcome: Uint8Array): number | null {
  return outcome.length === 0 ? null : countPositives(outcome) / outcome.length;
}

/** Area under the ROC curve: P(a random positive is ranked above a random negative), ties counting one half. */
export const auc: Metric = (predicted, outcome) => {
  checkProbabilities(predicted, outcome);
  const positives = countPositives(outcome);
  const negatives = outcome.length - positives;
  if (positives === 0 || negatives === 0) return null;
  let negativesBelow = 0;
  let wins = 0;
  forEachTie(predicted, outcome, (_, rows, tied) => {
    wins += tied * (negativesBelow + (rows - tied) / 2);
    negativesBelow += rows - tied;
  });
  return wins / (positives * negatives);
};

/** Area under the precision-recall curve in steps, sum of (R_k - R_(k-1)) P_k over distinct thresholds. */
export const averagePrecision: Metric = (predicted, outcome) => {
  checkProbabilities(predicted, outcome);
  const positives = countPositives(outcome);
  if (positives === 0) return null;
  // Ascending runs are the thresholds from the loosest on: peel each off from the whole.
  let rowsAbove = outcome.length;
  let positivesAbove = positives;
  let sum = 0;
  forEachTie(predicted, outcome, (_, rows, tied) => {
    sum += tied * (positivesAbove / rowsAbove);
    rowsAbove -= rows;
    positivesAbove -= tied;
  });
  return sum / positives;
};

/** Mean squared difference of probability and outcome (Brier 1950). */
export const brier: Metric = (predicted, outcome) => {
  checkProbabilities(predicted, outcome);
  if (predicted.length === 0) return null;
  const sum = predicted.reduce((total, p, i) => total + (p - outcome[i]!) ** 2, 0);
  return sum / predicted.length;
};

/** Mean negative log-likelihood in nats; probabilities are clipped to [1e-15, 1 - 1e-15]. */
export const logLoss: Metric = (predicted, outcome) => {
  checkProbabilities(predicted, outcome);
  if (predicted.length === 0) return null;
  const sum = predicted.reduce((total, p, i) => {
    const ofOutcome = outcome[i] === 1 ? p : 1 - p;
    return total - Math.log(Math.min(1 - logLossClip, Math.max(logLossClip, ofOutcome)));
  }, 0);
  return sum / predicted.length;
};

/** Mean over rows of |mean prediction - share of positives| in bins of equal count, ties together. */
export function expectedCalibrationError(
  predicted: Float64Array,
  outcome: Uint8Array,
  binCount = 10,
): number | null {
  checkProbabilities(predicted, outcome);
  if (predicted.length === 0) return null;
  let error = 0;
  for (const rows of equalCountBins(predicted, binCount)) {
    const said = rows.reduce((sum, row) => sum + predicted[row]!, 0);
    const came = rows.reduce((sum, row) => sum + outcome[row]!, 0);
    error += Math.abs(said - came);
  }
  return error / predicted.length;
}
