import type { FeatureMatrix } from '../models/classification/feature-matrix.ts';
import type { PurchaseModel } from '../models/purchase-model.ts';
import { buyersMatrix, visitorsMatrix } from './design-matrix.ts';
import { type Population, type Populations, snapshotOf } from './features.ts';
import { purchaseProbabilities } from './purchase-model.ts';

export type PopulationName = 'buyers' | 'visitors';

export interface Question {
  readonly population: PopulationName;
  readonly horizonDays: number;
  /** Fewer customers of either outcome at a cut-off: it trains nothing. */
  readonly minOutcomes: number;
}

/** The customers of a moment as the models see them. */
export interface Sight {
  readonly kind: PopulationName;
  readonly population: Population;
  readonly matrix: FeatureMatrix;
  /** Of the purchase model, for the horizon of the question; empty for visitors or where that model has no fit. */
  readonly purchaseForecast: Float64Array;
}

/** What came of the customers of a cut-off in the past. */
export interface KnownOutcome {
  /** 1 where the customer bought within the horizon. */
  readonly outcome: Uint8Array;
  readonly positives: number;
}

/** A cut-off in the past with what came of it. */
export type Cut = Sight & KnownOutcome;

/** What a question is asked of. `model` is the purchase model whose forecast the classifiers see. */
export function sightOf(
  populations: Populations,
  { population: kind, horizonDays }: Pick<Question, 'population' | 'horizonDays'>,
  model: PurchaseModel | undefined,
): Sight {
  const population = populations[kind];
  const none = new Float64Array(0);
  if (kind === 'visitors')
    return { kind, population, matrix: visitorsMatrix(population), purchaseForecast: none };
  const forecast = model
    ? purchaseProbabilities(model, snapshotOf(population), horizonDays)
    : new Float64Array(population.size).fill(0.5);
  const matrix = buyersMatrix(population, forecast);
  return { kind, population, matrix, purchaseForecast: model ? forecast : none };
}

/** The outcome, or `undefined` where too few did one thing or the other. */
export function knownOutcome(bought: Float64Array, minOutcomes: number): KnownOutcome | undefined {
  const outcome = Uint8Array.from(bought);
  const positives = outcome.reduce((sum, value) => sum + value, 0);
  return Math.min(positives, outcome.length - positives) >= minOutcomes ? { outcome, positives } : undefined;
}
