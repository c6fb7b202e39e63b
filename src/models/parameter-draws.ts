import type { Random } from './random.ts';
import { symmetricEigen } from './standard-errors.ts';

/**
 * Draws positive parameters as they might have been estimated: their logarithms are normal with the covariance of the
 * fit by the delta method (asymptotic normality of the maximum in the optimiser's coordinates; Krinsky & Robb 1986, Rev. of
 * Economics and Statistics 68:715). In antithetic pairs, so that the draws have the estimate in their middle exactly.
 * @param covariance of the parameters themselves; may be singular
 * @param pairs half the number of draws
 */
export function drawParameters(
  estimate: readonly number[],
  covariance: readonly (readonly number[])[],
  pairs: number,
  random: Random,
): number[][] {
  const ofLogs = covariance.map((row, i) => row.map((value, j) => value / (estimate[i]! * estimate[j]!)));
  const { values, vectors } = symmetricEigen(ofLogs);
  const deviations = values.map((value) => Math.sqrt(Math.max(0, value)));
  return Array.from({ length: pairs }, () => {
    const along = deviations.map((deviation) => random.normal(0, deviation));
    const moves = vectors.map((row) => row.reduce((sum, value, k) => sum + value * along[k]!, 0));
    return [1, -1].map((sign) => estimate.map((value, i) => value * Math.exp(sign * moves[i]!)));
  }).flat();
}
