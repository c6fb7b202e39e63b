import { AppError } from '../errors.ts';
import type { BgNbdParameters } from './bg-nbd-likelihood.ts';
import { logistic } from './special-functions.ts';

// Some 0.05 s of work for one customer; a request beyond is a horizon out of all proportion to the history.
const maxTerms = 10_000_000;
// Far from overflow even after one more growth step, far from underflow after division.
const rescaleAbove = 1e250;

function checkArguments(horizon: number, x: number, tx: number, T: number): void {
  const valid =
    horizon >= 0 && x >= 0 && tx >= 0 && tx <= T && T < Infinity && horizon < Infinity && x < Infinity;
  if (valid && (x > 0 || tx === 0)) return;
  throw new AppError(
    'MODEL_BAD_INPUT',
    `Not a purchase history: horizon ${horizon}, frequency ${x}, recency ${tx}, T ${T}.`,
    {
      details: { horizon, frequency: x, recency: tx, T },
      hint: 'Give finite numbers with horizon >= 0, frequency >= 0, 0 <= recency <= T, and recency 0 where frequency is 0.',
    },
  );
}

/** P(alive at T | x, t_x, T), eq. (7) of Fader, Hardie & Lee's note on P(alive) for BG/NBD; exactly 1 for x = 0. */
export function bgNbdProbabilityAlive(parameters: BgNbdParameters, x: number, tx: number, T: number): number {
  const { r, alpha, a, b } = parameters;
  checkArguments(0, x, tx, T);
  if (x === 0) return 1;
  return logistic(Math.log((b + x - 1) / a) - (r + x) * Math.log((alpha + T) / (alpha + tx)));
}

/**
 * E[purchases in (T, T + t] | alive at T]. Purchases of a customer who never drops out would be N ~ negative binomial
 * with shape A = r + x and success z = t / (alpha + T + t); of N chances the customer makes use of 1 + q + … + q^(N-1)
 * on average, where q = 1 - p ~ beta(b + x, a). So E = sum_k P(N = k) S_k, S_k = sum_{j<k} E[q^j]: only positive terms.
 * It equals the bracket of eq. (10) of the paper, but that form divides by a - 1, and loses all digits around a = 1,
 * for short horizons and (overflowing) for x in the thousands. Dividing by sum_k P(N = k) frees it of the normalising constant.
 */
function expectedPurchasesIfAlive(
  parameters: BgNbdParameters,
  horizon: number,
  x: number,
  T: number,
): number {
  const { r, alpha, a, b } = parameters;
  const shape = r + x;
  const odds = horizon / (alpha + T);
  const z = odds / (1 + odds);
  if (shape * odds + 40 * (1 + odds) > maxTerms) {
    throw new AppError('MODEL_BAD_INPUT', `A horizon of ${horizon} is too long for a history of ${T}.`, {
      details: { horizon, frequency: x, T },
      hint: 'Ask for a shorter horizon.',
    });
  }
  let term = 1;
  let total = 1;
  let expected = 0;
  let chances = 0;
  let survival = 1;
  for (let k = 1; ; k++) {
    term *= (z * (shape + k - 1)) / k;
    chances += survival;
    survival *= (b + x + k - 1) / (a + b + x + k - 1);
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
): number {
  checkArguments(horizon, x, tx, T);
  if (horizon === 0) return 0;
  return bgNbdProbabilityAlive(parameters, x, tx, T) * expectedPurchasesIfAlive(parameters, horizon, x, T);
}

/**
 * P(at least one purchase in (T, T + horizon] | x, t_x, T) = P(alive) (1 - ((alpha + T) / (alpha + T + horizon))^(r + x)).
 * Why: BG/NBD lets a customer drop out only right after a purchase, so one who is alive at T stays so until the next
 * purchase, which comes after an exponential time of rate lambda. Given alive at T, lambda ~ gamma(r + x, alpha + T)
 * (the survival factor (1 - p)^x holds no lambda), hence P(no purchase) = E[e^(-lambda horizon)], the power above.
 */
export function bgNbdProbabilityOfPurchase(
  parameters: BgNbdParameters,
  horizon: number,
  x: number,
  tx: number,
  T: number,
): number {
  checkArguments(horizon, x, tx, T);
  const { r, alpha } = parameters;
  const none = -(r + x) * Math.log1p(horizon / (alpha + T));
  return bgNbdProbabilityAlive(parameters, x, tx, T) * -Math.expm1(none);
}
