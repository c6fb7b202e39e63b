/**
 * Special functions of the purchase models, for positive real arguments.
 * Source: Abramowitz & Stegun, Handbook of Mathematical Functions, 6.1.40-6.1.41 and 6.3.18 (Stirling's series).
 */

/** B(2k) / (2k (2k - 1)), k = 1..8: the coefficients of Stirling's series in odd powers of 1/x. */
const stirling = [
  1 / 12,
  -1 / 360,
  1 / 1260,
  -1 / 1680,
  1 / 1188,
  -691 / 360_360,
  1 / 156,
  -3617 / 122_400,
] as const;

/** B(2k) / (2k), k = 1..8: the coefficients of digamma's series in even powers of 1/x. */
const digammaSeries = [
  1 / 12,
  -1 / 120,
  1 / 252,
  -1 / 240,
  1 / 132,
  -691 / 32_760,
  1 / 12,
  -3617 / 8160,
] as const;

const halfLogTwoPi = 0.918_938_533_204_672_7;

// From here on eight terms leave an error below 1e-16, while a shift by more steps would cost digits near x = 1 and 2.
const stirlingFrom = 8;
const digammaFrom = 10;

function stirlingCorrection(x: number): number {
  const inverse = 1 / x;
  const square = inverse * inverse;
  let sum = 0;
  for (let k = stirling.length - 1; k >= 0; k--) sum = sum * square + stirling[k]!;
  return sum * inverse;
}

/**
 * Long sums are taken in blocks of this many terms, whose totals are then added: their rounding error is then about
 * (block + n / block) instead of n units, and the value of a likelihood of 10^6 rows smooth enough for a line search.
 */
export const summationBlock = 1024;

/** ln Gamma(x), x > 0. Error below 1e-14, absolute where |ln Gamma| < 1, relative elsewhere. */
export function lgamma(x: number): number {
  let product = 1;
  let shifted = x;
  while (shifted < stirlingFrom) {
    product *= shifted;
    shifted += 1;
  }
  const value = (shifted - 0.5) * Math.log(shifted) - shifted + halfLogTwoPi + stirlingCorrection(shifted);
  return product === 1 ? value : value - Math.log(product);
}

/**
 * ln (Gamma(x + n) / Gamma(x)), x > 0, n >= 0: the log of the rising factorial.
 * Taken as one expression because the difference of two lgamma loses all digits where x is large, and there the
 * likelihoods of nearly homogeneous customers live.
 */
export function logRisingFactorial(x: number, n: number): number {
  if (n === 0) return 0;
  let ratio = 1;
  let shifted = x;
  while (shifted < stirlingFrom) {
    ratio *= shifted / (shifted + n);
    shifted += 1;
  }
  const far = shifted + n;
  const value =
    (shifted - 0.5) * Math.log1p(n / shifted) +
    n * Math.log(far) -
    n +
    stirlingCorrection(far) -
    stirlingCorrection(shifted);
  return ratio === 1 ? value : value + Math.log(ratio);
}

/** ln B(u, v), u and v > 0, by the rising factorial of the larger: exact where one of them is large. */
export function lbeta(u: number, v: number): number {
  const smaller = Math.min(u, v);
  return lgamma(smaller) - logRisingFactorial(Math.max(u, v), smaller);
}

/** The derivative of ln Gamma at x > 0. Error below 1e-14 in the same sense as lgamma. */
export function digamma(x: number): number {
  let shift = 0;
  let shifted = x;
  while (shifted < digammaFrom) {
    shift += 1 / shifted;
    shifted += 1;
  }
  const square = 1 / (shifted * shifted);
  let sum = 0;
  for (let k = digammaSeries.length - 1; k >= 0; k--) sum = (sum + digammaSeries[k]!) * square;
  return Math.log(shifted) - 0.5 / shifted - sum - shift;
}

/** The derivative of digamma at x > 0, by the derivatives of digamma's series; relative error below 1e-14. */
export function trigamma(x: number): number {
  let shift = 0;
  let shifted = x;
  while (shifted < digammaFrom) {
    shift += 1 / (shifted * shifted);
    shifted += 1;
  }
  const square = 1 / (shifted * shifted);
  let sum = 0;
  for (let k = digammaSeries.length; k >= 1; k--) sum = (sum + 2 * k * digammaSeries[k - 1]!) * square;
  return (1 + 0.5 / shifted + sum) / shifted + shift;
}

/** ln (1 + e^z) without overflow. */
export function logOnePlusExp(z: number): number {
  return z > 0 ? z + Math.log1p(Math.exp(-z)) : Math.log1p(Math.exp(z));
}

/** 1 / (1 + e^-z), exact to rounding in both tails. */
export function logistic(z: number): number {
  if (z >= 0) return 1 / (1 + Math.exp(-z));
  const e = Math.exp(z);
  return e / (1 + e);
}

// The logit of 0 and of 1 is infinite; at this distance it is 27.6, and the models never mean it more certainly.
const logitClip = 1e-12;

/** ln (p / (1 - p)) of a probability; 0 and 1 give plus and minus 27.6. */
export function logit(p: number): number {
  const clipped = Math.min(1 - logitClip, Math.max(logitClip, p));
  return Math.log(clipped / (1 - clipped));
}

const sqrtPi = 1.772_453_850_905_516;

/**
 * The complementary error function, relative error below 1e-13: up to 2 by the series of erf with positive terms (Abramowitz
 * & Stegun 7.1.6), beyond by the continued fraction (7.1.14), which has converged after 60 levels there.
 */
export function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  const density = Math.exp(-x * x) / sqrtPi;
  if (x > 2) {
    let below = x;
    for (let level = 60; level >= 1; level--) below = x + level / 2 / below;
    return density / below;
  }
  let [term, sum] = [2 * x, 0];
  for (let n = 1; term > 1e-17 * sum; n++) {
    sum += term;
    term *= (2 * x * x) / (2 * n + 1);
  }
  return 1 - density * sum;
}
