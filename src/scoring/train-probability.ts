import { Forecaster, type Question, type Reasons } from './forecast.ts';
import type { History } from './history.ts';
import { chosenForecast, type JudgedCut, judge, metricsOf } from './outcome-model.ts';
import { daysBefore } from './snapshot.ts';
import { type Missing, unmet } from './status.ts';

export interface ProbabilityModel {
  readonly horizonDays: number;
  readonly missing: readonly Missing[];
  /** Calibrated probability of one purchase or more for each customer of the population; empty where something is missing. */
  readonly probabilities: Float64Array;
  /** What moved one customer's forecast, where the model that was chosen can say it. */
  readonly reasons: Reasons | undefined;
  readonly parameters: Record<string, unknown>;
  /** How all candidates did at one earlier cut-off; `recency` is the naive one. */
  readonly evaluation: Record<string, unknown>;
}

/** What the calibration window has to hold. */
async function missingAt(history: History, moment: Date, question: Question): Promise<readonly Missing[]> {
  const { population: name, horizonDays, minOutcomes } = question;
  const cutoff = daysBefore(moment, horizonDays);
  const population = (await history.populations(cutoff))[name];
  const { bought } = await history.outcomes(cutoff, horizonDays);
  const positives = population.userId.reduce((sum, id) => sum + (bought.has(id) ? 1 : 0), 0);
  const known = name === 'buyers' ? 'those who had bought before' : 'those who had only looked before';
  const oldest = population
    .column(name === 'buyers' ? 't_days' : 'tenure_days')
    .reduce((max, days) => Math.max(max, days), 0);
  return unmet([
    { what: `days of history before the cut-off ${horizonDays} days ago`, have: oldest, need: horizonDays },
    {
      what: `customers who bought in the last ${horizonDays} days, of ${known}`,
      have: positives,
      need: minOutcomes,
    },
    {
      what: `customers who did not buy in the last ${horizonDays} days, of ${known}`,
      have: population.size - positives,
      need: minOutcomes,
    },
  ]);
}

function describe(judged: JudgedCut | undefined): Record<string, unknown> {
  if (!judged) return { models: {} };
  const { cutoff, chosen, outcome, predicted } = judged;
  return {
    cutoff: cutoff.toISOString(),
    customers: outcome.length,
    positives: outcome.reduce((sum, value) => sum + value, 0),
    chosen,
    models: Object.fromEntries(
      [...predicted].map(([name, probabilities]) => [name, metricsOf(probabilities, outcome)]),
    ),
  };
}

/** Probability of a purchase within the horizon as of `moment`, with the reason for the model and its backtest. */
export async function purchaseProbability(
  history: History,
  moment: Date,
  question: Question,
): Promise<ProbabilityModel> {
  const { horizonDays } = question;
  const missing = await missingAt(history, moment, question);
  const forecaster = new Forecaster(history, question);
  const forecast = missing.length === 0 ? await chosenForecast(forecaster, moment) : undefined;
  if (!forecast) {
    return {
      horizonDays,
      missing,
      probabilities: new Float64Array(0),
      reasons: undefined,
      parameters: {},
      evaluation: { missing },
    };
  }
  const { chosen, selection, probabilities, forecasts } = forecast;
  const judged = await judge(forecaster, daysBefore(moment, horizonDays));
  return {
    horizonDays,
    missing,
    probabilities,
    reasons: forecasts.reasons.get(chosen),
    parameters: {
      chosen,
      selection: selection ?? null,
      fittedAt: forecasts.fittedAt.map((date) => date.toISOString()),
      model: forecasts.parameters.get(chosen),
    },
    evaluation: { horizonDays, ...describe(judged) },
  };
}
