import type { Objective } from './line-search.ts';
import { digamma, logRisingFactorial, summationBlock } from './special-functions.ts';

/** r, alpha: shape and rate of the gamma of purchase rates; a, b: the beta of dropout after each purchase. */
export interface BgNbdParameters {
  readonly r: number;
  readonly alpha: number;
  readonly a: number;
  readonly b: number;
}

/** One row per customer, all times in one unit (weeks, say) and counted from the customer's first purchase. */
export interface PurchaseHistories {
  /** x: repeat purchases, whole numbers of 0 or more. */
  readonly frequency: Float64Array;
  /** t_x: time of the last purchase; 0 where there is no repeat. */
  readonly recency: Float64Array;
  /** T: length of the observation. */
  readonly T: Float64Array;
  /** How many customers the row stands for; 1 where it is left out. */
  readonly weight?: Float64Array;
}

/**
 * The histories with everything summed beforehand that does not hang on t_x. What is left per evaluation are one log,
 * one exp and one log1p per row with a repeat purchase; all gamma functions are needed once per distinct x, all
 * logs of alpha + T once per distinct T.
 */
export interface PurchaseStatistics {
  readonly totalWeight: number;
  readonly totalWeightedT: number;
  readonly distinctX: Float64Array;
  readonly weightOfX: Float64Array;
  readonly distinctT: Float64Array;
  readonly weightOfT: Float64Array;
  readonly purchasesOfT: Float64Array;
  /** Rows with x > 0, as indices into distinctX and values. */
  readonly repeatX: Int32Array;
  readonly repeatRecency: Float64Array;
  readonly repeatT: Float64Array;
  readonly repeatWeight: Float64Array;
}

/** Numbers the distinct values in the order of their first appearance. */
function codeValues(values: Float64Array): { codes: Int32Array; distinct: Float64Array } {
  const codes = new Int32Array(values.length);
  const codeOf = new Map<number, number>();
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    let code = codeOf.get(value);
    if (code === undefined) {
      code = codeOf.size;
      codeOf.set(value, code);
    }
    codes[i] = code;
  }
  return { codes, distinct: Float64Array.from(codeOf.keys()) };
}

export function summarizeHistories(data: PurchaseHistories): PurchaseStatistics {
  const { frequency, recency, T, weight } = data;
  const x = codeValues(frequency);
  const t = codeValues(T);
  const weightOfX = new Float64Array(x.distinct.length);
  const weightOfT = new Float64Array(t.distinct.length);
  const purchasesOfT = new Float64Array(t.distinct.length);
  let repeats = 0;
  for (let i = 0; i < T.length; i++) {
    const w = weight ? weight[i]! : 1;
    weightOfX[x.codes[i]!]! += w;
    weightOfT[t.codes[i]!]! += w;
    purchasesOfT[t.codes[i]!]! += w * frequency[i]!;
    if (frequency[i]! > 0 && w > 0) repeats++;
  }
  const repeatX = new Int32Array(repeats);
  const repeatRecency = new Float64Array(repeats);
  const repeatT = new Float64Array(repeats);
  const repeatWeight = new Float64Array(repeats);
  let row = 0;
  for (let i = 0; i < T.length; i++) {
    const w = weight ? weight[i]! : 1;
    if (!(frequency[i]! > 0 && w > 0)) continue;
    repeatX[row] = x.codes[i]!;
    repeatRecency[row] = recency[i]!;
    repeatT[row] = T[i]!;
    repeatWeight[row++] = w;
  }
  return {
    totalWeight: weightOfX.reduce((sum, w) => sum + w, 0),
    totalWeightedT: weightOfT.reduce((sum, w, i) => sum + w * t.distinct[i]!, 0),
    distinctX: x.distinct,
    weightOfX,
    distinctT: t.distinct,
    weightOfT,
    purchasesOfT,
    repeatX,
    repeatRecency,
    repeatT,
    repeatWeight,
  };
}

interface RowSums {
  value: number;
  byR: number;
  byAlpha: number;
}

/**
 * Adds ln(1 + e^z) of the rows with repeat purchases from `from` to `end`, and its derivatives in r and alpha, to `sums`;
 * adds the odds of dropout e^z / (1 + e^z) to `dropoutOfX`, from which the derivatives in a and b follow.
 */
function addRows(
  data: PurchaseStatistics,
  { r, alpha }: BgNbdParameters,
  logOddsOfX: Float64Array,
  [from, end]: readonly [number, number],
  sums: RowSums,
  dropoutOfX: Float64Array,
): void {
  const { distinctX, repeatX, repeatRecency, repeatT, repeatWeight } = data;
  let [value, byR, byAlpha] = [0, 0, 0];
  for (let i = from; i < end; i++) {
    const code = repeatX[i]!;
    const shape = r + distinctX[code]!;
    const atLast = alpha + repeatRecency[i]!;
    const atEnd = alpha + repeatT[i]!;
    const logRatio = Math.log1p((repeatT[i]! - repeatRecency[i]!) / atLast);
    const z = logOddsOfX[code]! + shape * logRatio;
    const e = Math.exp(z > 0 ? -z : z);
    const w = repeatWeight[i]!;
    value += w * (Math.log1p(e) + Math.max(z, 0));
    const dropout = (w * (z > 0 ? 1 : e)) / (1 + e);
    dropoutOfX[code]! += dropout;
    byR += dropout * logRatio;
    byAlpha += dropout * shape * ((repeatRecency[i]! - repeatT[i]!) / (atEnd * atLast));
  }
  sums.value += value;
  sums.byR += byR;
  sums.byAlpha += byAlpha;
}

function sumRepeatRows(
  data: PurchaseStatistics,
  parameters: BgNbdParameters,
): { sums: RowSums; dropoutOfX: Float64Array } {
  const { a, b } = parameters;
  const logOddsOfX = data.distinctX.map((x) => (x > 0 ? Math.log(a / (b + x - 1)) : 0));
  const dropoutOfX = new Float64Array(data.distinctX.length);
  const sums = { value: 0, byR: 0, byAlpha: 0 };
  const rows = data.repeatX.length;
  for (let from = 0; from < rows; from += summationBlock) {
    const end = Math.min(rows, from + summationBlock);
    addRows(data, parameters, logOddsOfX, [from, end], sums, dropoutOfX);
  }
  return { sums, dropoutOfX };
}

/**
 * Log-likelihood of BG/NBD and its gradient in (r, alpha, a, b), which it writes into `gradient`.
 * Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2), eq. (6), in the form
 * ln G(r+x)/G(r) + ln G(b+x)/G(b) - ln G(a+b+x)/G(a+b) + r ln alpha - (r+x) ln(alpha+T) + [x > 0] ln(1 + e^z),
 * z = ln a - ln(b+x-1) + (r+x) ln((alpha+T)/(alpha+t_x)).
 */
export function bgNbdLogLikelihood(
  data: PurchaseStatistics,
  parameters: BgNbdParameters,
  gradient: Float64Array,
): number {
  const { r, alpha, a, b } = parameters;
  const { sums, dropoutOfX } = sumRepeatRows(data, parameters);
  let { value, byR, byAlpha } = sums;
  for (let j = 0; j < data.distinctT.length; j++) {
    const atEnd = alpha + data.distinctT[j]!;
    // ln(alpha / (alpha + T)) as one: apart, the two logs would cancel where r and alpha are large.
    const logShare = -Math.log1p(data.distinctT[j]! / alpha);
    const w = data.weightOfT[j]!;
    const purchases = data.purchasesOfT[j]!;
    value += w * r * logShare - purchases * Math.log(atEnd);
    byR += w * logShare;
    byAlpha += (w * r * (data.distinctT[j]! / alpha) - purchases) / atEnd;
  }
  let byA = 0;
  let byB = 0;
  const [digammaR, digammaB, digammaAB] = [digamma(r), digamma(b), digamma(a + b)];
  for (let j = 0; j < data.distinctX.length; j++) {
    const x = data.distinctX[j]!;
    if (x === 0) continue;
    const w = data.weightOfX[j]!;
    value += w * (logRisingFactorial(r, x) + logRisingFactorial(b, x) - logRisingFactorial(a + b, x));
    byR += w * (digamma(r + x) - digammaR);
    const both = w * (digammaAB - digamma(a + b + x));
    byA += both + dropoutOfX[j]! / a;
    byB += both + w * (digamma(b + x) - digammaB) - dropoutOfX[j]! / (b + x - 1);
  }
  gradient.set([byR, byAlpha, byA, byB]);
  return value;
}

/** The mean negative log-likelihood per customer as a function of (ln r, ln alpha, ln a, ln b). */
export function bgNbdObjective(data: PurchaseStatistics): Objective {
  return (point, gradient) => {
    const [r, alpha, a, b] = point.map(Math.exp) as unknown as [number, number, number, number];
    const value = bgNbdLogLikelihood(data, { r, alpha, a, b }, gradient);
    const natural = [r, alpha, a, b] as const;
    for (let i = 0; i < 4; i++) gradient[i]! *= -natural[i]! / data.totalWeight;
    return -value / data.totalWeight;
  };
}
