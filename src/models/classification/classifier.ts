import { AppError } from '../../errors.ts';
import { checkFeatureMatrix, type FeatureMatrix } from './feature-matrix.ts';

/** Why one row got its probability: `base` plus the sum of `features` is `logOdds`, to rounding. */
export interface Contributions {
  /** Log-odds where nothing is known of the row: what a training row gets on average, or the average training row. */
  readonly base: number;
  /** What each feature, in the order of `names`, adds to the log-odds. */
  readonly features: Float64Array;
  /** logistic(logOdds) is what `predict` returns for the row, to the bit. */
  readonly logOdds: number;
}

/**
 * Writes for the rows from `from` up to but not including `to`: into `logOdds` one value a row, logistic() of which is what `predict` returns,
 * to the bit; and adds to `effects`, row by row as many as there are features, what `contributions` calls `features`.
 */
export type ExplainRows = (from: number, to: number, logOdds: Float64Array, effects: Float64Array) => void;

/** A fitted model of the probability that the outcome is 1. */
export interface FittedClassifier {
  /** The features it was fitted on; every matrix it is given must have these, in this order. */
  readonly names: readonly string[];
  /** One probability a row. @throws AppError MODEL_BAD_INPUT for other features or values that the model refuses */
  predict(matrix: FeatureMatrix): Float64Array;
  contributions(matrix: FeatureMatrix, row: number): Contributions;
  /** Forecasts and reasons of all rows in one walk, a block of rows at a time. @throws as `predict` */
  explain(matrix: FeatureMatrix): ExplainRows;
  toJSON(): object;
}

/** Rows whose outcome is known. */
export interface LabelledRows {
  readonly matrix: FeatureMatrix;
  /** 0 or 1, one a row. */
  readonly outcome: Uint8Array;
  /** Each row counts this much, 0 or more; 1 where left out. */
  readonly weights?: Float64Array | undefined;
}

export interface OutcomeTotals {
  readonly weight: number;
  readonly positiveWeight: number;
}

function sumOutcomes(outcome: Uint8Array, weights: Float64Array | undefined): OutcomeTotals {
  let [weight, positiveWeight] = [0, 0];
  for (let row = 0; row < outcome.length; row++) {
    const label = outcome[row]!;
    const w = weights ? weights[row]! : 1;
    if (label > 1 || !(w >= 0 && w < Infinity)) {
      throw new AppError('MODEL_BAD_INPUT', `Row ${row}: outcome is ${label} and weight is ${w}.`, {
        details: { row },
        hint: 'Give outcomes of 0 or 1 and finite weights of 0 or more.',
      });
    }
    weight += w;
    positiveWeight += w * label;
  }
  return { weight, positiveWeight };
}

/** @throws AppError MODEL_BAD_INPUT for no rows, lengths that differ, and values that are no feature, outcome or weight. */
export function checkLabelledRows(data: LabelledRows, missing: 'allowed' | 'refused'): OutcomeTotals {
  const { matrix, outcome, weights } = data;
  if (outcome.length !== matrix.rows || (weights && weights.length !== matrix.rows)) {
    throw new AppError('MODEL_BAD_INPUT', 'Features, outcomes and weights differ in length.', {
      details: { rows: matrix.rows, outcomes: outcome.length, weights: weights?.length },
    });
  }
  if (matrix.rows === 0) {
    throw new AppError('MODEL_BAD_INPUT', 'A classifier needs rows to learn from, and there are none.', {
      hint: 'Choose an earlier cut-off, so that outcomes after it are known.',
    });
  }
  checkFeatureMatrix(matrix, missing);
  return sumOutcomes(outcome, weights);
}

/**
 * With one class only, the most likely log-odds are infinite: no number would be honest.
 * @throws AppError MODEL_BAD_INPUT unless both outcomes occur with a weight above 0.
 */
export function checkBothClasses({ weight, positiveWeight }: OutcomeTotals): void {
  if (positiveWeight > 0 && weight - positiveWeight > 0) return;
  throw new AppError(
    'MODEL_BAD_INPUT',
    'Every row has the same outcome, so there is nothing to tell apart.',
    {
      details: { weight, positiveWeight },
      hint: 'Take a longer window of outcomes or more customers.',
    },
  );
}

/** @throws AppError MODEL_BAD_INPUT unless the matrix has this row. */
export function checkRow(matrix: FeatureMatrix, row: number): void {
  if (Number.isInteger(row) && row >= 0 && row < matrix.rows) return;
  throw new AppError('MODEL_BAD_INPUT', `There is no row ${row} in a matrix of ${matrix.rows} rows.`);
}
