import type { BgNbdParameters, ChancesAtStart } from './bg-nbd-likelihood.ts';
import { bgNbdProbabilityAlive } from './bg-nbd-prediction.ts';
import { addNegativeBinomial, checkTail, checkTerms, PurchaseCounts } from './purchase-counts.ts';
import { checkArguments } from './purchase-histories.ts';

const counts = new PurchaseCounts();

/**
 * P(k purchases in (T, T + horizon] | x, t_x, T), k = 0, 1, …, until the rest is at most `tail`.
 * Fader, Hardie & Lee (2005), eq. (8), with the parameters of a customer alive at T: rate gamma(r + x, alpha + T) and
 * dropout beta(a, b + n) after n chances, independent. N, the purchases of one who never drops out, is negative binomial,
 * and k come where N >= k and k - 1 chances were survived: P(X >= k) = P(N >= k) S(k-1), S(j) = E[(1 - p)^j]. So
 * P(X = k) = P(N = k) S(k) + P(N >= k) (S(k-1) - S(k)), only positive terms. The chance at time 0 of MBG/NBD lies before T: it
 * enters by P(alive) and n = x + 1.
 */
export function bgNbdPurchaseCounts(
  parameters: BgNbdParameters,
  horizon: number,
  x: number,
  tx: number,
  T: number,
  tail: number,
  chancesAtStart: ChancesAtStart = 0,
): Float64Array {
  checkArguments(horizon, x, tx, T);
  checkTail(tail);
  const { r, alpha, a, b } = parameters;
  const odds = horizon / (alpha + T);
  checkTerms(r + x, odds, horizon, x, T);
  const alive = bgNbdProbabilityAlive(parameters, x, tx, T, chancesAtStart);
  counts.clear();
  addNegativeBinomial(counts, 1, r + x, odds, tail / 2);
  const { values, length } = counts;
  const survived = b + x + chancesAtStart;
  let atLeast = 1 - values[0]!;
  let survival = 1;
  values[0] = 1 - alive * atLeast;
  for (let k = 1; k < length; k++) {
    if (alive * atLeast * survival <= tail) return values.slice(0, k);
    const exactly = values[k]!;
    const lost = survival * (a / (a + survived + k - 1));
    survival -= lost;
    values[k] = alive * (exactly * survival + atLeast * lost);
    atLeast -= exactly;
  }
  return values.slice(0, length);
}
