import { type DropoutIntegral, dropoutIntegral } from './pareto-nbd-integral.ts';
import type { ParetoNbdParameters } from './pareto-nbd-likelihood.ts';
import { checkArguments, checkDiscountRate } from './purchase-histories.ts';
import { gammaExpectation, gaussLegendre } from './quadrature.ts';
import { logRisingFactorial } from './special-functions.ts';

const scratch: DropoutIntegral = { value: 0, byK: 0, byS: 0, byC: 0 };

function dropsOutFirst({ r, alpha, s, beta }: ParetoNbdParameters, x: number, time: number): number {
  dropoutIntegral(r + x, s, (beta + time) / (alpha + time), scratch);
  return scratch.value;
}

/** z and ln(1 - g(T) + g(t_x) e^z) of the likelihood; minus the second is ln P(alive). */
function dropoutTerm(parameters: ParetoNbdParameters, x: number, tx: number, T: number): number {
  const { r, alpha, s, beta } = parameters;
  const z = (r + x) * Math.log1p((T - tx) / (alpha + tx)) + s * Math.log1p((T - tx) / (beta + tx));
  return (
    z + Math.log(dropsOutFirst(parameters, x, tx) + (1 - dropsOutFirst(parameters, x, T)) * Math.exp(-z))
  );
}

/** The log-likelihood of one customer, by the formula at paretoNbdObjective. */
export function paretoNbdRowLogLikelihood(
  parameters: ParetoNbdParameters,
  x: number,
  tx: number,
  T: number,
): number {
  const { r, alpha, s, beta } = parameters;
  const alive = logRisingFactorial(r, x) - r * Math.log1p(T / alpha) - x * Math.log(alpha + T);
  return alive - s * Math.log1p(T / beta) + dropoutTerm(parameters, x, tx, T);
}

/** P(alive at T | x, t_x, T): Schmittlein, Morrison & Colombo (1987), eq. (11)-(13), here by the likelihood's own integral. */
export function paretoNbdProbabilityAlive(
  parameters: ParetoNbdParameters,
  x: number,
  tx: number,
  T: number,
): number {
  checkArguments(0, x, tx, T);
  return Math.min(1, Math.exp(-dropoutTerm(parameters, x, tx, T)));
}

/**
 * E[purchases in (T, T + horizon] | x, t_x, T], eq. (41) of Fader & Hardie's note: P(alive) (r + x) / (alpha + T) times
 * E[(1 - e^(-mu h)) / mu], mu ~ gamma(s, B), B = beta + T, which is B (1 - (B / (B + h))^(s-1)) / (s - 1), or
 * B ln(1 + h / B) at s = 1, here in a form that is smooth there.
 */
export function paretoNbdExpectedPurchases(
  parameters: ParetoNbdParameters,
  horizon: number,
  x: number,
  tx: number,
  T: number,
): number {
  checkArguments(horizon, x, tx, T);
  const { r, alpha, s, beta } = parameters;
  const atEnd = beta + T;
  const log = Math.log1p(horizon / atEnd);
  const exponent = (1 - s) * log;
  const activeTime = atEnd * log * (exponent === 0 ? 1 : Math.expm1(exponent) / exponent);
  return paretoNbdProbabilityAlive(parameters, x, tx, T) * ((r + x) / (alpha + T)) * activeTime;
}

const legendre = gaussLegendre(32);
// Where e^-32 of the customers are left the integral has all its digits.
const exhausted = 32;

/**
 * P(a purchase within `horizon` | alive), the first one at u before dropout: int_0^h (k/A) (1 + u/A)^-(k+1) (1 + u/B)^-s du,
 * k = r + x, A = alpha + T, B = beta + T. Substituted is y = ln(1 + u/C) with C such that (1 + u/C)^-(k+s+1) starts
 * with the slope of the integrand and, like it, is a power in the end: what is left beside e^(-(k+s) y) is then nearly constant.
 * With 32 nodes the relative error, against a double-exponential rule, for shapes of 0.05 to 20, scales of 0.5 to 100 and x up to
 * 10,000 (3,000 random cases each) is below 1e-13 from T = 1 on, and at T = 0 below 1e-12 in 99 % and 3e-7 in all. At
 * T = 0 with shapes of 0.01 to 100 and scales of 0.01 to 1,000 it is below 2e-5 in 99 %, and 0.03 at worst.
 */
function purchaseBeforeDropout(k: number, A: number, s: number, B: number, horizon: number): number {
  const C = (k + 1 + s) / ((k + 1) / A + s / B);
  const whole = Math.log1p(horizon / C);
  let upper = Math.min(whole, exhausted / (k + s));
  const left = (y: number) =>
    k * Math.log1p((C * Math.expm1(y)) / A) + s * Math.log1p((C * Math.expm1(y)) / B);
  while (upper < whole && left(upper) < exhausted) upper = Math.min(whole, 1.25 * upper);
  let sum = 0;
  for (let i = 0; i < legendre.nodes.length; i++) {
    const y = upper * legendre.nodes[i]!;
    const u = C * Math.expm1(y);
    sum += legendre.weights[i]! * Math.exp(y - (k + 1) * Math.log1p(u / A) - s * Math.log1p(u / B));
  }
  return Math.min(1, (sum * upper * C * k) / A);
}

/** P(at least one purchase in (T, T + horizon] | x, t_x, T). The customer may drop out in between, at any time. */
export function paretoNbdProbabilityOfPurchase(
  parameters: ParetoNbdParameters,
  horizon: number,
  x: number,
  tx: number,
  T: number,
): number {
  checkArguments(horizon, x, tx, T);
  const { r, alpha, s, beta } = parameters;
  const buys = purchaseBeforeDropout(r + x, alpha + T, s, beta + T, horizon);
  return paretoNbdProbabilityAlive(parameters, x, tx, T) * buys;
}

// The rule for the gamma takes a number of nodes in inverse proportion to its shape.
const leastShape = 0.05;

/** E[1 / (mu + rate)], mu ~ gamma(s, B); a shape near 0 is taken past 1 by 1 / (mu + d) = (1 - mu / (mu + d)) / d. */
function meanReciprocal(s: number, B: number, rate: number): number {
  const raise = s < leastShape;
  const { nodes, weights } = gammaExpectation(raise ? s + 1 : s, B);
  let mean = 0;
  for (let i = 0; i < nodes.length; i++) mean += weights[i]! / (nodes[i]! + rate);
  return raise ? (1 - (s / B) * mean) / rate : mean;
}

/**
 * DERT: Fader, Hardie & Lee (2005), RFM and CLV: using iso-value curves for customer base analysis, J. of Marketing Research
 * 42(4), 415-430, eq. (2). Given alive, purchases come at the rate lambda e^(-mu t), whose discounted integral is
 * lambda / (mu + rate); by quadrature over mu instead of the confluent hypergeometric function of the paper.
 * @param rate continuous discount per unit of time, above 0.
 */
export function paretoNbdDiscountedPurchases(
  parameters: ParetoNbdParameters,
  rate: number,
  x: number,
  tx: number,
  T: number,
): number {
  checkDiscountRate(rate);
  const { r, alpha, s, beta } = parameters;
  const alive = paretoNbdProbabilityAlive(parameters, x, tx, T);
  return alive * ((r + x) / (alpha + T)) * meanReciprocal(s, beta + T, rate);
}
