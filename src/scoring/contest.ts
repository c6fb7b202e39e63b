import { selectSimplest } from '../models/selection.ts';
import type { Question } from './cut.ts';
import { snapshotOf } from './features.ts';
import { Forecaster } from './forecast.ts';
import type { History } from './history.ts';
import type { LifetimeValueModel } from './lifetime-value-model.ts';
import { judge } from './outcome-model.ts';
import type { ProbabilityModel } from './probability-model.ts';
import { daysBefore } from './snapshot.ts';
import { forecastRevenueAt, type LifetimeValueOptions, servedModels } from './train-lifetime-value.ts';

/** The model that was applied until now. */
export interface Champion<Model> {
  readonly modelRunId: number;
  readonly asOf: Date;
  readonly model: Model;
}

/** Why the newly trained model is promoted, or is not. Losses are means over the customers of one window that neither model saw. */
export interface Contest {
  readonly promoted: boolean;
  readonly against: number | null;
  readonly cutoff: string | null;
  readonly challengerLoss: number | null;
  readonly championLoss: number | null;
  readonly standardError: number | null;
}

function unopposed(against: number | null): Contest {
  return {
    promoted: true,
    against,
    cutoff: null,
    challengerLoss: null,
    championLoss: null,
    standardError: null,
  };
}

/** A model that saw part of the window cannot be judged on it: then the one that knows more of the present goes first. */
function sawNothing({ asOf }: Champion<unknown>, cutoff: Date): boolean {
  return asOf <= cutoff;
}

/**
 * The champion keeps its place only where, on the last window, its log loss was lower by more than one bootstrap standard error than that
 * of a model trained before that window in the way of the challenger.
 */
export async function contestProbability(
  history: History,
  asOf: Date,
  question: Question,
  champion: Champion<ProbabilityModel> | undefined,
): Promise<Contest> {
  const cutoff = daysBefore(asOf, question.horizonDays);
  if (!champion) return unopposed(null);
  if (!sawNothing(champion, cutoff) || champion.model.horizonDays !== question.horizonDays)
    return unopposed(champion.modelRunId);
  const judged = await judge(new Forecaster(history, question), cutoff);
  if (!judged) return unopposed(champion.modelRunId);
  const { model } = champion;
  const candidates = [
    { name: 'challenger', predicted: judged.predicted.get(judged.chosen) as Float64Array },
    {
      name: 'champion',
      predicted: model.candidate.predict(model.sightOf(await history.populations(cutoff))),
    },
  ];
  const record = selectSimplest(candidates, judged.outcome);
  const [challenger, defender] = record.candidates;
  return {
    promoted: record.chosen === 'challenger',
    against: champion.modelRunId,
    cutoff: cutoff.toISOString(),
    challengerLoss: challenger!.meanLogLoss,
    championLoss: defender!.meanLogLoss,
    standardError: Math.max(challenger!.standardError, defender!.standardError),
  };
}

/** The same for revenue, by the mean absolute error of a customer. */
export async function contestLifetimeValue(
  history: History,
  asOf: Date,
  options: LifetimeValueOptions,
  champion: Champion<LifetimeValueModel> | undefined,
): Promise<Contest> {
  const cutoff = daysBefore(asOf, options.backtestDays);
  if (!champion) return unopposed(null);
  if (!sawNothing(champion, cutoff)) return unopposed(champion.modelRunId);
  const served = await servedModels(history, cutoff);
  const cut = await forecastRevenueAt(history, cutoff, options.backtestDays, () => served);
  const challenger = cut && [...cut.predicted].find(([name]) => served.has(name))?.[1];
  if (!challenger) return unopposed(champion.modelRunId);
  const snapshot = snapshotOf((await history.populations(cutoff)).buyers);
  const defender = champion.model.forecast(snapshot, options.backtestDays).revenue;
  const errors = [challenger, defender].map((predicted) =>
    predicted.map((value, i) => Math.abs(value - cut.actual[i]!)),
  );
  const mean = (values: Float64Array): number => values.reduce((sum, v) => sum + v, 0) / values.length;
  const [ofChallenger, ofChampion] = errors.map(mean) as [number, number];
  const excess = ofChallenger - ofChampion;
  const spread = mean(errors[0]!.map((error, i) => (error - errors[1]![i]! - excess) ** 2));
  const standardError = Math.sqrt(spread / cut.actual.length);
  return {
    promoted: excess <= standardError,
    against: champion.modelRunId,
    cutoff: cutoff.toISOString(),
    challengerLoss: ofChallenger,
    championLoss: ofChampion,
    standardError,
  };
}
