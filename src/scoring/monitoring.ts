import type { FeatureMatrix } from '../models/classification/feature-matrix.ts';
import type { FeatureDrift } from '../models/drift.ts';
import type { Sight } from './cut.ts';
import type { Populations } from './features.ts';
import type { ProbabilityModel } from './probability-model.ts';

/** What was said of all customers together, to be held against what comes. */
export interface Said {
  readonly horizonDays: number;
  readonly customers: number;
  /** Mean probability of a purchase within the horizon. */
  readonly said: number;
  /** Of the share that will buy, if each probability is right and chance alone decides. */
  readonly standardError: number;
}

export function saidOf(horizonDays: number, probabilities: Float64Array): Said {
  const customers = probabilities.length;
  let [sum, variance] = [0, 0];
  for (const p of probabilities) {
    sum += p;
    variance += p * (1 - p);
  }
  const count = Math.max(1, customers);
  return { horizonDays, customers, said: sum / count, standardError: Math.sqrt(variance) / count };
}

/** Name of the forecast itself among what is watched for drift. */
const FORECAST = 'forecast';

/** What is watched: the features of a model, and what it says. */
export function watched({ matrix }: Sight, probabilities: Float64Array): FeatureMatrix {
  return {
    names: [...matrix.names, FORECAST],
    rows: matrix.rows,
    columns: [...matrix.columns, probabilities],
  };
}

/** How far these customers are from those that the model was trained on; empty where there is nobody. */
export function driftOf(model: ProbabilityModel, populations: Populations): FeatureDrift[] {
  const sight = model.sightOf(populations);
  return sight.matrix.rows > 0 ? model.reference.compare(watched(sight, model.candidate.predict(sight))) : [];
}
