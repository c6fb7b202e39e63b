import {
  auc,
  averagePrecision,
  brier,
  expectedCalibrationError,
  logLoss,
} from '../models/classification-metrics.ts';
import { type SelectionRecord, selectSimplest } from '../models/selection.ts';
import type { CandidateName, FittedCandidate } from './candidates.ts';
import type { Forecaster, Forecasts } from './forecast.ts';
import { daysBefore } from './snapshot.ts';
import type { Metrics } from './status.ts';

/** What is served at a moment: one candidate, and why that one. */
export interface ChosenForecast {
  readonly forecasts: Forecasts;
  readonly chosen: FittedCandidate;
  readonly selection: SelectionRecord | undefined;
}

/** Where history is too short to choose, the purchase model, calibrated: it needs no outcomes to learn from. */
const UNCHOSEN: readonly CandidateName[] = ['calibrated-purchase-model', 'recency'];

async function select(forecaster: Forecaster, moment: Date): Promise<SelectionRecord | undefined> {
  const at = daysBefore(moment, forecaster.question.horizonDays);
  const cut = await forecaster.cutAt(at);
  if (!cut) return undefined;
  const { probabilities } = await forecaster.forecastAt(at);
  const candidates = [...probabilities].map(([name, predicted]) => ({ name, predicted }));
  return candidates.length > 1 ? selectSimplest(candidates, cut.outcome) : undefined;
}

/**
 * Forecasts at a moment by the candidate that did best on the last outcome window before it: the simplest whose mean paired log-loss is
 * within one bootstrap standard error of the best. Fitting, calibration and selection used consecutive windows that do not overlap, and
 * all ended before the moment. `undefined` where not even one candidate can be calibrated.
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
  const cut = await forecaster.cutAt(cutoff);
  const forecast = cut ? await chosenForecast(forecaster, cutoff) : undefined;
  if (!cut || !forecast) return undefined;
  return {
    cutoff,
    chosen: forecast.chosen.name,
    outcome: cut.outcome,
    predicted: forecast.forecasts.probabilities,
  };
}
