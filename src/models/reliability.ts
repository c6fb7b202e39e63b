import { AppError } from '../errors.ts';
import { equalCountBins } from './equal-count-bins.ts';
import { checkProbabilities } from './paired-arrays.ts';
import { quantile } from './quantile.ts';
import { Random } from './random.ts';

/** Customers of like predictions, and what came of them. */
export interface ReliabilityBin {
  readonly customers: number;
  /** Mean prediction. */
  readonly said: number;
  /** Share with the outcome. */
  readonly came: number;
  /** Binomial, of `came`. */
  readonly standardError: number;
  /** `came` over the share of all customers with the outcome; null where nobody has it. */
  readonly lift: number | null;
  /** Of all who have the outcome, the share in this bin and those above it; null where nobody has it. */
  readonly captured: number | null;
}

/**
 * Predictions against outcomes in bins of equal count, the highest first; ties share a bin, so there may be fewer.
 * @param predicted probabilities @param outcome 0 or 1 @throws AppError MODEL_BAD_INPUT
 */
export function reliabilityTable(
  predicted: Float64Array,
  outcome: Uint8Array,
  binCount = 10,
): ReliabilityBin[] {
  checkProbabilities(predicted, outcome);
  const total = outcome.reduce((sum, value) => sum + value, 0);
  let above = 0;
  return equalCountBins(predicted, binCount)
    .reverse()
    .map((rows) => {
      const customers = rows.length;
      const positives = rows.reduce((sum, row) => sum + outcome[row]!, 0);
      const came = positives / customers;
      above += positives;
      return {
        customers,
        said: rows.reduce((sum, row) => sum + predicted[row]!, 0) / customers,
        came,
        standardError: Math.sqrt((came * (1 - came)) / customers),
        lift: total > 0 ? came / (total / outcome.length) : null,
        captured: total > 0 ? above / total : null,
      };
    });
}

/**
 * The skew of a sum of independent outcomes is at most 1 / sqrt(its variance), here .03: beyond this the normal distribution stands for it,
 * and a million customers cost no more than ten thousand.
 */
const NORMAL_FROM_VARIANCE = 1000;

/** Draws how many of the rows have the outcome, less how many should, each with its own probability. */
function surplusDrawer(probabilities: Float64Array, random: Random): () => number {
  const expected = probabilities.reduce((sum, p) => sum + p, 0);
  const variance = probabilities.reduce((sum, p) => sum + p * (1 - p), 0);
  if (variance >= NORMAL_FROM_VARIANCE) return () => random.normal(0, Math.sqrt(variance));
  return () => probabilities.reduce((sum, p) => sum + (random.bernoulli(p) ? 1 : 0), 0) - expected;
}

/**
 * Where 95 % of expected calibration errors fall when each prediction is true: outcomes are drawn from the predictions (the consistency
 * resampling of Bröcker & Smith, Weather and Forecasting 22, 2007). An error within it may be chance alone, one above it is not.
 * @param predicted probabilities, one a customer @param draws 1,000 settle the limits to some 3 % @returns null without rows
 * @throws AppError MODEL_BAD_INPUT
 */
export function expectedCalibrationErrorBand(
  predicted: Float64Array,
  seed: number,
  draws: number,
  binCount = 10,
): { readonly low: number; readonly high: number } | null {
  checkProbabilities(predicted, new Uint8Array(predicted.length));
  if (!Number.isInteger(draws) || draws < 1) {
    throw new AppError('MODEL_BAD_INPUT', `draws must be a whole number of 1 or more, not ${draws}.`);
  }
  if (predicted.length === 0) return null;
  const random = Random.fromSeed(seed, 'calibration error band');
  const drawers = equalCountBins(predicted, binCount).map((rows) =>
    surplusDrawer(
      Float64Array.from(rows, (row) => predicted[row]!),
      random,
    ),
  );
  const errors = Float64Array.from({ length: draws }, () =>
    drawers.reduce((sum, draw) => sum + Math.abs(draw()), 0),
  );
  const sorted = errors.map((error) => error / predicted.length).sort();
  return { low: quantile(sorted, 0.025), high: quantile(sorted, 0.975) };
}
