/** Where `dropoutIntegral` writes its results: the value and its derivatives in k, s and c. */
export interface DropoutIntegral {
  value: number;
  byK: number;
  byS: number;
  byC: number;
}

// Up to here the series needs at most 370 terms; beyond, the trapezoidal rule is as fast.
const seriesUpTo = 0.9;

interface Series {
  value: number;
  byP: number;
  byQ: number;
  byZ: number;
}

/** 2F1(1, p; q; z) = sum_n (p)_n / (q)_n z^n with derivatives in p, q and z; positive terms only for 0 <= z < 1, q > p. */
function gaussSeries(p: number, q: number, z: number, out: Series): void {
  let term = 1;
  let [value, byP, byQ, byZ] = [1, 0, 0, 0];
  let [logSlopeP, logSlopeQ] = [0, 0];
  for (let n = 0; term > 1e-17 * (1 - z) * value; n++) {
    logSlopeP += 1 / (p + n);
    logSlopeQ -= 1 / (q + n);
    // The derivative in z of z^(n+1), before the power is raised.
    const step = (p + n) / (q + n);
    byZ += (n + 1) * step * term;
    term *= step * z;
    value += term;
    byP += term * logSlopeP;
    byQ += term * logSlopeQ;
  }
  out.value = value;
  out.byP = byP;
  out.byQ = byQ;
  out.byZ = byZ;
}

const series: Series = { value: 0, byP: 0, byQ: 0, byZ: 0 };

/** c <= 1: s / (s + k) 2F1(1, k; s + k + 1; 1 - c). */
function bySeriesBelow(k: number, s: number, c: number, out: DropoutIntegral): void {
  gaussSeries(k, s + k + 1, 1 - c, series);
  const share = s / (s + k);
  out.value = share * series.value;
  out.byK = share * (series.byP + series.byQ) - out.value / (s + k);
  out.byS = share * series.byQ + (out.value * k) / (s * (s + k));
  out.byC = -share * series.byZ;
}

/** c > 1, by Pfaff's transformation: s / ((s + k) c) 2F1(1, s + 1; s + k + 1; 1 - 1 / c). */
function bySeriesAbove(k: number, s: number, c: number, out: DropoutIntegral): void {
  gaussSeries(s + 1, s + k + 1, 1 - 1 / c, series);
  const share = s / ((s + k) * c);
  out.value = share * series.value;
  out.byK = share * series.byQ - out.value / (s + k);
  out.byS = share * (series.byP + series.byQ) + (out.value * k) / (s * (s + k));
  out.byC = (share * series.byZ) / (c * c) - out.value / c;
}

function softplus(y: number): number {
  return y > 0 ? y + Math.log1p(Math.exp(-y)) : Math.log1p(Math.exp(y));
}

/**
 * Adds the terms after the one at y to the sums, where the integrand has become term q^n: without this closed form a
 * march to the end would take 40 / (s + k) units, for ever in a line search that tries a shape near 0.
 */
function addTail(term: number, decay: number, logV: number, logCV: number, out: DropoutIntegral): void {
  const rest = -Math.expm1(-decay * step);
  const sum = (term * (1 - rest)) / rest;
  const distance = (step * sum) / rest;
  out.value += sum;
  out.byK -= sum * logCV + distance;
  out.byS -= sum * logV + distance;
  out.byC -= sum;
}

// By this step the rule is exact to 1e-14 for k and s from 0.01 to 10,000 and c from 1e-4 to 1e4.
const step = 0.2;
// From e^37 on 1 + v is v in double precision.
const powerFrom = 37;

/** One direction of the rule from w = start, summed into `out` without the factor s. */
function march(
  k: number,
  s: number,
  c: number,
  start: number,
  direction: 1 | -1,
  out: DropoutIntegral,
): void {
  const logC = Math.log(c);
  const middle = -Math.log(s + 1 + k * c);
  let previous = 0;
  for (let w = start; ; w += direction * step) {
    const bend = Math.exp(-w);
    const y = middle + w - bend;
    const logV = softplus(y);
    const logCV = softplus(y + logC);
    const term = step * (1 + bend) * Math.exp(y - (s + 1) * logV - k * logCV);
    out.value += term;
    out.byK -= term * logCV;
    out.byS -= term * logV;
    // c v / (1 + c v), from the logarithms, which hold where v itself would overflow.
    out.byC -= term * Math.exp(y + logC - logCV);
    if (term <= 1e-18 * out.value && term <= previous) return;
    if (w > powerFrom && Math.min(y, y + logC) > powerFrom) {
      addTail(term, s + k, logV, logCV, out);
      return;
    }
    previous = term;
  }
}

/**
 * The trapezoidal rule in w, v = e^y, y = w - e^-w + a constant: the integrand is log-concave, so that its ends can be found by
 * marching, and analytic, so that the rule converges exponentially (Takahasi & Mori 1974, Publ. RIMS 9:721).
 */
function byTrapezoid(k: number, s: number, c: number, out: DropoutIntegral): void {
  out.value = out.byK = out.byS = out.byC = 0;
  march(k, s, c, 0, 1, out);
  march(k, s, c, -step, -1, out);
  out.byS = out.value + s * out.byS;
  out.byC *= (s * k) / c;
  out.byK *= s;
  out.value *= s;
}

/**
 * g(k, s, c) = s int_0^inf (1 + v)^-(s+1) (1 + c v)^-k dv: with k = r + x and c = (beta + t) / (alpha + t), the probability
 * that a customer of Pareto/NBD who is alive at t drops out before the next purchase. Between 0 and 1.
 * It is s / (s + k) 2F1(1, k; s + k + 1; 1 - c), a form of the 2F1 in appendix A1 of Fader & Hardie (2005), A note on deriving the
 * Pareto/NBD model. Unlike the difference of two such functions in the published likelihood it neither cancels nor
 * overflows. Relative error below 1e-13; 0.1 to 4 microseconds. Arguments positive and finite.
 */
export function dropoutIntegral(k: number, s: number, c: number, out: DropoutIntegral): void {
  if (c <= 1) {
    if (1 - c <= seriesUpTo) bySeriesBelow(k, s, c, out);
    else byTrapezoid(k, s, c, out);
  } else if (1 - 1 / c <= seriesUpTo) bySeriesAbove(k, s, c, out);
  else byTrapezoid(k, s, c, out);
}
