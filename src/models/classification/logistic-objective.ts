import { AppError } from '../../errors.ts';
import type { Objective } from '../line-search.ts';
import { logistic, logOnePlusExp, summationBlock } from '../special-functions.ts';
import type { LabelledRows } from './classifier.ts';
import type { FeatureMatrix } from './feature-matrix.ts';

/** Weighted mean and standard deviation of each feature; a deviation of 0 marks a constant feature. */
export interface Scaling {
  readonly means: Float64Array;
  readonly deviations: Float64Array;
}

// A spread this far below the size of the values is the rounding of one repeated value, not information.
const constantTolerance = 1e-13;

export function scaleOf(matrix: FeatureMatrix, weights: Float64Array | undefined, weight: number): Scaling {
  const means = new Float64Array(matrix.columns.length);
  const deviations = new Float64Array(matrix.columns.length);
  matrix.columns.forEach((column, j) => {
    let mean = 0;
    for (let row = 0; row < column.length; row++)
      mean += (column[row]! / weight) * (weights ? weights[row]! : 1);
    let variance = 0;
    for (let row = 0; row < column.length; row++) {
      variance += ((column[row]! - mean) ** 2 / weight) * (weights ? weights[row]! : 1);
    }
    if (!Number.isFinite(variance)) {
      throw new AppError('MODEL_BAD_INPUT', `Feature ${matrix.names[j]} is too large to be squared.`, {
        hint: 'Take its logarithm.',
      });
    }
    means[j] = mean;
    deviations[j] = Math.sqrt(variance) <= constantTolerance * Math.abs(mean) ? 0 : Math.sqrt(variance);
  });
  return { means, deviations };
}

/** The sums of one evaluation, over blocks of rows that stay in the processor's cache. */
interface Sums {
  loss: number;
  readonly gradient: Float64Array;
}

function addBlock(
  { matrix, outcome, weights }: LabelledRows,
  scaling: Scaling,
  point: Float64Array,
  from: number,
  score: Float64Array,
  sums: Sums,
): void {
  const count = Math.min(score.length, matrix.rows - from);
  score.fill(point[0]!);
  matrix.columns.forEach((column, j) => {
    const deviation = scaling.deviations[j]!;
    if (deviation === 0) return;
    const slope = point[j + 1]! / deviation;
    const mean = scaling.means[j]!;
    for (let i = 0; i < count; i++) score[i]! += slope * (column[from + i]! - mean);
  });
  let [loss, byIntercept] = [0, 0];
  for (let i = 0; i < count; i++) {
    const weight = weights ? weights[from + i]! : 1;
    const label = outcome[from + i]!;
    loss += weight * (logOnePlusExp(score[i]!) - label * score[i]!);
    score[i] = weight * (logistic(score[i]!) - label);
    byIntercept += score[i]!;
  }
  sums.loss += loss;
  sums.gradient[0]! += byIntercept;
  matrix.columns.forEach((column, j) => {
    const deviation = scaling.deviations[j]!;
    if (deviation === 0) return;
    const mean = scaling.means[j]!;
    let sum = 0;
    for (let i = 0; i < count; i++) sum += score[i]! * (column[from + i]! - mean);
    sums.gradient[j + 1]! += sum / deviation;
  });
}

/**
 * Mean log-loss plus l2/(2 * weight) * |w|^2 over (intercept, w), w being coefficients of the standardised features.
 * The features are standardised as they are read: a scaled copy would double the memory.
 */
export function logisticObjective(
  data: LabelledRows,
  scaling: Scaling,
  l2: number,
  weight: number,
): Objective {
  const score = new Float64Array(summationBlock);
  return (point, gradient) => {
    const sums: Sums = { loss: 0, gradient: new Float64Array(point.length) };
    for (let from = 0; from < data.matrix.rows; from += score.length) {
      addBlock(data, scaling, point, from, score, sums);
    }
    let value = sums.loss / weight;
    gradient[0] = sums.gradient[0]! / weight;
    for (let j = 1; j < point.length; j++) {
      value += (l2 / weight / 2) * point[j]! ** 2;
      gradient[j] = (sums.gradient[j]! + l2 * point[j]!) / weight;
    }
    return value;
  };
}
