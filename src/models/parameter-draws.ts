import { type FittedGammaGamma, gammaGammaFromJSON } from './gamma-gamma.ts';
import type { PurchaseModel } from './purchase-model.ts';
import { purchaseModelFromJSON } from './purchase-models.ts';
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

export type RevenueModels = readonly [purchases: PurchaseModel, spend: FittedGammaGamma];

/**
 * The two models at parameters drawn around the fits', those of one apart from the other's: no data are in both likelihoods.
 * @returns undefined where a fit does not know its precision
 */
export function drawModels(
  [purchases, spend]: RevenueModels,
  pairs: number,
  random: Random,
): RevenueModels[] | undefined {
  const { covariance } = purchases.diagnostics;
  const ofSpend = spend.diagnostics.covariance;
  if (!covariance || !ofSpend) return undefined;
  const names = Object.keys(purchases.parameters);
  const draws = drawParameters(Object.values(purchases.parameters), covariance, pairs, random);
  const { p, q, gamma } = spend.parameters;
  // q - 1 in place of q: the population's mean p gamma / (q - 1) stays finite, and as well determined as it is.
  const spends = drawParameters([p, q - 1, gamma], ofSpend, pairs, random);
  const json = purchases.toJSON();
  const jsonOfSpend = spend.toJSON();
  return draws.map((drawn, d) => {
    const parameters = Object.fromEntries(names.map((name, i) => [name, drawn[i]!]));
    const [ofP, excess, ofGamma] = spends[d] as [number, number, number];
    return [
      purchaseModelFromJSON({ ...json, parameters }),
      gammaGammaFromJSON({ ...jsonOfSpend, parameters: { p: ofP, q: 1 + excess, gamma: ofGamma } }),
    ] as const;
  });
}
