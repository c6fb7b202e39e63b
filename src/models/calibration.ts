import { AppError } from '../errors.ts';
import type { Objective } from './line-search.ts';
import { readModelJson } from './model-json.ts';
import { minimize } from './optimize.ts';
import { checkProbabilities } from './paired-arrays.ts';
import { logistic, logit, logOnePlusExp, summationBlock } from './special-functions.ts';

/** Why the identity was kept instead of a fitted curve. */
type IdentityReason = 'one class' | 'constant predictions' | 'not increasing';

interface PlattDiagnostics {
  readonly observations: number;
  readonly positives: number;
  readonly iterations: number;
  /** Null where a curve was fitted; else apply(p) = p, and this says why. */
  readonly identity: IdentityReason | null;
}

interface PlattJson {
  readonly model: 'platt';
  readonly version: 1;
  readonly parameters: { readonly slope: number; readonly intercept: number };
  readonly diagnostics: PlattDiagnostics;
}

export interface FittedPlatt {
  /** Above 0: calibration never changes the order of customers. */
  readonly slope: number;
  readonly intercept: number;
  readonly diagnostics: PlattDiagnostics;
  /** logistic(slope logit(p) + intercept) for a probability p. */
  apply(p: number): number;
  toJSON(): PlattJson;
}

function fitted(slope: number, intercept: number, diagnostics: PlattDiagnostics): FittedPlatt {
  Object.freeze(diagnostics);
  const parameters = Object.freeze({ slope, intercept });
  return Object.freeze<FittedPlatt>({
    slope,
    intercept,
    diagnostics,
    apply: (p) => {
      if (!(p >= 0 && p <= 1)) throw new AppError('MODEL_BAD_INPUT', `Not a probability: ${p}.`);
      return diagnostics.identity ? p : logistic(slope * logit(p) + intercept);
    },
    toJSON: () => ({ model: 'platt', version: 1, parameters, diagnostics }),
  });
}

/** Mean cross-entropy of logistic(slope z + shift) against the targets, over (slope, shift); convex. */
function crossEntropy(z: Float64Array, targets: Float64Array): Objective {
  return ([slope, shift], gradient) => {
    let [value, bySlope, byShift] = [0, 0, 0];
    for (let from = 0; from < z.length; from += summationBlock) {
      const end = Math.min(z.length, from + summationBlock);
      let [blockValue, blockSlope, blockShift] = [0, 0, 0];
      for (let i = from; i < end; i++) {
        const score = slope! * z[i]! + shift!;
        const residual = logistic(score) - targets[i]!;
        blockValue += logOnePlusExp(score) - targets[i]! * score;
        blockSlope += residual * z[i]!;
        blockShift += residual;
      }
      value += blockValue;
      bySlope += blockSlope;
      byShift += blockShift;
    }
    gradient.set([bySlope / z.length, byShift / z.length]);
    return value / z.length;
  };
}

/** The logits with mean 0 and standard deviation 1, where slope and shift hardly correlate. */
function standardize(logits: Float64Array): { z: Float64Array; mean: number; deviation: number } {
  const mean = logits.reduce((sum, value) => sum + value, 0) / logits.length;
  const variance = logits.reduce((sum, value) => sum + (value - mean) ** 2, 0) / logits.length;
  const deviation = Math.sqrt(variance);
  return { z: logits.map((value) => (value - mean) / deviation), mean, deviation };
}

/**
 * Platt scaling of a probability: a logistic regression of the outcome (0 or 1) on the logit of the prediction, with
 * targets (n1 + 1) / (n1 + 2) and 1 / (n0 + 2) for 1 and 0, which keep it finite where the classes separate.
 * Platt (1999), Probabilistic Outputs for Support Vector Machines; Lin, Lin & Weng (2007), Machine Learning 68, 267-276.
 * A slope of 0 or less would turn the order of customers round: then the identity is kept, and diagnostics say so.
 * @throws AppError MODEL_BAD_INPUT for no rows or rows that are no probability and outcome.
 */
export function fitPlatt(predicted: Float64Array, outcome: Uint8Array): FittedPlatt {
  checkProbabilities(predicted, outcome);
  const observations = predicted.length;
  if (observations === 0) {
    throw new AppError('MODEL_BAD_INPUT', 'Nothing to calibrate on: there are no observations.', {
      hint: 'Choose an earlier cut-off, so that outcomes after it are known.',
    });
  }
  const positives = outcome.reduce((sum, value) => sum + value, 0);
  const keep = (identity: IdentityReason, iterations = 0) =>
    fitted(1, 0, { observations, positives, iterations, identity });
  if (positives === 0 || positives === observations) return keep('one class');
  const logits = predicted.map(logit);
  if (logits.every((value) => value === logits[0])) return keep('constant predictions');
  const { z, mean, deviation } = standardize(logits);
  const ofOne = (positives + 1) / (positives + 2);
  const ofZero = 1 / (observations - positives + 2);
  const targets = Float64Array.from(outcome, (value) => (value === 1 ? ofOne : ofZero));
  const { point, iterations } = minimize(crossEntropy(z, targets), Float64Array.of(deviation, mean));
  const slope = point[0]! / deviation;
  if (!(slope > 0)) return keep('not increasing', iterations);
  return fitted(slope, point[1]! - slope * mean, { observations, positives, iterations, identity: null });
}

/** Restores a calibration from what `toJSON` wrote. @throws AppError MODEL_BAD_INPUT for anything else. */
export function plattFromJSON(json: unknown): FittedPlatt {
  const domains = { slope: 'positive', intercept: 'real' } as const;
  const stored = readModelJson<PlattJson['parameters'], PlattDiagnostics>(json, 'platt', 1, domains);
  return fitted(stored.parameters.slope, stored.parameters.intercept, stored.diagnostics);
}
