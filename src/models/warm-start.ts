import { AppError } from '../errors.ts';
import type { Objective } from './line-search.ts';
import { runaways } from './log-parameters.ts';
import { type MinimizeOptions, type Minimum, minimize } from './optimize.ts';
import type { PurchaseHistories } from './purchase-model.ts';

// Of 10^6 customers every 16th: the search over the whole then takes 5 evaluations in place of 22. Every 8th takes as many,
// every 64th 8; without the curvature that the sample's search found, 15.
const stride = 16;
// The sample has to determine the parameters, or its minimum is no place to start from.
const leastRows = stride * 4096;
// Finer than the sample's minimum lies from that of the whole, by far.
const sampleTolerance = 1e-6;

function sampleOf({ frequency, recency, T, weight }: PurchaseHistories): PurchaseHistories {
  const pick = (values: Float64Array) =>
    Float64Array.from({ length: Math.floor(values.length / stride) }, (_, i) => values[i * stride]!);
  const sample = { frequency: pick(frequency), recency: pick(recency), T: pick(T) };
  return weight ? { ...sample, weight: pick(weight) } : sample;
}

function fromSample(
  objective: Objective,
  ofSample: Objective,
  centre: Float64Array,
  options: MinimizeOptions,
): Minimum | undefined {
  try {
    const sample = minimize(ofSample, centre, { gradientTolerance: sampleTolerance });
    if (runaways(Array.from(centre, String), sample.point, [...centre]).length > 0) return undefined;
    return minimize(objective, sample.point, { ...options, curvature: sample.curvature });
  } catch (error) {
    if (error instanceof AppError && error.code === 'MODEL_NO_CONVERGENCE') return undefined;
    throw error;
  }
}

/**
 * The minimum of an objective of the data. With many customers the search begins at the minimum for a sample of them, with what
 * was learnt there of the curvature; with few, or where that leads nowhere, at `centre`, knowing nothing.
 * @throws AppError MODEL_NO_CONVERGENCE
 */
export function minimizeFromSample(
  objective: Objective,
  data: PurchaseHistories,
  objectiveOf: (sample: PurchaseHistories) => Objective,
  centre: Float64Array,
  options: MinimizeOptions = {},
): Minimum {
  const found =
    data.T.length < leastRows
      ? undefined
      : fromSample(objective, objectiveOf(sampleOf(data)), centre, options);
  return found ?? minimize(objective, centre, options);
}
