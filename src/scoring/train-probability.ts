import type { PopulationName, Question } from './cut.ts';
import type { Population } from './features.ts';
import { Forecaster } from './forecast.ts';
import type { History } from './history.ts';
import { chosenForecast, type JudgedCut, judge, metricsOf } from './outcome-model.ts';
import { createProbabilityModel, type ProbabilityModel } from './probability-model.ts';
import { daysBefore, outcomesOf } from './snapshot.ts';
import { type Missing, unmet } from './status.ts';
import type { Training } from './trained-model.ts';

function longestHistory(population: Population, name: PopulationName): number {
  return population
    .column(name === 'buyers' ? 't_days' : 'tenure_days')
    .reduce((longest, days) => Math.max(longest, days), 0);
}

/** What the calibration window has to hold. */
async function missingAt(history: History, moment: Date, question: Question): Promise<readonly Missing[]> {
  const { population: name, horizonDays, minOutcomes } = question;
  const cutoff = daysBefore(moment, horizonDays);
  const population = (await history.populations(cutoff))[name];
  const bought = outcomesOf(population.userId, await history.outcomes(cutoff, horizonDays), 'bought');
  const positives = bought.reduce((sum, value) => sum + value, 0);
  const known = name === 'buyers' ? 'those who had bought before' : 'those who had only looked before';
  return unmet([
    {
      what: `days of history before the cut-off ${horizonDays} days ago`,
      have: longestHistory(population, name),
      need: horizonDays,
    },
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

/** Trains what answers the question as of `asOf`, with the reason for the choice and its backtest. */
export async function trainProbability(
  history: History,
  asOf: Date,
  question: Question,
): Promise<Training<ProbabilityModel>> {
  const { horizonDays, population } = question;
  const missing = await missingAt(history, asOf, question);
  if (missing.length > 0) return { missing };
  const forecaster = new Forecaster(history, question);
  const forecast = await chosenForecast(forecaster, asOf);
  if (!forecast) return { missing: [{ what: 'a cut-off that can be learnt from', have: 0, need: 1 }] };
  const { chosen, selection, forecasts } = forecast;
  const { sight, fit } = forecasts;
  const purchaseModel = population === 'buyers' ? await history.purchaseModel(asOf) : undefined;
  const judged = await judge(forecaster, daysBefore(asOf, horizonDays));
  return {
    missing: [],
    trained: {
      model: createProbabilityModel(horizonDays, chosen, purchaseModel, sight),
      algorithm: chosen.name,
      parameters: {
        settings: question,
        horizonDays,
        chosen: chosen.name,
        selection: selection ?? null,
        fittedAt: fit.map(({ population: { moment } }) => moment.toISOString()),
      },
      evaluation: { horizonDays, ...describe(judged) },
      asOf,
      customers: history.customersOf(sight.population),
      historyDays: longestHistory(sight.population, population),
    },
  };
}
