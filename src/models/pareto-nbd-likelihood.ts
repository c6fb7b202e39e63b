import type { Objective } from './line-search.ts';
import { type DropoutIntegral, dropoutIntegral } from './pareto-nbd-integral.ts';
import { type PairedHistories, pairHistories } from './pareto-nbd-pairs.ts';
import type { PurchaseHistories } from './purchase-model.ts';
import { digamma, logRisingFactorial, summationBlock } from './special-functions.ts';

/** r, alpha: shape and rate of the gamma of purchase rates; s, beta: of the gamma of dropout rates. */
export interface ParetoNbdParameters {
  readonly r: number;
  readonly alpha: number;
  readonly s: number;
  readonly beta: number;
}

export type ParetoNbdName = keyof ParetoNbdParameters;

/** What an evaluation knows of each pair: g, its derivatives, ln((1 + t/alpha)^(r+x) (1 + t/beta)^s) and the rows' adjoints. */
interface PairTable {
  readonly g: Float64Array;
  readonly byK: Float64Array;
  readonly byS: Float64Array;
  readonly byC: Float64Array;
  readonly power: Float64Array;
  readonly adjointG: Float64Array;
  readonly adjointPower: Float64Array;
}

function tabulatePairs(data: PairedHistories, { r, alpha, s, beta }: ParetoNbdParameters): PairTable {
  const { pairX, pairTime } = data;
  const array = () => new Float64Array(pairX.length);
  const table = {
    g: array(),
    byK: array(),
    byS: array(),
    byC: array(),
    power: array(),
    adjointG: array(),
    adjointPower: array(),
  };
  const out: DropoutIntegral = { value: 0, byK: 0, byS: 0, byC: 0 };
  for (let j = 0; j < pairX.length; j++) {
    const time = pairTime[j]!;
    const k = r + pairX[j]!;
    dropoutIntegral(k, s, (beta + time) / (alpha + time), out);
    table.g[j] = out.value;
    table.byK[j] = out.byK;
    table.byS[j] = out.byS;
    table.byC[j] = out.byC;
    table.power[j] = k * Math.log1p(time / alpha) + s * Math.log1p(time / beta);
  }
  return table;
}

/** Sums ln(1 - g(T) + g(t_x) e^z) over the rows, z = power(T) - power(t_x), and fills the adjoints of their pairs. */
function sumRows({ rowLast, rowEnd, rowWeight }: PairedHistories, table: PairTable): number {
  const { g, power, adjointG, adjointPower } = table;
  let total = 0;
  for (let from = 0; from < rowLast.length; from += summationBlock) {
    const end = Math.min(rowLast.length, from + summationBlock);
    let value = 0;
    for (let i = from; i < end; i++) {
      const [last, now, w] = [rowLast[i]!, rowEnd[i]!, rowWeight[i]!];
      const z = power[now]! - power[last]!;
      // Times e^-z throughout, which cannot overflow: z >= 0 because t_x <= T.
      const e = Math.exp(-z);
      const sum = g[last]! + (1 - g[now]!) * e;
      value += w * (z + Math.log(sum));
      const scaled = w / sum;
      adjointG[last]! += scaled;
      adjointG[now]! -= scaled * e;
      const dropped = scaled * g[last]!;
      adjointPower[now]! += dropped;
      adjointPower[last]! -= dropped;
    }
    total += value;
  }
  return total;
}

function addPairGradient(
  data: PairedHistories,
  table: PairTable,
  { r, alpha, s, beta }: ParetoNbdParameters,
  gradient: Float64Array,
): void {
  const { pairX, pairTime } = data;
  let [byR, byAlpha, byS, byBeta] = [0, 0, 0, 0];
  for (let j = 0; j < pairX.length; j++) {
    const time = pairTime[j]!;
    const ofG = table.adjointG[j]!;
    const ofPower = table.adjointPower[j]!;
    const byC = (ofG * table.byC[j]!) / (alpha + time);
    byR += ofG * table.byK[j]! + ofPower * Math.log1p(time / alpha);
    byS += ofG * table.byS[j]! + ofPower * Math.log1p(time / beta);
    byAlpha -= (byC * (beta + time)) / (alpha + time);
    byAlpha -= (ofPower * (r + pairX[j]!) * time) / (alpha * (alpha + time));
    byBeta += byC - (ofPower * s * time) / (beta * (beta + time));
  }
  gradient[0]! += byR;
  gradient[1]! += byAlpha;
  gradient[2]! += byS;
  gradient[3]! += byBeta;
}

/**
 * Log-likelihood of Pareto/NBD and its gradient in (r, alpha, s, beta), which it writes into `gradient`.
 * Schmittlein, Morrison & Colombo (1987), Counting Your Customers, Management Science 33(1), 1-24; Fader & Hardie (2005),
 * A note on deriving the Pareto/NBD model and related expressions, with the integral over the moment of dropout
 * taken from t_x to infinity less that from T to infinity, each relative to the likelihood of being alive there:
 * ln G(r+x)/G(r) - r ln(1 + T/alpha) - x ln(alpha+T) - s ln(1 + T/beta) + ln(1 - g(T) + g(t_x) e^z),
 * z = (r+x) ln((alpha+T)/(alpha+t_x)) + s ln((beta+T)/(beta+t_x)), g as in dropoutIntegral.
 */
function paretoNbdLogLikelihood(
  data: PairedHistories,
  parameters: ParetoNbdParameters,
  gradient: Float64Array,
): number {
  const { r, alpha, s, beta } = parameters;
  const table = tabulatePairs(data, parameters);
  let value = sumRows(data, table);
  gradient.fill(0);
  addPairGradient(data, table, parameters, gradient);
  for (let j = 0; j < data.distinctT.length; j++) {
    const T = data.distinctT[j]!;
    const [w, purchases] = [data.weightOfT[j]!, data.purchasesOfT[j]!];
    const [logAlpha, logBeta] = [Math.log1p(T / alpha), Math.log1p(T / beta)];
    value -= w * (r * logAlpha + s * logBeta) + purchases * Math.log(alpha + T);
    gradient[0]! -= w * logAlpha;
    gradient[1]! += (w * r * (T / alpha) - purchases) / (alpha + T);
    gradient[2]! -= w * logBeta;
    gradient[3]! += (w * s * (T / beta)) / (beta + T);
  }
  const digammaR = digamma(r);
  for (let j = 0; j < data.distinctX.length; j++) {
    const x = data.distinctX[j]!;
    value += data.weightOfX[j]! * logRisingFactorial(r, x);
    gradient[0]! += data.weightOfX[j]! * (digamma(r + x) - digammaR);
  }
  return value;
}

const farthestLog = 100;

/** The mean negative log-likelihood per customer as a function of (ln r, ln alpha, ln s, ln beta). */
export function paretoNbdObjective(histories: PurchaseHistories): Objective {
  const data = pairHistories(histories);
  return (point, gradient) => {
    // A line search may try any point; out here the likelihood has no digits left, or is none.
    if (point.some((value) => Math.abs(value) > farthestLog)) return Infinity;
    const natural = point.map(Math.exp);
    const [r, alpha, s, beta] = natural as unknown as [number, number, number, number];
    const value = paretoNbdLogLikelihood(data, { r, alpha, s, beta }, gradient);
    for (let i = 0; i < 4; i++) gradient[i]! *= -natural[i]! / data.totalWeight;
    return -value / data.totalWeight;
  };
}
