import type { BgNbdParameters, ChancesAtStart } from './bg-nbd-likelihood.ts';
import { checkTerms } from './purchase-counts.ts';
import { checkArguments, checkDiscountRate } from './purchase-histories.ts';
import { betaExpectation, gammaExpectation } from './quadrature.ts';
import { logistic } from './special-functions.ts';

// Far from overflow even after one more growth step, far from underflow after division.
const rescaleAbove = 1e250;

/** P(alive at T | x, t_x, T), eq. (7) of Fader, Hardie & Lee's note on P(alive) for BG/NBD; exactly 1 without a chance to drop out. */
export function bgNbdProbabilityAlive(
  parameters: BgNbdParameters,
  x: number,
  tx: number,
  T: number,
  chancesAtStart: ChancesAtStart = 0,
): number {
  const { r, alpha, a, b } = parameters;
  checkArguments(0, x, tx, T);
  const chances = x + chancesAtStart;
  if (chances === 0) return 1;
  return logistic(Math.log((b + chances - 1) / a) - (r + x) * Math.log((alpha + T) / (alpha + tx)));
}

/**
 * E[purchases in (T, T + t] | alive at T]. Purchases of a customer who never drops out would be N ~ negative binomial
 * with shape A = r + x and success z = t / (alpha + T + t); of N chances the customer makes use of 1 + q + … + q^(N-1)
 * on average, where q = 1 - p ~ beta(b + n, a) after n chances survived. So E = sum_k P(N = k) S_k, S_k = sum_{j<k} E[q^j]: only positive terms.
 * It equals the bracket of eq. (10) of the paper, but that form divides by a - 1, and loses all digits around a = 1,
 * for short horizons and (overflowing) for x in the thousands. Dividing by sum_k P(N = k) frees it of the normalising constant.
 */
function expectedPurchasesIfAlive(
  parameters: BgNbdParameters,
  horizon: number,
  x: number,
  T: number,
  chancesAtStart: ChancesAtStart,
): number {
  const { r, alpha, a, b } = parameters;
  const shape = r + x;
  const survived = b + x + chancesAtStart;
  const odds = horizon / (alpha + T);
  const z = odds / (1 + odds);
  checkTerms(shape, odds, horizon, x, T);
  let term = 1;
  let total = 1;
  let expected = 0;
  let chances = 0;
  let survival = 1;
  for (let k = 1; ; k++) {
    term *= (z * (shape + k - 1)) / k;
    chances += survival;
    survival *= (survived + k - 1) / (a + survived + k - 1);
    total += term;
    expected += term * chances;
    const growth = (z * (shape + k)) / (k + 1);
    // Past the mode the rest is below a geometric series, whose S_k grow by at most 1 a step.
    if (growth < 1) {
      const rest = (term * growth * (chances + 1 / (1 - growth))) / (1 - growth);
      if (rest <= 1e-16 * expected) return expected / total;
    }
    if (expected > rescaleAbove) {
      term /= rescaleAbove;
      total /= rescaleAbove;
      expected /= rescaleAbove;
    }
  }
}

/** E[purchases in (T, T + horizon] | x, t_x, T]: eq. (10) of Fader, Hardie & Lee (2005). Time unit of the data. */
export function bgNbdExpectedPurchases(
  parameters: BgNbdParameters,
  horizon: number,
  x: number,
  tx: number,
  T: number,
  chancesAtStart: ChancesAtStart = 0,
): number {
  checkArguments(horizon, x, tx, T);
  if (horizon === 0) return 0;
  const alive = bgNbdProbabilityAlive(parameters, x, tx, T, chancesAtStart);
  return alive * expectedPurchasesIfAlive(parameters, horizon, x, T, chancesAtStart);
}

/**
 * P(at least one purchase in (T, T + horizon] | x, t_x, T) = P(alive) (1 - ((alpha + T) / (alpha + T + horizon))^(r + x)).
 * Why: BG/NBD lets a customer drop out only right after a purchase, so one who is alive at T stays so until the next
 * purchase, which comes after an exponential time of rate lambda. Given alive at T, lambda ~ gamma(r + x, alpha + T)
 * (the survival factor (1 - p)^x holds no lambda), hence P(no purchase) = E[e^(-lambda horizon)], the power above.
 * The same with a chance at time 0 (MBG/NBD): it lies before T, and enters through P(alive) alone.
 */
export function bgNbdProbabilityOfPurchase(
  parameters: BgNbdParameters,
  horizon: number,
  x: number,
  tx: number,
  T: number,
  chancesAtStart: ChancesAtStart = 0,
): number {
  checkArguments(horizon, x, tx, T);
  const { r, alpha } = parameters;
  const none = -(r + x) * Math.log1p(horizon / (alpha + T));
  return bgNbdProbabilityAlive(parameters, x, tx, T, chancesAtStart) * -Math.expm1(none);
}

// A rule for the beta takes a number of nodes in inverse proportion to its smaller shape.
const leastShape = 0.05;

/**
 * E[1 / (lambda p + d)], p ~ beta(a, b), as a function of lambda. With q = 1 - p, 1 / (lambda p + d) is
 * (1 + q lambda / (lambda p + d)) / (lambda + d) and also (1 - p lambda / (lambda p + d)) / d, while E[q f] = b / (a + b)
 * E[f] under beta(a, b + 1), and so for p: this is how shapes near 0, as of a shop without dropout, are taken past 1.
 */
function meanReciprocal(a: number, b: number, rate: number): (lambda: number) => number {
  const raise = a < leastShape;
  const raisedA = raise ? a + 1 : a;
  const { nodes, weights } = betaExpectation(raisedA, b + 1);
  return (lambda) => {
    let sum = 0;
    for (let j = 0; j < nodes.length; j++) sum += weights[j]! / (lambda * nodes[j]! + rate);
    const mean = (1 + (b / (raisedA + b)) * lambda * sum) / (lambda + rate);
    return raise ? (1 - (a / (a + b)) * lambda * mean) / rate : mean;
  };
}

/**
 * DERT. Given alive at T, lambda ~ gamma(r + x, alpha + T) and p ~ beta(a, b + n), independent; purchases then come at the
 * rate lambda e^(-lambda p t), whose discounted integral is lambda / (lambda p + rate). Its mean over lambda is
 * (r + x) / (alpha + T) times that of 1 / (lambda p + rate) under gamma(r + x + 1, alpha + T). Some 0.1 ms a customer.
 * @param rate continuous discount per unit of time, above 0.
 */
export function bgNbdDiscountedPurchases(
  parameters: BgNbdParameters,
  rate: number,
  x: number,
  tx: number,
  T: number,
  chancesAtStart: ChancesAtStart = 0,
): number {
  checkDiscountRate(rate);
  const { r, alpha, a, b } = parameters;
  const alive = bgNbdProbabilityAlive(parameters, x, tx, T, chancesAtStart);
  const ofLambda = meanReciprocal(a, b + x + chancesAtStart, rate);
  const { nodes, weights } = gammaExpectation(r + x + 1, alpha + T);
  let total = 0;
  for (let i = 0; i < nodes.length; i++) total += weights[i]! * ofLambda(nodes[i]!);
  return alive * ((r + x) / (alpha + T)) * total;
}
