import { AppError } from '../errors.ts';
import { openStoredModel } from './classification/stored-model.ts';
import { ascendingOrder, checkProbabilities } from './paired-arrays.ts';

interface IsotonicDiagnostics {
  readonly observations: number;
  readonly positives: number;
  /** Levels of the monotone fit; 1 means that the predictions do not order the outcomes at all. */
  readonly levels: number;
}

interface IsotonicParameters {
  /** Mean prediction of each level, ascending. */
  readonly predicted: readonly number[];
  /** Calibrated probability there, never falling, inside (0, 1). */
  readonly calibrated: readonly number[];
}

interface IsotonicJson {
  readonly model: 'isotonic';
  readonly version: 1;
  readonly parameters: IsotonicParameters;
  readonly diagnostics: IsotonicDiagnostics;
}

export interface FittedIsotonic {
  readonly parameters: IsotonicParameters;
  readonly diagnostics: IsotonicDiagnostics;
  /** The calibrated probability of a prediction in [0, 1]; never 0 or 1. */
  apply(p: number): number;
  toJSON(): IsotonicJson;
}

/** Neighbouring observations that share one calibrated value. */
interface Level {
  rows: number;
  predictedSum: number;
  positives: number;
}

/**
 * Pool adjacent violators (Ayer et al. 1955; Barlow et al. 1972): levels of strictly rising shares of positives. Equal
 * predictions are one observation from the start, or the order of the rows would decide.
 */
function poolAdjacentViolators(predicted: Float64Array, outcome: Uint8Array): Level[] {
  const order = ascendingOrder(predicted);
  const levels: Level[] = [];
  for (let from = 0; from < order.length; ) {
    const value = predicted[order[from]!]!;
    const level: Level = { rows: 0, predictedSum: 0, positives: 0 };
    for (; from < order.length && predicted[order[from]!] === value; from++) {
      level.rows++;
      level.positives += outcome[order[from]!]!;
    }
    level.predictedSum = level.rows * value;
    // Counts, not shares, are compared: whole numbers, hence exact.
    for (let last = levels.at(-1); last && last.positives * level.rows >= level.positives * last.rows; ) {
      level.rows += last.rows;
      level.positives += last.positives;
      level.predictedSum += last.predictedSum;
      levels.pop();
      last = levels.at(-1);
    }
    levels.push(level);
  }
  return levels;
}

/**
 * The share of positives of each level. A level at an end may have none, or nothing else: "0 of 20" is no proof of
 * 0, and one buyer among them would cost an infinite log-loss. It gets Laplace's rule of succession, 1 / (rows + 2) or
 * its complement, but never passes its neighbour.
 */
function sharesOf(levels: readonly Level[]): number[] {
  const shares = levels.map(({ rows, positives }) => positives / rows);
  const [first, last] = [levels[0]!, levels.at(-1)!];
  if (first.positives === 0) shares[0] = Math.min(1 / (first.rows + 2), interiorOr(shares[1], 1));
  if (last.positives === last.rows) {
    const highest = shares.length - 1;
    shares[highest] = Math.max(1 - 1 / (last.rows + 2), interiorOr(shares[highest - 1], 0));
  }
  return shares;
}

/** The neighbour's share where there is one strictly between 0 and 1. */
function interiorOr(share: number | undefined, otherwise: number): number {
  return share !== undefined && share > 0 && share < 1 ? share : otherwise;
}

function interpolate({ predicted, calibrated }: IsotonicParameters, p: number): number {
  if (!(p >= 0 && p <= 1)) throw new AppError('MODEL_BAD_INPUT', `Not a probability: ${p}.`);
  const last = predicted.length - 1;
  if (p <= predicted[0]!) return calibrated[0]!;
  if (p >= predicted[last]!) return calibrated[last]!;
  let [low, high] = [0, last];
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (predicted[middle]! <= p) low = middle;
    else high = middle;
  }
  const share = (p - predicted[low]!) / (predicted[high]! - predicted[low]!);
  const [from, to] = [calibrated[low]!, calibrated[high]!];
  // Rounding may pass the upper end by one unit, and order must hold to the bit.
  return Math.min(to, from + share * (to - from));
}

function fitted(parameters: IsotonicParameters, diagnostics: IsotonicDiagnostics): FittedIsotonic {
  for (const part of [parameters, parameters.predicted, parameters.calibrated, diagnostics])
    Object.freeze(part);
  return Object.freeze<FittedIsotonic>({
    parameters,
    diagnostics,
    apply: (p) => interpolate(parameters, p),
    toJSON: () => ({ model: 'isotonic', version: 1, parameters, diagnostics }),
  });
}

/**
 * Isotonic calibration: the never-falling function of the prediction nearest to the outcomes (0 or 1), by pool adjacent
 * violators, drawn as straight lines between the levels' mean predictions and constant beyond the outer ones ("centred
 * isotonic regression", Oron & Flournoy 2017, Statistics in Biopharmaceutical Research 9, 258-267). Lines between the
 * levels' edges, as scikit-learn draws them, were tried: they give thousands of customers one probability and lose the
 * model's order among them. Simulated with 300 to 20,000 rows and truths that bend smoothly, their log-loss above the
 * truth's was 1.3 to 1.8 times as high, and 1,000 rows cost 0.005 to 0.009 of AUC; only where the truth jumps are they better.
 * In the same simulation Platt scaling was 2 to 8 times closer where its curve fits, and 1.3 to 11 times further off
 * where it does not: let a later window decide between the two.
 * @throws AppError MODEL_BAD_INPUT for no rows or rows that are no probability and outcome.
 */
export function fitIsotonic(predicted: Float64Array, outcome: Uint8Array): FittedIsotonic {
  checkProbabilities(predicted, outcome);
  if (predicted.length === 0) {
    throw new AppError('MODEL_BAD_INPUT', 'Nothing to calibrate on: there are no observations.', {
      hint: 'Choose an earlier cut-off, so that outcomes after it are known.',
    });
  }
  const levels = poolAdjacentViolators(predicted, outcome);
  // A mean of equal numbers may round past its neighbour's: order must hold to the bit.
  let highest = 0;
  const centres = levels.map(({ predictedSum, rows }) => {
    highest = Math.min(1, Math.max(highest, predictedSum / rows));
    return highest;
  });
  return fitted(
    { predicted: centres, calibrated: sharesOf(levels) },
    {
      observations: predicted.length,
      positives: levels.reduce((sum, { positives }) => sum + positives, 0),
      levels: levels.length,
    },
  );
}

/** Restores a calibration from what `toJSON` wrote. @throws AppError MODEL_BAD_INPUT for anything else. */
export function isotonicFromJSON(json: unknown): FittedIsotonic {
  const stored = openStoredModel<IsotonicDiagnostics>(json, 'isotonic', 1);
  const predicted = [...stored.numbers('predicted', { min: 0, max: 1 })];
  const { length } = predicted;
  const calibrated = [...stored.numbers('calibrated', { min: Number.MIN_VALUE, max: 1 - 2 ** -53, length })];
  if (length === 0) stored.fail('it has no levels');
  for (let i = 1; i < length; i++) {
    const rises = predicted[i]! >= predicted[i - 1]! && calibrated[i]! >= calibrated[i - 1]!;
    if (!rises) stored.fail('its levels do not rise');
  }
  return fitted({ predicted, calibrated }, stored.diagnostics);
}
