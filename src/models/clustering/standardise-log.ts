import { AppError } from '../../errors.ts';
import {
  checkFeatureMatrix,
  checkSameFeatures,
  type FeatureMatrix,
} from '../classification/feature-matrix.ts';
import { isRecord, readNumbers } from './clustering-json.ts';
import type { Points } from './points.ts';

/** Index i of `means` and `deviations` belongs to `names[i]`; both in units of the logarithm. */
export interface StandardiseLogJson {
  readonly names: readonly string[];
  readonly means: readonly number[];
  /** 0 for a feature that was constant. */
  readonly deviations: readonly number[];
}

export interface FittedStandardiseLog extends StandardiseLogJson {
  /** @throws AppError MODEL_BAD_INPUT for other features or a value that is not finite */
  transform(matrix: FeatureMatrix): Points;
  /** The value of the feature at a standardised value. */
  inverse(feature: number, standardised: number): number;
  toJSON(): StandardiseLogJson;
}

/** Money may be negative where refunds outweigh, so the logarithm is mirrored at 0; it is close to x near 0. */
function signedLog(value: number): number {
  return value < 0 ? -Math.log1p(-value) : Math.log1p(value);
}

function signedExponential(value: number): number {
  return value < 0 ? -Math.expm1(-value) : Math.expm1(value);
}

/** Mean and population standard deviation of the logarithms (Welford, Technometrics 4(3), 1962: stable in one pass). */
function moments(column: Float64Array): { mean: number; deviation: number } {
  let mean = 0;
  let squares = 0;
  for (let row = 0; row < column.length; row++) {
    const value = signedLog(column[row]!);
    const difference = value - mean;
    mean += difference / (row + 1);
    squares += difference * (value - mean);
  }
  const deviation = Math.sqrt(squares / column.length);
  // Below this the spread is the rounding of the sums: a z-score would blow it up to the size of a real difference.
  return { mean, deviation: deviation > 1e-12 * Math.abs(mean) ? deviation : 0 };
}

function transformed(matrix: FeatureMatrix, scale: StandardiseLogJson): Points {
  const dimensions = scale.names.length;
  const values = new Float64Array(matrix.rows * dimensions);
  for (let d = 0; d < dimensions; d++) {
    const deviation = scale.deviations[d]!;
    // A feature that was constant told customers apart nowhere, so it stays without a say later.
    if (deviation === 0) continue;
    const mean = scale.means[d]!;
    const column = matrix.columns[d]!;
    for (let row = 0; row < matrix.rows; row++) {
      values[row * dimensions + d] = (signedLog(column[row]!) - mean) / deviation;
    }
  }
  return { rows: matrix.rows, dimensions, values };
}

function fitted(json: StandardiseLogJson): FittedStandardiseLog {
  const names = Object.freeze([...json.names]);
  const means = Object.freeze([...json.means]);
  const deviations = Object.freeze([...json.deviations]);
  const scale = Object.freeze({ names, means, deviations });
  return Object.freeze<FittedStandardiseLog>({
    ...scale,
    transform(matrix) {
      checkFeatureMatrix(matrix, 'refused');
      checkSameFeatures(names, matrix);
      return transformed(matrix, scale);
    },
    inverse: (feature, standardised) =>
      signedExponential(means[feature]! + deviations[feature]! * standardised),
    toJSON: () => scale,
  });
}

/**
 * Learns the signed logarithm sign(x) ln(1 + |x|) and its z-score, feature by feature: counts, days and money are
 * skewed, and a distance between raw values would see the few largest customers only.
 * @throws AppError MODEL_BAD_INPUT for no rows, no features or a value that is not finite
 */
export function fitStandardiseLog(matrix: FeatureMatrix): FittedStandardiseLog {
  checkFeatureMatrix(matrix, 'refused');
  if (matrix.rows === 0 || matrix.names.length === 0) {
    throw new AppError('MODEL_BAD_INPUT', 'No customers or no features: there is nothing to group.', {
      details: { rows: matrix.rows, names: matrix.names },
    });
  }
  const all = matrix.columns.map(moments);
  return fitted({
    names: matrix.names,
    means: all.map(({ mean }) => mean),
    deviations: all.map(({ deviation }) => deviation),
  });
}

/** Restores what `toJSON` wrote. @throws AppError MODEL_BAD_INPUT for anything else */
export function standardiseLogFromJSON(json: unknown): FittedStandardiseLog {
  const names = isRecord(json) ? json['names'] : undefined;
  if (!isRecord(json) || !Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
    throw new AppError('MODEL_BAD_INPUT', 'Not a stored standardisation: it names no features.');
  }
  const means = readNumbers(json, 'means', names.length);
  const deviations = readNumbers(json, 'deviations', names.length);
  return fitted({ names, means, deviations });
}
