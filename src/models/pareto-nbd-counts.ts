import type { ParetoNbdParameters } from './pareto-nbd-likelihood.ts';
import { paretoNbdProbabilityAlive } from './pareto-nbd-prediction.ts';
import { addNegativeBinomial, checkTail, checkTerms, PurchaseCounts } from './purchase-counts.ts';
import { checkArguments } from './purchase-histories.ts';
import { gaussLegendre, type QuadratureRule } from './quadrature.ts';

const counts = new PurchaseCounts();
const rules = new Map<number, QuadratureRule>();

function ruleOf(count: number): QuadratureRule {
  const rule = rules.get(count) ?? gaussLegendre(count);
  rules.set(count, rule);
  return rule;
}

// Where e^-36 of the customers are left nobody is.
const exhausted = 36;
const leastNodes = 16;
const nodesPerDeviation = 4;

/**
 * Adds the purchases of those who drop out at some u within the horizon: given u, negative binomial. The nodes are
 * equally dense in theta, u = A sinh(theta)^2, in which every negative binomial of the shape is about equally wide,
 * 1 / (2 sqrt(shape)) or more. Against 512 nodes the cumulated probabilities err, for shapes of 0.05 to 20, scales of 0.5 to
 * 100, x up to 300, T from 0.001 to 300 and horizons of 1 to 200 (2,000 random cases), by 2e-12 in 90 %, 1e-8 in 99 %, 2e-6 at worst.
 */
function addDropouts(
  mass: number,
  [shape, A]: readonly [number, number],
  [s, B]: readonly [number, number],
  horizon: number,
  tail: number,
): void {
  const last = Math.min(horizon, B * Math.expm1(exhausted / s));
  const upper = Math.asinh(Math.sqrt(last / A));
  let size = leastNodes;
  while (size < nodesPerDeviation * Math.sqrt(shape) * upper) size *= 2;
  const { nodes, weights } = ruleOf(size);
  const odds = new Float64Array(size);
  const density = new Float64Array(size);
  let total = 0;
  for (let i = 0; i < size; i++) {
    const root = Math.sinh(upper * nodes[i]!);
    const u = root * root;
    const slope = root * Math.sqrt(1 + u);
    odds[i] = u;
    density[i] = weights[i]! * slope * Math.exp(-(s + 1) * Math.log1p((A * u) / B));
    total += density[i]!;
  }
  // The mass is known in closed form, so that the rule gives only the shape of the density.
  for (let i = 0; i < size; i++) {
    addNegativeBinomial(counts, (mass * density[i]!) / total, shape, odds[i]!, tail);
  }
}

/**
 * P(n purchases in (T, T + horizon] | x, t_x, T), n = 0, 1, …, until the rest is at most `tail`. The quantity of Fader &
 * Hardie (2014), Deriving the conditional PMF of the Pareto/NBD model; not by its sums of hypergeometric functions, which
 * cancel, but as a mixture with positive weights: the time to buy is the horizon or ends at a dropout before, and given that
 * time the purchases of one who is alive at T are negative binomial. Some 5 microseconds.
 */
export function paretoNbdPurchaseCounts(
  parameters: ParetoNbdParameters,
  horizon: number,
  x: number,
  tx: number,
  T: number,
  tail: number,
): Float64Array {
  checkArguments(horizon, x, tx, T);
  checkTail(tail);
  const { r, alpha, s, beta } = parameters;
  const [shape, A, B] = [r + x, alpha + T, beta + T];
  checkTerms(shape, horizon / A, horizon, x, T);
  const alive = paretoNbdProbabilityAlive(parameters, x, tx, T);
  const logStays = -s * Math.log1p(horizon / B);
  counts.clear();
  addNegativeBinomial(counts, alive * Math.exp(logStays), shape, horizon / A, tail / 2);
  if (logStays < 0) addDropouts(alive * -Math.expm1(logStays), [shape, A], [s, B], horizon, tail / 2);
  const { values, length } = counts;
  values[0]! += 1 - alive;
  let rest = 1;
  for (let n = 0; n < length; n++) {
    rest -= values[n]!;
    if (rest <= tail) return values.slice(0, n + 1);
  }
  return values.slice(0, length);
}
