import { checkDiscountRate } from './purchase-histories.ts';
import type { PurchaseModel } from './purchase-model.ts';
import { gaussLegendre } from './quadrature.ts';

const [few, many] = [gaussLegendre(12), gaussLegendre(32)];
// Up to here e^(-rate t) is near a parabola.
const gentle = 2;
// Beyond, a purchase is worth e^-40 of one today.
const worthless = 40;

/**
 * Expected purchases within `horizon` after T, each discounted by e^(-rate * time from T): the residual value over a finite
 * horizon, in purchases. By parts, the integral of e^(-rate t) dE(t) is e^(-rate h) E(h) + rate int_0^h e^(-rate t) E(t) dt, so
 * that the model's own expectation E is all it takes; t = h s^3 puts the nodes where a newcomer's E bends.
 * For CDNOW's parameters of each model, and histories from T = 0 to 300 purchases, the relative error is below 1e-8, and against
 * discountedExpectedResidualTransactions, for a horizon without end, below 1e-11. 13 expectations a customer, 33 where rate * horizon is
 * above 2.
 * @param rate continuous, per unit of the model's time, 0 or more: ln(1.15) / 52 a week for 15 % a year
 * @throws AppError MODEL_BAD_INPUT
 */
export function discountedPurchases(
  model: PurchaseModel,
  rate: number,
  horizon: number,
  x: number,
  tx: number,
  T: number,
): number {
  if (rate !== 0) checkDiscountRate(rate);
  const end = Math.min(horizon, worthless / rate);
  const atEnd = Math.exp(-rate * end) * model.expectedPurchases(end, x, tx, T);
  if (rate === 0) return atEnd;
  const { nodes, weights } = rate * end <= gentle ? few : many;
  let sum = 0;
  for (let i = 0; i < nodes.length; i++) {
    const s = nodes[i]!;
    const t = end * s * s * s;
    sum += weights[i]! * s * s * Math.exp(-rate * t) * model.expectedPurchases(t, x, tx, T);
  }
  return atEnd + 3 * rate * end * sum;
}
