import type { Objective } from './line-search.ts';
import { codeValues } from './purchase-histories.ts';
import type { PurchaseHistories } from './purchase-model.ts';
import { digamma, logOnePlusExp, logRisingFactorial, summationBlock } from './special-functions.ts';

/** r, alpha: shape and rate of the gamma of purchase rates; a, b: the beta of dropout after each purchase. */
export interface BgNbdParameters {
  readonly r: number;
  readonly alpha: number;
  readonly a: number;
  readonly b: number;
}

export type BgNbdName = keyof BgNbdParameters;

/**
 * Chances to drop out before the first repeat purchase: BG/NBD has none; MBG/NBD has one, at time 0. Everything else about
 * the two is the same: after x repeat purchases a customer has had x + chancesAtStart chances.
 */
export type ChancesAtStart = 0 | 1;

/**
 * The histories with everything summed beforehand that does not hang on t_x. What is left per evaluation are one log,
 * one exp and one log1p per row with a repeat purchase; all gamma functions are needed once per distinct x, all
 * logs of alpha + T once per distinct T.
 */
export interface PurchaseStatistics {
  readonly totalWeight: number;
  readonly chancesAtStart: ChancesAtStart;
  readonly distinctX: Float64Array;
  readonly weightOfX: Float64Array;
  readonly distinctT: Float64Array;
  readonly weightOfT: Float64Array;
  readonly purchasesOfT: Float64Array;
  /**
   * Rows that had a chance to drop out, x as an index into distinctX: those with repeat purchases, and with a chance at
   * the start one row for all one-time buyers of equal T.
   */
  readonly rowX: Int32Array;
  readonly rowRecency: Float64Array;
  readonly rowT: Float64Array;
  readonly rowWeight: Float64Array;
}

type Rows = Pick<PurchaseStatistics, 'rowX' | 'rowRecency' | 'rowT' | 'rowWeight'>;

/** The rows with a chance to drop out; `oneTime` is the weight of the one-time buyers of each distinct T, or empty. */
function gatherRows(
  { frequency, recency, T, weight }: PurchaseHistories,
  codesOfX: Int32Array,
  codeOfNone: number,
  distinctT: Float64Array,
  oneTime: Float64Array,
): Rows {
  let count = oneTime.reduce((sum, w) => sum + (w > 0 ? 1 : 0), 0);
  for (let i = 0; i < T.length; i++) if (frequency[i]! > 0 && (!weight || weight[i]! > 0)) count++;
  const rows = {
    rowX: new Int32Array(count),
    rowRecency: new Float64Array(count),
    rowT: new Float64Array(count),
    rowWeight: new Float64Array(count),
  };
  let row = 0;
  for (let i = 0; i < T.length; i++) {
    const w = weight ? weight[i]! : 1;
    if (!(frequency[i]! > 0 && w > 0)) continue;
    rows.rowX[row] = codesOfX[i]!;
    rows.rowRecency[row] = recency[i]!;
    rows.rowT[row] = T[i]!;
    rows.rowWeight[row++] = w;
  }
  for (let j = 0; j < oneTime.length; j++) {
    if (!(oneTime[j]! > 0)) continue;
    rows.rowX[row] = codeOfNone;
    rows.rowT[row] = distinctT[j]!;
    rows.rowWeight[row++] = oneTime[j]!;
  }
  return rows;
}

export function summarizeHistories(
  data: PurchaseHistories,
  chancesAtStart: ChancesAtStart = 0,
): PurchaseStatistics {
  const { frequency, T, weight } = data;
  const x = codeValues(frequency);
  const t = codeValues(T);
  const weightOfX = new Float64Array(x.distinct.length);
  const weightOfT = new Float64Array(t.distinct.length);
  const purchasesOfT = new Float64Array(t.distinct.length);
  const oneTime = new Float64Array(chancesAtStart === 0 ? 0 : t.distinct.length);
  for (let i = 0; i < T.length; i++) {
    const w = weight ? weight[i]! : 1;
    weightOfX[x.codes[i]!]! += w;
    weightOfT[t.codes[i]!]! += w;
    purchasesOfT[t.codes[i]!]! += w * frequency[i]!;
    if (chancesAtStart === 1 && frequency[i] === 0) oneTime[t.codes[i]!]! += w;
  }
  return {
    totalWeight: weightOfX.reduce((sum, w) => sum + w, 0),
    chancesAtStart,
    distinctX: x.distinct,
    weightOfX,
    distinctT: t.distinct,
    weightOfT,
    purchasesOfT,
    ...gatherRows(data, x.codes, x.distinct.indexOf(0), t.distinct, oneTime),
  };
}

// Far from overflow, whose exponent is 308: each factor is between 1 and 2.
const largestProduct = 1e300;

interface RowSums {
  value: number;
  byR: number;
  byAlpha: number;
}

/**
 * Adds ln(1 + e^z) of the rows from `from` to `end`, and its derivatives in r and alpha, to `sums`;
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
  const { distinctX, rowX, rowRecency, rowT, rowWeight } = data;
  let [value, byR, byAlpha, product] = [0, 0, 0, 1];
  for (let i = from; i < end; i++) {
    const code = rowX[i]!;
    const shape = r + distinctX[code]!;
    const atLast = alpha + rowRecency[i]!;
    const atEnd = alpha + rowT[i]!;
    const logRatio = Math.log1p((rowT[i]! - rowRecency[i]!) / atLast);
    const z = logOddsOfX[code]! + shape * logRatio;
    const e = Math.exp(z > 0 ? -z : z);
    const w = rowWeight[i]!;
    value += w * Math.max(z, 0);
    // The log of a product of many in place of a log each: a tenth of the time. Rows of weight 1 are all there is, save
    // where the caller or a chance at the start has grouped them.
    if (w === 1) product *= 1 + e;
    else value += w * Math.log1p(e);
    if (product > largestProduct) {
      value += Math.log(product);
      product = 1;
    }
    const dropout = (w * (z > 0 ? 1 : e)) / (1 + e);
    dropoutOfX[code]! += dropout;
    byR += dropout * logRatio;
    byAlpha += dropout * shape * ((rowRecency[i]! - rowT[i]!) / (atEnd * atLast));
  }
  sums.value += value + Math.log(product);
  sums.byR += byR;
  sums.byAlpha += byAlpha;
}

/** The part of z that hangs on x alone, by distinct x. */
export function logOddsOfDropout(data: PurchaseStatistics, { a, b }: BgNbdParameters): Float64Array {
  return data.distinctX.map((x) => {
    const chances = x + data.chancesAtStart;
    return chances > 0 ? Math.log(a / (b + chances - 1)) : 0;
  });
}

function sumRows(
  data: PurchaseStatistics,
  parameters: BgNbdParameters,
): { sums: RowSums; dropoutOfX: Float64Array } {
  const logOddsOfX = logOddsOfDropout(data, parameters);
  const dropoutOfX = new Float64Array(data.distinctX.length);
  const sums = { value: 0, byR: 0, byAlpha: 0 };
  const rows = data.rowX.length;
  for (let from = 0; from < rows; from += summationBlock) {
    const end = Math.min(rows, from + summationBlock);
    addRows(data, parameters, logOddsOfX, [from, end], sums, dropoutOfX);
  }
  return { sums, dropoutOfX };
}

/** ln E[(1 - p)^n], p ~ beta(a, b): the probability to pass n chances to drop out. */
function logSurvival(a: number, b: number, chances: number): number {
  return logRisingFactorial(b, chances) - logRisingFactorial(a + b, chances);
}

/** The log-likelihood of one customer, by the same formula as the sum below. */
export function bgNbdRowLogLikelihood(
  { r, alpha, a, b }: BgNbdParameters,
  x: number,
  tx: number,
  T: number,
  chancesAtStart: ChancesAtStart = 0,
): number {
  const chances = x + chancesAtStart;
  const purchases = logRisingFactorial(r, x) - r * Math.log1p(T / alpha) - x * Math.log(alpha + T);
  if (chances === 0) return purchases;
  const logOdds = Math.log(a / (b + chances - 1)) + (r + x) * Math.log1p((T - tx) / (alpha + tx));
  return purchases + logSurvival(a, b, chances) + logOnePlusExp(logOdds);
}

/**
 * Log-likelihood of BG/NBD and its gradient in (r, alpha, a, b), which it writes into `gradient`.
 * Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2), eq. (6), in the form
 * ln G(r+x)/G(r) + ln G(b+n)/G(b) - ln G(a+b+n)/G(a+b) + r ln alpha - (r+x) ln(alpha+T) + [n > 0] ln(1 + e^z),
 * z = ln a - ln(b+n-1) + (r+x) ln((alpha+T)/(alpha+t_x)), n = x. With n = x + 1 it is that of MBG/NBD: Batislam, Denizel &
 * Filiztekin (2007), eq. (1).
 */
export function bgNbdLogLikelihood(
  data: PurchaseStatistics,
  parameters: BgNbdParameters,
  gradient: Float64Array,
): number {
  const { r, alpha, a, b } = parameters;
  const { sums, dropoutOfX } = sumRows(data, parameters);
  const [logAlpha, inverseAlpha] = [Math.log(alpha), 1 / alpha];
  let { value, byR, byAlpha } = sums;
  for (let j = 0; j < data.distinctT.length; j++) {
    const atEnd = alpha + data.distinctT[j]!;
    const ratio = data.distinctT[j]! * inverseAlpha;
    // ln(alpha / (alpha + T)) as one: apart, the two logs would cancel where r and alpha are large.
    const logShare = -Math.log1p(ratio);
    const w = data.weightOfT[j]!;
    const purchases = data.purchasesOfT[j]!;
    value += w * r * logShare - purchases * (logAlpha - logShare);
    byR += w * logShare;
    byAlpha += (w * r * ratio - purchases) / atEnd;
  }
  let byA = 0;
  let byB = 0;
  const [digammaR, digammaB, digammaAB] = [digamma(r), digamma(b), digamma(a + b)];
  for (let j = 0; j < data.distinctX.length; j++) {
    const x = data.distinctX[j]!;
    const chances = x + data.chancesAtStart;
    if (chances === 0) continue;
    const w = data.weightOfX[j]!;
    value += w * (logRisingFactorial(r, x) + logSurvival(a, b, chances));
    byR += w * (digamma(r + x) - digammaR);
    const both = w * (digammaAB - digamma(a + b + chances));
    byA += both + dropoutOfX[j]! / a;
    byB += both + w * (digamma(b + chances) - digammaB) - dropoutOfX[j]! / (b + chances - 1);
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
