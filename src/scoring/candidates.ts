import { AppError } from '../errors.ts';
import { type FittedPlatt, fitPlatt, plattFromJSON } from '../models/calibration.ts';
import type { FittedClassifier } from '../models/classification/classifier.ts';
import { boostedTreesFromJSON } from '../models/classification/gradient-boosted-trees.ts';
import { logisticFromJSON } from '../models/classification/logistic-regression.ts';
import { type FittedIsotonic, fitIsotonic, isotonicFromJSON } from '../models/isotonic.ts';
import {
  averageLogOdds,
  type FittedLevel,
  fitLevel,
  levelFromJSON,
  matchingLevel,
} from '../models/level-calibration.ts';
import { fitRecencyBaseline, recencyBaselineFromJSON } from '../models/recency-baseline.ts';
import { fitBoostedTreesTo, fitLogisticTo } from './classifiers.ts';
import type { Cut, Sight } from './cut.ts';
import { explainTogether, type StrongestEffects } from './strongest-effects.ts';

/** In order of simplicity. */
export const candidateNames = [
  'recency',
  'purchase-model',
  'calibrated-purchase-model',
  'logistic',
  'boosted-trees',
  'blend',
] as const;
export type CandidateName = (typeof candidateNames)[number];

/** Forecasts a purchase within the horizon that it was fitted for, at any moment. Frozen; `toJSON` is its stored form. */
export interface FittedCandidate {
  readonly name: CandidateName;
  /** A probability for each customer in sight. */
  predict(sight: Sight): Float64Array;
  /** What `predict` says, and why; of the classifiers only: the other candidates' numbers speak for themselves. */
  readonly predictWithReasons?: (sight: Sight) => ForecastWithReasons;
  toJSON(): StoredCandidate;
}

interface ForecastWithReasons {
  readonly probabilities: Float64Array;
  readonly strongest: StrongestEffects;
}

export interface StoredCandidate {
  readonly name: CandidateName;
  readonly models: readonly unknown[];
  readonly calibration: unknown;
}

/** A calibration, of each probability or of the level of all. */
type Curve = FittedPlatt | FittedIsotonic | FittedLevel;

/** Isotonic calibration has a step wherever the data have one: below this many customers of either outcome the two-parameter curve is safer. */
const ISOTONIC_MIN_OUTCOMES = 1000;

function recencyOf({ population, kind }: Sight): Float64Array {
  if (kind === 'visitors') return population.column('inactive_days');
  const recency = population.column('recency_days');
  return population.column('t_days').map((t, i) => t - recency[i]!);
}

function recencyCandidate(baseline: ReturnType<typeof fitRecencyBaseline>): FittedCandidate {
  return Object.freeze<FittedCandidate>({
    name: 'recency',
    predict: (sight) => recencyOf(sight).map((days) => baseline.predict(days)),
    toJSON: () => ({ name: 'recency', models: [baseline.toJSON()], calibration: null }),
  });
}

/** The purchase model as it is, or with its level corrected. */
function purchaseCandidate(level: FittedLevel | undefined): FittedCandidate {
  const name = level ? 'calibrated-purchase-model' : 'purchase-model';
  return Object.freeze<FittedCandidate>({
    name,
    predict: ({ purchaseForecast }) => (level ? purchaseForecast.map(level.apply) : purchaseForecast),
    toJSON: () => ({ name, models: [], calibration: level?.toJSON() ?? null }),
  });
}

type ClassifierName = 'logistic' | 'boosted-trees' | 'blend';

function together(models: readonly FittedClassifier[], { matrix }: Sight): Float64Array {
  return averageLogOdds(models.map((model) => model.predict(matrix)));
}

function classifierCandidate(
  name: ClassifierName,
  models: readonly FittedClassifier[],
  curve: Curve,
): FittedCandidate {
  return Object.freeze<FittedCandidate>({
    name,
    predict: (sight) => together(models, sight).map(curve.apply),
    predictWithReasons: ({ matrix }) => {
      const { forecasts, strongest } = explainTogether(models, matrix);
      return { probabilities: averageLogOdds(forecasts).map(curve.apply), strongest };
    },
    toJSON: () => ({ name, models: models.map((model) => model.toJSON()), calibration: curve.toJSON() }),
  });
}

/** What can be learnt from, newest first. Every window of outcomes ended before the moment that is forecast. */
export interface Lessons {
  /** Teach the classifiers. */
  readonly fit: readonly Cut[];
  /** Say at which level the purchase model errs. */
  readonly level: readonly Cut[];
  /** Windows that cover one day together. */
  readonly overlap: number;
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function learners(fit: readonly Cut[]): Map<ClassifierName, FittedClassifier[]> {
  const logistic = fitLogisticTo(fit);
  const trees = fitBoostedTreesTo(fit);
  return new Map([
    ['logistic', [logistic]],
    ['boosted-trees', [trees]],
    ['blend', [logistic, trees]],
  ]);
}

/**
 * Where a purchase model says how many will buy: the classifiers say who, at its level. Measured on CDNOW and Online Retail over 30 cut-offs,
 * this has a lower log loss than to calibrate each classifier on one window of its own, whose shock the next window pays.
 */
function levelledCandidates(sight: Sight, { fit, level, overlap }: Lessons): FittedCandidate[] {
  const correction = fitLevel(
    level.map(({ purchaseForecast, outcome }) => ({ predicted: purchaseForecast, outcome })),
    { overlap },
  );
  const purchases = purchaseCandidate(correction);
  const target = mean(purchases.predict(sight));
  return [
    purchaseCandidate(undefined),
    purchases,
    ...[...learners(fit)].map(([name, models]) =>
      classifierCandidate(name, models, matchingLevel(together(models, sight), target)),
    ),
  ];
}

/** The newest window calibrates what the older ones taught; they do not overlap. */
function curvedCandidates([newest, ...older]: readonly Cut[], apart: number): FittedCandidate[] {
  const fit = older.slice(apart - 1);
  if (!newest || fit.length === 0) return [];
  const fewest = Math.min(newest.positives, newest.outcome.length - newest.positives);
  return [...learners(fit)].map(([name, models]) => {
    const raw = together(models, newest);
    const curve =
      fewest >= ISOTONIC_MIN_OUTCOMES ? fitIsotonic(raw, newest.outcome) : fitPlatt(raw, newest.outcome);
    return classifierCandidate(name, models, curve);
  });
}

/** All candidates that the lessons suffice for, from the simplest; `sight` is the moment that they are to forecast. */
export function fitCandidates(sight: Sight, lessons: Lessons): FittedCandidate[] {
  const [newest] = lessons.fit;
  const seesPurchases = sight.purchaseForecast.length > 0 && mean(sight.purchaseForecast) > 0;
  if (!newest) return seesPurchases ? [purchaseCandidate(undefined)] : [];
  const recency = recencyCandidate(fitRecencyBaseline(recencyOf(newest), newest.outcome));
  return [
    recency,
    ...(seesPurchases
      ? levelledCandidates(sight, lessons)
      : curvedCandidates(lessons.fit, Math.ceil(lessons.overlap))),
  ];
}

function curveFromJSON(json: unknown): Curve {
  const model = (json as { model?: unknown } | null)?.model;
  if (model === 'isotonic') return isotonicFromJSON(json);
  return model === 'platt' ? plattFromJSON(json) : levelFromJSON(json);
}

/** Restores a candidate from what `toJSON` wrote. @throws AppError MODEL_BAD_INPUT for anything else */
export function candidateFromJSON({ name, models, calibration }: StoredCandidate): FittedCandidate {
  switch (name) {
    case 'recency':
      return recencyCandidate(recencyBaselineFromJSON(models[0]));
    case 'purchase-model':
      return purchaseCandidate(undefined);
    case 'calibrated-purchase-model':
      return purchaseCandidate(levelFromJSON(calibration));
    case 'logistic':
      return classifierCandidate(name, models.map(logisticFromJSON), curveFromJSON(calibration));
    case 'boosted-trees':
      return classifierCandidate(name, models.map(boostedTreesFromJSON), curveFromJSON(calibration));
    case 'blend': {
      const parts = [logisticFromJSON(models[0]), boostedTreesFromJSON(models[1])];
      return classifierCandidate(name, parts, curveFromJSON(calibration));
    }
    default:
      throw new AppError('MODEL_BAD_INPUT', `there is no candidate "${name}"`, {
        hint: 'The model was stored by another version of the program: train again with this one.',
      });
  }
}
