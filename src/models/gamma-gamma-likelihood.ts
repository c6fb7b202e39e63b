import type { Objective } from './line-search.ts';
import { digamma, lbeta, logOnePlusExp, summationBlock } from './special-functions.ts';

/** The rows with frequency above 0, values in multiples of `scale`. */
export interface SpendStatistics {
  readonly customers: number;
  /** The customers' average mean value, in currency. */
  readonly scale: number;
  /** The largest mean value, in currency. */
  readonly largest: number;
  readonly frequency: Float64Array;
  /** x m / scale, and its logarithm. */
  readonly spent: Float64Array;
  readonly logSpent: Float64Array;
  /** Sum over customers of ln(m / scale). */
  readonly logValues: number;
  readonly distinctX: Float64Array;
  readonly customersOfX: Float64Array;
}

/** `frequency` and `monetaryValue` have one row per customer; rows with frequency 0 are left out. */
export function summarizeSpend(frequency: Float64Array, monetaryValue: Float64Array): SpendStatistics {
  const repeat = frequency.filter((x) => x > 0);
  const values = monetaryValue.filter((_, i) => frequency[i]! > 0);
  const customers = repeat.length;
  // A sum of ratios, because the sum of a million values near the largest double would overflow.
  const largest = values.reduce((max, value) => Math.max(max, value), 0);
  const scale = largest * (values.reduce((sum, value) => sum + value / largest, 0) / customers);
  const customersOf = new Map<number, number>();
  for (const x of repeat) customersOf.set(x, (customersOf.get(x) ?? 0) + 1);
  return {
    customers,
    scale,
    largest,
    frequency: repeat,
    spent: values.map((value, i) => repeat[i]! * (value / scale)),
    // Of the ratio's logs, since the ratio itself underflows for values apart by more than 300 powers of ten.
    logSpent: values.map((value, i) => Math.log(repeat[i]!) + Math.log(value) - Math.log(scale)),
    logValues: values.reduce((sum, value) => sum + Math.log(value) - Math.log(scale), 0),
    distinctX: Float64Array.from(customersOf.keys()),
    customersOfX: Float64Array.from(customersOf.values()),
  };
}

/** The sums over rows of -px ln(1 + gamma / s) - q ln(1 + s / gamma), s = x m, and their derivatives in p, q, gamma. */
function sumRows(
  data: SpendStatistics,
  p: number,
  q: number,
  gamma: number,
): [number, number, number, number] {
  const { frequency, spent, logSpent } = data;
  const logGamma = Math.log(gamma);
  const sums: [number, number, number, number] = [0, 0, 0, 0];
  for (let from = 0; from < frequency.length; from += summationBlock) {
    const end = Math.min(frequency.length, from + summationBlock);
    let [value, byP, byQ, byGamma] = [0, 0, 0, 0];
    for (let i = from; i < end; i++) {
      const x = frequency[i]!;
      const s = spent[i]!;
      const difference = logSpent[i]! - logGamma;
      // The smaller of the two logs exactly, the larger as a sum of positive terms: one log a row, and no cancellation.
      const smaller = Math.log1p(difference < 0 ? s / gamma : gamma / s);
      const ofOwn = difference < 0 ? smaller - difference : smaller;
      const ofPopulation = difference < 0 ? smaller : smaller + difference;
      value -= p * x * ofOwn + q * ofPopulation;
      byP -= x * ofOwn;
      byQ -= ofPopulation;
      byGamma += (q * (s / gamma) - p * x) / (s + gamma);
    }
    sums[0] += value;
    sums[1] += byP;
    sums[2] += byQ;
    sums[3] += byGamma;
  }
  return sums;
}

/** The log-density of one customer's mean value, per unit of currency, by the formula of the objective below; 0 for x = 0. */
export function gammaGammaRowLogLikelihood(
  { p, q, gamma }: { readonly p: number; readonly q: number; readonly gamma: number },
  x: number,
  meanSpend: number,
): number {
  if (x === 0) return 0;
  const logRatio = Math.log(x) + Math.log(meanSpend) - Math.log(gamma);
  const powers = p * x * logOnePlusExp(-logRatio) + q * logOnePlusExp(logRatio);
  return -lbeta(p * x, q) - powers - Math.log(meanSpend);
}

/**
 * Mean negative log-likelihood per customer over (ln p, ln q, ln gamma) with its gradient: eq. (1a) of Fader & Hardie's note,
 * ln G(px+q) - ln G(px) - ln G(q) + q ln gamma + (px - 1) ln m + px ln x - (px + q) ln(x m + gamma),
 * with the powers of x m and gamma gathered into ratios, which stay exact for large p, q and gamma.
 */
export function gammaGammaObjective(data: SpendStatistics): Objective {
  const { distinctX, customersOfX, logValues, customers } = data;
  return (point, gradient) => {
    const [p, q, gamma] = point.map(Math.exp) as unknown as [number, number, number];
    let [value, byP, byQ, byGamma] = sumRows(data, p, q, gamma);
    value -= logValues;
    const digammaQ = digamma(q);
    for (let j = 0; j < distinctX.length; j++) {
      const x = distinctX[j]!;
      const shape = p * x;
      const n = customersOfX[j]!;
      const digammaSum = digamma(shape + q);
      value -= n * lbeta(shape, q);
      byP += x * n * (digammaSum - digamma(shape));
      byQ += n * (digammaSum - digammaQ);
    }
    gradient.set([(-byP * p) / customers, (-byQ * q) / customers, (-byGamma * gamma) / customers]);
    return -value / customers;
  };
}
