import { AppError } from '../../errors.ts';
import { checkFeatureMatrix, type FeatureMatrix } from '../classification/feature-matrix.ts';
import { roughness, roundestBetween } from './round-threshold.ts';

/** Features cut into at most 256 bins by round thresholds: bin b of a feature holds x <= thresholds[b]. */
export interface BinnedFeatures {
  readonly names: readonly string[];
  readonly rows: number;
  readonly thresholds: readonly Float64Array[];
  readonly bins: readonly Uint8Array[];
  /** As `roughness` says, of each threshold. */
  readonly roughness: readonly Float64Array[];
}

/** Gaps between them and one cut more leave at most 256 bins: one byte a value. */
const quantiles = 254;
function firstAtLeast(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! >= value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The roundest number between neighbouring quantiles, and one that parts the highest value from the rest. */
function roundThresholds(column: Float64Array, inDays: boolean): Float64Array {
  const sorted = column.slice().sort();
  const last = sorted.length - 1;
  const lowest = sorted[0]!;
  const highest = sorted[last]!;
  if (lowest === highest) return new Float64Array(0);
  const cuts = new Set<number>();
  cuts.add(roundestBetween(sorted[firstAtLeast(sorted, highest) - 1]!, highest, inDays));
  let below = lowest;
  for (let quantile = 1; quantile <= quantiles; quantile++) {
    const value = sorted[Math.ceil((quantile * last) / quantiles)]!;
    if (value > below) cuts.add(roundestBetween(below, value, inDays));
    below = value;
  }
  return Float64Array.from(cuts).sort();
}

/** @param inDays which features are counted in days @throws AppError MODEL_BAD_INPUT */
export function binFeatures(matrix: FeatureMatrix, inDays: (name: string) => boolean): BinnedFeatures {
  checkFeatureMatrix(matrix, 'refused');
  if (matrix.rows === 0) throw new AppError('MODEL_BAD_INPUT', 'No customers: there is nothing to explain.');
  const thresholds = matrix.columns.map((column, f) => roundThresholds(column, inDays(matrix.names[f]!)));
  const bins = matrix.columns.map((column, f) =>
    Uint8Array.from(column, (value) => firstAtLeast(thresholds[f]!, value)),
  );
  const rough = thresholds.map((values, f) =>
    values.map((value) => roughness(value, inDays(matrix.names[f]!))),
  );
  return { names: matrix.names, rows: matrix.rows, thresholds, bins, roughness: rough };
}
