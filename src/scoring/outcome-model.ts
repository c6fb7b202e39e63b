import {
  auc,
  averagePrecision,
  brier,
  expectedCalibrationError,
  logLoss,
} from '../models/classification-metrics.ts';
import type { SelectionRecord } from '../models/selection.ts';
import { type JudgedWindow, selectOverWindows } from '../models/window-selection.ts';
import type { CandidateName, FittedCandidate } from './candidates.ts';
import { type Forecaster, type Forecasts, STEP_DAYS } from './forecast.ts';
import { daysBefore } from './snapshot.ts';
import type { Metrics } from './status.ts';

/** What is served at a moment: one candidate, and why that one. */
export interface ChosenForecast {
  readonly forecasts: Forecasts;
  readonly chosen: FittedCandidate;
  readonly selection: SelectionRecord | undefined;
}

/** Where history is too short to choose, the purchase model, calibrated: it needs no outcomes to learn from. */
const UNCHOSEN: readonly CandidateName[] = ['calibrated-purchase-model', 'purchase-model', 'recency'];

/** One window is a noisy judge, and of ten the oldest no longer know this shop. */
const MAX_JUDGES = 3;

/** The last windows before a moment, newest first: what each candidate said at its start, and what came. */
async function windowsBefore(forecaster: Forecaster, moment: Date): Promise<JudgedWindow<CandidateName>[]> {
  const windows: JudgedWindow<CandidateName>[] = [];
  for (let back = 0; back < MAX_JUDGES; back++) {
    const at = daysBefore(moment, forecaster.question.horizonDays + back * STEP_DAYS);
    const known = await forecaster.outcomeAt(at);
    if (!known) break;
    const { sight, probabilities } = await forecaster.forecastAt(at);
    if (probabilities.size === 0) break;
    windows.push({ predicted: probabilities, outcome: known.outcome, customers: sight.population.userId });
  }
  return windows;
}

async function select(forecaster: Forecaster, moment: Date): Promise<SelectionRecord | undefined> {
  const windows = await windowsBefore(forecaster, moment);
  return windows[0] && windows[0].predicted.size > 1 ? selectOverWindows(windows) : undefined;
}

/**
 * Forecasts at a moment by the candidate that did best on the last outcome windows before it: the simplest whose mean paired log-loss is
 * within one bootstrap standard error of the best. What each candidate said at the start of a window rests on windows that had ended by
 * then, and all ended before the moment. `undefined` where there is nothing to forecast by.
 */
export async function chosenForecast(
  forecaster: Forecaster,
  moment: Date,
): Promise<ChosenForecast | undefined> {
  const forecasts = await forecaster.forecastAt(moment);
  const selection = await select(forecaster, moment);
  const order = selection ? [selection.chosen, ...UNCHOSEN] : UNCHOSEN;
  for (const wanted of order) {
    const chosen = forecasts.candidates.find(({ name }) => name === wanted);
    if (chosen) return { forecasts, chosen, selection };
  }
  return undefined;
}

export function metricsOf(predicted: Float64Array, outcome: Uint8Array): Metrics {
  return {
    auc: auc(predicted, outcome),
    ap: averagePrecision(predicted, outcome),
    brier: brier(predicted, outcome),
    logLoss: logLoss(predicted, outcome),
    ece: expectedCalibrationError(predicted, outcome),
  };
}

/** One cut-off, judged: what each candidate said there against what came in the window after it. */
export interface JudgedCut {
  readonly cutoff: Date;
  readonly chosen: CandidateName;
  readonly outcome: Uint8Array;
  readonly predicted: ReadonlyMap<CandidateName, Float64Array>;
}

/** `undefined` where the cut-off has too few outcomes or too little before it. */
export async function judge(forecaster: Forecaster, cutoff: Date): Promise<JudgedCut | undefined> {
  const known = await forecaster.outcomeAt(cutoff);
  const forecast = known ? await chosenForecast(forecaster, cutoff) : undefined;
  if (!known || !forecast) return undefined;
  return {
    cutoff,
    chosen: forecast.chosen.name,
    outcome: known.outcome,
    predicted: forecast.forecasts.probabilities,
  };
}
