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

type Judgement = Omit<Contest, 'against' | 'cutoff'>;

async function contest<Model>(
  cutoff: Date,
  champion: Champion<Model> | undefined,
  judgeBoth: (model: Model) => Promise<Judgement | undefined>,
): Promise<Contest> {
  if (!champion) return unopposed(null);
  const judgement = sawNothing(champion, cutoff) ? await judgeBoth(champion.model) : undefined;
  if (!judgement) return unopposed(champion.modelRunId);
  return { against: champion.modelRunId, cutoff: cutoff.toISOString(), ...judgement };
}

/**
 * The champion keeps its place only where, on the last window, its log loss was lower by more than one bootstrap standard error than that
 * of a model trained before that window in the way of the challenger.
 */
export function contestProbability(
  history: History,
  asOf: Date,
  question: Question,
  champion: Champion<ProbabilityModel> | undefined,
): Promise<Contest> {
  const cutoff = daysBefore(asOf, question.horizonDays);
  return contest(cutoff, champion, async ({ horizonDays, candidate, sightOf }) => {
    if (horizonDays !== question.horizonDays) return undefined;
    const judged = await judge(new Forecaster(history, question), cutoff);
    if (!judged) return undefined;
    const record = selectSimplest(
      [
        { name: 'challenger', predicted: judged.predicted.get(judged.chosen) as Float64Array },
        { name: 'champion', predicted: candidate.predict(sightOf(await history.populations(cutoff))) },
      ],
      judged.outcome,
    );
    const [challenger, defender] = record.candidates;
    return {
      promoted: record.chosen === 'challenger',
      challengerLoss: challenger!.meanLogLoss,
      championLoss: defender!.meanLogLoss,
      standardError: Math.max(challenger!.standardError, defender!.standardError),
    };
  });
}

const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The same for revenue, by the mean absolute error of a customer. */
export function contestLifetimeValue(
  history: History,
  asOf: Date,
  { backtestDays }: LifetimeValueOptions,
  champion: Champion<LifetimeValueModel> | undefined,
): Promise<Contest> {
  const cutoff = daysBefore(asOf, backtestDays);
  return contest(cutoff, champion, async (model) => {
    const served = await servedModels(history, cutoff);
    const cut = await forecastRevenueAt(history, cutoff, backtestDays, () => served);
    const challenger = cut && [...cut.predicted].find(([name]) => served.has(name))?.[1];
    if (!challenger) return undefined;
    const snapshot = snapshotOf((await history.populations(cutoff)).buyers);
    const errorsOf = (predicted: Float64Array): Float64Array =>
      predicted.map((value, i) => Math.abs(value - cut.actual[i]!));
    const ofChallenger = errorsOf(challenger);
    const excess = errorsOf(model.forecast(snapshot, backtestDays).revenue).map(
      (error, i) => ofChallenger[i]! - error,
    );
    const challengerLoss = mean(ofChallenger);
    const meanExcess = mean(excess);
    const standardError = Math.sqrt(
      mean(excess.map((value) => (value - meanExcess) ** 2)) / cut.actual.length,
    );
    return {
      promoted: meanExcess <= standardError,
      challengerLoss,
      championLoss: challengerLoss - meanExcess,
      standardError,
    };
  });
}
