import { AppError } from '../errors.ts';

// Some 0.05 s of work for one customer; a request beyond is a horizon out of all proportion to the history.
const maxTerms = 10_000_000;

/** @throws AppError MODEL_BAD_INPUT where the counts that matter, of a negative binomial, are too many to sum. */
export function checkTerms(shape: number, odds: number, horizon: number, x: number, T: number): void {
  if (shape * odds + 40 * (1 + odds) <= maxTerms) return;
  throw new AppError('MODEL_BAD_INPUT', `A horizon of ${horizon} is too long for a history of ${T}.`, {
    details: { horizon, frequency: x, T },
    hint: 'Ask for a shorter horizon.',
  });
}

// Sums of probabilities are good to some 1e-15 a term: a smaller tail would be rounding.
const leastTail = 1e-12;

/** @throws AppError MODEL_BAD_INPUT */
export function checkTail(tail: number): void {
  if (tail >= leastTail && tail < 1) return;
  throw new AppError('MODEL_BAD_INPUT', `The tail must be from ${leastTail} to below 1, not ${tail}.`, {
    details: { tail },
  });
}

/** Probabilities of 0, 1, 2, … purchases while they are summed: room that grows and is used again for the next customer. */
export class PurchaseCounts {
  values: Float64Array = new Float64Array(256);
  length = 0;

  clear(): void {
    this.values.fill(0, 0, this.length);
    this.length = 0;
  }

  grow(): Float64Array {
    const larger = new Float64Array(2 * this.values.length);
    larger.set(this.values);
    this.values = larger;
    return larger;
  }
}

// Far from overflow even after one more growth step of any shape.
const foldAbove = 1e200;

/**
 * Adds `weight` times the negative binomial of a shape and of odds = time / rate: purchases within a time whose rate is
 * gamma(shape, rate). It stops where the rest is below `weight` times `tail`.
 * P(0) = e^logScale underflows for shapes in the thousands, so a term is kept apart from its scale.
 */
export function addNegativeBinomial(
  counts: PurchaseCounts,
  weight: number,
  shape: number,
  odds: number,
  tail: number,
): void {
  const z = odds / (1 + odds);
  let logScale = -shape * Math.log1p(odds);
  let scale = Math.exp(logScale);
  let { values } = counts;
  let term = 1;
  let k = 0;
  for (; ; k++) {
    if (k === values.length) values = counts.grow();
    const probability = term * scale;
    values[k]! += weight * probability;
    const growth = (z * (shape + k)) / (k + 1);
    // Past the mode the rest is below a geometric series.
    if (growth < 1 && probability * growth <= tail * (1 - growth)) break;
    term *= growth;
    if (term > foldAbove) {
      term /= foldAbove;
      logScale += Math.log(foldAbove);
      scale = Math.exp(logScale);
    }
  }
  counts.length = Math.max(counts.length, k + 1);
}
