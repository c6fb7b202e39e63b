import type { FittedClassifier } from '../models/classification/classifier.ts';
import type { FeatureMatrix } from '../models/classification/feature-matrix.ts';
import { blockRows } from '../models/classification/gradient-boosted-trees.ts';
import { logistic } from '../models/special-functions.ts';

/** Three reasons are read, ten are not; a tenth of log-odds moves a probability by a fortieth at most. */
export const MOST_REASONS = 3;
const LEAST_EFFECT = 0.1;

/** Of each row the features that moved its forecast most, MOST_REASONS places a row, the strongest first. */
export interface StrongestEffects {
  /** Place in the names of the matrix; -1 where no further feature counts. */
  readonly features: Int16Array;
  /** In log-odds before calibration. */
  readonly effects: Float64Array;
}

function isPicked(features: Int16Array, from: number, to: number, j: number): boolean {
  for (let at = from; at < to; at++) if (features[at] === j) return true;
  return false;
}

/** `effects` of one row begins at `at`; each is divided by `divisor`. */
function pickStrongest(
  effects: Float64Array,
  at: number,
  width: number,
  divisor: number,
  row: number,
  strongest: StrongestEffects,
): void {
  // A million customers are asked: three passes over two dozen numbers cost less than sorting as many objects.
  const first = row * MOST_REASONS;
  for (let pick = first; pick < first + MOST_REASONS; pick++) {
    let best = -1;
    let strength = LEAST_EFFECT * divisor;
    for (let j = 0; j < width; j++) {
      const own = Math.abs(effects[at + j]!);
      if (own < strength || (own === strength && best >= 0)) continue;
      if (isPicked(strongest.features, first, pick, j)) continue;
      [best, strength] = [j, own];
    }
    strongest.features[pick] = best;
    strongest.effects[pick] = best < 0 ? 0 : effects[at + best]! / divisor;
  }
}

/**
 * Each model's forecasts, and what moved the mean of their log-odds. A block of rows at a time: all effects of a million customers would take
 * 200 MB.
 */
export function explainTogether(
  models: readonly FittedClassifier[],
  matrix: FeatureMatrix,
): { forecasts: Float64Array[]; strongest: StrongestEffects } {
  const { rows } = matrix;
  const width = matrix.names.length;
  const explains = models.map((model) => model.explain(matrix));
  const forecasts = models.map(() => new Float64Array(rows));
  const strongest = {
    features: new Int16Array(rows * MOST_REASONS),
    effects: new Float64Array(rows * MOST_REASONS),
  };
  const logOdds = new Float64Array(blockRows);
  const effects = new Float64Array(blockRows * width);
  for (let from = 0; from < rows; from += blockRows) {
    const to = Math.min(rows, from + blockRows);
    effects.fill(0);
    explains.forEach((explain, m) => {
      explain(from, to, logOdds, effects);
      for (let row = from; row < to; row++) forecasts[m]![row] = logistic(logOdds[row - from]!);
    });
    for (let row = from; row < to; row++) {
      pickStrongest(effects, (row - from) * width, width, models.length, row, strongest);
    }
  }
  return { forecasts, strongest };
}
