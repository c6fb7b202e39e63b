import { AppError } from '../errors.ts';

/** @throws AppError MODEL_BAD_INPUT unless both have one length, the left is within its bounds and the right valid. */
export function checkPairs(
  left: { name: string; values: Float64Array; min?: number; max?: number },
  right: { name: string; values: ArrayLike<number>; isValid: (value: number) => boolean; expected: string },
): void {
  const { min = -Number.MAX_VALUE, max = Number.MAX_VALUE } = left;
  if (left.values.length !== right.values.length) {
    throw new AppError('MODEL_BAD_INPUT', `${left.name} and ${right.name} differ in length.`, {
      details: { [left.name]: left.values.length, [right.name]: right.values.length },
    });
  }
  for (let row = 0; row < left.values.length; row++) {
    const value = left.values[row]!;
    if (!(value >= min && value <= max)) {
      throw new AppError('MODEL_BAD_INPUT', `Row ${row}: ${left.name} is ${value}.`, {
        details: { row, min, max },
        hint: `Give finite numbers from ${min} to ${max}.`,
      });
    }
    if (!right.isValid(right.values[row]!)) {
      throw new AppError('MODEL_BAD_INPUT', `Row ${row}: ${right.name} is ${right.values[row]}.`, {
        details: { row },
        hint: `Give ${right.expected}.`,
      });
    }
  }
}

/** Predicted probabilities against what happened, 0 or 1. @throws AppError MODEL_BAD_INPUT */
export function checkProbabilities(predicted: Float64Array, outcome: ArrayLike<number>): void {
  checkPairs(
    { name: 'predicted', values: predicted, min: 0, max: 1 },
    { name: 'outcome', values: outcome, isValid: (value) => value === 0 || value === 1, expected: '0 or 1' },
  );
}

/** Positions in ascending order of value; equal values keep their order, so the result is the same everywhere. */
export function ascendingOrder(values: Float64Array): Uint32Array {
  const order = new Uint32Array(values.length);
  for (let i = 0; i < order.length; i++) order[i] = i;
  return order.sort((i, j) => values[i]! - values[j]! || i - j);
}
