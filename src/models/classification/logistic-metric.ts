import type { Objective } from '../line-search.ts';
import { PIVOT_FLOOR } from '../linear-algebra/checks.ts';
import { factorise } from '../linear-algebra/plain.ts';
import { summationBlock } from '../special-functions.ts';
import type { LabelledRows } from './classifier.ts';
import type { Scaling } from './logistic-objective.ts';

/**
 * Other coordinates u = L^T w of the same minimum, L L^T being the curvature where all coefficients are 0. There it bends alike in all
 * directions, and elsewhere nearly: counts of 7, 30 and 90 days all but repeat each other, and along what tells them apart L-BFGS
 * needs many steps.
 */
export interface Metric {
  into(w: Float64Array): Float64Array;
  outOf(u: Float64Array): Float64Array;
  objective(of: Objective): Objective;
}

/** Relative to the curvature along one feature: keeps a factor, whose pivots have to be above a floor, where features repeat each other. */
const repeated = 4 * PIVOT_FLOOR;

/** The products of all pairs of standardised features, weighted and summed, below the diagonal; row and column 0 are the intercept's. */
function sumOfProducts({ matrix, weights }: LabelledRows, { means, deviations }: Scaling): Float64Array {
  const n = matrix.columns.length + 1;
  const sums = new Float64Array(n * n);
  const block = Array.from({ length: n }, () => new Float64Array(summationBlock));
  for (let from = 0; from < matrix.rows; from += summationBlock) {
    const count = Math.min(summationBlock, matrix.rows - from);
    for (let i = 0; i < count; i++) block[0]![i] = weights ? Math.sqrt(weights[from + i]!) : 1;
    matrix.columns.forEach((column, j) => {
      const [own, deviation, mean] = [block[j + 1]!, deviations[j]!, means[j]!];
      for (let i = 0; i < count; i++)
        own[i] = deviation === 0 ? 0 : (block[0]![i]! * (column[from + i]! - mean)) / deviation;
    });
    for (let j = 0; j < n; j++) {
      for (let k = 0; k <= j; k++) {
        const [a, b] = [block[j]!, block[k]!];
        let sum = 0;
        for (let i = 0; i < count; i++) sum += a[i]! * b[i]!;
        sums[j * n + k]! += sum;
      }
    }
  }
  return sums;
}

/** u = L^T w, w = L^-T u and, for gradients, L^-1 g. */
function metricOf(l: Float64Array, n: number): Metric {
  const into = (w: Float64Array) =>
    w.map((_, j) => {
      let sum = 0;
      for (let i = j; i < n; i++) sum += l[i * n + j]! * w[i]!;
      return sum;
    });
  const outOf = (u: Float64Array) => {
    const w = Float64Array.from(u);
    for (let i = n - 1; i >= 0; i--) {
      for (let k = i + 1; k < n; k++) w[i]! -= l[k * n + i]! * w[k]!;
      w[i]! /= l[i * n + i]!;
    }
    return w;
  };
  const objective = (of: Objective): Objective => {
    return (u, gradient) => {
      const value = of(outOf(u), gradient);
      for (let i = 0; i < n; i++) {
        for (let k = 0; k < i; k++) gradient[i]! -= l[i * n + k]! * gradient[k]!;
        gradient[i]! /= l[i * n + i]!;
      }
      return value;
    };
  };
  return { into, outOf, objective };
}

/** @param share of the weight that has outcome 1 */
export function metricAtStart(
  data: LabelledRows,
  scaling: Scaling,
  l2: number,
  weight: number,
  share: number,
): Metric {
  const n = data.matrix.columns.length + 1;
  const curvature = sumOfProducts(data, scaling).map((sum) => (share * (1 - share) * sum) / weight);
  for (let j = 0; j < n; j++) {
    if (j > 0) curvature[j * n + j]! += l2 / weight;
    curvature[j * n + j]! *= 1 + repeated;
  }
  factorise(curvature, n);
  return metricOf(curvature, n);
}
