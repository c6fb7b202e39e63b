/** Where `regularizedBeta` writes: the distribution function, and its derivative in the log-odds. */
export interface BetaPoint {
  cdf: number;
  density: number;
}

// Far above what is needed, some sqrt(max(a, b)) steps: a guard against parameters that are not finite.
const maxSteps = 1_000_000;

/** The continued fraction of I_u(a, b), u below its mean: Abramowitz & Stegun 26.5.8, by the method of Lentz. */
function continuedFraction(a: number, b: number, u: number): number {
  let c = 1;
  let d = 1 / (1 - ((a + b) * u) / (a + 1));
  let value = d;
  for (let m = 1; m < maxSteps; m++) {
    const twice = a + 2 * m;
    const even = (m * (b - m) * u) / ((twice - 1) * twice);
    d = 1 / (1 + even * d);
    c = 1 + even / c;
    value *= d * c;
    const odd = (-(a + m) * (a + b + m) * u) / (twice * (twice + 1));
    d = 1 / (1 + odd * d);
    c = 1 + odd / c;
    const change = d * c;
    value *= change;
    if (Math.abs(change - 1) < 1e-15) break;
  }
  return value;
}

/**
 * I_u(a, b), the distribution function of beta(a, b) at u = 1 / (1 + e^-logOdds), or of the beta-prime at e^logOdds, a and b
 * positive; `logBeta` is ln B(a, b). In log-odds because there both tails have all their digits. Relative error below 1e-11 of
 * the smaller tail for a and b up to 1,000.
 */
export function regularizedBeta(
  logOdds: number,
  a: number,
  b: number,
  logBeta: number,
  out: BetaPoint,
): void {
  const e = Math.exp(-Math.abs(logOdds));
  const log = Math.log1p(e);
  const [smaller, larger] = [e / (1 + e), 1 / (1 + e)];
  // ln u and ln (1 - u): the one above 1/2 is -log, the other -log - |logOdds|.
  const above = logOdds > 0;
  const logU = above ? -log : logOdds - log;
  const logRest = above ? -logOdds - log : -log;
  const u = above ? larger : smaller;
  const density = Math.exp(a * logU + b * logRest - logBeta);
  out.density = density;
  out.cdf =
    u < (a + 1) / (a + b + 2)
      ? (density / a) * continuedFraction(a, b, u)
      : 1 - (density / b) * continuedFraction(b, a, above ? smaller : larger);
}
