import { AppError } from '../errors.ts';
import { readModelJson } from './model-json.ts';
import { checkProbabilities } from './paired-arrays.ts';
import { type ShrunkMean, type ShrunkMeanOptions, shrinkMean } from './shrunk-mean.ts';
import { logistic, logit } from './special-functions.ts';

/** A window of outcomes that has ended, as the model that is to be calibrated forecasts it. */
export interface PastWindow {
  readonly predicted: Float64Array;
  /** 0 or 1. */
  readonly outcome: Uint8Array;
}

/** The shifts that single windows asked for and what became of them; empty for a level that was matched. */
type LevelDiagnostics = Partial<ShrunkMean & { readonly shifts: readonly number[] }>;

interface LevelJson {
  readonly model: 'level';
  readonly version: 1;
  readonly parameters: { readonly shift: number };
  readonly diagnostics: LevelDiagnostics;
}

export interface FittedLevel {
  /** Added to the log-odds of everybody: the order of customers stays. */
  readonly shift: number;
  readonly diagnostics: LevelDiagnostics;
  apply(p: number): number;
  toJSON(): LevelJson;
}

function fitted(shift: number, diagnostics: LevelDiagnostics): FittedLevel {
  return Object.freeze({
    shift,
    diagnostics: Object.freeze(diagnostics),
    apply: (p: number) => logistic(logit(p) + shift),
    toJSON: () => ({ model: 'level' as const, version: 1 as const, parameters: { shift }, diagnostics }),
  });
}

/** Beyond twice the widest log-odds there are, nothing changes any more. */
const widest = 60;
const converged = 1e-12;

/** The shift of all log-odds that makes the mean probability `mean`: Newton's method, halving the bracket where a step leaves it. */
function shiftToMean(predicted: Float64Array, mean: number): number {
  const logits = predicted.map(logit);
  let [low, high, shift] = [-widest, widest, 0];
  for (let step = 0; step < 200; step++) {
    let [excess, slope] = [-mean * logits.length, 0];
    for (const z of logits) {
      const p = logistic(z + shift);
      excess += p;
      slope += p * (1 - p);
    }
    if (excess > 0) high = shift;
    else low = shift;
    const newton = shift - excess / slope;
    const next = newton > low && newton < high ? newton : (low + high) / 2;
    if (Math.abs(next - shift) <= converged) return next;
    shift = next;
  }
  return shift;
}

/**
 * Another level for forecasts: one shift of all log-odds, so that they sum to what another model expects. The order of customers stays.
 * Where a cohort ages, a purchase model knows how many will buy, a classifier who.
 * @param mean of these forecasts after the shift, above 0 and below 1
 * @throws AppError MODEL_BAD_INPUT for no rows, values that are no probability, a mean that no shift can give.
 */
export function matchingLevel(predicted: Float64Array, mean: number): FittedLevel {
  checkProbabilities(predicted, new Uint8Array(predicted.length));
  if (predicted.length === 0 || !(mean > 0 && mean < 1)) {
    throw new AppError('MODEL_BAD_INPUT', `${predicted.length} forecasts cannot have the mean ${mean}.`, {
      hint: 'Give one forecast or more and a mean between 0 and 1.',
    });
  }
  return fitted(shiftToMean(predicted, mean), {});
}

/**
 * Calibration of the level alone, by several windows: the shift of log-odds that each of them asks for (maximum likelihood), averaged and
 * shrunk by how much they differ. One window's curve (Platt, isotonic) takes its shock for the truth, and the next window pays.
 * No windows, or windows that contradict one another, leave the forecasts as they are.
 * @param windows all forecast by the model that will be applied; each with both outcomes
 * @throws AppError MODEL_BAD_INPUT for rows that are no probability and outcome, a window with one outcome only.
 */
export function fitLevel(windows: readonly PastWindow[], options: ShrunkMeanOptions = {}): FittedLevel {
  const shifts = windows.map(({ predicted, outcome }) => {
    checkProbabilities(predicted, outcome);
    const share = outcome.reduce((sum, value) => sum + value, 0) / outcome.length;
    if (share > 0 && share < 1) return shiftToMean(predicted, share);
    throw new AppError('MODEL_BAD_INPUT', 'A window with one outcome only says nothing of the level.', {
      details: { rows: outcome.length },
    });
  });
  const shrunk = shrinkMean(shifts, options);
  return fitted(shrunk.value, { ...shrunk, shifts: Object.freeze(shifts) });
}

/** Restores a level from what `toJSON` wrote. @throws AppError MODEL_BAD_INPUT for anything else. */
export function levelFromJSON(json: unknown): FittedLevel {
  const { parameters, diagnostics } = readModelJson<LevelJson['parameters'], LevelDiagnostics>(
    json,
    'level',
    1,
    {
      shift: 'real',
    },
  );
  return fitted(parameters.shift, diagnostics);
}

/**
 * Several models' forecasts of the same rows as one: the mean of their log-odds (a logarithmic opinion pool; Genest & Zidek 1986,
 * Statistical Science 1:114-135). Models that err differently err less together.
 * @throws AppError MODEL_BAD_INPUT for no forecasts, lengths that differ, values that are no probability.
 */
export function averageLogOdds(forecasts: readonly Float64Array[]): Float64Array {
  const [first] = forecasts;
  if (!first) throw new AppError('MODEL_BAD_INPUT', 'There are no forecasts to average.');
  const sum = new Float64Array(first.length);
  for (const forecast of forecasts) {
    checkProbabilities(forecast, new Uint8Array(first.length));
    for (let row = 0; row < sum.length; row++) sum[row]! += logit(forecast[row]!);
  }
  return sum.map((z) => logistic(z / forecasts.length));
}
