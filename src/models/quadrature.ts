/** Nodes and weights of a rule on the unit interval or over a distribution: the integral is about sum w f(node). */
export interface QuadratureRule {
  readonly nodes: Float64Array;
  readonly weights: Float64Array;
}

/**
 * Gauss-Legendre on [0, 1] with `count` nodes, exact for polynomials of degree 2 count - 1. The nodes are the zeros of the
 * Legendre polynomial, by Newton from the asymptotic places (Abramowitz & Stegun 22.16.6, 25.4.29).
 */
export function gaussLegendre(count: number): QuadratureRule {
  const nodes = new Float64Array(count);
  const weights = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let z = Math.cos((Math.PI * (i + 0.75)) / (count + 0.5));
    let slope = 1;
    for (let iteration = 0; iteration < 20; iteration++) {
      let [previous, value] = [1, z];
      for (let k = 2; k <= count; k++) {
        [previous, value] = [value, ((2 * k - 1) * z * value - (k - 1) * previous) / k];
      }
      slope = (count * (z * value - previous)) / (z * z - 1);
      const step = value / slope;
      z -= step;
      if (Math.abs(step) < 1e-15) break;
    }
    nodes[i] = (1 - z) / 2;
    weights[i] = 1 / ((1 - z * z) * slope * slope);
  }
  return { nodes, weights };
}

// Below e^-40 of the peak nothing counts in double precision.
const negligible = 40;

/**
 * A rule for expectations under a log-concave density on the real line, given up to a factor: the trapezoidal rule, which
 * converges exponentially for analytic integrands that vanish at both ends (Trefethen & Weideman 2014, SIAM Review 56:385).
 * Half a standard deviation, and at most a quarter, is a step that leaves 1e-12 for the densities below.
 */
function expectationRule(logDensity: (y: number) => number, mode: number, curvature: number): QuadratureRule {
  const step = Math.min(0.25, 0.5 / Math.sqrt(curvature));
  const peak = logDensity(mode);
  const nodes: number[] = [];
  const weights: number[] = [];
  let total = 0;
  for (const direction of [1, -1]) {
    for (let i = direction === 1 ? 0 : 1; ; i++) {
      const y = mode + direction * i * step;
      const below = logDensity(y) - peak;
      if (below < -negligible) break;
      nodes.push(y);
      weights.push(Math.exp(below));
      total += weights.at(-1)!;
    }
  }
  return { nodes: Float64Array.from(nodes), weights: Float64Array.from(weights, (w) => w / total) };
}

/** A rule for E[f(Y)], Y ~ gamma(shape, rate). Takes some 160 / shape nodes for small shapes: keep them above 0.05. */
export function gammaExpectation(shape: number, rate: number): QuadratureRule {
  const rule = expectationRule((y) => shape * y - Math.exp(y), Math.log(shape), shape);
  return { nodes: rule.nodes.map((y) => Math.exp(y) / rate), weights: rule.weights };
}

/** A rule for E[f(P)], P ~ beta(a, b), taken in the logit of P. Keep a and b above 0.05, as with the gamma. */
export function betaExpectation(a: number, b: number): QuadratureRule {
  const logDensity = (y: number) => (y > 0 ? -b * y : a * y) - (a + b) * Math.log1p(Math.exp(-Math.abs(y)));
  const rule = expectationRule(logDensity, Math.log(a / b), (a * b) / (a + b));
  return { nodes: rule.nodes.map((y) => 1 / (1 + Math.exp(-y))), weights: rule.weights };
}
