import {
  type BgNbdParameters,
  bgNbdObjective,
  type ChancesAtStart,
  logOddsOfDropout,
  type PurchaseStatistics,
  summarizeHistories,
} from './bg-nbd-likelihood.ts';
import type { Likelihood } from './buy-till-you-die.ts';
import type { PurchaseHistories } from './purchase-model.ts';
import { summationBlock, trigamma } from './special-functions.ts';

/**
 * Sums over the rows that had a chance to drop out, by distinct x: of the odds of dropout d and of their spread v = d (1 - d),
 * of v times each derivative of z in (r, alpha), and the second derivatives in (r, alpha) themselves.
 */
interface RowCurvature {
  readonly dropout: Float64Array;
  readonly spread: Float64Array;
  readonly spreadByR: Float64Array;
  readonly spreadByAlpha: Float64Array;
  rr: number;
  rAlpha: number;
  alphaAlpha: number;
}

function addRows(
  data: PurchaseStatistics,
  { r, alpha }: BgNbdParameters,
  logOddsOfX: Float64Array,
  [from, end]: readonly [number, number],
  sums: RowCurvature,
): void {
  const { distinctX, rowX, rowRecency, rowT, rowWeight } = data;
  let [rr, rAlpha, alphaAlpha] = [0, 0, 0];
  for (let i = from; i < end; i++) {
    const code = rowX[i]!;
    const shape = r + distinctX[code]!;
    const atLast = 1 / (alpha + rowRecency[i]!);
    const atEnd = 1 / (alpha + rowT[i]!);
    const waiting = rowT[i]! - rowRecency[i]!;
    const byR = Math.log1p(waiting * atLast);
    const slope = -waiting * atEnd * atLast;
    const byAlpha = shape * slope;
    const z = logOddsOfX[code]! + shape * byR;
    const e = Math.exp(z > 0 ? -z : z);
    const dropout = (rowWeight[i]! * (z > 0 ? 1 : e)) / (1 + e);
    const spread = (dropout * (z > 0 ? e : 1)) / (1 + e);
    sums.dropout[code]! += dropout;
    sums.spread[code]! += spread;
    sums.spreadByR[code]! += spread * byR;
    sums.spreadByAlpha[code]! += spread * byAlpha;
    rr += spread * byR * byR;
    rAlpha += spread * byR * byAlpha + dropout * slope;
    alphaAlpha += spread * byAlpha * byAlpha - dropout * byAlpha * (atEnd + atLast);
  }
  sums.rr += rr;
  sums.rAlpha += rAlpha;
  sums.alphaAlpha += alphaAlpha;
}

function sumRows(data: PurchaseStatistics, parameters: BgNbdParameters): RowCurvature {
  const perX = () => new Float64Array(data.distinctX.length);
  const logOddsOfX = logOddsOfDropout(data, parameters);
  const sums = {
    dropout: perX(),
    spread: perX(),
    spreadByR: perX(),
    spreadByAlpha: perX(),
    rr: 0,
    rAlpha: 0,
    alphaAlpha: 0,
  };
  for (let from = 0; from < data.rowX.length; from += summationBlock) {
    const end = Math.min(data.rowX.length, from + summationBlock);
    addRows(data, parameters, logOddsOfX, [from, end], sums);
  }
  return sums;
}

/** Second derivatives of the log-likelihood in (r, alpha, a, b): each term of its formula derived once more. */
function naturalHessian(data: PurchaseStatistics, parameters: BgNbdParameters): number[][] {
  const { r, alpha, a, b } = parameters;
  const sums = sumRows(data, parameters);
  let { rr, rAlpha, alphaAlpha } = sums;
  for (let j = 0; j < data.distinctT.length; j++) {
    const T = data.distinctT[j]!;
    const atEnd = alpha + T;
    const w = data.weightOfT[j]!;
    const share = (w * T) / alpha / atEnd;
    rAlpha += share;
    alphaAlpha += data.purchasesOfT[j]! / (atEnd * atEnd) - r * share * (1 / alpha + 1 / atEnd);
  }
  let [aa, ab, bb, ra, rb, alphaA, alphaB] = [0, 0, 0, 0, 0, 0, 0];
  const [ofR, ofB, ofAB] = [trigamma(r), trigamma(b), trigamma(a + b)];
  for (let j = 0; j < data.distinctX.length; j++) {
    const x = data.distinctX[j]!;
    const chances = x + data.chancesAtStart;
    if (chances === 0) continue;
    const w = data.weightOfX[j]!;
    const beforeLast = b + chances - 1;
    const both = w * (ofAB - trigamma(a + b + chances));
    const [dropout, spread] = [sums.dropout[j]!, sums.spread[j]!];
    rr += w * (trigamma(r + x) - ofR);
    aa += both + (spread - dropout) / (a * a);
    ab += both - spread / (a * beforeLast);
    bb += both + w * (trigamma(b + chances) - ofB) + (spread + dropout) / (beforeLast * beforeLast);
    ra += sums.spreadByR[j]! / a;
    rb -= sums.spreadByR[j]! / beforeLast;
    alphaA += sums.spreadByAlpha[j]! / a;
    alphaB -= sums.spreadByAlpha[j]! / beforeLast;
  }
  return [
    [rr, rAlpha, ra, rb],
    [rAlpha, alphaAlpha, alphaA, alphaB],
    [ra, alphaA, aa, ab],
    [rb, alphaB, ab, bb],
  ];
}

/**
 * Hessian of `bgNbdObjective` at (ln r, ln alpha, ln a, ln b), where `gradient` is that of the objective, in one pass over the
 * rows; central differences of the gradient take eight, which were a third of a fit once it had a good start.
 */
function bgNbdHessian(data: PurchaseStatistics, point: Float64Array, gradient: Float64Array): number[][] {
  const natural = Array.from(point, Math.exp) as [number, number, number, number];
  const [r, alpha, a, b] = natural;
  return naturalHessian(data, { r, alpha, a, b }).map((row, i) =>
    row.map((second, j) => {
      const first = i === j ? gradient[i]! : 0;
      return first - (natural[i]! * natural[j]! * second) / data.totalWeight;
    }),
  );
}

/** Of BG/NBD, or with a chance to drop out at the start of MBG/NBD. */
export function bgNbdLikelihood(data: PurchaseHistories, chancesAtStart: ChancesAtStart): Likelihood {
  const statistics = summarizeHistories(data, chancesAtStart);
  return {
    objective: bgNbdObjective(statistics),
    hessian: (point, gradient) => bgNbdHessian(statistics, point, gradient),
  };
}
